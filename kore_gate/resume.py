"""The one command that goes on where a call ended, exact to the letter when it is copied into a shell."""

import json
import re
from collections.abc import Sequence

from kore_gate import text
from kore_gate.model import Phase, Result, SuiteResult

# Stands for the id of a run that is still to be started, where other runs of the call have one.
TO_START = "-"


def of_call(call: Result) -> str:
    """Return the command that takes up all suites of a call that can be; "" if there are none."""
    return command(call.command, [suite for suite in call.suites if suite.resume])


def command(call: str, suites: Sequence[SuiteResult]) -> str:
    """Return the command that takes up suites of a call (`wait`, `import`, `run`, `test`); "" if there is none."""
    imports = [suite for suite in suites if suite.phase is Phase.IMPORT and suite.ds_id]
    runs = [suite for suite in suites if suite.phase is Phase.RUN and suite.run_id]
    parts = []
    if imports:
        parts.append("kore-gate wait " + _flag("ds-id", list(dict.fromkeys(suite.ds_id for suite in imports))))
    to_run = [suite for suite in suites if suite in runs or (call == "test" and suite in imports)]
    if to_run:
        run = "kore-gate run " + _words([suite.name for suite in to_run])
        if runs:
            ids = [suite.run_id if suite.phase is Phase.RUN else TO_START for suite in to_run]
            run += " " + _flag("run-id", ids)
        parts.append(run)
    return " && ".join(parts)


def _words(names: Sequence[str]) -> str:
    """Write names as words of a command line; as one JSON array if a name would not come through as it is."""
    if any(_is_odd(name, r"^\[|^\s|\s$|[\r\n]|^--$") for name in names):
        return text.shell(json.dumps(list(names)))
    if any(name.startswith("-") for name in names):
        return " ".join(text.shell(f"--suites={name}") for name in names)
    return " ".join(map(text.shell, names))


def _flag(name: str, ids: Sequence[str]) -> str:
    odd = any(_is_odd(one, r"^\[|[,\s]") for one in ids)
    value = json.dumps(list(ids)) if odd else ",".join(ids)
    return text.shell(f"--{name}={value}") if value.startswith("-") else f"--{name} {text.shell(value)}"


def _is_odd(value: str, pattern: str) -> bool:
    return bool(re.search(pattern, value)) or text.plain(value) != value
