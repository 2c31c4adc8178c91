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
        environ = {
            **os.environ,
            "KORE_HOST": server.url,
            "KORE_STREAM_ID": scenarios.STREAM_ID,
            "KORE_CLIENT_ID": scenarios.CLIENT_ID,
            "KORE_CLIENT_SECRET": scenarios.CLIENT_SECRET,
            "KORE_DS_ID": scenarios.DS_IDS[0],
            "KORE_REPORT_DIR": reports,
        }
        costs = measure.in_turn(
            {"gate": [sys.executable, "-Im", "kore_gate", "wait"], "shell": [str(HERE / "shell_loop.sh")]},
            runs,
            environ,
        )
    for field in ("wall", "cpu"):
        gate, shell = (1000 * measure.median(costs[name], field) for name in ("gate", "shell"))
        row = f"| (a) `wait` on a job already done, {field} | {gate:.0f} ms | shell loop: {shell:.0f} ms"
        print(f"{row} | {gate - shell:+.0f} ms, {gate / shell:.1f} times |")


def start_up(runs: int) -> None:
    """Compare importing what every call needs with starting Python alone."""
    costs = measure.in_turn(
        {
            "package": [sys.executable, "-Ic", "import kore_gate.cli, kore_gate.commands.gate"],
            "python": [sys.executable, "-Ic", "pass"],
        },
        runs,
    )
    package, python = (1000 * measure.median(costs[name], "wall") for name in ("package", "python"))
    row = f"| (b) importing the package, wall | {package:.0f} ms | python -c pass: {python:.0f} ms"
    print(f"{row} | {package - python:+.0f} ms, {package / python:.1f} times |")


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 11
    done_job(number)
    start_up(number)
