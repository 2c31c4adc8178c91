"""Answers that are no answers: what gateways, limits and broken servers send."""

import dataclasses
import email.utils

from kore_gate.simulator import limits, messages, tokens
from kore_gate.simulator.messages import Delivery, Headers, Response

HTML: Headers = (("content-type", "text/html; charset=utf-8"),)
JSON: Headers = (("content-type", "application/json; charset=utf-8"),)
PAGE = b"<!DOCTYPE html><html><head><title>%s</title></head><body><h1>%s</h1><hr>gateway</body></html>"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One answer given instead of the honest one."""

    response: Response
    retry_after: int | None = None
    as_date: bool = False

    def at(self, now: float) -> Response:
        """Return the response as it is sent at this time."""
        if self.retry_after is None:
            return self.response
        wait = email.utils.formatdate(now + self.retry_after, usegmt=True) if self.as_date else str(self.retry_after)
        return dataclasses.replace(self.response, headers=(*self.response.headers, ("retry-after", wait)))


def _page(status: int, title: bytes) -> Fault:
    return Fault(response=Response(status, HTML, PAGE % (title, title)))


def _body(body: bytes, headers: Headers = JSON) -> Fault:
    return Fault(response=Response(200, headers, body))


TOO_MANY = messages.errors(limits.MINUTE_TEXT, 429)

BAD_GATEWAY = _page(502, b"502 Bad Gateway")
GATEWAY_TIMEOUT = _page(504, b"504 Gateway Time-out")
SERVER_ERROR = Fault(response=messages.errors("Internal Server Error", 500))
UNAVAILABLE = Fault(response=Response(503), retry_after=1)
RATE_LIMITED = Fault(response=TOO_MANY)
RATE_LIMITED_SECONDS = Fault(response=TOO_MANY, retry_after=2)
RATE_LIMITED_DATE = Fault(response=TOO_MANY, retry_after=3, as_date=True)
INVALID_TOKEN = Fault(response=messages.errors(tokens.MALFORMED, 4002, status=401))
NOT_FOUND = Fault(response=messages.errors("Not Found", 404))

SIGN_IN_PAGE = _body(PAGE % (b"Sign in", b"Sign in"), HTML)
CUT_JSON = _body(b'{"_id":"ds-demo-1","status":"SUCC')
ARRAY = _body(b'["SUCCESS"]')
NUMBER = _body(b"42")
NO_UTF8 = _body(b'{"status":"\xff\xfe"}')
DEEP = _body(b"[" * 20_000)

DRIPPING = Fault(response=Response(200, JSON, b'{"status":', Delivery.DRIP))
HANGING = Fault(response=Response(200, JSON, b"", Delivery.HANG))
RESETTING = Fault(response=Response(200, JSON, b"", Delivery.RESET))
TRUNCATED = Fault(
    response=Response(200, JSON, b'{"_id":"ds-demo-1","status":"SUCCESS","percentageComplete":100}', Delivery.TRUNCATED)
)
