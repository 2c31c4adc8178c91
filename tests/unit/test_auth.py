"""Tokens: what they claim, what can sign them, and what is said when Kore.ai refuses them."""

import base64
import json
import sys
import warnings
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kore_gate import errors
from kore_gate.kore.auth import LIFETIME, Signer
from tests.fakes.clock import EPOCH, FakeClock
from tests.fakes.pipeline import make_settings

SECRET = "a-client-secret-that-is-long-enough-for-hs512-and-nobody-else-knows-it"
NOW = int(EPOCH.timestamp())


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    encryption: serialization.KeySerializationEncryption | None = None,
) -> str:
    """Write a key as PEM."""
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, encryption or serialization.NoEncryption()).decode()


def signer(clock: FakeClock, **changes: Any) -> Signer:
    return Signer(make_settings(**{"client_secret": SECRET, **changes}), clock)


def ready_made(**claims: object) -> str:
    """Make a token as a caller might hand it out."""
    return jwt.encode(claims, SECRET, "HS256")


def own(clock: FakeClock, token: str) -> Signer:
    return signer(clock, jwt=token, client_secret="", client_id="")


@pytest.mark.parametrize("algorithm", ["HS256", "HS512"])
def test_token__shared_secret(clock: FakeClock, algorithm: str) -> None:
    """A token is signed with the client secret and claims what the contract says, for five minutes."""
    token = signer(clock, jwt_algorithm=algorithm, client_id="cs-1 Ü").token()

    claims = jwt.decode(token, SECRET, [algorithm], options={"verify_exp": False, "verify_iat": False})
    assert jwt.get_unverified_header(token) == {"alg": algorithm, "typ": "JWT"}
    assert claims.pop("jti")
    assert claims == {"appId": "cs-1 Ü", "sub": "kore_gate", "iat": NOW, "exp": NOW + 300}
    assert LIFETIME == 300


@pytest.mark.parametrize("algorithm", ["RS256", "RS512"])
def test_token__key_pair(clock: FakeClock, rsa_key: rsa.RSAPrivateKey, algorithm: str) -> None:
    """With a private key the public one verifies."""
    token = signer(clock, jwt_algorithm=algorithm, private_key=pem(rsa_key), client_secret="").token()

    options: Any = {"verify_exp": False, "verify_iat": False}
    assert jwt.decode(token, rsa_key.public_key(), [algorithm], options=options)["appId"]


def test_token__fresh_each_time(clock: FakeClock) -> None:
    """No two requests carry the same token, within the same second either."""
    made = Signer(make_settings(client_secret=SECRET), clock)

    tokens = [made.token() for _ in range(50)]

    assert len(set(tokens)) == 50


def test_token__moves_with_the_clock(clock: FakeClock) -> None:
    """The lifetime counts from the request, not from the start."""
    made = signer(clock)

    clock.run(clock.sleep(1000))

    made.token()
    assert made.decoded()["exp"] == NOW + 1000 + LIFETIME


def test_token__ready_made(clock: FakeClock) -> None:
    """A token that was handed over is sent as it is."""
    token = ready_made(appId="cs-1")

    made = own(clock, token)

    assert (made.token(), made.token()) == (token, token)


@pytest.mark.parametrize("secret", ["x", "short"])
def test_token__short_secret(clock: FakeClock, secret: str) -> None:
    """How long a client secret is, Kore.ai decides: nothing is warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        signer(clock, client_secret=secret).token()

    assert caught == []


def test_signer__without_cryptography(
    clock: FakeClock, rsa_key: rsa.RSAPrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the extra is not installed, the gate says so and how to get it."""
    settings = {"jwt_algorithm": "RS256", "private_key": pem(rsa_key), "client_secret": ""}
    for name in [name for name in sys.modules if name.partition(".")[0] in {"jwt", "cryptography"}]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cryptography", None)

    with pytest.raises(errors.SettingsError) as caught:
        signer(clock, **settings)

    assert caught.value.exit_code == 2
    assert caught.value.details == ("jwt-algorithm RS256 needs the extra kore-gate[rsa], which is not installed.",)
    assert caught.value.hint == "pip install 'kore-gate[rsa]', or build the image with --build-arg EXTRAS=rsa."


def unusable(rsa_key: rsa.RSAPrivateKey) -> dict[str, tuple[str, dict[str, str]]]:
    """Return keys that can't sign: the setting that is to blame, and what was given."""
    public = rsa_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    broken = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
    keys = {
        "broken": broken,
        "no PEM": "no key at all",
        "encrypted": pem(rsa_key, serialization.BestAvailableEncryption(b"x")),
        "elliptic": pem(ec.generate_private_key(ec.SECP256R1())),
        "public": public.decode(),
    }
    found = {
        name: ("private-key", {"jwt_algorithm": "RS256", "private_key": key, "client_secret": ""})
        for name, key in keys.items()
    }
    found["secret that is a key"] = ("client-secret", {"client_secret": pem(rsa_key)})
    found["secret that is no text"] = ("client-secret", {"client_secret": "half \udcff"})
    return found


@pytest.mark.parametrize(
    "kind",
    ["broken", "no PEM", "encrypted", "elliptic", "public", "secret that is a key", "secret that is no text"],
)
def test_signer__unusable_key(clock: FakeClock, rsa_key: rsa.RSAPrivateKey, kind: str) -> None:
    """A key that can't sign is a matter of settings, known before anything is sent, and never shown."""
    name, given_settings = unusable(rsa_key)[kind]
    sources = {name: f"variable KORE_{name.upper().replace('-', '_')}"}

    with pytest.raises(errors.SettingsError) as caught:
        signer(clock, **given_settings, sources=sources)

    problem = caught.value.details[0]
    assert problem.startswith(f"{name} ({sources[name]}) cannot sign")
    assert caught.value.hint == "A private key must be unencrypted PEM; a client secret must not be a key file."
    assert not any(
        key and key in problem for key in (given_settings.get("private_key"), given_settings["client_secret"])
    )


def test_decoded(clock: FakeClock) -> None:
    """Before the first request there are claims to look at, too."""
    made = signer(clock, client_id="cs-1")

    assert made.decoded()["appId"] == "cs-1"


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b.c",
        "..",
        f"e30.{part([1])}.e30",
        f"e30.{part('text')}.e30",
        "e30.äöü.e30",
        "e30.x.",
        f"e30.{base64.urlsafe_b64encode(b'[' * 20_000).decode()}.e30",
        f"e30.{base64.urlsafe_b64encode(bytes(range(128, 200))).decode()}.e30",
    ],
)
def test_decoded__nonsense(clock: FakeClock, token: str) -> None:
    """What is not a token has no claims."""
    assert own(clock, token or " ").decoded() == {}


@given(st.dictionaries(st.sampled_from(["exp", "jti", "appId"]), st.none() | st.booleans() | st.floats() | st.text()))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_advice__any_claims(clock: FakeClock, claims: dict[str, object]) -> None:
    """Whatever a ready-made token claims, there is advice."""
    made = own(clock, f"e30.{part(claims)}.e30")

    cause, hint = made.advice(None)

    assert cause.endswith(".")
    assert "ready-made token" in hint


@pytest.mark.parametrize("exp", [NOW - 60, -(10**40), -1e300])
def test_advice__expired(clock: FakeClock, exp: float) -> None:
    """A ready-made token that has expired is the first thing to look at."""
    _, hint = own(clock, ready_made(appId="cs-1", exp=exp)).advice(None)

    assert hint.startswith("The ready-made token has expired: create a new one")


def test_advice__jti(clock: FakeClock) -> None:
    """A token that names itself serves one request only."""
    _, hint = own(clock, ready_made(appId="cs-1", jti="1", exp=NOW + 60)).advice(None)

    assert hint.startswith("The ready-made token has a jti, so it is valid for one request only")


def test_advice__no_app_id(clock: FakeClock) -> None:
    """Nothing else being wrong, a ready-made token may name the wrong app."""
    _, hint = own(clock, ready_made(sub="x")).advice(None)

    assert hint.startswith("The ready-made token must contain the client id as appId")


@pytest.mark.parametrize(
    ("skew", "cause"),
    [
        (None, "a wrong client id or secret"),
        (0.0, "a wrong client id or secret"),
        (59.0, "a wrong client id or secret"),
        (-59.0, "a wrong client id or secret"),
        (600.0, "this machine's clock: it is 10m behind Kore.ai's"),
        (-600.0, "this machine's clock: it is 10m ahead of Kore.ai's"),
    ],
)
def test_advice__skew(clock: FakeClock, skew: float | None, cause: str) -> None:
    """A clock that is wrong in either direction is named; one that is nearly right is not."""
    found, hint = signer(clock).advice(skew)

    assert found.startswith(cause)
    assert hint.startswith("Set the runner's clock (NTP)") == ("clock" in cause)
    for word in ("client-id", "appId", "Conversation Tests Management", "published", "https://kore.example"):
        assert word in hint


def test_advice__forbidden(clock: FakeClock) -> None:
    """Code 403 is about what is asked for: the bot, the scope, the user."""
    cause, hint = signer(clock, stream_id="st-1").advice(None, is_forbidden=True)

    assert cause.startswith("a stream-id of another account")
    assert hint.startswith("Check stream-id (st-1) and user-email; Check client-id")


def test_advice__never_expires(clock: FakeClock) -> None:
    """A token that never expires has not expired."""
    _, hint = own(clock, ready_made(appId="cs-1", exp=10**30)).advice(None)

    assert hint.startswith("The ready-made token must contain the client id")
