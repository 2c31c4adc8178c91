"""How one setting's text is read: durations, sizes, hosts, lists. Each raises ValueError with what would be right."""

import base64
import ipaddress
import json
import re
import unicodedata
import urllib.parse
from collections.abc import Iterable

_DURATION = re.compile(
    r"(?:(?P<h>\d{1,5})h)?(?:(?P<m>\d{1,6})m)?(?:(?P<s>\d{1,7}(?:\.\d{1,3})?)s)?(?:(?P<ms>\d{1,8})ms)?", re.ASCII
)
_SIZE = re.compile(r"(\d{1,12})\s*(|B|KB|MB|GB|KiB|MiB|GiB)", re.ASCII | re.IGNORECASE)
_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?", re.ASCII)
_TOKEN = re.compile(r"[\w-]+(?:\.[\w-]*){2}(?:(?:\.[\w-]*){2})?", re.ASCII)  # signed, or encrypted
_LANGUAGE = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*", re.ASCII | re.IGNORECASE)
_LONGEST_HOST = 253


def text(given: str) -> str:
    """Take the text as it is, if it has no control characters."""
    kinds = {unicodedata.category(char) for char in given}
    if "Cc" in kinds:
        raise ValueError("must not contain line breaks or control characters")
    if "Cs" in kinds:
        raise ValueError("is not valid UTF-8")
    return given


def identifier(given: str) -> str:
    """Take an opaque id: one path segment."""
    if given in {".", ".."}:
        raise ValueError("is not an id")
    return text(given)


def flag(given: str) -> bool:
    """Read yes or no."""
    lowered = given.lower()
    if lowered in {"true", "yes", "on", "1"}:
        return True
    if lowered in {"false", "no", "off", "0"}:
        return False
    raise ValueError("must be true or false")


def duration(given: str) -> float:
    """Read `90`, `90s`, `15m`, `1h30m` or `500ms` as seconds."""
    wanted = "is not a duration: use 90, 90s, 15m or 1h30m"
    if re.fullmatch(r"\d{1,7}(\.\d{1,3})?", given, re.ASCII):
        seconds = float(given)
    elif (match := _DURATION.fullmatch(given)) and given:
        hours, minutes, rest, milliseconds = (float(match[unit] or 0) for unit in ("h", "m", "s", "ms"))
        seconds = hours * 3600 + minutes * 60 + rest + milliseconds / 1000
    else:
        raise ValueError(wanted)
    if seconds <= 0:
        raise ValueError("must be greater than 0")
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
        raise ValueError("is not a size: use 64MiB or a number of bytes")
    return int(match[1]) * _UNITS[match[2].lower()]


def number(given: str) -> int:
    """Read a whole number above zero."""
    if not re.fullmatch(r"\d{1,6}", given, re.ASCII) or int(given) == 0:
        raise ValueError("must be a whole number greater than 0")
    return int(given)


def ids(given: str) -> tuple[str, ...]:
    """Read ids separated by commas, spaces or newlines, or a JSON array of them."""
    return _several(_json_list(given, re.split(r"[,\s]+", given)))


def run_ids(given: str) -> tuple[str, ...]:
    """Read ids as `ids` does, each as often as it is given: they stand for suites, one for one."""
    found = tuple(identifier(part) for part in _json_list(given, re.split(r"[,\s]+", given)) if part)
    if not found:
        raise ValueError("is empty")
    return found


def lines(given: str) -> tuple[str, ...]:
    """Read one entry per line, or a JSON array of them."""
    return _several(_json_list(given, [part.strip() for part in re.split(r"[\r\n]", given)]))


def words(given: str) -> tuple[str, ...]:
    """Read texts separated by commas or newlines."""
    return tuple(dict.fromkeys(text(part.strip()) for part in re.split(r"[,\r\n]", given) if part.strip()))


def _several(parts: Iterable[str]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(identifier(part) for part in parts if part))
    if not found:
        raise ValueError("is empty")
    return found


def _json_list(given: str, otherwise: list[str]) -> list[str]:
    """Return what a JSON array of texts holds: the form in which the gate itself hands out several ids."""
    try:
        found = json.loads(given) if given.startswith("[") else None
    except (ValueError, RecursionError):
        return otherwise
    if not isinstance(found, list):
        return otherwise
    if not all(isinstance(part, str) for part in found):
        raise ValueError("must be a JSON array of strings")
    return found


def host(given: str) -> str:
    """Read a host or its URL as the base of all addresses, without a slash at the end."""
    if "@" in given:
        raise ValueError("must not contain credentials: use client-id and client-secret, or jwt")
    if "?" in given or "#" in given:
        raise ValueError("must not contain a query or a fragment: use the host, with a base path if needed")
    if "\\" in given or any(char.isspace() for char in text(given)):
        raise ValueError("must not contain a space or a backslash")
    bare = "://" not in given
    try:
        parts = urllib.parse.urlsplit(f"//{given}" if bare else given)
        port = parts.port
    except ValueError as problem:
        raise ValueError(f"is not a host: {problem}") from None
    if not bare and parts.scheme not in {"http", "https"}:
        raise ValueError("must be a host name or an http(s) URL")
    name = _host_name(parts.netloc, port)
    # A bare name is meant to be safe; only the machine itself is spoken to in the clear without being asked.
    scheme = parts.scheme or ("http" if is_loopback(name.strip("[]")) else "https")
    port_part = f":{port}" if port is not None else ""
    return f"{scheme}://{name}{port_part}{parts.path.rstrip('/')}"


def _host_name(netloc: str, port: int | None) -> str:
    """Return the name or address in it, if it can be one."""
    name = (netloc.rsplit(":", 1)[0] if port is not None else netloc).lower()
    if port == 0 or name.endswith(":"):
        raise ValueError("has a colon but no valid port")
    if not name.isascii():
        # Letters that look alike would take the token elsewhere.
        raise ValueError("has non-ASCII letters in its name: use its xn-- form")
    try:
        if name.startswith("[") and "%" not in name:
            ipaddress.IPv6Address(name.removeprefix("[").removesuffix("]"))
            return name
        if re.fullmatch(r"[0-9.]+", name):
            return str(ipaddress.IPv4Address(name))
        name.encode().decode("idna")
    except UnicodeError:
        raise ValueError("has an invalid name in xn-- form") from None
    except ValueError as problem:
        raise ValueError(f"is not a host: {problem}") from None
    if not _HOST_NAME.fullmatch(name) or len(name) > _LONGEST_HOST:
        raise ValueError("is not a host name")
    return name


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
        raise ValueError('starts with "Bearer": use the token alone')
    wanted = "is not a JSON web token (three base64url parts, separated by dots)"
    if not _TOKEN.fullmatch(given):
        raise ValueError(wanted)
    first = given.split(".", maxsplit=1)[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)))
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict) or "alg" not in header:
        raise ValueError(wanted)
    return given


def private_key(given: str) -> str:
    r"""Check that a key is PEM; a key in one line may have its line breaks written as \n."""
    key = given.replace("\\n", "\n") if "\n" not in given else given
    if not re.search(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s", key) or "-----END" not in key:
        raise ValueError("is not a private key in PEM form (-----BEGIN … PRIVATE KEY-----)")
    return key


def secret(given: str) -> str:
    """Take a secret that can stand in a header or sign a token."""
    return text(given)


def language(given: str) -> str:
    """Take the code of a language, as it can stand in a header: `en`, `en_US`, `zh-Hans`."""
    if not _LANGUAGE.fullmatch(given):
        raise ValueError("is not a language code: use en, en_US or zh-Hans")
    return given
