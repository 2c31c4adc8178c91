"""The rules of the strict JUnit dialect: what Ant's schema and that of Jenkins' xUnit plugin both allow."""

import dataclasses
import datetime
import re

from lxml import etree


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """The attributes of an element, its children as an expression over `tag `, and whether it may hold text."""

    required: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    children: str = ""
    text: bool = False


SUITE = frozenset({"name", "timestamp", "hostname", "tests", "failures", "errors", "time", "package", "id"})
RULES = {
    "testsuites": Rule(children="(testsuite )*"),
    "testsuite": Rule(
        required=SUITE,
        optional=frozenset({"skipped"}),
        children="properties (testcase )*system-out system-err ",
    ),
    "properties": Rule(children="(property )*"),
    "property": Rule(required=frozenset({"name", "value"})),
    "testcase": Rule(required=frozenset({"name", "classname", "time"}), children="((skipped|error|failure) )?"),
    "skipped": Rule(optional=frozenset({"message"}), text=True),
    "error": Rule(required=frozenset({"type"}), optional=frozenset({"message"}), text=True),
    "failure": Rule(required=frozenset({"type"}), optional=frozenset({"message"}), text=True),
    "system-out": Rule(text=True),
    "system-err": Rule(text=True),
}

NUMBER, SECONDS, NOT_BLANK = r"\d{1,9}", r"\d+(\.\d{1,3})?", r"(?s).*\S.*"
VALUES = {
    **{("testsuite", name): NUMBER for name in ("tests", "failures", "errors", "skipped", "id")},
    ("testsuite", "time"): SECONDS,
    ("testcase", "time"): SECONDS,
    ("testsuite", "timestamp"): r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d",
    ("testsuite", "name"): NOT_BLANK,
    ("testsuite", "hostname"): NOT_BLANK,
    ("property", "name"): NOT_BLANK,
}


def offences(data: bytes) -> list[str]:
    """List what in a report is against the rules."""
    root = etree.fromstring(data, etree.XMLParser(huge_tree=True))
    if root.tag != "testsuites":
        return [f"the root is {root.tag}"]
    return [offence for element in root.iter() for offence in _of_element(element)]


def _of_element(element: etree._Element) -> list[str]:
    tag = str(element.tag)
    rule = RULES.get(tag)
    if rule is None:
        return [f"unknown element {tag}"]
    attributes = {str(name): str(value) for name, value in element.attrib.items()}
    offences = [f"{tag} without {name}" for name in sorted(rule.required - attributes.keys())]
    offences += [f"{tag} with {name}" for name in sorted(attributes.keys() - rule.required - rule.optional)]
    offences += [f"{tag}/@{name} is {value!r}" for name, value in attributes.items() if not _is_valid(tag, name, value)]
    children = "".join(f"{child.tag} " for child in element)
    if not re.fullmatch(rule.children, children):
        offences.append(f"{tag} holds {children}")
    texts = "".join([element.text or "", *(child.tail or "" for child in element)])
    if texts.strip() and not rule.text:
        offences.append(f"{tag} holds text")
    return offences


def _is_valid(tag: str, name: str, value: str) -> bool:
    if not re.fullmatch(VALUES.get((tag, name), r"(?s).*"), value, re.ASCII):
        return False
    if name != "timestamp":
        return True
    try:
        datetime.datetime.fromisoformat(value)
    except ValueError:
        return False
    return True
