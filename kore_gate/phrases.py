"""Facts in words: assertions, steps, differences, verdicts; the same in every report."""

from kore_gate import bubble
from kore_gate.model import Assertion, Reply, Step, Verdict

_OPERATORS = {"text": "equals", "flow": "reaches", "context": ""}


def label(assertion: Assertion) -> str:
    """Say in words what an assertion expects: `text equals "Hello"`, `flow reaches Confirmation`."""
    group = assertion.group
    values = [bubble.readable(check.value) for check in assertion.checks]
    if group == "context":
        # Each variable is expected; of texts and nodes one is enough.
        wanted = " and ".join(f"{check.field} = {value}" for check, value in zip(assertion.checks, values, strict=True))
    elif group == "flow":
        wanted = " or ".join(values)
    else:
        wanted = " or ".join(f'"{value}"' for value in values)
    return " ".join(part for part in (group, _OPERATORS.get(group, "matches"), wanted or "(nothing)") if part)


def step_label(step: Step) -> str:
    """Name a step by its number and what the user said."""
    return f"{step.number:02d} {step.input or step.event or '(no input)'}"


def difference(assertion: Assertion, reply: Reply) -> tuple[str, str]:
    """Put expected and actual side by side, in a line and at length."""
    actual = assertion.actual
    if actual is None and assertion.group == "text":
        actual = reply.actual
    values = [check.value for check in assertion.checks]
    read = [bubble.readable(value) for value in values]
    came = bubble.readable(actual) if actual is not None else None
    if actual is None or actual in values or came not in read:
        values, actual = read, came  # else the templates differ in what people don't see
    wanted = shorten(label(assertion), 140)
    message = f"{wanted}, but got {shorten(actual, 120)!r}" if actual is not None else f"{wanted}: not so"
    joint = "\n     or   "
    if assertion.group == "context":
        joint = "\n     and  "
        values = [f"{check.field} = {value}" for check, value in zip(assertion.checks, values, strict=True)]
    expected = joint.join(values)
    shown = actual if actual is not None else "(Kore.ai did not say)"
    lines = [message, "", f"expected: {expected}", f"actual:   {shown}"]
    if assertion.reason:
        lines.append(f"reason:   {assertion.reason}")
    return message, "\n".join(lines)


def explain(verdict: Verdict) -> str:
    """Write a verdict out: what happened, what it usually means, what to do."""
    parts = [verdict.message, *(f"  - {detail}" for detail in verdict.details)]
    if verdict.cause:
        parts.append(f"Usually: {verdict.cause}")
    if verdict.hint:
        parts.append(f"What to do: {verdict.hint}")
    return "\n".join(parts)


def shorten(name: str, limit: int) -> str:
    """Cut a text at so many characters, and show that it was."""
    return name if len(name) <= limit else name[: limit - 1].rstrip() + "…"
