import functools
import http.server
import importlib.util
import pathlib
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import pytest

from kore_gate.model import Result
from kore_gate.reports import html
from kore_gate.reports.history import Trend
from tests.needs import need

if TYPE_CHECKING:
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import Browser

# What Jenkins sends with the files of a build.
JENKINS = "sandbox allow-same-origin; default-src 'none'; img-src 'self'; style-src 'self';"

# A browser that asks nobody for anything on its own.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Start headless Chromium once for all tests here; while it runs, no other test can run an event loop."""
    program = next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
    )
    need(program, "Chromium", "script/browser")
    need(importlib.util.find_spec("playwright"), "playwright", "script/browser")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe() -> "Axe":
    """Give the checker of accessibility."""
    need(importlib.util.find_spec("axe_playwright_python"), "axe-playwright-python", "script/browser")
    from axe_playwright_python.sync_playwright import Axe

    return Axe()


class _Handler(http.server.SimpleHTTPRequestHandler):
    def end_headers(self) -> None:
        """Send the headers of a CI system that trusts no artifact."""
        if self.path.startswith("/jenkins/"):
            self.send_header("Content-Security-Policy", JENKINS)
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 named so in the library
        """Say nothing."""


@pytest.fixture
def serve(tmp_path: pathlib.Path) -> Iterator[Callable[..., str]]:
    """Serve the page of a call, as it is or as Jenkins does, and return its address."""
    handler = functools.partial(_Handler, directory=tmp_path)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.block_on_close = False  # a browser keeps its connections open
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def serve(call: Result, folder: str = "plain", trends: Sequence[Trend] = ()) -> str:
        path = tmp_path / folder / "kore-report.html"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(html.render(call, trends))
        return f"http://127.0.0.1:{server.server_port}/{folder}/kore-report.html"

    yield serve
    server.shutdown()
    server.server_close()
