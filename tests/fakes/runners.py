"""CI systems as readers: what each would take for a command in a log, and how each reads the files it is handed."""

import dataclasses
import re
from collections.abc import Callable, Mapping

_LINE_END = re.compile(r"\r\n|\n|\r")
_COLOUR = re.compile(r"\x1b\[[;\d]*[mK]")


@dataclasses.dataclass(frozen=True, slots=True)
class Command:
    """A command as its CI system understood it."""

    name: str
    data: str = ""
    properties: Mapping[str, str] = dataclasses.field(default_factory=dict)


def lines_of(log: str) -> list[str]:
    return _LINE_END.split(log)


def github(log: str) -> list[Command]:
    """Read both forms GitHub knows: `::name::` at a line's start, `##[name]` anywhere in it."""
    found = []
    for line in map(str.lstrip, lines_of(log)):
        new = re.match(r"::(.*?)::(.*)", line, re.DOTALL)
        old = re.search(r"##\[([^]]*)\](.*)", line, re.DOTALL)
        if new:
            name, _, rest = new[1].partition(" ")
            pairs = (pair.split("=", 1) for pair in rest.strip().split(",") if "=" in pair)
            properties = {key: _github_property(value) for key, value in pairs}
            found.append(Command(name, _github_data(new[2]), properties))
        if old:
            found.append(Command(f"##[{old[1]}]", old[2]))
    return found


def _github_data(value: str) -> str:
    return value.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")


def _github_property(value: str) -> str:
    for escape, char in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        value = value.replace(escape, char)
    return value


def azure(log: str) -> list[Command]:
    """Read `##vso[area.name …]` anywhere in a line, and `##[name]` at its start."""
    found = []
    for line in lines_of(log):
        acts = re.search(r"##vso\[([^]]*)\](.*)", line, re.DOTALL | re.IGNORECASE)
        formats = re.match(r"\s*##\[(\w+)\](.*)", line, re.DOTALL)
        if acts:
            name, _, rest = acts[1].partition(" ")
            pairs = (pair.split("=", 1) for pair in rest.split(";") if "=" in pair)
            found.append(Command(name, _azure_data(acts[2]), {key: _azure_data(value) for key, value in pairs}))
        elif formats:
            found.append(Command(f"##[{formats[1]}]", formats[2]))
    return found


def _azure_data(value: str) -> str:
    for escape, char in (("%3B", ";"), ("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"), ("%AZP25", "%")):
        value = value.replace(escape, char)
    return value


def teamcity(log: str) -> list[Command]:
    """Read `##teamcity[name attribute='…']` anywhere in a line."""
    found = []
    for line in lines_of(log):
        for match in re.finditer(r"##teamcity\[\s*(\w*)((?:\s+\w+='(?:[^|']|\|.)*')*)\s*(\])?", line, re.IGNORECASE):
            pairs = re.findall(r"(\w+)='((?:[^|']|\|.)*)'", match[2])
            name = match[1] if match[3] else "unfinished"
            found.append(Command(name, "", {key: _teamcity_data(value) for key, value in pairs}))
    return found


def _teamcity_data(value: str) -> str:
    simple = {"n": "\n", "r": "\r", "x": "\x85", "l": "\u2028", "p": "\u2029"}
    units = re.sub(
        r"\|0x([0-9a-f]{4})|\|(.)",
        lambda match: chr(int(match[1], 16)) if match[1] else simple.get(match[2], match[2]),
        value,
    )
    return units.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def gitlab(log: str) -> list[Command]:
    """Read the marks of sections anywhere, also without the escape sequences that belong to them."""
    found = re.finditer(r"section_(start|end):(\d+):([A-Za-z0-9_.-]+)", log, re.IGNORECASE)
    return [Command(f"section_{match[1]}", match[3]) for match in found]


def buildkite(log: str) -> list[Command]:
    """Read headers of log groups at the start of a line, colours aside."""
    found = (re.match(r"\s*(---|\+\+\+|~~~|\^\^\^)\s+(.*)", _COLOUR.sub("", line)) for line in lines_of(log))
    return [Command(match[1], match[2]) for match in found if match]


READERS: dict[str, Callable[[str], list[Command]]] = {
    "github": github,
    "azure": azure,
    "teamcity": teamcity,
    "gitlab": gitlab,
    "buildkite": buildkite,
}


def github_outputs(file: str) -> dict[str, str]:
    """Read an output file as GitHub's runner does."""
    outputs: dict[str, str] = {}
    rest = file.split("\n")
    assert rest.pop() == "", "the last line has no newline"
    while rest:
        line = rest.pop(0)
        if not line:
            continue
        equals, heredoc = line.find("="), line.find("<<")
        if equals >= 0 and (heredoc < 0 or equals < heredoc):
            name, value = line.split("=", 1)
            outputs[name] = value
            continue
        assert heredoc > 0, f"neither an assignment nor a heredoc: {line!r}"
        name, delimiter = line.split("<<", 1)
        end = rest.index(delimiter)
        outputs[name] = "\n".join(rest[:end])
        del rest[: end + 1]
    return outputs


def gitlab_dotenv(file: str) -> dict[str, str]:
    """Read a dotenv report as GitLab does, with its limits."""
    assert len(file.encode()) < 5 * 1024, "the file is too large"
    variables = {}
    for line in file.splitlines(keepends=True):
        match = re.fullmatch(r"([A-Za-z0-9_]+)=(.*)\n", line)
        assert match, f"not an assignment: {line!r}"
        variables[match[1]] = match[2].strip()
    assert len(variables) <= 20, "too many variables"
    return variables
