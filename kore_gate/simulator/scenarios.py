"""The scenarios: how Kore.ai behaves in each, the faults it sends, and the test suites of the demo's bot."""

import copy
import dataclasses
import enum
import json
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kore_gate.errors import ExitCode

Json = dict[str, Any]

STATUS_CALLS = frozenset({"import-status", "run-status"})
SAFE_CALLS = STATUS_CALLS | {"upload"}
ALL_CALLS = SAFE_CALLS | {"import", "run", "delete", "download"}

# The bot of the demo, its app, its user and the imports that are there from the start.
CLIENT_ID = "cs-5a1e0000-0000-5000-8000-00000000d3e0"
CLIENT_SECRET = "the-demo-secret-is-no-secret-at-all-but-long-enough-for-hs512-too"  # noqa: S105 (public on purpose)
STREAM_ID = "st-5a1e0000-0000-5000-8000-00000000b0b0"
USER_EMAIL = "john.doe@example.com"
DS_IDS = ("ds-demo-1", "ds-demo-2", "ds-demo-3")

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


def error(message: str, code: int, *, status: int | None = None) -> Response:
    """Build an error as Kore.ai sends it; the HTTP status is the code unless given."""
    body = json.dumps({"errors": [{"msg": message, "code": code}]}, separators=(",", ":"))
    return Response(status or code, (JSON,), body.encode("ascii"))


def _page(status: int, title: str) -> Response:
    html = f"<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1><hr>gateway</body></html>"
    return Response(status, (HTML,), html.encode("ascii"))


# The faults: what gateways, limits and broken servers send instead of the regular response.
BAD_GATEWAY = _page(502, "502 Bad Gateway")
GATEWAY_TIMEOUT = _page(504, "504 Gateway Time-out")
SERVER_ERROR = error("Internal Server Error", 500)
UNAVAILABLE = Response(503, (("retry-after", "1"),))
RATE_LIMITED = error(MINUTE_TEXT, 429)
RATE_LIMITED_SECONDS = dataclasses.replace(RATE_LIMITED, headers=(JSON, ("retry-after", "2")))
RATE_LIMITED_DATE = dataclasses.replace(RATE_LIMITED, retry_in=3)
INVALID_TOKEN = error(INVALID_TOKEN_TEXT, 4002, status=401)
NOT_FOUND = error("Not Found", 404)

SIGN_IN_PAGE = _page(200, "Sign in")
CUT_JSON = Response(200, (JSON,), b'{"_id":"ds-demo-1","status":"SUCC')
ARRAY = Response(200, (JSON,), b'["SUCCESS"]')
NUMBER = Response(200, (JSON,), b"42")
NO_UTF8 = Response(200, (JSON,), b'{"status":"\xff\xfe"}')
DEEP = Response(200, (JSON,), b"[" * 20_000)

DRIPPING = Response(200, (JSON,), b'{"status":', Delivery.DRIP)
HANGING = Response(200, delivery=Delivery.HANG)
RESETTING = Response(200, delivery=Delivery.RESET)
TRUNCATED = Response(
    200, (JSON,), b'{"_id":"ds-demo-1","status":"SUCCESS","percentageComplete":100}', Delivery.TRUNCATED
)

_EMPTY_NODE: Json = {
    **dict.fromkeys(("nodeId", "componentType", "intentId", "nodeName", "intentType", "taskId", "dialogName"), ""),
    **{name: [] for name in ("transitions", "transitionNodeNames", "transitionNodeType")},
}


def reply(text: str, *variants: str) -> Json:
    """Build an expected reply as Kore.ai stores it for a dialog node; its text, or each variant, is asserted."""
    checks = assertions(text=[{"text": variant} for variant in variants or [text]])
    return {"text": text, **copy.deepcopy(_EMPTY_NODE), "assertions": checks}


def standard_response(text: str) -> Json:
    """Build an expected standard response as Kore.ai stores it, its text asserted."""
    checks = assertions(text=[{"text": text}])
    return {"text": text, "category": "", "isStandardResponse": True, "userPrompts": [], "assertions": checks}


def assertions(*, flow: Sequence[Json] = (), text: Sequence[Json] = (), context: Sequence[Json] = ()) -> Json:
    """Build Kore.ai's three groups of assertions; a group without items is disabled."""
    groups = {"flowLevel": flow, "text": text, "context": context}
    return {name: {"enabled": bool(items), "contains": [*items]} for name, items in groups.items()}


HOSTILE_TEXTS = (
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b[2J\x9b31m",
    "".join(chr(code) for code in range(32)) + "\x7f\x85\u2028\u2029",
    "null \x00 byte",
    "half \ud83d of an emoji, \udc00 the other half, \U0001f600 a whole one",
    "not characters \ufffe \uffff \ufdd0",
    "]]> <![CDATA[ <!-- --> <?xml version='1.0'?> <!DOCTYPE x [<!ENTITY e 'x'>]> &e;",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "</testcase></testsuite><failure/>",
    "| a | b |\n|---|---|\n# heading\n[link](javascript:alert(1)) ![x](https://example.com/x.png) **b** `c` @some #1",
    "</details></summary><!--",
    "::error file=x.py,line=1::gotcha\n::set-output name=verdict::passed\n::stop-commands::x\n::add-mask::e",
    "##vso[task.setvariable variable=x]y\n##vso[task.complete result=Succeeded;]done\n##[error]gotcha",
    "##teamcity[buildStatus status='SUCCESS' text='ok']",
    "\x1b[0Ksection_start:1700000000:x[collapsed=true]\r\x1b[0Kheader\nsection_end:1700000000:x\r\x1b[0K",
    "[[ATTACHMENT|/etc/passwd]]",
    "--- +++ ^^^ +++ ~~~ group",
    "verdict=passed\nEOF\nexit-code<<ghadelimiter_x\n0\nghadelimiter_x",
    "\u202egnp.exe\u202c \u200f\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 \u2066x\u2069",
    '=HYPERLINK("https://example.com","x") +1 -1 @SUM(A1) \t,;"\'',
    "../../../etc/passwd %2e%2e%2f C:\\x NUL $(id) `id` ${jndi:ldap://example.com/x} {{7*7}} {% raw %}",
    "Z\u0351\u0343a\u0334l\u0335g\u0336o\u0337 \ufb03 \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0010ffff",
    "very long: " + "lorem ipsum " * 5000,
    "oneword" * 2000,
    "",
    " \t\r\n ",
)


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
    numbers = range(len(steps) + 1, 50_001)
    return [*steps, *({"input": f"Question {number}", "outputs": [reply(f"Answer {number}")]} for number in numbers)]


def hostile(steps: list[Json]) -> list[Json]:
    """Add steps whose texts try to break out of every kind of report."""
    attacks = []
    for text in HOSTILE_TEXTS:
        output = reply(text) | dict.fromkeys(("nodeId", "nodeName", "dialogName"), text)
        context = [{"key": text, "value": text}, {text: text}]
        output["assertions"] = assertions(flow=[{"nodeId": text}], text=[{"text": text}], context=context)
        attacks.append({"input": text, "outputs": [output]})
    return [*steps, *attacks]


class RunEnd(enum.Enum):
    """How the runs of a scenario end."""

    PASSED = enum.auto()
    FAILED = enum.auto()  # by a step in the middle and the last one
    ALL_FAILED = enum.auto()  # by every step that asserts anything
    NOT_EXECUTED = enum.auto()  # failed in the middle; the later steps were not reached
    CONTRADICTION = enum.auto()  # the run is passed, though a step is failed
    FLAKY = enum.auto()  # passes two times of three
    ERROR = enum.auto()  # ended by an error, without results


@dataclasses.dataclass(frozen=True, slots=True)
class Scenario:
    """One behaviour of Kore.ai, and the exit codes the gate should end with."""

    name: str
    description: str
    _: dataclasses.KW_ONLY
    wait: ExitCode = ExitCode.PASSED  # how `wait` and `import` end
    tests: ExitCode = ExitCode.PASSED  # how the tests of a run end
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)  # what shows it without a long wait
    running: str = "IN_PROGRESS"  # the import's status before its end …
    ended: str | None = "SUCCESS"  # … and at its end; None: it never ends
    reasons: tuple[str, ...] = ()  # rows of the import's log
    run: RunEnd = RunEnd.PASSED
    short: bool = False  # runs give counts only
    link: bool = False  # records of ended jobs carry a link to a results file
    shape: Callable[[list[Json]], list[Json]] = list
    wrong_text: str = "I'm sorry, something went wrong. Please try again later."
    faults: tuple[Response | None, ...] = ()  # repeated over the calls of one id; None: the regular response
    after: int = 0  # regular responses before the faults begin
    calls: frozenset[str] = STATUS_CALLS  # which calls get the faults

    @property
    def test(self) -> ExitCode:
        """Return how `test` ends: as its import, or else as its run."""
        return self.wait or self.tests

    def fault(self, number: int) -> Response | None:
        """Return the fault that the call with this number gets, counted from 0."""
        if not self.faults or number < self.after:
            return None
        return self.faults[(number - self.after) % len(self.faults)]


_SOON = {"timeout": "20s"}
_IMPATIENT = {"outage-limit": "10s", "request-timeout": "2s"}


def _undeliverable(name: str, description: str, fault: Response) -> Scenario:
    return Scenario(name, description, settings=_IMPATIENT, faults=(fault,), wait=ExitCode.UNAVAILABLE)


_ALL = (
    Scenario("passing", "The import succeeds and every test passes."),
    Scenario(
        "failing",
        "The import ends in failure; its log says why.",
        wait=ExitCode.JOB_FAILED,
        ended="FAILURE",
        reasons=(
            "'Validation failed: the dialog Transfer Funds is not in the bot'",
            "'Step 3: the bot gave no reply within 30 seconds'",
        ),
    ),
    Scenario("stuck", "The import stays at 85 % forever.", settings=_SOON, ended=None, wait=ExitCode.TIMED_OUT),
    Scenario(
        "flapping",
        "Errors with HTML, JSON and empty bodies come between valid responses.",
        faults=(None, BAD_GATEWAY, None, SERVER_ERROR, UNAVAILABLE, None, GATEWAY_TIMEOUT),
        calls=SAFE_CALLS,
    ),
    Scenario(
        "rate-limited",
        "Requests sometimes exceed the rate limit, with and without Retry-After.",
        faults=(RATE_LIMITED_SECONDS, None, RATE_LIMITED, None, None, RATE_LIMITED_DATE, None),
        calls=ALL_CALLS,
    ),
    Scenario("refused", "The token is refused.", wait=ExitCode.REFUSED, faults=(INVALID_TOKEN,), calls=ALL_CALLS),
    Scenario(
        "vanishing",
        "The import is seen, then its record is gone.",
        ended=None,
        faults=(NOT_FOUND,),
        after=2,
        wait=ExitCode.UNAVAILABLE,
    ),
    Scenario(
        "malformed",
        "The answers can't be understood: HTML, half a JSON text, not an object.",
        settings={"outage-limit": "10s"},
        faults=(SIGN_IN_PAGE, CUT_JSON, ARRAY, NO_UTF8, NUMBER, DEEP),
        wait=ExitCode.UNAVAILABLE,
    ),
    Scenario(
        "hostile",
        "Every text tries to break out of reports, logs and terminals.",
        tests=ExitCode.FAILED,
        shape=hostile,
        run=RunEnd.ALL_FAILED,
        wrong_text="\x1b[31m::error::]]><script>alert(1)</script>##vso[task.complete]\x00\ud83d\ufffe",
    ),
    Scenario("huge", "The suite has 50,000 steps.", shape=huge),
    Scenario("empty", "The import succeeds without a single step.", shape=lambda _: [], wait=ExitCode.NOTHING_TO_TEST),
    Scenario(
        "disabled",
        "The suite has steps, but no enabled assertion.",
        shape=without_assertions,
        wait=ExitCode.NOTHING_TO_TEST,
    ),
    Scenario(
        "unknown-status",
        "The import shows an unknown status for ever.",
        settings=_SOON,
        running="REINDEXING",
        ended=None,
        wait=ExitCode.TIMED_OUT,
    ),
    Scenario("results-link", "The responses contain a link to a results file.", link=True),
    Scenario(
        "failing-tests", "The import succeeds; in the run, assertions fail.", tests=ExitCode.FAILED, run=RunEnd.FAILED
    ),
    Scenario(
        "not-executed",
        "A step of the run fails, and the later ones are not reached.",
        tests=ExitCode.FAILED,
        run=RunEnd.NOT_EXECUTED,
    ),
    Scenario("short-form", "The run passes, and reports only counts.", short=True),
    Scenario(
        "short-form-failing",
        "The run fails, and reports only counts.",
        tests=ExitCode.FAILED,
        run=RunEnd.FAILED,
        short=True,
    ),
    Scenario(
        "contradiction",
        "The run reports passed, but one of its steps reports failed.",
        tests=ExitCode.FAILED,
        run=RunEnd.CONTRADICTION,
    ),
    Scenario("flaky", "Each suite passes two times out of three: the second run fails.", run=RunEnd.FLAKY),
    Scenario(
        "run-error",
        "A bot error ends the run without results.",
        tests=ExitCode.JOB_FAILED,
        run=RunEnd.ERROR,
    ),
    _undeliverable("drip", "Answers arrive a byte at a time and never end.", DRIPPING),
    _undeliverable("hang", "Connections are accepted and never answered.", HANGING),
    _undeliverable("reset", "Connections are reset.", RESETTING),
    _undeliverable("truncated", "Responses end before they are complete.", TRUNCATED),
)
SCENARIOS: Mapping[str, Scenario] = {scenario.name: scenario for scenario in _ALL}


def find(scenario: str | Scenario) -> Scenario:
    """Return the scenario of this name, or the given one."""
    return scenario if isinstance(scenario, Scenario) else SCENARIOS[scenario]


def demo_suites() -> tuple[Json, ...]:
    """Return the demo's suites, each the content of a file that can be uploaded; their bot is a small bank."""
    return tuple(json.loads(pathlib.Path(__file__).with_name("demo_suites.json").read_text(encoding="utf-8")))
