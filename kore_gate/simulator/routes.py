"""Which call a request is."""

import dataclasses
import re
import urllib.parse
from collections.abc import Mapping

from kore_gate.simulator.messages import Request, Response, errors

_BOT = r"/api/public/stream/(?P<stream>[^/]+)/conversation/testsuite"
_PATHS = {
    "upload": ("POST", r"/api/public/uploadfile"),
    "import": ("POST", rf"{_BOT}/import"),
    "import-status": ("GET", rf"{_BOT}/import/(?P<id>[^/]+)/status"),
    "run": ("POST", rf"{_BOT}/(?P<id>[^/]+)/run"),
    "run-status": ("GET", rf"{_BOT}/(?P<suite>[^/]+)/(?P<id>[^/]+)/status"),
    "delete": ("DELETE", _BOT),
    "download": ("GET", r"/api/getMediaStream/media/(?P<id>[^/]+)"),
}
_ROUTES = tuple((kind, method, re.compile(path)) for kind, (method, path) in _PATHS.items())


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A recognised request: its kind, and the parts of its path without percent-encoding."""

    kind: str
    request: Request
    parts: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def id(self) -> str:
        """Return whom the call is about: a ds-id, a suite's name, a run, a file; or nobody."""
        return self.parts.get("id", "")


def find(request: Request, *, base_path: str = "") -> Call:
    """Recognise a request; what is none of Kore.ai's calls is of kind `unknown`."""
    path = request.path.partition("?")[0]
    for kind, method, pattern in _ROUTES:
        match = pattern.fullmatch(path.removeprefix(base_path)) if path.startswith(base_path) else None
        if match and request.method == method:
            parts = {name: urllib.parse.unquote(part) for name, part in match.groupdict().items()}
            return Call(kind=kind, request=request, parts=parts)
    return Call(kind="unknown", request=request)


def unknown(request: Request, *, base_path: str = "") -> Response:
    """Answer a call that Kore.ai does not have."""
    if request.path.startswith(f"{base_path}/api/"):
        return errors("Method Not Allowed", 405)
    return Response(404, (("content-type", "text/html; charset=utf-8"),), b"<h1>404 Not Found</h1>")
