"""Measures the page of twenty thousand steps in Chromium: its size, how long it takes to open, and to filter."""

import importlib.util
import pathlib
import shutil
import statistics
import sys
import tempfile
import time

from kore_gate.reports import html
from tests.fakes import conversations

STEPS = 20_000
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]

# Types a text, or chooses a state, and waits until that is on the screen; in milliseconds.
ACT = """act => new Promise(done => {
  const start = performance.now();
  if (act) {
    const box = document.querySelector('[type=search]');
    box.focus();
    box.value = act;
    box.dispatchEvent(new Event('input'));
  } else document.querySelector('#only-failed').click();
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(performance.now() - start))));
})"""
OPENED = "() => new Promise(done => requestAnimationFrame(() => setTimeout(() => done(performance.now()))))"


def main() -> None:
    """Print a row for each figure, or why there is none."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not program or not importlib.util.find_spec("playwright"):
        print("| (e) the page | not measured: run script/browser --install first | | |")
        return
    from playwright.sync_api import sync_playwright

    start = time.perf_counter()
    page = html.render(conversations.long(STEPS, red_every=997))
    rendered = time.perf_counter() - start
    path = pathlib.Path(tempfile.mkdtemp()) / "kore-report.html"
    path.write_bytes(page)
    figures: dict[str, list[float]] = {"opened": [], "filtered first": [], "filtered again": [], "failed only": []}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 5):
            tab = browser.new_page(viewport={"width": 1280, "height": 800})
            tab.goto(path.as_uri(), wait_until="load")
            figures["opened"].append(tab.evaluate(OPENED))
            figures["filtered first"].append(tab.evaluate(ACT, "balance"))
            figures["filtered again"].append(tab.evaluate(ACT, "savings"))
            tab.evaluate(ACT, " ")
            figures["failed only"].append(tab.evaluate(ACT, ""))
            tab.close()
        browser.close()
    times = ", ".join(f"{name} {statistics.median(values):.0f} ms" for name, values in figures.items())
    print(f"| (e) the page of {STEPS:,} steps | {len(page) / 1e6:.1f} MB, rendered in {rendered:.1f} s; {times} | | |")


if __name__ == "__main__":
    main()
