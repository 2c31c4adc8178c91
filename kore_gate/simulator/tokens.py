"""Verifies tokens as Kore.ai does: algorithm, signature, client id, lifetime, second use."""

import base64
import binascii
import hashlib
import hmac
import json

from kore_gate.simulator.messages import Json, refusal

DIGESTS = {"HS256": hashlib.sha256, "HS512": hashlib.sha512}
HOUR = 3600.0
# Tokens are signed with whole seconds and clocks differ a little.
LEEWAY = 1.0

MALFORMED = "Invalid JWT token"
WRONG_APP = "Invalid SDK credentials"
OVER_ONE_HOUR = 'error verifying the jwt: if "jti" claim "exp" must be <= 1 hour(s)'
REPLAY = "error verifying the jwt: possibly a replay"
# Kore.ai publishes no text for the following two.
EXPIRED = "error verifying the jwt: jwt expired"
JTI_MISSING = 'error verifying the jwt: "jti" claim is required'


class Tokens:
    """The tokens of one client app; remembers those that were used."""

    def __init__(self, *, client_id: str, client_secret: str, enforce_jti: bool = False) -> None:
        self._client_id = client_id
        self._secret = client_secret.encode()
        self._enforce_jti = enforce_jti
        self._used: dict[str, float] = {}

    def check(self, token: str, now: float) -> None:
        """Raise the refusal this token earns, if any, and note its use."""
        claims = self._claims(token)
        if claims.get("appId") != self._client_id:
            raise refusal(WRONG_APP, 4002, status=401)
        expires = claims.get("exp")
        if expires is not None and not _is_number(expires):
            raise refusal(MALFORMED, 4002, status=401)
        if expires is not None and expires <= now - LEEWAY:
            raise refusal(EXPIRED, 401)
        self._check_jti(claims.get("jti"), expires, now)

    def _claims(self, token: str) -> Json:
        """Return the claims of a token that is well-formed and carries our signature."""
        malformed = refusal(MALFORMED, 4002, status=401)
        try:
            signed, _, signature = token.rpartition(".")
            header, payload = (_decoded_object(part) for part in signed.split("."))
            digest = DIGESTS.get(str(header.get("alg")))
            given = _decoded(signature)
        except ValueError as exc:
            raise malformed from exc
        if digest is None or not hmac.compare_digest(hmac.digest(self._secret, signed.encode(), digest), given):
            raise malformed
        return payload

    def _check_jti(self, jti: object, expires: float | None, now: float) -> None:
        """Hold the rules for tokens that name themselves."""
        if jti is None:
            if self._enforce_jti:
                raise refusal(JTI_MISSING, 401)
            return
        if expires is None or expires > now + HOUR + LEEWAY:
            raise refusal(OVER_ONE_HOUR, 401)
        if str(jti) in self._used:
            raise refusal(REPLAY, 401)
        if len(self._used) > 10_000:
            self._used = {one: until for one, until in self._used.items() if until > now - LEEWAY}
        self._used[str(jti)] = expires


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _decoded(part: str) -> bytes:
    try:
        return base64.b64decode(part.encode("ascii") + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except binascii.Error as exc:
        raise ValueError(part) from exc


def _decoded_object(part: str) -> Json:
    value = json.loads(_decoded(part))
    if not isinstance(value, dict):
        raise ValueError(part)  # noqa: TRY004 (the caller takes one kind of error for every malformed token)
    return value
