import collections
import os
import pathlib
import ssl
from collections.abc import Iterator

import httpx
import hypothesis
import pytest
import pytest_socket

from tests.fakes import clock as clocks

HERE = pathlib.Path(__file__).parent
AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

# The tiers that run only when their option is given: marker, why, and how to run it.
TIERS = {
    "slow": ("--run-slow", "takes long: --run-slow"),
    "container": ("--run-container", "builds the image: --run-container"),
    "browser": ("--run-browser", "starts Chromium: script/browser"),
}

# A slow machine is no reason to fail. CI tries the same examples each time, so that it is red only for what a change
# did; whoever runs the tests by hand tries new ones.
hypothesis.settings.register_profile("ci", deadline=None, max_examples=25, derandomize=True)
hypothesis.settings.register_profile("laptop", deadline=None, max_examples=25)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=300)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--run-slow", action="store_true", help="run the slow tests too, and try 300 examples a property")
    parser.addoption("--run-container", action="store_true", help="build the image and test it on a Docker engine")
    parser.addoption("--run-browser", action="store_true", help="test the HTML report in headless Chromium")


def pytest_configure(config: pytest.Config) -> None:
    """Choose how many examples property tests try."""
    here = "ci" if os.environ.get("CI") == "true" else "laptop"
    hypothesis.settings.load_profile("thorough" if config.getoption("--run-slow") else here)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark tests by what they need, and skip the tiers nobody asked for."""
    for item in items:
        if HERE / "container" in item.path.parents or "engine" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.container)
            item.add_marker(pytest.mark.timeout(300))
        if HERE / "browser" in item.path.parents:
            item.add_marker(pytest.mark.browser)
        if hasattr(getattr(item, "obj", None), "hypothesis"):
            item.add_marker(pytest.mark.property)
        for tier, (option, reason) in TIERS.items():
            if item.get_closest_marker(tier) and not config.getoption(option):
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List what was skipped, by reason; into the file `KORE_GATE_SKIPPED` where that is set."""
    reports = terminalreporter.stats.get("skipped", [])
    reasons = collections.Counter(
        report.longrepr[2].removeprefix("Skipped: ") for report in reports if isinstance(report.longrepr, tuple)
    )
    lines = [f"Skipped: {count} {'test' if count == 1 else 'tests'}, {reason}" for reason, count in reasons.items()]
    if path := os.environ.get("KORE_GATE_SKIPPED"):
        pathlib.Path(path).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return
    for line in lines:
        terminalreporter.write_line(line)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let no test near a network socket that does not say it needs one; asyncio's own pair is a Unix socket."""
    if _opens_sockets(item):
        pytest_socket.enable_socket()
    else:
        pytest_socket.disable_socket(allow_unix_socket=True)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """Give sockets back to the test runner."""
    pytest_socket.enable_socket()


def _opens_sockets(item: pytest.Item) -> bool:
    return any(item.get_closest_marker(name) for name in ("socket", "container"))


@pytest.fixture(autouse=True)
def _no_authorities(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare clients that connect to nothing reading the machine's TLS authorities: it takes longer than a call."""
    if not _opens_sockets(request.node):
        monkeypatch.setattr(httpx, "create_ssl_context", lambda: AUTHORITIES)


@pytest.fixture(autouse=True)
def _close_virtual_loops() -> Iterator[None]:
    """Close the event loops that fake clocks made."""
    yield
    while clocks.OPEN_LOOPS:
        loop = clocks.OPEN_LOOPS.pop()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
