"""The texts that settings are read from: flags, the action's inputs, variables and files, the first that is there."""

from collections.abc import Callable, Mapping, Sequence

from kore_gate import catalogue
from kore_gate.redact import Redactor

_CLIP = 80


def places(setting: catalogue.Setting, flags: Mapping[str, str], environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the texts given for a setting, the one that counts first, each with where it came from."""
    given = [
        (flags.get(setting.name, ""), f"flag --{setting.name}"),
        (environ.get(setting.input, ""), f"input {setting.name}"),
        (environ.get(setting.variable, "") if setting.inherited else "", f"variable {setting.variable}"),
    ]
    return [(text.strip(), source) for text, source in given if text.strip()]


class Given:
    """The texts that were given, with where each came from; `bad` are the settings that can't be used."""

    def __init__(self, flags: Mapping[str, str], environ: Mapping[str, str], read_file: Callable[[str], str]) -> None:
        self.texts: dict[str, str] = {}
        self.sources: dict[str, str] = {}
        self.problems: list[str] = []
        self.bad: set[str] = set()
        self.redactor = Redactor()  # of what was given as a secret
        for setting in catalogue.SETTINGS:
            found = places(setting, flags, environ)
            path = environ.get(f"{setting.variable}_FILE", "").strip() if setting.secret else ""
            if path and found:
                name = setting.variable
                self.blame(setting, f"{name} is given twice: as {found[0][1]} and as a file in {name}_FILE; keep one.")
            elif path:
                found = [(self._content(setting, path, read_file), f"file in {setting.variable}_FILE")]
            if found:
                self.texts[setting.name], self.sources[setting.name] = found[0]
                if setting.secret:
                    self.redactor.add(found[0][0])

    def blame(self, setting: catalogue.Setting, problem: str) -> None:
        """Note what is wrong with a setting."""
        self.problems.append(problem)
        self.bad.add(setting.name)

    def _content(self, setting: catalogue.Setting, path: str, read_file: Callable[[str], str]) -> str:
        variable = f"{setting.variable}_FILE"
        try:
            secret = read_file(path).strip()
        except (OSError, ValueError) as problem:
            reason = getattr(problem, "strerror", None) or "it is not text"
            # Without the path: it may be the secret itself, put into the wrong variable.
            self.blame(setting, f"{variable} names a file that can't be read: {reason}.")
            return ""
        if not secret:
            self.blame(setting, f"{variable} names an empty file.")
        return secret

    def parse(self, settings: Sequence[catalogue.Setting]) -> dict[str, object]:
        """Return the values of those settings that are given, or have a default, and can be read."""
        parsed: dict[str, object] = {}
        for setting in settings:
            text = self.texts.get(setting.name, "") or setting.default
            if not text:
                continue
            try:
                parsed[setting.field] = setting.parse(text)
            except ValueError as problem:
                self.blame(
                    setting, f"{setting.name}{self._shown(setting, text)} {problem} ({self.sources[setting.name]})."
                )
        return parsed

    def _shown(self, setting: catalogue.Setting, text: str) -> str:
        # Credentials and tokens stand in addresses as well.
        if setting.secret or (setting.name == "host" and set(text) & set("@?#")):
            return ""
        text = self.redactor.text(text)  # a secret may have been given as something else as well
        return f" {text if len(text) <= _CLIP else text[: _CLIP - 1] + '…'!r}"
