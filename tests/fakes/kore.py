"""The simulator as a transport of httpx: the real client talks to it without a socket, on the fake clock."""

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx

from kore_gate.simulator.scenarios import Delivery
from kore_gate.simulator.service import Request, Simulator

_DRIP_SECONDS = 5.0
_FOR_EVER = 10.0**6


Edit = Callable[[httpx.Request, httpx.Response], httpx.Response]


class FakeKore(httpx.AsyncBaseTransport):
    """Gives a simulator's answers, with the way they are delivered; `requests` are all that were sent."""

    def __init__(self, simulator: Simulator, seconds: float = 0.05) -> None:
        self.simulator = simulator
        self.seconds = seconds  # how long an answer takes
        self.edit: Edit = lambda _, response: response  # what a test changes of an answer on its way
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        self.requests.append(request)
        await asyncio.sleep(self.seconds)
        response = self.simulator.handle(
            Request(
                method=request.method,
                path=request.url.raw_path.decode(),
                headers={name.lower(): value for name, value in request.headers.items()},
                body=body,
            )
        )
        match response.delivery:
            case Delivery.HANG:
                await asyncio.sleep(_FOR_EVER)
                raise AssertionError("nobody waits that long")
            case Delivery.RESET:
                raise httpx.ReadError("connection reset by peer", request=request)
            case Delivery.TRUNCATED:
                raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")
            case Delivery.DRIP:
                return httpx.Response(response.status, headers=list(response.headers), stream=_Drip())
            case Delivery.NORMAL:
                normal = httpx.Response(response.status, headers=list(response.headers), content=response.body)
                return self.edit(request, normal)


class _Drip(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(_DRIP_SECONDS)
            yield b" "
