import itertools

import pytest

from kore_gate.errors import GRAVEST_FIRST, MEANINGS, ExitCode, gravest


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
    assert list(MEANINGS) == list(ExitCode)
    assert all(MEANINGS.values())


def test_gravest__order() -> None:
    """With several suites the gravest counts; bad usage stands above every result of a call."""
    assert sorted(GRAVEST_FIRST) == sorted(ExitCode)
    assert [code.value for code in GRAVEST_FIRST if code is not ExitCode.USAGE] == [
        143, 130, 70, 8, 6, 7, 4, 3, 1, 5, 0,
    ]  # fmt: skip


@pytest.mark.parametrize(("graver", "other"), [*itertools.combinations_with_replacement(GRAVEST_FIRST, 2)])
def test_gravest__pairs(graver: ExitCode, other: ExitCode) -> None:
    """The order of the suites plays no part."""
    assert gravest([graver, other]) is graver
    assert gravest([other, graver]) is graver


def test_gravest__nothing() -> None:
    """No codes at all are never taken for success."""
    with pytest.raises(ValueError, match="empty"):
        gravest([])
