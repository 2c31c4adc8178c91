"""How one setting's text is read: durations, sizes, hosts, lists. Each raises ValueError with what would be right."""

import base64
import binascii
import ipaddress
import json
import re
import urllib.parse

_DURATION = re.compile(
    r"(?:(?P<h>\d{1,5})h)?(?:(?P<m>\d{1,6})m)?(?:(?P<s>\d{1,7}(?:\.\d{1,3})?)s)?(?:(?P<ms>\d{1,8})ms)?", re.ASCII
)
_SIZE = re.compile(r"(\d{1,12})\s*(|B|KB|MB|GB|KiB|MiB|GiB)", re.ASCII | re.IGNORECASE)
_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_HOST_NAME = re.compile(r"[\w.-]+|\[[0-9a-fA-F:.]+\]")
_TOKEN_PARTS = (3, 5)  # signed, encrypted


def text(given: str) -> str:
    """Take the text as it is, if it has no control characters."""
    if any(ord(char) < 0x20 or ord(char) == 0x7F for char in given):
        raise ValueError("has a line break or another control character in it")
    return given


def identifier(given: str) -> str:
    """Take an opaque id: one path segment."""
    if given in {".", ".."}:
        raise ValueError("is no id")
    return text(given)


def flag(given: str) -> bool:
    """Read yes or no."""
    lowered = given.lower()
    if lowered in {"true", "yes", "on", "1"}:
        return True
    if lowered in {"false", "no", "off", "0"}:
        return False
    raise ValueError("is neither true nor false")


def duration(given: str) -> float:
    """Read `90`, `90s`, `15m`, `1h30m` or `500ms` as seconds."""
    wanted = "is no duration: write 90, 90s, 15m or 1h30m"
    if re.fullmatch(r"\d{1,7}(\.\d{1,3})?", given, re.ASCII):
        seconds = float(given)
    elif (match := _DURATION.fullmatch(given)) and given:
        hours, minutes, rest, milliseconds = (float(match[unit] or 0) for unit in ("h", "m", "s", "ms"))
        seconds = hours * 3600 + minutes * 60 + rest + milliseconds / 1000
    else:
        raise ValueError(wanted)
    if seconds <= 0:
        raise ValueError("must be longer than nothing")
    return seconds


def interval(given: str) -> float | None:
    """Read a duration, or `auto` as None."""
    if given == "auto":
        return None
    try:
        return duration(given)
    except ValueError as problem:
        raise ValueError(f"{problem}, or auto") from None


def size(given: str) -> int:
    """Read `64MiB`, `500kB` or a number of bytes."""
    match = _SIZE.fullmatch(given)
    if not match or int(match[1]) == 0:
        raise ValueError("is no size: write 64MiB or a number of bytes")
    return int(match[1]) * _UNITS[match[2].lower()]


def number(given: str) -> int:
    """Read a whole number above zero."""
    if not re.fullmatch(r"\d{1,6}", given, re.ASCII) or int(given) == 0:
        raise ValueError("is no whole number above zero")
    return int(given)


def ids(given: str) -> tuple[str, ...]:
    """Read ids separated by commas, spaces or newlines, or a JSON array of them."""
    found = _json_list(given)
    if found is None:
        found = [part for part in re.split(r"[,\s]+", given) if part]
    return tuple(dict.fromkeys(identifier(part) for part in found))


def lines(given: str) -> tuple[str, ...]:
    """Read one entry per line, or a JSON array of them."""
    found = _json_list(given)
    if found is None:
        found = [part.strip() for part in given.splitlines() if part.strip()]
    return tuple(dict.fromkeys(identifier(part) for part in found))


def words(given: str) -> tuple[str, ...]:
    """Read texts separated by commas or newlines."""
    return tuple(dict.fromkeys(part.strip() for part in re.split(r"[,\n]", given) if part.strip()))


def _json_list(given: str) -> list[str] | None:
    """Return what a JSON array of texts holds: the form in which the gate itself hands out several ids."""
    if not given.lstrip().startswith("["):
        return None
    try:
        found = json.loads(given)
    except (ValueError, RecursionError):
        return None
    if isinstance(found, list) and all(isinstance(part, str) for part in found):
        return [part for part in found if part]
    return None


def host(given: str) -> str:
    """Read a host or its URL as the base of all addresses, without a slash at the end."""
    bare = "://" not in given
    # A bare name is meant to be safe; only the machine itself is spoken to in the clear without being asked.
    scheme = "http" if bare and is_loopback(urllib.parse.urlsplit(f"//{given}").hostname or "") else "https"
    try:
        parts = urllib.parse.urlsplit(f"{scheme}://{given}" if bare else given)
        port = parts.port
    except ValueError as problem:
        raise ValueError(f"is no host: {problem}") from None
    if parts.scheme.lower() not in {"http", "https"}:
        raise ValueError("must be a host name or an http(s) address")
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise ValueError("has credentials in it: give them as client-id and client-secret, or as jwt")
    if parts.query or parts.fragment or "?" in given or "#" in given:
        raise ValueError("has a query or a fragment in it: give the host, and a base path if there is one")
    name = parts.netloc.rsplit(":", 1)[0] if port is not None else parts.netloc.rstrip(":")
    if not _HOST_NAME.fullmatch(name) or not parts.hostname or any(char.isspace() for char in given):
        raise ValueError("is no host name")
    port_part = f":{port}" if port is not None else ""
    return f"{parts.scheme.lower()}://{name}{port_part}{parts.path.rstrip('/')}"


def is_loopback(name: str) -> bool:
    """Tell whether a host name means this machine."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def token(given: str) -> str:
    """Check that a ready-made token has the form of one; what it says is Kore.ai's to judge."""
    if given.lower().startswith("bearer "):
        raise ValueError('starts with "Bearer": Kore.ai takes the token alone')
    parts = given.split(".")
    try:
        header = json.loads(base64.urlsafe_b64decode(parts[0] + "=" * (-len(parts[0]) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        header = None
    if len(parts) not in _TOKEN_PARTS or not isinstance(header, dict) or "alg" not in header:
        raise ValueError("is no JSON web token (three parts of base64url, separated by dots)")
    return given


def private_key(given: str) -> str:
    r"""Check that a key is PEM; a key in one line may have its line breaks written as \n."""
    key = given.replace("\\n", "\n") if "\n" not in given else given
    if not re.search(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s", key) or "-----END" not in key:
        raise ValueError("is no private key in PEM form (-----BEGIN … PRIVATE KEY-----)")
    return key


def secret(given: str) -> str:
    """Take a secret that can stand in a header or sign a token."""
    return text(given)
