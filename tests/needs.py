"""What a tier needs beside Python: skipped on a laptop, required where CI runs."""

import os

import pytest


def need(there: object, what: str, how: str) -> None:
    """Skip a test that asks for a tool that is not installed; fail it where `KORE_GATE_REQUIRE` is 1."""
    if there:
        return
    message = f"not installed: {what} ({how})"
    if os.environ.get("KORE_GATE_REQUIRE") == "1":
        pytest.fail(message)
    pytest.skip(message)
