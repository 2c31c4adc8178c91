from kore_gate.errors import ExitCode


def test_exit_codes__contract() -> None:
    """Pipelines depend on these numbers."""
    assert {code.name: code.value for code in ExitCode} == {
        "PASSED": 0,
        "FAILED": 1,
        "USAGE": 2,
        "JOB_FAILED": 3,
        "TIMED_OUT": 4,
        "NOTHING_TO_TEST": 5,
        "REFUSED": 6,
        "UNAVAILABLE": 7,
        "REPORT": 8,
        "BUG": 70,
        "SIGINT": 130,
        "SIGTERM": 143,
    }


def test_meanings__complete() -> None:
    """Each code can be put into words."""
    assert all(code.meaning for code in ExitCode)


def test_gravity__order() -> None:
    """With several suites the gravest counts, wherever it stands; bad usage stands above every result of a call."""
    gravest_first = [143, 130, 70, 2, 8, 6, 7, 4, 3, 1, 5, 0]

    assert sorted(ExitCode, key=lambda code: -code.gravity) == gravest_first


def test_ending__each_code() -> None:
    """Each code has its verdict word; several share the words for errors and interruptions."""
    assert {code.name: code.ending.value for code in ExitCode} == {
        "PASSED": "passed",
        "FAILED": "failed",
        "USAGE": "error",
        "JOB_FAILED": "job-failed",
        "TIMED_OUT": "timed-out",
        "NOTHING_TO_TEST": "nothing-to-test",
        "REFUSED": "refused",
        "UNAVAILABLE": "unavailable",
        "REPORT": "error",
        "BUG": "error",
        "SIGINT": "interrupted",
        "SIGTERM": "interrupted",
    }
