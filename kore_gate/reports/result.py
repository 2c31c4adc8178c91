"""kore-result.json: everything a call found out, for machines, and for rendering the reports again."""

import dataclasses
import functools
import json
from collections.abc import Mapping, Sequence

import msgspec

from kore_gate import errors
from kore_gate.model import Result
from kore_gate.reports import cases

SCHEMA = 1


def render(result: Result, files: Sequence[str] = ()) -> bytes:
    """Return the result as JSON, with counts for each suite and the names of the report files."""
    suites = [
        msgspec.to_builtins(dataclasses.replace(suite, suite=None))
        | {"suite": _short(suite.suite), "counts": msgspec.to_builtins(cases.count(suite, result.junit_granularity))}
        for suite in result.suites
    ]
    call = msgspec.to_builtins(dataclasses.replace(result, suites=()))
    content = {"schema": SCHEMA, **call, "suites": suites, "files": list(files)}
    # Half an emoji is legal in JSON's own escapes, and nowhere else.
    return json.dumps(content, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def _short(fact: object) -> object:
    """Write a fact of the model down without the fields that have their default value: most have, in large suites."""
    if isinstance(fact, tuple):
        return [_short(part) for part in fact]
    defaults = _defaults(type(fact))  # type: ignore[arg-type]  # a class can be hashed
    values = ((name, getattr(fact, name), default) for name, default in defaults)
    return {name: _short(value) for name, value, default in values if value != default} if defaults else fact


@functools.cache
def _defaults(kind: type) -> list[tuple[str, object]]:
    """Return the fields of a fact, with their default values; none for other types."""
    return [(field.name, field.default) for field in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else []


def load(data: bytes) -> tuple[Result, list[str]]:
    """Read a saved result and the names of its files. Raises SettingsError when it is none."""
    try:
        content = json.loads(data)
        schema = content.get("schema") if isinstance(content, Mapping) else None
        if schema != SCHEMA:
            raise errors.SettingsError(
                [f"This is not a kore-result.json of schema {SCHEMA} (its schema: {schema!r})."],
                hint="Use the kore-result.json of a finished command, and the version of kore_gate that wrote it.",
            )
        return msgspec.convert(content, Result), msgspec.convert(content.get("files", []), list[str])
    except (ValueError, RecursionError) as exc:
        raise errors.SettingsError(
            [f"This is not a readable kore-result.json: {exc}."], hint="Use the kore-result.json of a finished command."
        ) from exc
