"""A thousand imports waited for at once, in one process over real sockets, beside a process of a shell loop for each.

waits.py                the table
waits.py child          one call of `wait`, which prints its lags: for the table
"""

import asyncio
import concurrent.futures
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import measure

from kore_gate import cli
from kore_gate.commands import gate
from kore_gate.model import Result
from kore_gate.simulator import scenarios, service
from kore_gate.simulator.server import Server

HERE = pathlib.Path(__file__).parent
JOB_SECONDS = 30.0
SUITES = 1000
# So many shell loops are what a machine of two cores starts within seconds; the rest is multiplied.
LOOPS = 50


def child() -> int:
    """Run `wait`, and print how late the event loop wakes up: the median, the 99th percentile and the most, in ms."""
    lags: list[float] = []
    run = gate.Call.run

    async def watch() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.01)
            lags.append(1000 * (time.perf_counter() - before) - 10)

    async def watched(call: gate.Call) -> Result:
        task = asyncio.create_task(watch())
        try:
            return await run(call)
        finally:
            task.cancel()

    gate.Call.run = watched  # type: ignore[method-assign]
    code = cli.main(["wait"])
    lags.sort()
    sys.stdout.write(json.dumps([statistics.median(lags), lags[int(0.99 * len(lags))], lags[-1]]) + "\n")
    return code


class Counted(service.Simulator):
    """Counts the requests, and how many sockets they came through."""

    requests = 0

    def handle(self, request: service.Request) -> service.Response:
        """Count a request, and answer it."""
        self.requests += 1
        return super().handle(request)


def environ(server: Server, ds_ids: list[str], reports: str) -> dict[str, str]:
    """Return the variables of a call."""
    return os.environ | measure.variables(server.url, reports, ds_id=",".join(ds_ids), max_parallel=str(len(ds_ids)))


def start(number: int) -> tuple[Counted, list[str]]:
    """Return a simulator that has so many imports going."""
    simulator = Counted(job_seconds=JOB_SECONDS)
    ds_ids = [f"ds-{place:04d}" for place in range(number)]
    for ds_id in ds_ids:
        simulator.add_import(ds_id, {**scenarios.DEMO_SUITES[0], "name": ds_id})
    return simulator, ds_ids


def sockets_of(pid: int) -> int:
    """Count a process's open sockets."""
    try:
        names = [str(entry.readlink()) for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return 0
    return sum(name.startswith("socket:") for name in names)


def waited(number: int) -> tuple[measure.Cost, int, int, list[float]]:
    """Return what one process took for so many suites, its requests, its most sockets, and its lags."""
    simulator, ds_ids = start(number)
    most, lags = 0, b""
    with tempfile.TemporaryDirectory() as reports, Server(simulator) as server:
        process = subprocess.Popen(
            [sys.executable, str(HERE / "waits.py"), "child"],
            env=environ(server, ds_ids, reports),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        ended = threading.Event()

        def count() -> None:
            nonlocal most
            while not ended.wait(0.05):
                most = max(most, sockets_of(process.pid))

        counter = threading.Thread(target=count)
        counter.start()
        began = time.perf_counter()
        assert process.stdout
        lags = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        ended.set()
        counter.join()
    if process.returncode:
        raise SystemExit(f"wait for {number} imports ended with exit code {process.returncode}")
    cost = measure.Cost(
        wall=time.perf_counter() - began,
        cpu=usage.ru_utime + usage.ru_stime,
        peak=usage.ru_maxrss / 1024,
        code=process.returncode,
    )
    return cost, simulator.requests, most, json.loads(lags.splitlines()[-1])


def memory_of_children() -> float:
    """Return what all processes below this one hold in memory, in MB."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,rss="], capture_output=True, text=True, check=True).stdout
    rows = [tuple(map(int, line.split())) for line in listed.splitlines()]
    below = {os.getpid()}
    for _ in range(4):
        below |= {pid for pid, parent, _ in rows if parent in below}
    return sum(rss for pid, _, rss in rows if pid in below - {os.getpid()}) / 1024


def looped(number: int) -> tuple[float, float, int]:
    """Return the CPU seconds and, half-way, the memory in MB of so many shell loops, and their requests."""
    simulator, ds_ids = start(number)
    memory: list[float] = []
    half_way = threading.Timer(JOB_SECONDS / 2, lambda: memory.append(memory_of_children()))
    with Server(simulator) as server, concurrent.futures.ThreadPoolExecutor(number) as pool:
        half_way.start()
        loops = [environ(server, [ds_id], "") for ds_id in ds_ids]
        costs = list(pool.map(lambda each: measure.once([str(HERE / "shell_loop.sh")], each), loops))
    half_way.join()
    return sum(cost.cpu for cost in costs), memory[0], simulator.requests


def main() -> None:
    """Print the table."""
    one, one_requests, _, _ = waited(1)
    many, requests, sockets, (median, p99, most) = waited(SUITES)
    cpu, memory, asked = looped(LOOPS)
    polls = requests - one_requests
    print(f"| {SUITES:,} imports at once | one process | a shell loop for each (measured with {LOOPS}) | ratio |")
    print("|---|--:|--:|--:|")
    own, other = 1000 * (many.cpu - one.cpu) / polls, 1000 * cpu / asked
    print(f"| CPU for a request and its share of reports | {own:.1f} ms | {other:.1f} ms | {other / own:.0f} times |")
    own, other = 1024 * (many.peak - one.peak) / SUITES, 1024 * memory / LOOPS
    print(f"| memory for a suite, half-way for the loops | {own:.0f} kB | {other:.0f} kB | {other / own:.0f} times |")
    print(f"| memory in all | {many.peak:.0f} MB | {SUITES * memory / LOOPS:.0f} MB | |")
    print(f"| requests | {requests:,} | {asked * SUITES // LOOPS:,} | |")
    print(f"| sockets at most | {sockets} | {SUITES} | |")
    print(f"| event loop late by, median, p99, most | {median:.1f}, {p99:.0f}, {most:.0f} ms | | |")
    print(f"| seconds, of jobs of {JOB_SECONDS:.0f} s | {many.wall:.0f} s | | |")


if __name__ == "__main__":
    sys.exit(child() if sys.argv[1:] == ["child"] else main())
