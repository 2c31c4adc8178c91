"""The files of policies: read and checked before anything is sent, and one of them written."""

import codecs
import pathlib
from collections.abc import Iterator

from kore_gate import errors
from kore_gate.clock import Clock
from kore_gate.gate import policy
from kore_gate.gate.policy import Entry, Identity, Judged, Policies
from kore_gate.model import Policy, Result
from kore_gate.reports import cases, junit, result
from kore_gate.settings import options
from kore_gate.settings.sources import Settings

_HINT = "Fix the file, or the setting that names it; see docs/policies.md."


def load(settings: Settings) -> Policies:
    """Read everything that the user tolerates. Raises SettingsError with every problem of every file."""
    problems: list[str] = []
    if settings.command not in options.BY_NAME["baseline"].commands:
        return Policies()
    known: list[Entry] | None = None
    baseline: dict[Identity, bool] | None = None
    if settings.known_failures:
        known, problems = _known(settings.known_failures)
    if settings.baseline:
        try:
            baseline = _baseline(settings.baseline, settings.stream_id)
        except errors.SettingsError as error:
            problems = [*problems, *error.details]
    if problems:
        raise errors.SettingsError(problems, hint=_HINT)
    return Policies(
        known=known,
        baseline=baseline,
        min_pass_rate=settings.min_pass_rate,
        max_failures=settings.max_failures,
        min_assertions=settings.min_assertions,
    )


def judged(call: Result) -> Iterator[Judged]:
    """List the tests of a call under the names of its JUnit files."""
    for (place, title), suite in zip(junit.titles(call), call.suites, strict=True):
        yield from cases.judged(suite, place, title)


def known_file(settings: Settings, clock: Clock) -> str:
    """Return a file of known failures for those of a saved result. Raises SettingsError."""
    if len(settings.files) > 1:
        raise errors.SettingsError([f"known-failures takes one saved result, not {len(settings.files)}."])
    call, _ = result.load(_read("files", settings.files[0]))
    failures = (
        test for test in judged(call) if test.outcome.is_red and not (test.mark and test.mark.policy is Policy.KNOWN)
    )
    return policy.known_file(failures, clock.now().date())


def _read(setting: str, file: str) -> bytes:
    try:
        return pathlib.Path(file).read_bytes()
    except OSError as exc:
        raise errors.SettingsError([f"{setting}: {file} cannot be read: {exc.strerror or exc}."], hint=_HINT) from exc


def _known(file: str) -> tuple[list[Entry], list[str]]:
    """Read known failures; return the entries, and what is wrong."""
    try:
        data = _read("known-failures", file)
    except errors.SettingsError as error:
        return [], list(error.details)
    if len(data) > policy.MOST_BYTES:
        return [], [f"known-failures: {file} is larger than 2 MiB ({len(data)} bytes)."]
    try:
        source = data.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError:
        return [], [f"known-failures: {file} is not UTF-8."]
    return policy.parse_known(source.replace("\r\n", "\n"), file)


def _baseline(file: str, stream_id: str) -> dict[Identity, bool]:
    """Return for each test that was judged in an earlier call whether it failed. Raises SettingsError."""
    data = _read("baseline", file)
    try:
        call, _ = result.load(data)
    except errors.SettingsError as error:
        raise errors.SettingsError([f"baseline: {file}: {error.message}"]) from error
    if call.stream_id != stream_id:
        raise errors.SettingsError([f"baseline: {file} is of the bot {call.stream_id!r}, not {stream_id!r}."])
    # What was forgiven for a time only must not be forgiven for good by the next baseline.
    forgiven = (Policy.KNOWN, Policy.TOLERATED)
    baseline = {
        test.identity: test.outcome.is_red and not (test.mark and test.mark.policy in forgiven)
        for test in judged(call)
        if test.outcome.is_judged
    }
    if not baseline:
        raise errors.SettingsError([f"baseline: {file} has no judged test: everything would be new."])
    return baseline
