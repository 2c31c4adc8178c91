import os
from collections.abc import Iterator

import hypothesis
import pytest
import pytest_socket

from tests.fakes import clock as clocks

# A slow machine is no fault. CI tries the same examples each time, so that it is red only for what a change did;
# whoever runs the tests by hand goes looking further.
hypothesis.settings.register_profile("laptop", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") == "true" else "laptop")


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
