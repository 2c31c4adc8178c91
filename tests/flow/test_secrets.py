"""Nothing that Kore.ai repeats of a secret gets anywhere."""

import base64
import json
import pathlib
import urllib.parse
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from kore_gate.simulator import kore
from kore_gate.simulator.scenarios import SCENARIOS
from tests.fakes.files import write_demo
from tests.fakes.pipeline import Pipeline, make_settings


def _base64(raw: str) -> str:
    return base64.b64encode(raw.encode()).decode()


FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "JSON": lambda raw: "".join(f"\\u{ord(char):04x}" for char in raw),
    "address": lambda raw: "".join(f"%{byte:02X}" for byte in raw.encode()),
    "Base64": _base64,
}
# Words that the gate acts on: a call in which they are no words any more does not get far.
ACTED_ON = ("status", "dsId", "_id", "testRunId", "fileId", "downloadUrl")


class Echo(httpx.AsyncBaseTransport):
    """Repeats the secret and the request's own token in every string of every answer."""

    def __init__(self, inner: httpx.AsyncBaseTransport, form: Callable[[str], str], spared: tuple[str, ...]) -> None:
        self.inner = inner
        self.form = form
        self.spared = spared
        self.tokens: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.inner.handle_async_request(request)
        body = await response.aread()
        self.tokens.append(request.headers.get("auth", ""))
        said = f" {self.form(kore.CLIENT_SECRET)} {self.form(self.tokens[-1])}"
        try:
            body = json.dumps(self._filled(json.loads(body), said)).encode()
        except ValueError:
            body += said.encode()
        headers = {"location": f"/{said}", "retry-after": said, "date": said, "x-request-id": said}
        return httpx.Response(response.status_code, headers=headers, content=body)

    def _filled(self, found: Any, said: str, key: str = "") -> Any:
        if isinstance(found, dict):
            filled = {name: self._filled(value, said, name) for name, value in found.items()}
            return {**filled, f"extra{said}": said, "comments": said}
        if isinstance(found, list):
            return [self._filled(value, said) for value in found]
        return found + said if isinstance(found, str) and key not in self.spared else found


SPARED = {"goes through": ACTED_ON, "no status": ACTED_ON[1:], "nothing": ()}


@pytest.mark.parametrize(
    ("scenario", "form", "spared"),
    [
        *((name, "plain", "goes through") for name in ("failing-tests", "failing", "refused", "contradiction")),
        *(("results-link", form, "goes through") for form in FORMS),
        ("failing-tests", "plain", "no status"),
        ("failing-tests", "Base64", "no status"),
        ("failing-tests", "plain", "nothing"),
        ("failing-tests", "Base64", "nothing"),
    ],
)
def test_secrets__in_every_string(tmp_path: pathlib.Path, form: str, spared: str, scenario: str) -> None:
    """Neither secret nor token is in any byte that is written anywhere, however the server writes it."""
    write_demo(tmp_path, 2)
    pipeline = Pipeline(tmp_path / "reports", scenario=scenario, ci="gitlab")
    echo = Echo(pipeline.kore, FORMS[form], SPARED[spared])
    pipeline.transport = echo
    told = {name: str(tmp_path / f"{name}.txt") for name in ("output_file", "summary_file")}
    pipeline.set_around(**told)

    ended = pipeline.run(make_settings(command="test", files=("*.json",), output="json", verbose=True, timeout=60.0))

    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    everything = b"\n".join([*written, ended.stdout.encode(), ended.stderr.encode()]).decode("utf-8", "replace")
    everything += urllib.parse.unquote(everything)
    for secret in (kore.CLIENT_SECRET, *echo.tokens):
        for made in FORMS.values():
            assert made(secret)[3:-3] not in everything
    assert "***" in everything
    assert len(written) > (6 if spared == "goes through" and SCENARIOS[scenario].link else 4)


def test_secrets__tokens_are_not_printed(tmp_path: pathlib.Path) -> None:
    """No token is printed to have it masked."""
    pipeline = Pipeline(tmp_path / "reports", ci="github")

    ended = pipeline.run()

    assert ended.code == 0
    assert "add-mask" not in ended.stdout + ended.stderr
    assert "eyJ" not in ended.stdout + ended.stderr
