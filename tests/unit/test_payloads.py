"""Kore.ai's answers as jobs: documented ones, those of other types, and any JSON at all."""

import copy
import functools
import json
import operator
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kore_gate.kore import payloads, responses, statuses
from kore_gate.model import Job, Outcome, State, Tally
from tests.fakes.answers import SAMPLES, imported, run, sample, step, tally

IMPORTS = [path.stem for path in sorted(SAMPLES.glob("conversation-import-status-*.json"))]
RUNS = [path.stem for path in sorted(SAMPLES.glob("conversation-run-status-*.json"))]
ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    "",
    "text",
    "7",
    [],
    [None],
    ["a", 1],
    {},
    {"a": None},
    [[[]]],
    {"status": {}},
]


# --- documented answers


def test_import_job__in_progress() -> None:
    """The documented answer while an import runs is read field by field."""
    job = payloads.import_job(sample("conversation-import-status-in-progress"))

    assert job.state is State.RUNNING
    assert (job.status, job.percent, job.suite, job.reasons, job.problems) == ("IN_PROGRESS", 85.0, None, (), ())
    assert job.test_suite_id.startswith("ctc-")
    assert job.expires == "2023-08-23T10:18:21.820Z"


@pytest.mark.parametrize("name", ["conversation-import-status-success", "conversation-import-status-success-xo11"])
def test_import_job__success(name: str) -> None:
    """The documented answers of an import that ended well hold the stored suite; nothing of it was judged."""
    job = payloads.import_job(sample(name))

    assert (job.state, job.status, job.percent, job.problems, job.download_url) == (
        State.SUCCEEDED, "SUCCESS", 100.0, (), "",
    )  # fmt: skip
    assert job.suite
    [only] = job.suite.steps
    [reply] = only.replies
    assert (only.input, only.event, only.outcome) == ("Start_Flow", "Start_Flow", Outcome.PENDING)
    assert [(one.group, one.enabled, one.outcome) for one in reply.assertions] == [
        ("flow", False, Outcome.SKIPPED),
        ("text", True, Outcome.PENDING),
        ("context", False, Outcome.SKIPPED),
    ]


@pytest.mark.parametrize("name", [name for name in RUNS if "inprogress" in name])
def test_run_job__in_progress(name: str) -> None:
    """The documented answers while a run goes on."""
    job = payloads.run_job(sample(name))

    assert (job.state, job.status, job.percent, job.suite) == (State.RUNNING, "inprogress", 85.0, None)
    assert job.tally == Tally(total=13)


def test_run_job__long_form() -> None:
    """The documented long form is read down to single checks; a text mismatch is no verdict."""
    body = sample("conversation-run-status-passed-full")

    job = payloads.run_job(body)

    assert '"textMismatch": true' in json.dumps(body)
    assert (job.state, job.reasons, job.problems) == (State.SUCCEEDED, (), ())
    assert job.tally == Tally(passed=13, failed=0, total=13)
    assert job.suite
    start, standard = job.suite.steps[:2]
    assert [start.outcome, standard.outcome] == [Outcome.PASSED, Outcome.PASSED]
    assert start.replies[0].actual == start.replies[0].text == "test"
    flow, text, context = standard.replies[0].assertions
    assert standard.replies[0].node == flow.actual == "Confirmation"
    assert [check.outcome for check in (*flow.checks, *text.checks)] == [Outcome.PASSED] * 2
    assert not context.enabled


def test_run_job__short_form() -> None:
    """The documented short form gives counts, and no suite."""
    job = payloads.run_job(sample("conversation-run-status-passed-current"))

    assert (job.state, job.status, job.suite) == (State.SUCCEEDED, "passed", None)
    assert job.tally == Tally(passed=13, failed=0, total=13)


# --- fields that are missing, or of another type


def places(body: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """List the place of every value in a JSON document."""
    if path:
        yield path
    items = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for key, value in items:
        yield from places(value, (*path, key))


def changed(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return the document with one value changed, or left out where `...` is given."""
    made = copy.deepcopy(body)
    inner = made
    for key in path[:-1]:
        inner = inner[key]
    if value is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return made


def shortened(name: str) -> Any:
    """Return a published answer with at most two steps, one of each form."""
    body = sample(name)
    del body.get("result", {}).get("executionResults", [])[2:]
    return body


@pytest.mark.parametrize("name", [*IMPORTS, *RUNS])
def test_job__every_field_of_every_type(name: str) -> None:
    """Whatever one field becomes: no crash, and no success without a good word."""
    body = shortened(name)
    read = payloads.run_job if name in RUNS else payloads.import_job
    for *outer, key in sorted(set(places(body)), key=str):
        place: Any = functools.reduce(operator.getitem, outer, body)
        before = place[key]
        for value in ODD:
            place[key] = value
            job = read(body)

            good = statuses.state(job.status) is State.SUCCEEDED
            assert (job.state is State.SUCCEEDED) == good
            assert isinstance(job.status, str)
        place[key] = before


@pytest.mark.parametrize("name", [*IMPORTS, *RUNS])
def test_job__every_field_left_out(name: str) -> None:
    """Wherever a field is missing: no crash, and no success without a good word."""
    read = payloads.run_job if name in RUNS else payloads.import_job
    body = shortened(name)
    for path in sorted(set(places(body)), key=str):
        job = read(changed(body, path, ...))

        assert (job.state is State.SUCCEEDED) == (statuses.state(job.status) is State.SUCCEEDED)


STEPS = ("response", "testSteps")
OUTPUTS = (*STEPS, 0, "outputs")


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (("response",), None, ""),
        (("response",), "text", "response is a string, not an object"),
        (("response",), [], "response is a list, not an object"),
        (("response",), {}, ""),
        (STEPS, None, ""),
        (STEPS, "text", "testSteps is a string, not a list"),
        (STEPS, [], ""),
        (STEPS, {}, "testSteps is an object, not a list"),
        ((*STEPS, 0), None, "step 1 is null, not an object"),
        ((*STEPS, 0), [], "step 1 is a list, not an object"),
        ((*STEPS, 0), {}, ""),
        (OUTPUTS, None, ""),
        (OUTPUTS, [], ""),
        (OUTPUTS, {}, "step 1: outputs is an object, not a list"),
    ],
)
def test_import_job__what_cannot_be_read_is_named(path: tuple[Any, ...], value: Any, problem: str) -> None:
    """Where steps should be and something else is, that is a problem; null and nothing are just empty."""
    job = payloads.import_job(changed(imported(step()), path, value))

    assert job.problems == ((problem,) if problem else ())


@pytest.mark.parametrize("field", ["percentageComplete", "percentageCompleted", "percentage"])
def test_percent__names(field: str) -> None:
    """Progress is read under each of its names."""
    assert payloads.import_job({"status": "IN_PROGRESS", field: 85}).percent == 85.0


@pytest.mark.parametrize(
    ("value", "percent"),
    [
        ("85", 85.0),
        ("85.5 %", 85.5),
        (0, 0.0),
        (100, 100.0),
        (101, None),
        (-1, None),
        (None, None),
        ("most", None),
        (True, None),
        ([], None),
        (float("nan"), None),
        (10**400, None),
    ],
)
def test_percent(value: Any, percent: float | None) -> None:
    """Progress is read as number or text, and never believed where it can't be."""
    assert payloads.import_job({"status": "IN_PROGRESS", "percentage": value}).percent == percent


@pytest.mark.parametrize(
    ("details", "total", "expected"),
    [
        (tally(1, 2, 3), 9, Tally(passed=1, failed=2, total=3)),
        (tally("1", "2.0", 3.0), 9, Tally(passed=1, failed=2, total=3)),
        (tally(1, None, None), "9", Tally(passed=1, total=9)),
        (None, 9, Tally(total=9)),
        (None, None, Tally()),
        ({}, None, Tally()),
    ],
)
def test_tally(details: Any, total: Any, expected: Tally) -> None:
    """Counters are read in any type; what is missing stays unknown."""
    job = payloads.run_job({**run(tally=details), "totalTestStepsCount": total})

    assert (job.tally, job.problems) == (expected, ())


@pytest.mark.parametrize("value", ["many", True, -1, 1.5, [], {}, float("nan"), float("inf"), 10**10])
def test_tally__no_count(value: Any) -> None:
    """A counter that is not a number is a problem: such an answer is never green."""
    assert payloads.run_job(run(tally=tally(1, value, 1))).problems == ("stepDetails.failed is not a count",)


@pytest.mark.parametrize(
    ("outer", "inner", "status"),
    [
        ("passed", "passed", "passed"),
        ("passed", "failed", "failed"),
        ("failed", "passed", "failed"),
        ("passed", "inprogress", "inprogress"),
        ("inprogress", "passed", "inprogress"),
        ("passed", "huh", "huh"),
        ("huh", "failed", "failed"),
        ("passed", None, "passed"),
        (None, "passed", ""),
        (None, None, ""),
        (["passed"], "passed", '["passed"]'),
        ("", "passed", ""),
    ],
)
def test_run_job__two_words(outer: Any, inner: Any, status: str) -> None:
    """Where the two places for the status differ the worse one counts."""
    body = run(tally=tally(1, 0, 1))
    body["status"], body["result"]["status"] = outer, inner

    job = payloads.run_job(body)

    assert (job.status, job.state) == (status, statuses.state(status))


@pytest.mark.parametrize(
    ("status", "failed_tests"),
    [("failed", True), ("FAILURE", True), ("error", False), ("stopped", False), ("passed", False)],
)
def test_run_job__tests_or_job(status: str, failed_tests: bool) -> None:
    """Some bad words say that tests failed, others that the run itself did."""
    assert payloads.run_job(run(status=status)).failed_tests == failed_tests


@pytest.mark.parametrize("result", ["text", [1], 5, True])
def test_run_job__result_of_another_type(result: Any) -> None:
    """A result that is not an object is a problem."""
    [problem] = payloads.run_job({"status": "passed", "result": result}).problems

    assert re.fullmatch("result is a [a-z]+, not an object", problem)


@pytest.mark.parametrize("rows", ["text", {"0": {}}, 5])
def test_run_job__rows_of_another_type(rows: Any) -> None:
    """Step results that are no list are a problem."""
    job = payloads.run_job({"status": "passed", "result": {"executionResults": rows}})

    assert job.suite is None
    assert [problem.endswith(", not a list") for problem in job.problems] == [True]


def test_import_job__steps_beside_the_status() -> None:
    """A suite that stands in the record itself is read as well."""
    job = payloads.import_job({"status": "SUCCESS", "name": "Banking", "testSteps": [step()]})

    assert job.suite
    assert (job.suite.name, len(job.suite.steps)) == ("Banking", 1)


# --- reasons


ROW = {"taskType": "Dialog", "taskName": "Transfer"}


@pytest.mark.parametrize(
    ("fields", "reasons"),
    [
        ({"statusLogs": ["no such node"]}, ("no such node",)),
        ({"statusLogs": [{"status": "FAILURE", "comments": "'no node'"}]}, ("'no node'",)),
        ({"statusLogs": [{"message": "a"}, {"msg": "b"}, {"reason": "c"}, {"description": "d"}]}, ("a", "b", "c", "d")),
        ({"statusLogs": [{"errorMessage": "a"}, {"error": {"msg": "b", "code": 7}}]}, ("a", "b (code 7)")),
        ({"statusLogs": [{"errors": [{"msg": "a"}, "b"]}]}, ("a; b",)),
        ({"statusLogs": [{**ROW, "status": "failed"}]}, ("Dialog Transfer: failed",)),
        ({"statusLogs": [{**ROW, "status": "failed", "comments": "x"}]}, ("Dialog Transfer: x",)),
        ({"statusLogs": [ROW]}, ("Dialog Transfer",)),
        ({"statusLogs": [{"status": "success", "comments": "fine"}, {"status": "failed", "comments": "x"}]}, ("x",)),
        ({"statusLogs": [{}, [], None, "", 5]}, ("[]", "5")),
        ({"statusLogs": "not a list"}, ()),
        ({"statusLogs": ["same"] * 3, "message": "same"}, ("same",)),
        ({"message": "a", "errors": [{"msg": "b", "code": 400}]}, ("a", "b (code 400)")),
        ({"error": "a", "response": {"message": "b"}, "result": {"reason": "c"}}, ("a", "b", "c")),
        ({"response": {"testSteps": [], "description": "a suite of ours"}}, ()),
        ({"result": {"errorDetails": {"code": "E7", "message": "no bot"}}}, ("no bot (code E7)",)),
        ({"result": {"errorDetails": ["a", "b"]}}, ("a; b",)),
        ({"result": {"errorDetails": "text"}}, ("text",)),
        ({"result": {"errorDetails": {"unknown": 1}}}, ('{"unknown": 1}',)),
        ({"errorDetails": "a"}, ("a",)),
        ({"message": {"deep": [1, {"x": None}]}}, ('{"deep": [1, {"x": null}]}',)),
        (
            {"statusLogs": [f"reason {number}" for number in range(50)]},
            tuple(f"reason {number}" for number in range(10)),
        ),
        ({"message": "x" * 10_000}, ("x" * 2000,)),
        ({}, ()),
    ],
)
def test_reasons(fields: dict[str, Any], reasons: tuple[str, ...]) -> None:
    """The reason of a failure is found wherever Kore.ai may put it, bad rows of its log first."""
    assert payloads.import_job({"status": "FAILURE", **fields}).reasons == reasons


@pytest.mark.parametrize("status", ["IN_PROGRESS", "SUCCESS"])
def test_reasons__nothing_wrong(status: str) -> None:
    """A job that goes well has no reasons to give."""
    body = {"status": status, "message": "all fine", "statusLogs": [{"status": "success", "comments": "a"}, "b"]}

    assert payloads.import_job(body).reasons == ()


# --- links


LINK = "https://files.example/results.csv?e=1&s=2"


@pytest.mark.parametrize(
    ("key", "level"),
    [
        ("downloadUrl", 0),
        ("downloadUrl", 1),
        ("downloadUrl", 11),
        ("downloadURL", 3),
        ("DownloadUrl", 3),
        ("download_url", 3),
        ("download-url", 3),
        ("downloadLink", 3),
        ("fileUrl", 3),
        ("fileURL", 3),
        ("resultUrl", 3),
        ("resultsUrl", 3),
        ("reportUrl", 3),
    ],
)
def test_download_url__any_key_any_level(key: str, level: int) -> None:
    """A link is found under every known key, at every level, in lists too."""
    body: Any = {key: f" {LINK}\n"}
    for number in range(level):
        body = {"inner": [1, body]} if number % 2 else {"inner": body}

    assert payloads.import_job({"status": "SUCCESS", **body}).download_url == LINK


@pytest.mark.parametrize("key", ["payload", "value", "text"])
def test_download_url__inside_any_field(key: str) -> None:
    """Whatever the field around it is called, a link outside the steps is found."""
    assert payloads.import_job({"status": "SUCCESS", key: {"downloadUrl": LINK}}).download_url == LINK


def test_download_url__the_outermost() -> None:
    """Of several links the one nearest to the top is meant."""
    body = {"a": {"b": {"downloadUrl": "https://deep.example/"}}, "c": {"fileUrl": LINK}}

    assert payloads.import_job(body).download_url == LINK


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "results.csv",
        "/api/getMediaStream/x",
        "ftp://files.example/x",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "https://",
        "https:///x",
        5,
        True,
        ["https://files.example/x"],
        {"href": "https://files.example/x"},
    ],
)
def test_download_url__no_link(value: Any) -> None:
    """Only an http address with a host is a link."""
    assert payloads.import_job({"downloadUrl": value}).download_url == ""


@pytest.mark.parametrize(
    "body",
    [
        imported({"input": "x", "downloadUrl": LINK, "outputs": [{"text": LINK, "fileUrl": LINK}]}),
        run({"input": "x", "actualOutput": [{"downloadUrl": LINK, "text": json.dumps({"downloadUrl": LINK})}]}),
        {"status": "SUCCESS", "message": f"downloadUrl {LINK}"},
        {"status": "SUCCESS", "executionResults": [{"downloadUrl": LINK}]},
    ],
)
def test_download_url__never_from_the_bot(body: Any) -> None:
    """What a bot says leads nowhere."""
    assert payloads.run_job(body).download_url == ""


# --- anything at all


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["passed", "failed", LINK]),
    lambda children: st.lists(children, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["status", "result", "response", "testSteps", "executionResults", "outputs", "actualOutput", "assertions",
             "text", "contains", "enabled", "context", "statusLogs", "stepDetails", "errorDetails", "downloadUrl",
             "duration", "percentage", "key", "value", "total"]
        ),
        children,
        max_size=6,
    ),
    max_leaves=25,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["status", "result", "response", "statusLogs", "testSteps"]), json_values))
def test_job__anything(body: dict[str, Any]) -> None:
    """Whatever an answer holds, it is read; it ended well only where a good word says so, as a text."""
    for read in (payloads.import_job, payloads.run_job):
        job: Job = read(body)

        if job.state is State.SUCCEEDED:
            said = [body.get("status"), body["result"].get("status") if isinstance(body.get("result"), dict) else None]
            assert job.status in [word for word in said if isinstance(word, str)]
            assert statuses.normal(job.status) in statuses.WORDS


@pytest.mark.parametrize("depth", [200, 450])
def test_job__nested(depth: int) -> None:
    """Nesting that the parser takes does no harm later."""
    deep: Any = json.loads("[" * depth + "]" * depth)
    fields = dict.fromkeys(("message", "errors", "error", "response", "result", "x", "percentage", "testSuiteId"), deep)

    job = payloads.import_job({"status": "FAILURE", "statusLogs": [deep, {"errors": deep}], **fields})

    assert job.state is State.FAILED
    assert payloads.run_job({"status": "FAILURE", **fields}).problems
    assert responses.error_rows(deep) == []


def test_as_text__nested_too_deeply() -> None:
    """What no text can be made of is said to be so."""
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]

    assert responses.as_text(deep) == "(nested too deeply to show)"
