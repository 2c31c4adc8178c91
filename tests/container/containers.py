"""Starts containers of the image under test as a CI system would, and tells how they ended."""

import contextlib
import dataclasses
import os
import pathlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import docker
from docker.models.containers import Container

from kore_gate.simulator.scenarios import CLIENT_ID, CLIENT_SECRET, DS_IDS, STREAM_ID, Response
from kore_gate.simulator.service import Request, Simulator

ROOT = pathlib.Path(__file__).parents[2]
# Tests that run as root act the part of a hosted runner's user; others are that user.
OWNER = 1001 if os.geteuid() == 0 else os.geteuid()
GROUP = 121 if os.geteuid() == 0 else os.getegid()
PATIENCE = 100


class WatchedSimulator(Simulator):
    """A simulator that lets a test wait for the first request."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.asked = threading.Event()

    def handle(self, request: Request) -> Response:
        """Answer, and let the waiting test go on."""
        response = super().handle(request)
        self.asked.set()
        return response


Serve = Callable[..., tuple[str, WatchedSimulator]]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How a container ended."""

    code: int
    out: str
    err: str

    @property
    def last_words(self) -> list[str]:
        """Return the last two lines for people."""
        return self.err.splitlines()[-2:]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """A Docker engine with the image under test."""

    client: docker.DockerClient
    image: str

    @contextlib.contextmanager
    def started(self, *command: str, **options: Any) -> Iterator[Container]:
        """Start a container, and remove it in the end."""
        options = {"network_mode": "host", **options}
        container = self.client.containers.create(self.image, command=[*command], **options)
        try:
            container.start()
            yield container
        finally:
            container.remove(force=True)

    def run(self, *command: str, **options: Any) -> Ended:
        """Run a container to its end."""
        with self.started(*command, **options) as container:
            return ended(container)

    def talk(self, script: str, *command: str, **options: Any) -> Ended:
        """Run a container to its end, with a script on its standard input."""
        options = {"network_mode": "host", **options}
        container = self.client.containers.create(
            self.image, command=[*command], stdin_open=True, detach=False, **options
        )
        try:
            # Attached before the start, so that nothing is said too early.
            pipe: Any = container.attach_socket(params={"stdin": 1, "stream": 1})
            container.start()
            pipe._sock.sendall(script.encode())
            pipe._sock.shutdown(socket.SHUT_WR)
            how = ended(container)
            pipe._sock.close()
            pipe._response.close()
            pipe.close()
            return how
        finally:
            container.remove(force=True)


def ended(container: Container) -> Ended:
    """Wait for a container's end."""
    code = container.wait(timeout=PATIENCE)["StatusCode"]
    out = container.logs(stdout=True, stderr=False).decode()
    err = container.logs(stdout=False, stderr=True).decode()
    return Ended(code=code, out=out, err=err)


def settings(url: str, simulator: Simulator, **more: str) -> dict[str, str]:
    """Return the variables that make `wait` wait for the simulator's first import."""
    return {
        "KORE_HOST": url,
        "KORE_STREAM_ID": STREAM_ID,
        "KORE_CLIENT_ID": CLIENT_ID,
        "KORE_CLIENT_SECRET": CLIENT_SECRET,
        "KORE_DS_ID": DS_IDS[0],
        "KORE_POLL_INTERVAL": "500ms",
        **more,
    }


def inputs(variables: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """Return what GitHub's runner makes of these settings: each input of the action, those not given empty."""
    given = {name.removeprefix("KORE_").replace("_", "-"): value for name, value in variables.items()}
    return {f"INPUT_{name.upper()}": given.get(name.upper(), "") for name in names}


def folder(path: pathlib.Path, *, owner: int = OWNER, group: int = GROUP) -> pathlib.Path:
    """Make a folder that belongs to a user of the machine."""
    path.mkdir(parents=True)
    if os.geteuid() == 0:
        os.chown(path, owner, group)
    elif owner != os.geteuid():
        path.chmod(0o777)
    return path


def mounts(**folders: pathlib.Path) -> dict[str, dict[str, str]]:
    """Mount folders of the machine, each by its name below the container's /github."""
    return {str(path): {"bind": f"/github/{name}", "mode": "rw"} for name, path in folders.items()}


def owners(path: pathlib.Path) -> set[int]:
    """Return the users that own something below a folder."""
    return {below.lstat().st_uid for below in path.rglob("*")}


def give(path: pathlib.Path, *, owner: int = OWNER, group: int = GROUP) -> None:
    """Let a file belong to the runner's user."""
    os.chown(path, owner, group)
