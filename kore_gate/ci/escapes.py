"""How foreign text becomes inert within the commands of each CI system, as its runner reads them."""

import re

from kore_gate import text

# What an Azure agent would unescape. A lone % is left alone: agents that don't decode it would show the escape.
_AZURE_PERCENT = re.compile(r"%(?=3B|0D|0A|5D|AZP25)", re.IGNORECASE)

_TEAMCITY = str.maketrans({"|": "||", "'": "|'", "\n": "|n", "\r": "|r", "[": "|[", "]": "|]"})


def github(value: str) -> str:
    """Escape what follows a GitHub command, itself no command in the older form, which is read anywhere in a line."""
    inert = value.replace("##[", "#\u200b#[")
    return inert.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def github_property(value: str) -> str:
    """Escape the value of a GitHub command's property."""
    return github(value).replace(":", "%3A").replace(",", "%2C")


def azure(value: str) -> str:
    """Escape the value or the property of an Azure command."""
    value = _AZURE_PERCENT.sub("%AZP25", value)
    return value.replace(";", "%3B").replace("\r", "%0D").replace("\n", "%0A").replace("]", "%5D")


def teamcity(value: str) -> str:
    """Escape the value of a TeamCity attribute; what is not ASCII goes as UTF-16 units, as its parser takes it."""
    escaped = value.translate(_TEAMCITY)
    return "".join(char if char.isascii() else _units(char) for char in escaped)


def gitlab_key(value: str) -> str:
    """Return a name GitLab takes for a section."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", value) or "section"


def title(value: str) -> str:
    """Return the one line that stands behind a group's marker: it can't be a command in its own right."""
    return text.terminal(value, 200) or "…"


def _units(char: str) -> str:
    code = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"|0x{code[at : at + 4]}" for at in range(0, len(code), 4))
