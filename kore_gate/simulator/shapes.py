"""What a scenario makes of a suite's steps."""

import copy

from kore_gate.simulator import suites
from kore_gate.simulator.messages import Json

HUGE = 50_000

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


def as_given(steps: list[Json]) -> list[Json]:
    """Keep the steps."""
    return steps


def none(steps: list[Json]) -> list[Json]:
    """Leave no step."""
    return steps[:0]


def without_assertions(steps: list[Json]) -> list[Json]:
    """Disable every assertion."""
    disabled = copy.deepcopy(steps)
    for step in disabled:
        for reply in step["outputs"]:
            for group in reply["assertions"].values():
                group["enabled"] = False
    return disabled


def huge(steps: list[Json]) -> list[Json]:
    """Follow the steps with numbered ones, up to 50,000."""
    more = range(len(steps) + 1, HUGE + 1)
    return [*steps, *({"input": f"Question {n}", "outputs": [suites.output(f"Answer {n}")]} for n in more)]


def hostile(steps: list[Json]) -> list[Json]:
    """Add steps whose texts try to break out of every kind of report."""
    return [*steps, *(_hostile_step(text) for text in HOSTILE_TEXTS)]


def _hostile_step(text: str) -> Json:
    reply = suites.output(text)
    reply |= dict.fromkeys(("nodeId", "nodeName", "dialogName"), text)
    reply["assertions"] = suites.assertions(
        flow=[{"nodeId": text}], text=[{"text": text}], context=[{"key": text, "value": text}, {text: text}]
    )
    return {"input": text, "outputs": [reply]}
