"""The bot of the demo: a small bank, and three test suites for it."""

import copy
import json

from kore_gate.simulator import suites
from kore_gate.simulator.messages import Json

RECIPIENTS = json.dumps(
    {
        "type": "template",
        "payload": {
            "template_type": "quick_replies",
            "text": "Who should get the money?",
            "quick_replies": [
                {"content_type": "text", "title": "Anna Berg", "payload": "Anna Berg"},
                {"content_type": "text", "title": "City Power", "payload": "City Power"},
            ],
        },
    }
)


def _node(dialog: str, node: str, text: str, *, kind: str = "message", **groups: list[Json]) -> Json:
    """Return a reply of a dialog node, its text and the given groups asserted."""
    slug = dialog.lower().replace(" ", "-")
    return {
        **suites.output(text),
        "nodeId": f"{kind}-{node.lower()}",
        "componentType": kind,
        "intentId": f"dg-{slug}",
        "nodeName": node,
        "intentType": "dialog",
        "taskId": f"dg-{slug}",
        "dialogName": dialog,
        "transitions": [f"intent-{slug}", f"{kind}-{node.lower()}"],
        "transitionNodeNames": [dialog, node],
        "transitionNodeType": ["intent", kind],
        "assertions": suites.assertions(text=[{"text": text}], **groups),
    }


def _standard(category: str, text: str) -> Json:
    """Return a standard response, its text and the flow asserted."""
    return {
        "text": text,
        "category": category,
        "isStandardResponse": True,
        "userPrompts": [],
        "assertions": suites.assertions(flow=[{"nodeId": category}], text=[{"text": text}]),
    }


def _step(said: str, *replies: Json) -> Json:
    return {"input": said, "outputs": list(replies)}


GREETING_VARIANTS = [
    "Welcome to Example Bank! How can I help you today?",
    "Hello, this is Example Bank. What can I do for you?",
]
GREETING: Json = {
    "name": "Greeting and FAQ",
    "description": "What customers meet first.",
    "tags": ["smoke"],
    "testSteps": [
        {**_step("Start_Flow", suites.output(GREETING_VARIANTS[0], GREETING_VARIANTS)), "event": "Start_Flow"},
        _step("What are your opening hours?", suites.output("Our branches are open Monday to Friday, 9 am to 5 pm.")),
        _step(
            "I lost my card",
            _node("Block Card", "Reassure", "I'm sorry to hear that. I can block the card for you right away."),
            _node("Block Card", "AskCard", "Which card did you lose?", kind="entity"),
        ),
        _step("asdf qwer", _standard("Fallback", "I didn't get that. Could you say it in other words?")),
    ],
}
BALANCE: Json = {
    "name": "Balance",
    "description": "Asking for the balance of an account, and for a second one.",
    "tags": ["smoke", "accounts"],
    "testSteps": [
        _step(
            "What is my balance?",
            _node("Check Balance", "AskAccount", "For which account: current or savings?", kind="entity"),
        ),
        _step(
            "current",
            _node(
                "Check Balance",
                "TellBalance",
                "The balance of your current account is $1,250.00.",
                context=[{"key": "balance", "value": "1250.00"}, {"key": "account", "value": "current"}],
            ),
        ),
        _step(
            "and savings?",
            _node(
                "Check Balance",
                "TellBalance",
                "The balance of your savings account is $8,400.50.",
                context=[{"key": "balance", "value": "8400.50"}, {"key": "account", "value": "savings"}],
            ),
        ),
    ],
}
TRANSFER: Json = {
    "name": "Transfer / confirmation",
    "description": "Sending money, with a choice of recipients and a confirmation.",
    "tags": ["payments"],
    "testSteps": [
        _step("I want to send money", _node("Transfer Funds", "AskRecipient", RECIPIENTS, kind="entity")),
        _step("Anna Berg", _node("Transfer Funds", "AskAmount", "How much should I send to Anna Berg?", kind="entity")),
        _step("200 dollars", _standard("Confirmation", "Send $200.00 to Anna Berg. Is that right?")),
        _step(
            "yes",
            _node(
                "Transfer Funds",
                "Done",
                "Done! $200.00 are on their way to Anna Berg.",
                flow=[{"nodeId": "message-done"}],
                context=[{"key": "transfer.status", "value": "accepted"}],
            ),
        ),
        _step("thank you", suites.output("You're welcome! Is there anything else?")),
    ],
}


def demo_suites() -> tuple[Json, ...]:
    """Return the demo's suites, each the content of a file that can be uploaded."""
    return copy.deepcopy((GREETING, BALANCE, TRANSFER))
