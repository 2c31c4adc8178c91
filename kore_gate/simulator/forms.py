"""Reads an uploaded form, and says what is wrong with it."""

import dataclasses
import email.parser
import email.policy
import json
from collections.abc import Mapping

from kore_gate.simulator.messages import Json, refusal

MAX_FILE = 2 * 1024 * 1024


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One field of a form; a file has a name of its own."""

    content: bytes
    filename: str | None = None


def parse(content_type: str, body: bytes) -> dict[str, Part]:
    """Split a multipart form into its fields."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    if message.get_content_type() != "multipart/form-data" or not message.is_multipart() or message.defects:
        raise refusal("The body must be multipart/form-data with a boundary", 400)
    fields = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            fields[name] = Part(content=content, filename=part.get_filename())
    return fields


def suite_file(fields: Mapping[str, Part]) -> Json:
    """Return the JSON object of an uploaded suite file, or raise the refusal the form earns."""
    context, extension = (_text(fields, name) for name in ("fileContext", "fileExtension"))
    if context != "bulkImport":
        raise refusal("fileContext must be bulkImport", 400)
    if extension not in {"json", ".json"}:
        raise refusal("fileExtension must be json for conversation test suites", 400)
    file = fields.get("file")
    if file is None or file.filename is None:
        raise refusal("The form has no file", 400)
    if len(file.content) > MAX_FILE:
        raise refusal("The file exceeds the maximum size of 2 MB", 400)
    try:
        document = json.loads(file.content)
    except (ValueError, RecursionError) as exc:
        raise refusal("The file is not valid JSON", 400) from exc
    if not isinstance(document, dict) or not document:
        raise refusal("The file must hold a JSON object that is not empty", 400)
    return document


def _text(fields: Mapping[str, Part], name: str) -> str:
    return fields[name].content.decode("utf-8", "replace") if name in fields else ""
