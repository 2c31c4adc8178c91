"""Calls the simulator as a client would, with its own signing and its own multipart forms."""

import itertools
import json
import pathlib
import urllib.parse
from typing import Any

import httpx
import jwt

from kore_gate.simulator import scenarios, service
from kore_gate.simulator.scenarios import Response
from kore_gate.simulator.service import Request

SAMPLES = pathlib.Path(__file__).parents[1] / "samples"
START = 1_700_000_000.0
_numbers = itertools.count()


def sample(name: str) -> Any:
    """Return a documented answer."""
    return json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))


def token(
    *, secret: str = scenarios.CLIENT_SECRET, algorithm: str = "HS256", now: float = START, **overrides: object
) -> str:
    """Sign a token; a claim set to None is left out."""
    claims = {
        "appId": scenarios.CLIENT_ID,
        "sub": "gate",
        "iat": int(now),
        "exp": int(now) + 300,
        "jti": str(next(_numbers)),
    }
    claims |= overrides
    return jwt.encode({name: one for name, one in claims.items() if one is not None}, secret, algorithm=algorithm)


def multipart(
    content: bytes, *, filename: str | None = "suite.json", **fields: str | None
) -> tuple[dict[str, str], bytes]:
    """Return headers and body of an upload; a field set to None is left out."""
    given: dict[str, str | None] = {"fileContext": "bulkImport", "fileExtension": "json"}
    kept = {name: value for name, value in (given | fields).items() if value is not None}
    files = {"file": (filename, content, "application/json")} if filename else {"unrelated": ("x", b"x")}
    request = httpx.Request("POST", "https://localhost", data=kept, files=files)
    return {"content-type": request.headers["content-type"]}, request.read()


class Caller:
    """A client of a simulator whose time stands still until it is moved."""

    def __init__(self, **options: Any) -> None:
        self.time = START
        self.simulator = service.Simulator(now=lambda: self.time, **options)
        self.bot = f"/api/public/stream/{scenarios.STREAM_ID}/conversation/testsuite"

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        auth: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Response:
        """Send one request, with a fresh token unless one is given."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        signed = token(now=self.time) if auth is None else auth
        return self.simulator.handle(Request(method, path, {"auth": signed, **(headers or {})}, content))

    def upload(self, document: object, **fields: Any) -> Response:
        """Upload a suite file."""
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        headers, body = multipart(content, **fields)
        return self.call("POST", "/api/public/uploadfile", body, headers=headers)

    def start_import(self, document: object, *, name: str = "Balance", **overrides: object) -> Response:
        """Upload a suite file and start its import."""
        file_id = payload(self.upload(document))["fileId"]
        body = {"fileName": file_id, "name": name, "userEmailId": scenarios.USER_EMAIL} | overrides
        return self.call("POST", f"{self.bot}/import", body)

    def import_status(self, ds_id: str) -> Response:
        """Look at an import."""
        return self.call("GET", f"{self.bot}/import/{urllib.parse.quote(ds_id, safe='')}/status")

    def start_run(self, name: str = "Balance", **overrides: object) -> Response:
        """Start a run."""
        body = {"version": "inDevelopment", "userEmailId": scenarios.USER_EMAIL} | overrides
        return self.call("POST", f"{self.bot}/{urllib.parse.quote(name, safe='')}/run", body)

    def run_status(self, run_id: str, name: str = "Balance") -> Response:
        """Look at a run."""
        return self.call("GET", f"{self.bot}/{urllib.parse.quote(name, safe='')}/{run_id}/status")

    def finished_run(self, name: str = "Balance") -> dict[str, Any]:
        """Run a suite to its end and return the record."""
        run_id = payload(self.start_run(name))["testRunId"]
        self.time += 60
        return payload(self.run_status(run_id, name))


def payload(response: Response) -> dict[str, Any]:
    """Return the JSON object of a response."""
    value = json.loads(response.body)
    assert isinstance(value, dict)
    return value


def shape(value: object) -> object:
    """Return what keys a JSON value has at which place: lists count as their first item."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value[:1]]
    return type(value).__name__
