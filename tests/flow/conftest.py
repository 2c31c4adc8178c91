"""What the flow tests share."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.fakes.clock import FakeClock
from tests.fakes.pipeline import make_settings
from tests.fakes.rig import Rig, Script


@pytest.fixture(autouse=True)
def chance() -> None:
    """Make what is left to chance, such as the gaps between requests, the same in each run: what fails fails again."""
    random.seed(20261125)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def rig(clock: FakeClock) -> Callable[..., Rig]:
    """Return a way to build a client at a script: what happens to its requests, and its settings."""

    def build(*kinds: object, seconds: float = 0.0, **changes: Any) -> Rig:
        return Rig(clock, Script(clock, kinds, seconds), make_settings(**changes))

    return build
