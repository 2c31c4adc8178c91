"""The image's size above its base, and how long its containers take to start and end."""

import os
import pathlib
import sys

import docker
import measure

from kore_gate.simulator import scenarios, service
from kore_gate.simulator.server import Server

ROOT = pathlib.Path(__file__).parents[1]
DEFAULT_BASE = "python:3.13-slim-trixie"
TAG = "kore-gate-bench"


def main(runs: int) -> None:
    """Build the image as shipped, and compare it with its base."""
    engine = docker.from_env()
    base = os.environ.get("KORE_GATE_BASE_IMAGE", "")
    arguments = {"BASE_IMAGE": base} if base else {}
    image, _ = engine.images.build(path=str(ROOT), tag=TAG, buildargs=arguments, network_mode="host", rm=True)
    base = base or DEFAULT_BASE
    below = engine.images.get(base).attrs["Size"]
    above = (image.attrs["Size"] - below) / 1e6
    print(
        f"| (d) image size | {image.attrs['Size'] / 1e6:.0f} MB | base image: {below / 1e6:.0f} MB | {above:+.1f} MB |"
    )
    cold_start(base, runs)


def cold_start(base: str, runs: int) -> None:
    """Time whole containers, from `docker run` to their end, beside the base image's own Python."""
    run = ["docker", "run", "--rm", "--network", "host"]
    service.LIMITS = ((10**9, 60.0, ""),)
    with Server(service.Simulator(job_seconds=0.001)) as server:
        given = measure.variables(server.url, "/tmp/reports", ds_id=scenarios.DS_IDS[0])
        settings = [word for name, value in given.items() for word in ("--env", f"{name}={value}")]
        costs = measure.in_turn(
            {
                "base": [*run, base, "python", "-c", "pass"],
                "--version": [*run, TAG, "--version"],
                "wait": [*run, *settings, TAG, "wait"],
            },
            runs,
            {**os.environ},
        )
    alone = 1000 * measure.median(costs["base"], "wall")
    for name in ("--version", "wait"):
        took = 1000 * measure.median(costs[name], "wall")
        row = f"| (d) `docker run … {name}`, wall | {took:.0f} ms | base image, python -c pass: {alone:.0f} ms"
        print(f"{row} | {took - alone:+.0f} ms, {took / alone:.2f} times |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 11)
