"""What goes in and what comes out: requests, responses, and how a response is put on the wire."""

import dataclasses
import enum
import json
from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]
Headers = tuple[tuple[str, str], ...]


class Delivery(enum.StrEnum):
    """How a response reaches the client."""

    NORMAL = "normal"
    DRIP = "drip"  # a few bytes now and then, for ever
    HANG = "hang"  # the connection is accepted, and never answered
    RESET = "reset"  # the connection is reset instead of an answer
    TRUNCATED = "truncated"  # less is sent than Content-Length promises, then the connection ends


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """One request: `path` as sent, query and percent-encoding included; names of `headers` in lower case."""

    method: str
    path: str
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    body: bytes = b""


@dataclasses.dataclass(frozen=True, slots=True)
class Response:
    """One response."""

    status: int
    headers: Headers = ()
    body: bytes = b""
    delivery: Delivery = Delivery.NORMAL


class RefusalError(Exception):
    """Carry the response that ends the handling of a request."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


def answer(payload: object, *, status: int = 200, headers: Headers = ()) -> Response:
    """Build a response from a JSON value."""
    body = json.dumps(payload, separators=(",", ":")).encode("ascii")
    return Response(status, (("content-type", "application/json; charset=utf-8"), *headers), body)


def errors(message: str, code: int, *, status: int | None = None, headers: Headers = ()) -> Response:
    """Build a response in Kore.ai's envelope for errors; the HTTP status is the code unless given."""
    return answer({"errors": [{"msg": message, "code": code}]}, status=status or code, headers=headers)


def refusal(message: str, code: int, *, status: int | None = None) -> RefusalError:
    """Build the error that answers a request with Kore.ai's envelope for errors."""
    return RefusalError(errors(message, code, status=status))
