"""What later jobs of a pipeline can read, and where each CI system wants it."""

import json
import pathlib
import subprocess
import urllib.parse
from collections.abc import Callable, Mapping, Sequence

from kore_gate import text
from kore_gate.model import Counts, Result

# GitLab refuses a dotenv report that is this large, or that holds more variables.
DOTENV_LIMIT = 5 * 1024
DOTENV_VARIABLES = 20
# An interrupted call has five seconds in all.
AGENT_SECONDS = 3.0


def outputs_of(
    result: Result, counts: Counts, directory: pathlib.PurePath, junit_names: Sequence[str] = ()
) -> dict[str, str]:
    """Name every output of a call: plain values for one suite, JSON arrays for several; `counts` are the sums."""
    suites = result.tested_suites
    outputs = {
        "verdict": str(result.verdict.ending),
        "exit-code": str(int(result.verdict.exit_code)),
        "status": _join([suite.status for suite in suites]),
        "ds-id": _join([suite.ds_id for suite in suites]),
        "run-id": _join([suite.run_ids for suite in suites]),
        "test-suite-id": _join([suite.test_suite_id for suite in suites]),
        "suite-name": _join([suite.name for suite in suites]),
        "steps": str(counts.steps),
        "assertions": str(counts.assertions),
        "passed": str(counts.passed),
        "failed": str(counts.failed),
        "skipped": str(counts.skipped),
        "errors": str(counts.errors),
        "duration": f"{result.duration:.3f}",
        "junit-path": (directory / (junit_names[0] if len(junit_names) == 1 else "TEST-kore-*.xml")).as_posix(),
        "report-path": (directory / "kore-report.html").as_posix(),
    }
    if result.forgiveness:
        outputs["known"] = str(result.forgiveness.known + result.forgiveness.baseline)
        outputs["tolerated"] = str(result.forgiveness.tolerated)
    if result.rerun_failed:
        outputs["flaky"] = str(sum(suite.is_flaky for suite in suites))
    if any(suite.download_url for suite in suites):
        outputs["download-url"] = _join([suite.download_url for suite in suites])
    return outputs


def _join(values: Sequence[str]) -> str:
    return json.dumps(values) if len(values) > 1 else "".join(values)


def github_file(outputs: Mapping[str, str], delimiter: Callable[[], str]) -> str:
    """Write outputs for GitHub's output file; the delimiter is random, so that no value can end its own block early."""
    mark = f"ghadelimiter_{delimiter()}"
    blocks = [f"{name}<<{mark}\n{value}\n{mark}\n" for name, value in outputs.items()]
    return "".join(blocks).encode("utf-8", "replace").decode()


def dotenv(outputs: Mapping[str, str]) -> str:
    """Write outputs as GitLab's dotenv report; empty values, and the longest ones beyond its limits, are left out."""
    lines = {}
    for name, value in outputs.items():
        # GitLab expands $NAME in these values; a link keeps working with the escape.
        inert = text.line(value, DOTENV_LIMIT).replace("$", "%24" if name == "download-url" else "\uff04")
        if value:
            lines[name] = f"KORE_{name.upper().replace('-', '_')}={inert}\n"
    while len(lines) > DOTENV_VARIABLES or len("".join(lines.values()).encode()) >= DOTENV_LIMIT:
        droppable = [name for name in lines if name not in ("verdict", "exit-code")]
        del lines[max(droppable, key=lambda name: len(lines[name].encode()))]
    return "".join(lines.values())


def gitlab_annotations(links: Sequence[tuple[str, str]]) -> str:
    """Write links (label, address) for GitLab's job page; an address must be short and plainly a web page's."""
    entries = [
        {"external_link": {"label": text.line(label, 200), "url": url}}
        for label, url in links
        if url.startswith(("https://", "http://")) and len(url) <= 2000 and url.isascii() and url.isprintable()
    ]
    return json.dumps({"kore_gate": entries}, indent=2) + "\n"


def gitlab_report(job_url: str, report_path: str) -> list[tuple[str, str]]:
    """Return the link (label, address) to the page among the artifacts of a GitLab job, if it can be among them."""
    path = pathlib.PurePosixPath(report_path)
    if not job_url or path.is_absolute() or ".." in path.parts:
        return []
    return [("Conversation test report", f"{job_url.rstrip('/')}/artifacts/file/{urllib.parse.quote(str(path))}")]


def annotate(program: str, markdown: str, *, passed: bool) -> str:
    """Hand a summary to Buildkite's agent; return what went wrong with that, "" if nothing did.

    Source: Buildkite's page "buildkite-agent annotate"; with a context, a later annotation replaces the earlier one.
    """
    command = [program, "annotate", "--context", "kore-gate", "--style", "success" if passed else "error"]
    summary = markdown.encode("utf-8", "backslashreplace")
    try:
        done = subprocess.run(command, input=summary, capture_output=True, timeout=AGENT_SECONDS, check=False)  # noqa: S603 the agent that the build itself runs under
    except (OSError, subprocess.SubprocessError) as exc:
        return f"Cannot pass the summary to buildkite-agent: {type(exc).__name__}."
    if done.returncode:
        reason = text.line(done.stderr.decode("utf-8", "replace"), 200)
        return f"buildkite-agent rejected the summary (exit code {done.returncode}): {reason}"
    return ""
