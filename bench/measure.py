"""Times whole processes: wall seconds, CPU seconds and peak memory, as the operating system counts them."""

import dataclasses
import os
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence

from kore_gate.simulator import scenarios


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cost:
    """What one process took: seconds, and peak memory in MB."""

    wall: float
    cpu: float
    peak: float
    code: int


def variables(host: str, reports: str, **more: str) -> dict[str, str]:
    """Return the variables of a call against a simulator; further ones go by their names after `KORE_`."""
    return {
        "KORE_HOST": host,
        "KORE_STREAM_ID": scenarios.STREAM_ID,
        "KORE_CLIENT_ID": scenarios.CLIENT_ID,
        "KORE_CLIENT_SECRET": scenarios.CLIENT_SECRET,
        "KORE_REPORT_DIR": reports,
        **{f"KORE_{name.upper()}": value for name, value in more.items()},
    }


def once(command: Sequence[str], environ: Mapping[str, str] | None = None) -> Cost:
    """Run a command to its end and return what it took."""
    start = time.perf_counter()
    # The process is waited for below, with its own resource usage.
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Cost(
        wall=time.perf_counter() - start,
        cpu=usage.ru_utime + usage.ru_stime,
        peak=usage.ru_maxrss / 1024,
        code=process.returncode,
    )


def in_turn(
    commands: Mapping[str, Sequence[str]], runs: int, environ: Mapping[str, str] | None = None
) -> dict[str, list[Cost]]:
    """Run several commands A B A B …: a machine that slows down slows all of them. The first round is dropped."""
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for round_number in range(runs + 1):
        for name, command in commands.items():
            cost = once(command, environ)
            if cost.code != 0:
                raise SystemExit(f"{name} ended with exit code {cost.code}: {' '.join(command)}")
            if round_number:
                costs[name].append(cost)
    return costs


def median(costs: Sequence[Cost], field: str) -> float:
    """Return the median of one figure."""
    return statistics.median(getattr(cost, field) for cost in costs)
