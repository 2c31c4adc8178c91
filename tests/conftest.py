from collections.abc import Iterator

import pytest
import pytest_socket

from tests.fakes import clock as clocks


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--run-container", action="store_true", help="build the image and test it on a Docker engine")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let no test near a network socket that does not say it needs one; asyncio's own pair is a Unix socket."""
    if item.get_closest_marker("socket") or item.get_closest_marker("container"):
        pytest_socket.enable_socket()
    else:
        pytest_socket.disable_socket(allow_unix_socket=True)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """Give sockets back to the test runner."""
    pytest_socket.enable_socket()


@pytest.fixture(autouse=True)
def _close_virtual_loops() -> Iterator[None]:
    """Close the event loops that fake clocks made."""
    yield
    while clocks.OPEN_LOOPS:
        loop = clocks.OPEN_LOOPS.pop()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
