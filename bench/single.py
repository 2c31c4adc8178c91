"""One suite: the gate beside a shell loop on a job that is done, and start-up."""

import os
import pathlib
import sys
import tempfile

import measure

from kore_gate.simulator import scenarios, service
from kore_gate.simulator.server import Server

HERE = pathlib.Path(__file__).parent


def done_job(runs: int) -> None:
    """Compare `wait` with the loop a team would write instead, both on a job that has already ended."""
    with tempfile.TemporaryDirectory() as reports, Server(service.Simulator(job_seconds=0.001)) as server:
        environ = os.environ | measure.variables(server.url, reports, ds_id=scenarios.DS_IDS[0])
        costs = measure.in_turn(
            {
                "gate": [str(pathlib.Path(sys.executable).with_name("kore-gate")), "wait"],
                "shell": [str(HERE / "shell_loop.sh")],
                "httpx": [sys.executable, "-Ic", "import httpx"],
            },
            runs,
            environ,
        )
    for field in ("wall", "cpu"):
        gate, shell = (1000 * measure.median(costs[name], field) for name in ("gate", "shell"))
        row = f"| (a) `wait` on a job already done, {field} | {gate:.0f} ms | shell loop: {shell:.0f} ms"
        print(f"{row} | {gate - shell:+.0f} ms, {gate / shell:.1f} times |")
    gate, library = (1000 * measure.median(costs[name], "cpu") for name in ("gate", "httpx"))
    row = f"| (a) `wait` on a job already done, cpu | {gate:.0f} ms | import httpx: {library:.0f} ms"
    print(f"{row} | {gate - library:+.0f} ms, {gate / library:.1f} times |")


def start_up(runs: int) -> None:
    """Compare the shortest calls with Python alone, a finished wait with its HTTP library, and peers' answers."""
    gate = str(pathlib.Path(sys.executable).with_name("kore-gate"))
    commands = {
        "pass": [sys.executable, "-Ic", "pass"],
        "version": [gate, "--version"],
        "help": [gate, "--help"],
    }
    # Where npm is: script/bench puts the peers into a folder and names it.
    for path in sorted(pathlib.Path(os.environ.get("BENCH_PEERS", "/nonexistent")).glob("node_modules/.bin/*")):
        if path.name in ("datadog-ci", "promptfoo"):
            commands[path.name] = [str(path), "--version"]
    costs = measure.in_turn(commands, runs)
    alone = 1000 * measure.median(costs["pass"], "cpu")
    for name, command in list(commands.items())[1:]:
        took = 1000 * measure.median(costs[name], "cpu")
        call = f"`{pathlib.Path(command[0]).name} {command[1]}`"
        row = f"| (b) {call}, cpu | {took:.0f} ms | python -c pass: {alone:.0f} ms"
        print(f"{row} | {took - alone:+.0f} ms, {took / alone:.1f} times |")


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 11
    service.LIMITS = ((10**9, 60.0, ""),)  # what the gate does at the limits is not what is measured
    done_job(number)
    start_up(number)
