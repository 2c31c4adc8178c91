"""Signs tokens for Kore.ai: a fresh, short-lived one for each request, or the caller's own.

Source of claims and header: Kore.ai's page "Using Platform APIs".
"""

import secrets
import warnings

from kore_gate import errors, text
from kore_gate.clock import Clock
from kore_gate.settings.sources import Settings

_MOST_SKEW = 60.0
LIFETIME = 300  # seconds; Kore.ai refuses tokens with a jti that live for more than an hour


class Signer:
    """Makes the tokens for the header `auth`. Raises SettingsError when the key can't sign."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self.token()

    def token(self) -> str:
        """Return the token for one request."""
        import jwt

        settings = self._settings
        if settings.jwt:
            return settings.jwt
        now = int(self._clock.now().timestamp())
        claims: dict[str, object] = {"appId": settings.client_id, "sub": "kore_gate", "jti": secrets.token_hex(16)}
        claims |= {"iat": now, "exp": now + LIFETIME}
        try:
            with warnings.catch_warnings():
                # How long a client secret is, Kore.ai decides.
                warnings.simplefilter("ignore")
                return jwt.encode(claims, settings.private_key or settings.client_secret, settings.jwt_algorithm)
        except NotImplementedError as exc:
            raise errors.SettingsError(
                [f"jwt-algorithm {settings.jwt_algorithm} needs the extra kore-gate[rsa], which is not installed."],
                hint="pip install 'kore-gate[rsa]', or build the image with --build-arg EXTRAS=rsa.",
            ) from exc
        except Exception as exc:  # the libraries of keys have errors of many kinds
            name = "private-key" if settings.private_key else "client-secret"
            source = settings.sources.get(name, "given")
            problem = f"{name} ({source}) cannot sign {settings.jwt_algorithm} tokens: {type(exc).__name__}."
            hint = "A private key must be unencrypted PEM; a client secret must not be a key file."
            raise errors.SettingsError([problem], hint=hint) from exc

    def decoded(self) -> dict[str, object]:
        """Return the claims of a token, unverified; empty if it can't be read."""
        import jwt

        try:
            return dict(jwt.decode(self.token(), options={"verify_signature": False}))
        except (jwt.PyJWTError, ValueError, RecursionError):
            return {}

    def token_fault(self) -> str:
        """Say what the claims of a ready-made token show to be wrong with it, and what to do."""
        claims = self.decoded() if self._settings.jwt else {}
        expires = claims.get("exp")
        if isinstance(expires, int | float) and expires < self._clock.now().timestamp():
            return "The ready-made token has expired: create a new one, or use client-id and client-secret instead"
        if "jti" in claims:
            return (
                "The ready-made token has a jti, so it is valid for one request only: use client-id and client-secret"
                " instead, and kore_gate signs a token for each request"
            )
        return "The ready-made token must contain the client id as appId" if claims and "appId" not in claims else ""

    def advice(self, skew: float | None, *, is_forbidden: bool = False) -> tuple[str, str]:
        """Say what usually makes Kore.ai refuse a token, or what is asked for with it (code 403), and what to do."""
        cause = (
            "a wrong client id or secret, or an app without the scope, not published, or of another account or host."
        )
        steps = [
            "Check client-id (it becomes the claim appId, case and spaces count) and client-secret",
            'the scopes "Conversation Tests Management" (import) and "Conversation Tests Execution" (run) of the app',
            "that the bot was published after the scopes were selected",
            f"that the bot is on {self._settings.host}",
        ]
        if is_forbidden:
            # Kore.ai also answers 403 to values in a request's body that it does not accept.
            cause = "a stream-id of another account or environment, an app without the scope, or a wrong user-email."
            steps.insert(0, f"Check stream-id ({self._settings.stream_id}) and user-email")
        if self._settings.jwt:
            steps.insert(0, self.token_fault() or "The ready-made token must contain the client id as appId")
        if distance := too_far(skew):
            cause = f"this machine's clock: it is {distance} Kore.ai's, so tokens are not valid."
            steps.insert(0, "Set the runner's clock (NTP)")
        return cause, "; ".join(steps) + "."


def too_far(skew: float | None) -> str:
    """Say how far this machine's clock is from Kore.ai's (`2h behind`), "" where tokens are valid all the same."""
    if skew is None or abs(skew) <= _MOST_SKEW:
        return ""
    return f"{text.duration(abs(skew))} {'behind' if skew > 0 else 'ahead of'}"
