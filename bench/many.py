"""Many suites: how long `test` takes beside the slowest single suite and beside one suite after the other.

Jobs of realistic length (about a minute each) run on a clock whose time moves when code sleeps, so the waiting costs
nothing and the limits of 60 calls a minute are in force; CPU seconds are real. A second part uses real sockets.
"""

import json
import os
import pathlib
import sys
import tempfile
import time

import measure

from kore_gate.simulator import scenarios, service
from kore_gate.simulator.server import Server

JOB_SECONDS = 60.0
# More would wait for the limits of a minute, in real time.
MOST_OVER_SOCKETS = 18


def suite_files(folder: pathlib.Path, number: int) -> None:
    """Write so many suite files, each a copy of a demonstration suite under a name of its own."""
    suites = scenarios.DEMO_SUITES
    for index in range(number):
        suite = {**suites[index % len(suites)], "name": f"suite {index:03d}"}
        (folder / f"suite-{index:03d}.json").write_text(json.dumps(suite), encoding="utf-8")


def on_virtual_time(number: int) -> tuple[float, float, int]:
    """Return the call's seconds, real CPU seconds, and the requests it sent."""
    from tests.fakes.pipeline import Pipeline

    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        suite_files(root, number)
        pipeline = Pipeline(root / "reports", job_seconds=JOB_SECONDS)
        began = time.process_time()
        ended = pipeline.run(command="test", ds_id=(), files=("*.json",), timeout=24 * 3600.0)
        if ended.code != 0:
            raise SystemExit(f"{number} suites ended with exit code {ended.code}:\n{ended.stderr[-2000:]}")
        return ended.seconds, time.process_time() - began, len(pipeline.kore.requests)


def over_sockets(number: int) -> measure.Cost:
    """Return what the whole process took over real sockets, with jobs of a second."""
    with tempfile.TemporaryDirectory() as folder, Server(service.Simulator(job_seconds=1.0)) as server:
        root = pathlib.Path(folder)
        suite_files(root, number)
        environ = os.environ | measure.variables(
            server.url,
            str(root / "reports"),
            user_email=scenarios.USER_EMAIL,
            files=str(root / "*.json"),
            poll_interval="1s",
        )
        cost = measure.once([sys.executable, "-Im", "kore_gate", "test"], environ)
        if cost.code != 0:
            raise SystemExit(f"{number} suites over sockets ended with exit code {cost.code}")
        return cost


def bound(number: int) -> float:
    """Return the seconds that no gate can beat: three calls a suite at 60 a minute; after the last of them, one job."""
    return max((3 * number - 1) // 60 * 60.0 + JOB_SECONDS, 2 * JOB_SECONDS)


def virtual() -> None:
    """Print a row for each number of suites, on virtual time."""
    for number in (1, 10, 100, 500):
        seconds, cpu, requests = on_virtual_time(number)
        row = f"| `test`, {number} suites, jobs of {JOB_SECONDS:.0f} s | {seconds:.0f} s, {requests} requests"
        row += f", {1000 * cpu / number:.0f} ms CPU a suite | Kore.ai's limits allow: {bound(number):.0f} s "
        print(f"{row}| {seconds / bound(number):.2f} times |")


def sockets() -> None:
    """Print a row for each number of suites, over real sockets; a child inherits this process's peak."""
    base = over_sockets(1)
    for number in (10, MOST_OVER_SOCKETS):
        cost = over_sockets(number)
        cpu, peak = (cost.cpu - base.cpu) / (number - 1), (cost.peak - base.peak) / (number - 1)
        row = f"| `test`, {number} suites over sockets, jobs of 1 s | {cost.cpu:.1f} s CPU, {cost.peak:.0f} MB "
        row += f"| one suite: {base.cpu:.1f} s CPU, {base.peak:.0f} MB "
        print(f"{row}| each further suite: {1000 * cpu:.0f} ms CPU, {peak:.1f} MB |")


if __name__ == "__main__":
    {"virtual": virtual, "sockets": sockets}[sys.argv[1]]()
