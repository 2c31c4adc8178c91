import gc
import os
import pathlib
import uuid
import warnings
from collections.abc import Iterator

import docker
import docker.errors
import pytest

from kore_gate.simulator.server import Server
from tests.container.containers import ROOT, Engine, Serve, WatchedSimulator, folder
from tests.needs import need


@pytest.fixture(scope="session")
def client() -> Iterator[docker.DockerClient]:
    """Talk to a Docker engine, or say that there is none."""
    client = connect()
    need(not isinstance(client, str), "a Docker engine that answers", str(client))
    assert not isinstance(client, str)
    yield client
    client.close()


def connect() -> docker.DockerClient | str:
    """Return a client of the Docker engine, or why there is none."""
    with warnings.catch_warnings():
        # The SDK leaves the socket of a failed attempt to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            return docker.from_env(timeout=300)
        except (docker.errors.DockerException, OSError) as error:
            reason = str(error)
        gc.collect()
    return reason


@pytest.fixture(scope="session")
def engine(client: docker.DockerClient) -> Iterator[Engine]:
    """Build the image as shipped, with the classic builder."""
    tag = f"kore-gate-test:{uuid.uuid4().hex[:12]}"
    build(client, tag)
    yield Engine(client=client, image=tag)
    client.images.remove(tag, force=True)


@pytest.fixture(scope="session")
def engine_with_rsa(client: docker.DockerClient, engine: Engine) -> Iterator[Engine]:
    """Build the image with the extra `rsa`, after the usual one, whose layers it shares."""
    tag = f"{engine.image}-rsa"
    build(client, tag, EXTRAS="rsa")
    yield Engine(client=client, image=tag)
    client.images.remove(tag, force=True)


def build(client: docker.DockerClient, tag: str, context: pathlib.Path = ROOT, /, **arguments: str) -> None:
    """Build an image from a checkout; its build needs a package index, so it shares the machine's network."""
    base = os.environ.get("KORE_GATE_BASE_IMAGE")
    try:
        client.images.build(
            path=str(context),
            tag=tag,
            buildargs=arguments | ({"BASE_IMAGE": base} if base else {}),
            network_mode="host",
            rm=True,
            forcerm=True,
        )
    except docker.errors.BuildError as error:
        log = "".join(str(line.get("stream") or line.get("error") or "") for line in error.build_log)
        pytest.fail(f"the image could not be built:\n{log}")


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve simulators to containers, until the test ends."""
    servers: list[Server] = []

    def start(scenario: str = "passing", *, job_seconds: float = 1.0) -> tuple[str, WatchedSimulator]:
        simulator = WatchedSimulator(scenario=scenario, job_seconds=job_seconds)
        servers.append(Server(simulator).__enter__())
        return servers[-1].url, simulator

    yield start
    for server in servers:
        server.__exit__(None, None, None)


@pytest.fixture
def workspace(tmp_path: pathlib.Path) -> pathlib.Path:
    """Make a checkout that belongs to the runner's user."""
    return folder(tmp_path / "workspace")
