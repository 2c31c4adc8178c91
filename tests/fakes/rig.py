"""A client at a script: one thing after another happens to its requests, on a clock that moves when code sleeps."""

import asyncio
import contextlib
import dataclasses
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import TypeVar

import httpx

from kore_gate.kore import transport
from kore_gate.kore.auth import Signer
from kore_gate.kore.client import KoreClient
from kore_gate.settings.sources import Settings
from kore_gate.simulator import scenarios, service
from tests.fakes.clock import FakeClock

T = TypeVar("T")

RUNNING = {"_id": "ds-1", "status": "IN_PROGRESS"}
OUTAGES = ("timeout", "connect timeout", "refused", "reset", "cut off", 408, 425, 500, 502, 503, 504, "html", "array")
MAY_HAVE_ARRIVED = ("timeout", "reset", "cut off", 408, 425, 500, 502, 504, "html", "array", "empty")
CAN_NOT_HAVE_ARRIVED = ("connect timeout", "refused", "proxy", "no free connection", 503, 429, "limit")

Act = Callable[[httpx.Request], httpx.Response | Exception | float]

_ACTS: dict[str, Act] = {
    "timeout": lambda _: 10.0**6,
    "connect timeout": lambda _: httpx.ConnectTimeout(""),
    "refused": lambda _: httpx.ConnectError("[Errno 111] Connection refused"),
    "proxy": lambda _: httpx.ProxyError("502 Bad Gateway"),
    "no free connection": lambda _: httpx.PoolTimeout(""),
    "reset": lambda _: httpx.ReadError("connection reset by peer"),
    "cut off": lambda _: httpx.RemoteProtocolError("peer closed connection"),
    "html": lambda _: httpx.Response(200, html="<h1>Sign in</h1>"),
    "array": lambda _: httpx.Response(200, json=["SUCCESS"]),
    "empty": lambda _: httpx.Response(200),
    "limit": lambda _: httpx.Response(400, json={"errors": [{"msg": scenarios.MINUTE_TEXT, "code": 400}]}),
    "hour": lambda _: httpx.Response(429, json={"errors": [{"msg": service.HOUR_TEXT, "code": 429}]}),
}


def act(kind: object) -> Act:
    """Return what is meant: a name above, a status code, an error, a function, or the JSON of a good answer."""
    if isinstance(kind, str):
        return _ACTS[kind]
    if isinstance(kind, int):
        return lambda _: httpx.Response(kind, json={"errors": [{"msg": "so it is", "code": kind}]})
    if isinstance(kind, Exception):
        return lambda _: kind
    if isinstance(kind, dict):
        return lambda _: httpx.Response(200, json=kind)
    assert callable(kind)
    return kind


class Chunks(httpx.AsyncByteStream):
    """Delivers bytes in small pieces."""

    def __init__(self, data: bytes, size: int = 1000) -> None:
        self._pieces = [data[start : start + size] for start in range(0, len(data), size)]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Deliver them."""
        for piece in self._pieces:
            yield piece


class Script(httpx.AsyncBaseTransport):
    """Does one thing after another, the last one for ever; keeps what was asked, and when."""

    def __init__(self, clock: FakeClock, kinds: Iterable[object], seconds: float = 0.0) -> None:
        self._clock = clock
        self._acts = [act(kind) for kind in kinds]
        self._seconds = seconds
        self.requests: list[httpx.Request] = []
        self.times: list[float] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.requests.append(request)
        self.times.append(self._clock.monotonic())
        await asyncio.sleep(self._seconds)
        found = self._acts[min(len(self.requests), len(self._acts)) - 1](request)
        if isinstance(found, httpx.Response):
            return found
        if isinstance(found, Exception):
            raise found
        await asyncio.sleep(found)
        raise httpx.ReadTimeout("nobody waits that long")


@dataclasses.dataclass
class Rig:
    """A client and the API on top of it, at a script."""

    clock: FakeClock
    script: Script
    settings: Settings
    troubles: list[str] = dataclasses.field(default_factory=list)
    client: KoreClient | None = None

    def run(self, work: Callable[[KoreClient], Awaitable[T]]) -> T:
        """Do something with the API to its end."""

        async def call() -> T:
            async with self.connected() as api:
                return await work(api)

        return self.clock.run(call())

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator[KoreClient]:
        signer = Signer(self.settings, self.clock)
        async with transport.connect(self.settings, "github", self.script) as http:
            self.client = KoreClient(http, self.settings, signer, self.clock, on_wait=self._note_wait)
            async with self.clock.limit(self.settings.timeout):
                yield self.client

    def look(self) -> str:
        """Look at an import; return its status."""
        return self.run(lambda api: api.import_job("ds-1")).status

    def _note_wait(self, reason: str, outlook: str) -> None:
        if reason:
            self.troubles.append(f"{reason}; {outlook}")

    @property
    def waits(self) -> list[float]:
        """Return the times between two requests."""
        return [later - earlier for earlier, later in itertools.pairwise(self.script.times)]


# Every way to start something that must not start twice.
STARTS: dict[str, Callable[[KoreClient], Awaitable[str]]] = {
    "import": lambda api: api.start_import("file-1", "Banking"),
    "run": lambda api: api.start_run("Banking"),
}

# What can be asked for: a look, and whatever starts something.
CALLS: dict[str, Callable[[KoreClient], Awaitable[object]]] = {"look": lambda api: api.import_job("ds-1"), **STARTS}
