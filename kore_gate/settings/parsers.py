"""Parse one setting's text: durations, sizes, hosts, lists. Each function raises ValueError for an invalid text."""

import base64
import ipaddress
import json
import re
import unicodedata
import urllib.parse
from collections.abc import Callable

from kore_gate.errors import ExitCode

BOOLEANS = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(("false", "no", "off", "0"), False)
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

# A bug or an interruption is never a success, and bad usage would hide every other fault.
SOFT = [code.value for code in ExitCode if 0 < code < ExitCode.BUG and code is not ExitCode.USAGE]


def text(raw: str) -> str:
    """Take the text as it is, if it has no control characters."""
    kinds = {unicodedata.category(char) for char in raw}
    if "Cc" in kinds:
        raise ValueError("must not contain line breaks or control characters")
    if "Cs" in kinds:
        raise ValueError("is not valid UTF-8")
    return raw


def identifier(raw: str) -> str:
    """Take an opaque id: one path segment."""
    if raw in {".", ".."}:
        raise ValueError("is not an id")
    return text(raw)


def flag(raw: str) -> bool:
    """Read yes or no."""
    if raw.lower() not in BOOLEANS:
        raise ValueError("must be true or false")
    return BOOLEANS[raw.lower()]


def duration(raw: str) -> float:
    """Read `90`, `90s`, `15m`, `1h30m` or `500ms` as seconds."""
    if re.fullmatch(r"\d{1,7}(\.\d{1,3})?", raw, re.ASCII):
        seconds = float(raw)
    elif (match := _DURATION.fullmatch(raw)) and raw:
        hours, minutes, rest, milliseconds = (float(match[unit] or 0) for unit in ("h", "m", "s", "ms"))
        seconds = hours * 3600 + minutes * 60 + rest + milliseconds / 1000
    else:
        raise ValueError("is not a duration: use 90, 90s, 15m or 1h30m")
    if seconds <= 0:
        raise ValueError("must be greater than 0")
    return seconds


def interval(raw: str) -> float | None:
    """Read a duration, or `auto` as None."""
    if raw == "auto":
        return None
    try:
        return duration(raw)
    except ValueError as problem:
        raise ValueError(f"{problem}, or auto") from None


def size(raw: str) -> int:
    """Read `64MiB`, `500kB` or a number of bytes."""
    match = _SIZE.fullmatch(raw)
    if not match or int(match[1]) == 0:
        raise ValueError("is not a size: use 64MiB or a number of bytes")
    return int(match[1]) * _UNITS[match[2].lower()]


def number(raw: str) -> int:
    """Read a whole number above zero."""
    if not re.fullmatch(r"\d{1,6}", raw, re.ASCII) or int(raw) == 0:
        raise ValueError("must be a whole number greater than 0")
    return int(raw)


def ids(raw: str) -> tuple[str, ...]:
    """Read ids separated by commas, spaces or newlines, or a JSON array of them."""
    return tuple(dict.fromkeys(run_ids(raw)))


def run_ids(raw: str) -> tuple[str, ...]:
    """Read ids and keep repeated ones: each stands for one suite."""
    return _entries(raw, r"[,\s]+")


def lines(raw: str) -> tuple[str, ...]:
    """Read one entry per line, or a JSON array of them."""
    return tuple(dict.fromkeys(_entries(raw, r"[\r\n]")))


def words(raw: str) -> tuple[str, ...]:
    """Read texts separated by commas or newlines."""
    return tuple(dict.fromkeys(text(part.strip()) for part in re.split(r"[,\r\n]", raw) if part.strip()))


def _entries(raw: str, separator: str) -> tuple[str, ...]:
    """Read the texts of a JSON array, the form in which the gate itself writes several ids, or split the text."""
    try:
        parts = json.loads(raw) if raw.startswith("[") else None
    except (ValueError, RecursionError):
        parts = None
    if not isinstance(parts, list):
        parts = [part.strip() for part in re.split(separator, raw)]
    if not all(isinstance(part, str) for part in parts):
        raise ValueError("must be a JSON array of strings")
    entries = tuple(identifier(part) for part in parts if part)
    if not entries:
        raise ValueError("is empty")
    return entries


def exit_codes(raw: str) -> frozenset[int]:
    """Read the exit codes that may be turned into 0."""
    parts = ids(raw)
    if not all(re.fullmatch(r"\d{1,3}", part, re.ASCII) for part in parts):
        raise ValueError("is not a list of exit codes: use 1,4")
    codes = frozenset(map(int, parts))
    if unknown := sorted(codes - set(SOFT)):
        raise ValueError(f"must not contain {unknown[0]}: use any of {', '.join(map(str, SOFT))}")
    return codes


def choice(*allowed: str) -> Callable[[str], str]:
    """Return a parser that takes one of these words, in any case."""

    def parse(raw: str) -> str:
        for name in allowed:
            if raw.lower() == name.lower():
                return name
        raise ValueError(f"must be one of {', '.join(allowed)}")

    return parse


def host(raw: str) -> str:
    """Read a host or its URL as the base of all addresses, without a slash at the end."""
    if "@" in raw:
        raise ValueError("must not contain credentials: use client-id and client-secret, or jwt")
    if "?" in raw or "#" in raw:
        raise ValueError("must not contain a query or a fragment: use the host, with a base path if needed")
    if "\\" in raw or any(char.isspace() for char in text(raw)):
        raise ValueError("must not contain a space or a backslash")
    bare = "://" not in raw
    try:
        parts = urllib.parse.urlsplit(f"//{raw}" if bare else raw)
        port = parts.port
    except ValueError as problem:
        raise ValueError(f"is not a host: {problem}") from None
    if not bare and parts.scheme not in {"http", "https"}:
        raise ValueError("must be a host name or an http(s) URL")
    name = _host_name(parts.netloc, port)
    # A name without a scheme gets https; only this machine is called over plain http by default.
    scheme = parts.scheme or ("http" if is_loopback(name.strip("[]")) else "https")
    port_part = f":{port}" if port is not None else ""
    return f"{scheme}://{name}{port_part}{parts.path.rstrip('/')}"


def _host_name(netloc: str, port: int | None) -> str:
    """Return the valid host name or address in it."""
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


def token(raw: str) -> str:
    """Check that a ready-made token has the form of a token; its claims are for Kore.ai to check."""
    if raw.lower().startswith("bearer "):
        raise ValueError('starts with "Bearer": use the token alone')
    first = raw.partition(".")[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)))
    except (ValueError, RecursionError):
        header = None
    if not _TOKEN.fullmatch(raw) or not isinstance(header, dict) or "alg" not in header:
        raise ValueError("is not a JSON web token (three base64url parts, separated by dots)")
    return raw


def private_key(raw: str) -> str:
    r"""Check that a key is PEM; a key in one line may have its line breaks written as \n."""
    key = raw.replace("\\n", "\n") if "\n" not in raw else raw
    if not re.search(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s", key) or "-----END" not in key:
        raise ValueError("is not a private key in PEM form (-----BEGIN … PRIVATE KEY-----)")
    return key


def language(raw: str) -> str:
    """Take the code of a language, as it can stand in a header: `en`, `en_US`, `zh-Hans`."""
    if not _LANGUAGE.fullmatch(raw):
        raise ValueError("is not a language code: use en, en_US or zh-Hans")
    return raw
