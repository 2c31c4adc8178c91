"""kore-result.json: everything a call found out, for machines, and for rendering the reports again."""

import datetime
import itertools
import json
import math
from collections.abc import Mapping, Sequence

import msgspec

from kore_gate import __version__, errors, text
from kore_gate.gate import policy
from kore_gate.model import Forgiveness, Origin, Part, PassIf, Phase, Policy, Result, SuiteResult, Verdict, replace
from kore_gate.reports import cases

SCHEMA = 3
_READABLE = (1, 2, SCHEMA)  # the first knew no policies, the second no attempts


def render(result: Result, files: Sequence[str] = ()) -> bytes:
    """Return the result as JSON, with counts for each suite and the names of the report files."""
    call = msgspec.to_builtins(result)
    if result.forgiveness is None:
        del call["forgiveness"]
    if not result.rerun_failed:
        del call["rerun_failed"], call["pass_if"]
    for facts, suite in zip(call["suites"], result.suites, strict=True):
        del facts["only_tests_failed"]  # only a running call needs it
        for name in ("lint", "attempts"):
            if not facts[name]:
                del facts[name]
        facts["counts"] = msgspec.to_builtins(cases.count(suite, result.junit_granularity))
    content = {"schema": SCHEMA, **call, "files": list(files)}
    # Half an emoji is legal in JSON's own escapes, and nowhere else.
    return json.dumps(content, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


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


def merge(calls: Mapping[str, Result]) -> Result:
    """Merge the results of several calls, by their files, into the one that a single call would have had.

    Raises SettingsError where two files have the same suite of the same bot, language and version.
    """
    results = list(calls.values())
    parts = [(file, _part(call, suite), suite) for file, call in calls.items() for suite in call.suites]
    namesakes: dict[str, list[tuple[str, Part]]] = {}
    for file, part, suite in parts:
        if suite.phase is not Phase.SETTINGS:  # a problem of the whole call, which several may have had
            namesakes.setdefault(suite.own_name, []).append((file, part))
    if problems := _doubles(namesakes):
        hint = "Name each result once; results of different bots, languages or versions may have the same suites."
        raise errors.SettingsError(problems, hint=hint)
    of_calls = list(dict.fromkeys(part for _, part, _ in parts)) or [_part(call) for call in results]
    suites = tuple(
        _renamed(suite, part if len(of_calls) > 1 else None, [each[1] for each in namesakes.get(suite.own_name, ())])
        for _, part, suite in parts
    )
    started, duration = _times(results)
    origin = Origin.__struct_fields__
    return Result(
        version=__version__,
        suites=suites,
        verdict=_verdict(results, suites),
        started=started,
        duration=duration,
        machine=_common([call.machine for call in results]),
        ci=_common([call.ci for call in results], "none"),
        origin=Origin(**{name: _common([getattr(call.origin, name) for call in results]) for name in origin}),
        junit_granularity=_common([call.junit_granularity for call in results], "assertion"),
        junit_dialect=_common([call.junit_dialect for call in results], "rich"),
        forgiveness=_forgiveness([call.forgiveness for call in results if call.forgiveness]),
        rerun_failed=max(call.rerun_failed for call in results),
        pass_if=PassIf(_common([call.pass_if for call in results if call.rerun_failed] or [PassIf.ANY], PassIf.ALL)),
        **{name: ", ".join(dict.fromkeys(getattr(part, name) for part in of_calls)) for name in Part.__struct_fields__},
    )


def _forgiveness(parts: Sequence[Forgiveness]) -> Forgiveness | None:
    """Sum what policies forgave in each call; None where none is set."""
    sums = {kind.value: sum(getattr(part, kind.value) for part in parts) for kind in Policy}
    return Forgiveness(**sums, remarks=tuple(remark for part in parts for remark in part.remarks)) if parts else None


def _part(call: Result, suite: SuiteResult | None = None) -> Part:
    """Return which call a suite's result comes from."""
    return (suite and suite.part) or Part(**{name: getattr(call, name) for name in Part.__struct_fields__})


# What tells two suites of one name apart, in the order in which their names say it.
_APART = ("bot_language", "bot_version", "stream_id", "host")


def _doubles(namesakes: Mapping[str, Sequence[tuple[str, Part]]]) -> list[str]:
    """Name files with the same suites; a language or version that is not known tells nothing apart."""
    same: dict[tuple[str, str], list[str]] = {}
    for name, group in namesakes.items():
        for (file, part), (other_file, other) in itertools.combinations(group, 2):
            pairs = [(getattr(part, field), getattr(other, field)) for field in _APART]
            if file != other_file and not any(one and another and one != another for one, another in pairs):
                same.setdefault((file, other_file), []).append(repr(name))
    return [
        f"{file} and {other} have the same suite{'s' if len(names) > 1 else ''}: {text.listed(names, 3)}."
        for (file, other), names in same.items()
    ]


def _renamed(suite: SuiteResult, part: Part | None, namesakes: Sequence[Part]) -> SuiteResult:
    """Have the name say the bot, language or version that tells the suite from others of its name."""
    differing = [name for name in _APART if len({getattr(each, name) for each in namesakes} - {""}) > 1]
    for number in range(len(differing)):
        # The fewest that are enough.
        shown = {tuple(getattr(each, name) for name in differing[:number]) for each in namesakes}
        if len(shown) == len({tuple(getattr(each, name) for name in differing) for each in namesakes}):
            differing = differing[:number]
            break
    variant = ", ".join(filter(None, (getattr(part, name) for name in differing))) if part else ""
    name = f"{suite.own_name} ({variant})" if variant else suite.own_name
    return replace(suite, name=name, part=part, variant=variant)


def _verdict(results: Sequence[Result], suites: Sequence[SuiteResult]) -> Verdict:
    """Return the gravest verdict: of the suites, or of a call that is graver than its suites."""
    verdicts = [policy.overall(suites)] if suites else []
    return max([*verdicts, *(call.verdict for call in results)], key=lambda each: each.exit_code.gravity)


def _times(results: Sequence[Result]) -> tuple[str, float]:
    """Return when the first call began, and the seconds from there to the end of the last."""
    lasted = [call.duration if math.isfinite(call.duration) else 0.0 for call in results]
    begun = [
        (moment(call.started), call.started, seconds)
        for call, seconds in zip(results, lasted, strict=True)
        if math.isfinite(moment(call.started))
    ]
    if not begun:
        return "", max(lasted)
    end = max(began + seconds for began, _, seconds in begun)
    return min(begun)[1], round(end - min(begun)[0], 3)


def moment(started: str) -> float:
    """Return a time with its zone in seconds; what is none is NaN, which is earlier and later than nothing."""
    try:
        began = datetime.datetime.fromisoformat(started)
    except ValueError:
        return math.nan
    return began.timestamp() if began.tzinfo else math.nan


def _common(values: Sequence[str], otherwise: str = "") -> str:
    """Return the value that all of them have."""
    return values[0] if len(set(values)) == 1 else otherwise
