"""Buildkite's agent, where it is there: it shows the summary on the page of the build."""

import subprocess

from kore_gate import text

# An interrupted call has five seconds in all.
_PATIENCE = 3.0


def annotate(program: str, markdown: str, *, passed: bool) -> str:
    """Hand a summary to the agent; return what went wrong with that, "" if nothing did.

    Source: Buildkite's page "buildkite-agent annotate"; with a context, a later annotation replaces the earlier one.
    """
    command = [program, "annotate", "--context", "kore-gate", "--style", "success" if passed else "error"]
    try:
        done = subprocess.run(  # noqa: S603 the agent that the build itself runs under
            command,
            input=markdown.encode("utf-8", "backslashreplace"),
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as exc:
        return f"buildkite-agent could not be given the summary: {type(exc).__name__}."
    if done.returncode:
        said = text.line(done.stderr.decode("utf-8", "replace"), 200)
        return f"buildkite-agent did not take the summary (exit code {done.returncode}): {said}"
    return ""
