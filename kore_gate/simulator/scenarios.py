"""The scenarios: how Kore.ai behaves in each, the faults it sends, and the test suites of the demo's bot."""

import copy
import dataclasses
import enum
import functools
import importlib.resources
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kore_gate.errors import ExitCode, SettingsError

Json = dict[str, Any]

STATUS_CALLS = frozenset({"import-status", "run-status"})


def data(name: str) -> Any:
    """Return what a JSON file of this folder holds."""
    return json.loads(importlib.resources.files(__package__).joinpath(name).read_text(encoding="utf-8"))


# What Kore.ai's records hold besides the facts of a job.
FIXED_FIELDS: Mapping[str, Json] = data("fixed_fields.json")

# The bot of the demo, its app, its user and the imports that are there from the start.
CLIENT_ID = "cs-5a1e0000-0000-5000-8000-00000000d3e0"
CLIENT_SECRET = "the-demo-secret-is-no-secret-at-all-but-long-enough-for-hs512-too"  # noqa: S105 (public on purpose)
STREAM_ID: str = FIXED_FIELDS["bot"]["streamId"]
USER_EMAIL = "john.doe@example.com"
DS_IDS = ("ds-demo-1", "ds-demo-2", "ds-demo-3")
# Each is the content of a file that can be uploaded; the bot is a small bank's.
DEMO_SUITES: Sequence[Json] = data("demo_suites.json")

JSON = ("content-type", "application/json; charset=utf-8")
HTML = ("content-type", "text/html; charset=utf-8")
INVALID_TOKEN_TEXT = "Invalid JWT token"  # noqa: S105 (a message, not a token)
MINUTE_TEXT = "You've exceeded the per-minute rate limit. Please wait for sometime before retrying."


class Delivery(enum.StrEnum):
    """How a response reaches the client."""

    NORMAL = "normal"
    DRIP = "drip"  # a few bytes now and then, without an end
    HANG = "hang"  # the connection is accepted, and never answered
    RESET = "reset"  # the connection is reset instead of an answer
    TRUNCATED = "truncated"  # less is sent than Content-Length promises, then the connection ends


@dataclasses.dataclass(frozen=True, slots=True)
class Response:
    """One response; with `retry_in` it carries the date so many seconds from now as Retry-After."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    delivery: Delivery = Delivery.NORMAL
    retry_in: int | None = None


def response(payload: Json, status: int = 200) -> Response:
    """Build a response as Kore.ai sends it."""
    return Response(status, (JSON,), json.dumps(payload, separators=(",", ":")).encode("ascii"))


def error(message: str, code: int) -> Response:
    """Build an error as Kore.ai sends it; its code is the HTTP status, but for tokens."""
    return response({"errors": [{"msg": message, "code": code}]}, 401 if code == 4002 else code)


def _page(status: int, title: str) -> Response:
    html = f"<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1><hr>gateway</body></html>"
    return Response(status, (HTML,), html.encode("ascii"))


_RATE_LIMITED = error(MINUTE_TEXT, 429)
# What gateways, limits and broken servers send instead of the regular response.
FAULTS: Mapping[str, Response] = {
    "bad-gateway": _page(502, "502 Bad Gateway"),
    "gateway-timeout": _page(504, "504 Gateway Time-out"),
    "server-error": error("Internal Server Error", 500),
    "unavailable": Response(503, (("retry-after", "1"),)),
    "rate-limited": _RATE_LIMITED,
    "rate-limited-seconds": dataclasses.replace(_RATE_LIMITED, headers=(JSON, ("retry-after", "2"))),
    "rate-limited-date": dataclasses.replace(_RATE_LIMITED, retry_in=3),
    "invalid-token": error(INVALID_TOKEN_TEXT, 4002),
    "not-found": error("Not Found", 404),
    "sign-in-page": _page(200, "Sign in"),
    "cut-json": Response(200, (JSON,), b'{"_id":"ds-demo-1","status":"SUCC'),
    "array": Response(200, (JSON,), b'["SUCCESS"]'),
    "number": Response(200, (JSON,), b"42"),
    "no-utf8": Response(200, (JSON,), b'{"status":"\xff\xfe"}'),
    "deep": Response(200, (JSON,), b"[" * 20_000),
    "dripping": Response(200, (JSON,), b'{"status":', Delivery.DRIP),
    "hanging": Response(200, delivery=Delivery.HANG),
    "resetting": Response(200, delivery=Delivery.RESET),
    "truncated": Response(200, (JSON,), b'{"_id":"ds-demo-1","status":"SUCCESS"}', Delivery.TRUNCATED),
}


def reply(text: str, *variants: str) -> Json:
    """Build an expected reply as Kore.ai stores it for a dialog node; its text, or each variant, is asserted."""
    checks = assertions(text=[{"text": variant} for variant in variants or [text]])
    return {"text": text, **FIXED_FIELDS["node"], "assertions": checks}


def assertions(*, flow: Sequence[Json] = (), text: Sequence[Json] = (), context: Sequence[Json] = ()) -> Json:
    """Build Kore.ai's three groups of assertions; a group without items is disabled."""
    groups = {"flowLevel": flow, "text": text, "context": context}
    return {name: {"enabled": bool(items), "contains": [*items]} for name, items in groups.items()}


# What could act as markup, as a command or as a control character somewhere on its way to a reader.
HOSTILE_TEXTS: Sequence[str] = (*data("hostile_texts.json"), "very long: " + "lorem ipsum " * 5000, "oneword" * 2000)


def without_assertions(steps: list[Json]) -> list[Json]:
    """Disable every assertion."""
    disabled = copy.deepcopy(steps)
    for step in disabled:
        for output in step["outputs"]:
            for group in output["assertions"].values():
                group["enabled"] = False
    return disabled


def huge(steps: list[Json]) -> list[Json]:
    """Add numbered steps, up to 50,000 in all."""
    return [*steps, *_numbered()[len(steps) :]]


@functools.cache
def _numbered() -> list[Json]:
    # Each status call shows them again.
    numbers = range(1, 50_001)
    return [{"input": f"Question {number}", "outputs": [reply(f"Answer {number}")]} for number in numbers]


def hostile(steps: list[Json]) -> list[Json]:
    """Add steps whose texts try to break out of every kind of report."""
    attacks = []
    for text in HOSTILE_TEXTS:
        output = reply(text) | dict.fromkeys(("nodeId", "nodeName", "dialogName"), text)
        context = [{"key": text, "value": text}, {text: text}]
        output["assertions"] = assertions(flow=[{"nodeId": text}], text=[{"text": text}], context=context)
        attacks.append({"input": text, "outputs": [output]})
    return [*steps, *attacks]


def drifting(steps: list[Json]) -> list[Json]:
    """Add a step whose text was recorded with the day and the balance of that day."""
    text = "On 3 May 2026 your balance is $ 1,204.50."
    return [*steps, {"input": "What is my balance today?", "outputs": [reply(text)]}]


class RunEnd(enum.Enum):
    """How the runs of a scenario end."""

    PASSED = enum.auto()
    FAILED = enum.auto()  # by a step in the middle and the last one
    ALL_FAILED = enum.auto()  # by every step that asserts anything
    NOT_EXECUTED = enum.auto()  # failed in the middle; the later steps were not reached
    CONTRADICTION = enum.auto()  # the run is passed, though a step is failed
    FLAKY = enum.auto()  # passes two times of three: fails first
    SERVICE_DOWN = enum.auto()  # the first is ended by an error; then all pass
    DRIFTED = enum.auto()  # failed by the last step alone
    ERROR = enum.auto()  # ended by an error, without results


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """One behaviour of Kore.ai, and the exit codes the gate should end with."""

    name: str
    description: str
    wait: ExitCode = ExitCode.PASSED  # how `wait` and `import` end
    test: ExitCode = ExitCode.PASSED
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)  # what shows it without a long wait
    running: str = "IN_PROGRESS"  # the import's status before its end …
    ended: str | None = "SUCCESS"  # … and at its end; None: it never ends
    reasons: tuple[str, ...] = ()  # rows of the import's log
    run: RunEnd = RunEnd.PASSED
    short: bool = False  # runs give counts only
    link: bool = False  # records of ended jobs carry a link to a results file
    shape: Callable[[list[Json]], list[Json]] = list
    # `{day}` and `{amount}` in it are those of the run.
    wrong_text: str = "I'm sorry, something went wrong. Please try again later."
    faults: tuple[Response | None, ...] = ()  # repeated over the calls of one id; None: the regular response
    after: int = 0  # regular responses before the faults begin
    calls: frozenset[str] = STATUS_CALLS  # which calls get the faults


# How the fields of scenarios.json are read that are not what they are in JSON.
_READERS: Mapping[str, Callable[[Any], Any]] = {
    "wait": ExitCode.__getitem__,
    "test": ExitCode.__getitem__,
    "run": RunEnd.__getitem__,
    "reasons": tuple,
    "shape": {
        "huge": huge,
        "hostile": hostile,
        "disabled": without_assertions,
        "drifting": drifting,
        "empty": lambda _: [],
    }.__getitem__,
    "faults": lambda faults: tuple(FAULTS[fault] if fault else None for fault in faults),
    "calls": frozenset,
}
SCENARIOS: Mapping[str, Scenario] = {
    name: Scenario(
        name=name, **{field: _READERS.get(field, lambda value: value)(value) for field, value in entry.items()}
    )
    for name, entry in data("scenarios.json").items()
}


def find(scenario: str | Scenario) -> Scenario:
    """Return the scenario of this name, or the scenario itself. Raises SettingsError."""
    if isinstance(scenario, Scenario):
        return scenario
    if scenario not in SCENARIOS:
        problem = f"scenario {scenario!r} must be one of {', '.join(SCENARIOS)}."
        raise SettingsError([problem], hint="`kore-gate demo --scenario list` shows what each does.")
    return SCENARIOS[scenario]
