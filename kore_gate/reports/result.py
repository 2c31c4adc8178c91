"""kore-result.json: everything a call found out, for machines, and for rendering the reports again."""

import dataclasses
import json
from collections.abc import Mapping, Sequence

import msgspec

from kore_gate import errors
from kore_gate.model import Result, SuiteResult
from kore_gate.reports import cases

SCHEMA = 2
_READABLE = (1, SCHEMA)  # the first knew no policies


def render(result: Result, files: Sequence[str] = ()) -> bytes:
    """Return the result as JSON, with counts for each suite and the names of the report files."""
    suites = [
        _saved(dataclasses.replace(suite, suite=None))
        | {"suite": _short(suite.suite), "counts": msgspec.to_builtins(cases.count(suite, result.junit_granularity))}
        for suite in result.suites
    ]
    call = _saved(dataclasses.replace(result, suites=()))
    content = {"schema": SCHEMA, **call, "suites": suites, "files": list(files)}
    # Half an emoji is legal in JSON's own escapes, and nowhere else.
    return json.dumps(content, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def _saved(fact: Result | SuiteResult) -> dict[str, object]:
    """Write a fact down without what only a running call needs, and without policies where none is set."""
    facts: dict[str, object] = msgspec.to_builtins(fact)
    facts.pop("only_tests_failed", None)
    return {name: value for name, value in facts.items() if (name, value) != ("forgiveness", None)}


def _short(fact: object) -> object:
    """Write a fact of the model down without the fields that have their default value: most have, in large suites."""
    if isinstance(fact, tuple):
        return [_short(part) for part in fact]
    if isinstance(fact, type) or not dataclasses.is_dataclass(fact):
        return fact
    values = ((field, getattr(fact, field.name)) for field in dataclasses.fields(fact))
    return {field.name: _short(value) for field, value in values if value != field.default}


def load(data: bytes) -> tuple[Result, list[str]]:
    """Read a saved result and the names of its files. Raises SettingsError when it is none."""
    try:
        content = json.loads(data)
        schema = content.get("schema") if isinstance(content, Mapping) else None
        if schema not in _READABLE or isinstance(schema, bool):
            raise errors.SettingsError(
                [f"This is not a kore-result.json of schema 1 to {SCHEMA} (its schema: {schema!r})."],
                hint="Use the kore-result.json of a finished command, and the version of kore_gate that wrote it.",
            )
        return msgspec.convert(content, Result), msgspec.convert(content.get("files", []), list[str])
    except (ValueError, RecursionError) as exc:
        raise errors.SettingsError(
            [f"This is not a readable kore-result.json: {exc}."], hint="Use the kore-result.json of a finished command."
        ) from exc
