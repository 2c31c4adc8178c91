"""kore-result.json: everything a call found out, for machines, and for rendering the reports again."""

import json
from collections.abc import Mapping, Sequence

import msgspec

from kore_gate import errors, testcases
from kore_gate.model import Result

SCHEMA = 1


def render(result: Result, files: Sequence[str] = ()) -> bytes:
    """Return the result as JSON, with counts for each suite and the names of the report files."""
    content = msgspec.to_builtins(result)
    for suite, facts in zip(content["suites"], result.suites, strict=True):
        suite["counts"] = msgspec.to_builtins(testcases.count(facts))
    content = {"schema": SCHEMA, **content, "files": list(files)}
    # Half an emoji is legal in JSON's own escapes, and nowhere else.
    return json.dumps(content, indent=1, ensure_ascii=True).encode() + b"\n"


def load(data: bytes) -> tuple[Result, list[str]]:
    """Read a saved result and the names of its files. Raises SettingsError when it is none."""
    try:
        content = json.loads(data)
        schema = content.get("schema") if isinstance(content, Mapping) else None
        if schema != SCHEMA:
            raise errors.SettingsError(
                [f"This is no kore-result.json of schema {SCHEMA} (its schema: {schema!r})."],
                hint="Give the kore-result.json of a finished call, and the version of kore_gate that wrote it.",
            )
        return msgspec.convert(content, Result), msgspec.convert(content.get("files", []), list[str])
    except (ValueError, RecursionError) as exc:
        raise errors.SettingsError(
            [f"This is no readable kore-result.json: {exc}."], hint="Give the kore-result.json of a finished call."
        ) from exc
