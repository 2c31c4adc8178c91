"""Nothing that Kore.ai repeats of a secret gets anywhere."""

import base64
import json
import pathlib
import urllib.parse
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from kore_gate.simulator import scenarios
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


class Echo:
    """Repeats the secret and the request's own token in every string of every answer."""

    def __init__(self, form: Callable[[str], str], spared: tuple[str, ...]) -> None:
        self.form = form
        self.spared = spared
        self.tokens: list[str] = []

    def __call__(self, request: httpx.Request, response: httpx.Response) -> httpx.Response:
        self.tokens.append(request.headers.get("auth", ""))
        words = f" {self.form(scenarios.CLIENT_SECRET)} {self.form(self.tokens[-1])}"
        try:
            body = json.dumps(self._filled(response.json(), words)).encode()
        except ValueError:
            body = response.content + words.encode()
        headers = {"location": f"/{words}", "retry-after": words, "date": words, "x-request-id": words}
        return httpx.Response(response.status_code, headers=headers, content=body)

    def _filled(self, value: Any, words: str, key: str = "") -> Any:
        if isinstance(value, dict):
            filled = {name: self._filled(inner, words, name) for name, inner in value.items()}
            return {**filled, f"extra{words}": words, "comments": words}
        if isinstance(value, list):
            return [self._filled(inner, words) for inner in value]
        return value + words if isinstance(value, str) and key not in self.spared else value


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
    echo = Echo(FORMS[form], SPARED[spared])
    pipeline.kore.edit = echo
    pipeline.set_context(**{name: str(tmp_path / f"{name}.txt") for name in ("output_file", "summary_file")})

    ended = pipeline.run(make_settings(command="test", files=("*.json",), output="json", verbose=True, timeout=60.0))

    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    everything = b"\n".join([*written, ended.stdout.encode(), ended.stderr.encode()]).decode("utf-8", "replace")
    everything += urllib.parse.unquote(everything)
    for secret in (scenarios.CLIENT_SECRET, *echo.tokens):
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
