"""Parse one setting's text: durations, sizes, hosts, lists. Each function raises ValueError for an invalid text."""

import contextlib
import re
from collections.abc import Callable

from kore_gate.errors import ExitCode

BOOLEANS = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(("false", "no", "off", "0"), False)
_DURATION = re.compile(r"(\d{1,5}h)?(\d{1,6}m)?(\d{1,7}(\.\d{1,3})?s)?(\d{1,8}ms)?|\d{1,7}(\.\d{1,3})?", re.ASCII)
_SECONDS = {"h": 3600, "m": 60, "s": 1, "": 1, "ms": 0.001}
_BYTES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*\.?", re.ASCII)
_NOT_IN_HOSTS = {
    "@": "must not contain credentials: use client-id and client-secret, or jwt",
    "[?#]": "must not contain a query or a fragment: use the host, with a base path if needed",
    r"[\\\s]": "must not contain a space or a backslash",
    "^(?!https?://)[^/]*://": "must be a host name or an http(s) URL",
}

# Suites in work at a time. Kore.ai's limits allow 20 new ones a minute: so many where a suite takes five minutes.
OPEN_JOBS = 100

# A suite that needs more of them is not flaky, but broken.
MOST_RERUNS = 5

# A bug or an interruption is never a success, and bad usage would hide every other fault.
SOFT = [code.value for code in ExitCode if 0 < code < ExitCode.BUG and code is not ExitCode.USAGE]


def text(raw: str) -> str:
    """Take the text as it is, if it has no control characters."""
    if re.search(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", raw):
        raise ValueError("must not contain line breaks, control characters or invalid UTF-8")
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
    if not _DURATION.fullmatch(raw):
        raise ValueError("is not a duration: use 90, 90s, 15m or 1h30m")
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in re.findall(r"([\d.]+)(h|ms|m|s|)", raw))
    if seconds <= 0:
        raise ValueError("must be greater than 0")
    return seconds


def interval(raw: str) -> float | None:
    """Read a duration, or `auto` as None."""
    return None if raw == "auto" else duration(raw)


def size(raw: str) -> int:
    """Read `64MiB`, `500kB` or a number of bytes."""
    match = re.fullmatch(r"(\d{1,12})\s*(|B|KB|MB|GB|KiB|MiB|GiB)", raw, re.ASCII | re.IGNORECASE)
    if not match or int(match[1]) == 0:
        raise ValueError("is not a size: use 64MiB or a number of bytes")
    return int(match[1]) * _BYTES[match[2].lower()]


def number(raw: str) -> int:
    """Read a whole number above zero."""
    if not re.fullmatch(r"\d{1,6}", raw, re.ASCII) or int(raw) == 0:
        raise ValueError("must be a whole number greater than 0")
    return int(raw)


def count(raw: str) -> int:
    """Read a whole number, zero included."""
    if not re.fullmatch(r"\d{1,6}", raw, re.ASCII):
        raise ValueError("must be a whole number")
    return int(raw)


def reruns(raw: str) -> int:
    """Read how often a suite may be run again."""
    if count(raw) > MOST_RERUNS:
        raise ValueError(f"must be at most {MOST_RERUNS}")
    return count(raw)


def parallel(raw: str) -> int:
    """Read a number of suites; `auto` is one, for starts wait for the limits of Kore.ai by themselves."""
    return OPEN_JOBS if raw == "auto" else number(raw)


def percentage(raw: str) -> int:
    """Read `95%` or `99.5` as millionths of a percent: arithmetic with it is exact."""
    match = re.fullmatch(r"(\d{1,3})(?:\.(\d{1,6}))? ?%?", raw, re.ASCII)
    millionths = int(match[1] + (match[2] or "").ljust(6, "0")) if match else 0
    if not 0 < millionths <= 100 * 10**6:
        raise ValueError("must be a percentage above 0, at most 100: use 95%")
    return millionths


def path(raw: str) -> str:
    """Take a path; one that begins with a tilde begins in a home directory, which shells see in arguments alone."""
    head, _, rest = text(raw).partition("/")
    if not head.startswith("~"):
        return raw
    import pathlib

    try:
        return str(pathlib.Path(head).expanduser() / rest)
    except RuntimeError:
        problem = f"begins with an unknown home directory: write it in full, or ./{head} for a file of that name"
        raise ValueError(problem) from None


def several(
    separator: str, entry: Callable[[str], str] = identifier, *, unique: bool = True
) -> Callable[[str], tuple[str, ...]]:
    """Return a parser of separated texts, or of a JSON array, the form in which the gate itself writes several."""

    def parse(raw: str) -> tuple[str, ...]:
        parts = [part.strip() for part in re.split(separator, raw)]
        if raw.startswith("["):
            import json

            with contextlib.suppress(ValueError, RecursionError):
                parts = json.loads(raw)
        if not all(isinstance(part, str) for part in parts):
            raise ValueError("must be a JSON array of strings")
        entries = [entry(part) for part in parts if part]
        if not entries:
            raise ValueError("is empty")
        return tuple(dict.fromkeys(entries) if unique else entries)

    return parse


ids = several(r"[,\s]+")
run_ids = several(r"[,\s]+", unique=False)  # each stands for one suite
lines = several(r"[\r\n]")
paths = several(r"[\r\n]", path)
words = several(r"[,\r\n]")


def choice(*allowed: str) -> Callable[[str], str]:
    """Return a parser that takes one of these words, in any case."""
    names = {name.lower(): name for name in allowed}

    def parse(raw: str) -> str:
        if raw.lower() not in names:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return names[raw.lower()]

    return parse


def some_of(*allowed: str) -> Callable[[str], tuple[str, ...]]:
    """Return a parser that takes some of these words, and suggests the one that may be meant."""

    def parse(raw: str) -> tuple[str, ...]:
        for word in ids(raw):
            if word not in allowed:
                import difflib

                close = difflib.get_close_matches(word, allowed, n=1)
                advice = f"did you mean {close[0]}?" if close else f"it must be one of {', '.join(allowed)}"
                raise ValueError(f"{'' if word == raw else f'holds {word!r}, which '}is unknown: {advice}")
        return ids(raw)

    return parse


def exit_codes(raw: str) -> tuple[int, ...]:
    """Read the exit codes that may be turned into 0."""
    return tuple(int(choice(*map(str, SOFT))(code)) for code in ids(raw))


def host(raw: str) -> str:
    """Read a host or its URL as the base of all addresses, without a slash at the end."""
    import urllib.parse

    text(raw)
    for pattern, problem in _NOT_IN_HOSTS.items():
        if re.search(pattern, raw, re.IGNORECASE):
            raise ValueError(problem)
    try:
        url = urllib.parse.urlsplit(raw if "://" in raw else f"//{raw}")
        port = f":{url.port}" if url.port else ""
        name = url.netloc.lower().removesuffix(port)
        _check_host_name(name)
    except ValueError as problem:
        # Python's own words may hold all of the text.
        raise ValueError(f"is not a host: {str(problem)[:100]}") from None
    # A name without a scheme gets https; only this machine is called over plain http by default.
    scheme = url.scheme or ("http" if is_loopback(name.strip("[]")) else "https")
    return f"{scheme}://{name}{port}{url.path.rstrip('/')}"


def _check_host_name(name: str) -> None:
    """Raise ValueError for what is neither a name nor an address."""
    if not name.isascii():
        # Letters that look alike would take the token elsewhere.
        raise ValueError("it has non-ASCII letters, use its xn-- form")
    import ipaddress

    if name.startswith("[") and "%" not in name:
        ipaddress.IPv6Address(name.removeprefix("[").removesuffix("]"))
    elif re.fullmatch(r"[0-9.]+", name):
        ipaddress.IPv4Address(name)
    elif not _HOST_NAME.fullmatch(name):
        raise ValueError("its name or port is invalid")
    else:
        name.encode().decode("idna")


def is_loopback(name: str) -> bool:
    """Tell whether a host name means this machine."""
    return bool(re.fullmatch(r"(.*\.)?localhost|127(\.\d{1,3}){3}|::1", name))


def token(raw: str) -> str:
    """Check that a ready-made token has the form of a token; its claims are for Kore.ai to check."""
    if not re.fullmatch(r"eyJ[\w-]+(?:\.[\w-]*){2}(?:(?:\.[\w-]*){2})?", raw, re.ASCII):  # signed, or encrypted
        raise ValueError('is not a JSON web token (three base64url parts, separated by dots, without "Bearer")')
    return raw


def private_key(raw: str) -> str:
    r"""Check that a key is PEM; a key in one line may have its line breaks written as \n."""
    key = raw.replace("\\n", "\n") if "\n" not in raw else raw
    if not re.search(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s", key) or "-----END" not in key:
        raise ValueError("is not a private key in PEM form (-----BEGIN … PRIVATE KEY-----)")
    return key


def language(raw: str) -> str:
    """Take the code of a language, as it can stand in a header: `en`, `en_US`, `zh-Hans`."""
    if not re.fullmatch(r"[a-zA-Z0-9]+([-_][a-zA-Z0-9]+)*", raw):
        raise ValueError("is not a language code: use en, en_US or zh-Hans")
    return raw
