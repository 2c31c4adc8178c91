"""Times that people read."""

import pytest

from tests.fakes.clock import FakeClock


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0, "03:04:05 UTC"),
        (61.0, "03:05:06 UTC"),
        (43_199.0, "15:04:04 UTC"),
        (86_400.0, "2026-01-03 03:04 UTC"),
        (1e300, "2029-03-04 12:50 UTC"),
    ],
)
def test_later(seconds: float, expected: str) -> None:
    """A time within half a day is a time of day; later ones have their date, however far they are."""
    assert FakeClock().later(seconds) == expected
