"""Calls Kore.ai: signs, sends, reads with limits, retries what may be retried."""

import datetime
import json
import random
import re
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from kore_gate import errors, text
from kore_gate.clock import Clock
from kore_gate.kore import answers, wire
from kore_gate.kore.answers import Answer, Meaning
from kore_gate.kore.auth import Signer
from kore_gate.kore.budget import Budget
from kore_gate.kore.retries import Retries, TryAgain
from kore_gate.settings import Settings

_MINUTE_WAIT, _HOUR_WAIT = 20.0, 300.0

# A token, whole or cut off: ours, or another request's.
_TOKEN = re.compile(r"ey[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_.-]+")

_LOOK_FOR_IT = (
    "It is not sent twice. Look in Kore.ai (Regression Testing) whether the job has started; "
    "then wait for it by its id, or start again."
)


class Client:
    """Kore.ai, as calls that either give a JSON object or raise a GateError.

    `deadline` is on the clock's monotonic scale. `on_trouble` is told once for each fault that is waited out.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        settings: Settings,
        signer: Signer,
        clock: Clock,
        *,
        deadline: float,
        on_trouble: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._http = http
        self._settings = settings
        self._signer = signer
        self._clock = clock
        self._deadline = deadline
        self._on_trouble = on_trouble
        self._budget = Budget(clock)
        self.skew: float | None = None

    def address(self, *segments: str) -> str:
        """Return the address of a public API, each segment opaque: it can't reach beyond its place."""
        return "/".join([self._settings.host, "api/public", *map(_segment, segments)])

    async def get(self, *segments: str, budget: str) -> Mapping[str, object]:
        """Ask for a state. Raises Gone for a record that is not there, and every GateError of a call."""
        try:
            return await self._call("GET", self.address(*segments), budget=budget, again=True)
        except errors.Rejected as rejection:
            raise errors.NotUnderstood(
                rejection.message,
                cause="a wrong host or base path, or ids that Kore.ai does not take.",
                hint="Check host, stream-id and the id that is waited for.",
            ) from rejection

    async def post(self, *segments: str, budget: str, wanted: Mapping[str, object]) -> Mapping[str, object]:
        """Start a job; never sent again when a first request may have arrived.

        Raises Unsure in that case, Rejected when Kore.ai turns the job down.
        """
        sent = {"content": json.dumps(wanted).encode(), "type": "application/json"}
        return await self._send_in("a suite of this name", segments, budget, again=False, **sent)

    async def upload(
        self, *segments: str, budget: str, fields: Mapping[str, str], name: str, data: bytes
    ) -> Mapping[str, object]:
        """Send a file as a form; may be sent again, for an upload alone changes nothing. Raises as `post` does."""
        files = {"file": (f"{text.file_name(name)}.json", data, "application/json")}
        return await self._send_in("the upload", segments, budget, again=True, data=dict(fields), files=files)

    async def fetch(self, link: str, write: Callable[[bytes], object]) -> None:
        """Stream the file behind a link, once, in at most `max-response` bytes.

        The token goes along only to Kore.ai's own host, and never from https to http. Raises Unavailable.
        """
        own = urllib.parse.urlsplit(self._settings.host)
        parts = urllib.parse.urlsplit(link)
        auth = self._signer if (parts.scheme, parts.netloc) == (own.scheme, own.netloc) else None
        try:
            async with self._clock.limit(self._patience()), self._http.stream("GET", link, auth=auth) as response:
                if response.status_code != httpx.codes.OK:
                    raise errors.Unavailable(f"the answer was HTTP {response.status_code}")
                async for chunk in self._chunks(response):
                    write(chunk)
        except wire.BROKEN as exc:
            raise errors.Unavailable(wire.fault(exc)) from exc

    async def _call(self, method: str, address: str, *, budget: str, again: bool, **sent: Any) -> Answer:
        retries = Retries(self._clock, self._deadline, self._settings.outage_limit, self._on_trouble)
        return await retries.run(lambda: self._once(method, address, budget, again=again, **sent), again=again)

    async def _once(self, method: str, address: str, budget: str, *, again: bool, **sent: Any) -> Answer:
        await self._budget.take(budget)
        try:
            async with self._clock.limit(self._patience()):
                status, headers, data = await self._send(method, address, **sent)
        except wire.BROKEN as exc:
            raise self._transport_fault(exc) from exc
        self.skew = answers.skew(headers.get("date"), self._clock.now())
        answer = answers.understand(status, data)
        match answer.meaning:
            case Meaning.GOOD:
                return answer
            case Meaning.ABSENT if not again and status < 300:
                raise TryAgain("an empty answer", arrived=True)
            case Meaning.ABSENT:
                raise errors.Gone(f"HTTP {status}, {self._clean(answer.said) or 'no such record'}")
            case Meaning.REFUSED:
                cause, hint = self._signer.advice(self.skew)
                raise errors.Refused(
                    f"Kore.ai refused the credentials (HTTP {status}): {self._clean(answer.said)}",
                    cause=cause,
                    hint=hint,
                )
            case Meaning.REJECTED:
                where = f", a redirect to {text.line(headers.get('location', 'nowhere'), 120)} that is not followed"
                moved = where if 300 <= status < 400 else ""
                said = self._clean(answer.said) or "no reason given"
                raise errors.Rejected(f"Kore.ai answered HTTP {status}{moved}: {said}", status=status)
            case Meaning.TRANSIENT | Meaning.LIMITED | Meaning.LIMITED_HOURLY:
                raise self._try_again(answer, headers)

    def _try_again(self, answer: Answer, headers: Mapping[str, str]) -> TryAgain:
        wait = answers.retry_after(headers.get("retry-after"), self._clock.now())
        limited = answer.meaning is not Meaning.TRANSIENT
        if limited and wait is None:
            least = _HOUR_WAIT if answer.meaning is Meaning.LIMITED_HOURLY else _MINUTE_WAIT
            wait = least * random.uniform(1, 2)  # noqa: S311 spreads callers, guards nothing
        return TryAgain(
            f"HTTP {answer.status}, {self._clean(answer.said) or 'no reason given'}",
            arrived=not limited and answer.status != httpx.codes.SERVICE_UNAVAILABLE,
            limited=limited,
            wait=wait,
        )

    async def _send(self, method: str, address: str, **sent: Any) -> tuple[int, httpx.Headers, bytes]:
        headers = {"bot-language": self._settings.bot_language, "accept": "application/json"}
        async with self._http.stream(method, address, headers=headers, auth=self._signer, **sent) as response:
            data = b"".join([chunk async for chunk in self._chunks(response)])
        return response.status_code, response.headers, data

    async def _chunks(self, response: httpx.Response) -> AsyncIterator[bytes]:
        """Read what is left after decompression, up to the limit."""
        size = 0
        async for chunk in response.aiter_bytes():
            size += len(chunk)
            if size > self._settings.max_response:
                raise errors.NotUnderstood(
                    f"The answer is larger than max-response allows ({self._settings.max_response} bytes).",
                    cause="a suite far larger than usual, or an answer that is not Kore.ai's.",
                    hint="Raise max-response if such a suite is really meant.",
                )
            yield chunk

    def _patience(self) -> float:
        left = self._deadline - self._clock.monotonic()
        if left <= 0:
            raise errors.TimedOut("The deadline has passed.")
        return min(self._settings.request_timeout, left)

    def _transport_fault(self, exc: Exception) -> Exception:
        if isinstance(exc, TimeoutError) and self._clock.monotonic() >= self._deadline:
            return errors.TimedOut("The deadline came while Kore.ai was answering.")
        return wire.lasting(exc) or TryAgain(wire.fault(exc), arrived=wire.arrived(exc))

    def _clean(self, said: str) -> str:
        """Take our own secrets out of what Kore.ai says."""
        for secret in (self._signer.last, *self._settings.secrets):
            said = said.replace(secret, "***") if secret else said
        return said
