import base64
import json
from typing import Any

import pytest

from kore_gate.simulator import kore
from kore_gate.simulator.messages import Request
from tests.fakes.caller import START, Caller, payload, sample, token


def _raw(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


_BAD = {
    "missing": "",
    "no token at all": "not-a-token",
    "bearer prefix": f"Bearer {token()}",
    "wrong secret": token(secret="another-secret-that-is-long-enough-for-everyone"),
    "alg none": f"{_raw({'alg': 'none'})}.{_raw({'appId': kore.CLIENT_ID})}.",
    "unsupported algorithm": token(algorithm="HS384"),
    "four parts": f"{token()}.x",
    "header is a list": f"{_raw([])}.{_raw({})}.eA",
    "no base64": "!!.??.**",
    "no ASCII": "é.é.é",
    "exp is a text": token(exp="soon"),
    "exp is a truth": token(exp=True),
}


@pytest.mark.parametrize("auth", _BAD.values(), ids=_BAD)
def test_tokens__malformed(auth: str) -> None:
    """What is no token of ours is refused with the documented 4002."""
    caller = Caller()

    response = caller.simulator.handle(_status_request(caller, auth))

    assert response.status == 401
    assert payload(response) == sample("error-invalid-jwt-4002")


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        pytest.param({"appId": "cs-somebody-else"}, "error-invalid-sdk-credentials-4002", id="another app"),
        pytest.param({"appId": None}, "error-invalid-sdk-credentials-4002", id="no app"),
        pytest.param({"exp": int(START) + 3700}, "error-jti-exp-over-one-hour-401", id="jti lives too long"),
        pytest.param({"exp": None}, "error-jti-exp-over-one-hour-401", id="jti lives for ever"),
    ],
)
def test_tokens__documented_refusals(claims: dict[str, Any], expected: str) -> None:
    """Wrong claims get the documented bodies."""
    caller = Caller()

    response = caller.simulator.handle(_status_request(caller, token(**claims)))

    assert response.status == 401
    assert payload(response) == sample(expected)


def test_tokens__expired() -> None:
    """An expired token is refused with code 401."""
    caller = Caller()

    response = caller.simulator.handle(_status_request(caller, token(now=START - 1000)))

    assert response.status == 401
    assert payload(response)["errors"][0]["code"] == 401


@pytest.mark.parametrize("algorithm", ["HS256", "HS512"])
@pytest.mark.parametrize("claims", [{}, {"jti": None, "exp": None, "sub": None, "iat": None}], ids=["ours", "smallest"])
def test_tokens__accepted(algorithm: str, claims: dict[str, Any]) -> None:
    """Both shared-secret algorithms are taken, and `appId` alone is enough."""
    caller = Caller()

    response = caller.simulator.handle(_status_request(caller, token(algorithm=algorithm, **claims)))

    assert response.status == 200


def test_tokens__replay() -> None:
    """A token with a jti serves one request only."""
    caller, auth = Caller(), token()

    first, second = (caller.simulator.handle(_status_request(caller, auth)) for _ in range(2))

    assert first.status == 200
    assert second.status == 401
    assert payload(second) == sample("error-jti-replay-401")


def test_tokens__without_jti_may_be_used_again() -> None:
    """A token without a jti serves any number of requests."""
    caller, auth = Caller(), token(jti=None)

    statuses = [caller.simulator.handle(_status_request(caller, auth)).status for _ in range(3)]

    assert statuses == [200, 200, 200]


def test_tokens__enforced_jti() -> None:
    """Where the app enforces jti, a token without one is refused."""
    caller = Caller(enforce_jti=True)

    refused, accepted = (caller.simulator.handle(_status_request(caller, token(jti=jti))).status for jti in (None, "x"))

    assert (refused, accepted) == (401, 200)


def test_tokens__forgets_expired_jtis() -> None:
    """The memory of used tokens does not grow for ever, and still knows every token that is alive."""
    caller = Caller()
    used = caller.simulator._tokens._used
    used.update({f"old {number}": START - 10 for number in range(10_001)})
    alive = token(exp=int(START) + 10)

    caller.simulator.handle(_status_request(caller, alive))
    again = caller.simulator.handle(_status_request(caller, alive))

    assert len(caller.simulator._tokens._used) == 1
    assert payload(again) == sample("error-jti-replay-401")


def _status_request(caller: Caller, auth: str) -> Request:
    return Request("GET", f"{caller.bot}/import/ds-demo-1/status", {"auth": auth} if auth else {})
