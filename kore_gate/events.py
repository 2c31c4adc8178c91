"""News of a call on its way, for whoever tells it."""

import dataclasses
import enum

from kore_gate.model import Ending, Phase


class Happening(enum.StrEnum):
    """What kind of news an event is."""

    STARTED = "started"
    CHANGED = "changed"
    IDENTIFIED = "identified"  # an id became known
    WARNING = "warning"
    WAITING = "waiting"  # a heartbeat
    ENDED = "ended"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """News about one suite (or, with an empty name, about the call) for the console."""

    happening: Happening
    name: str = ""
    text: str = ""
    phase: Phase | None = None
    status: str = ""
    percent: float | None = None
    ending: Ending | None = None
    elapsed: float = 0.0
