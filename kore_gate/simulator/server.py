"""Serves the simulator over HTTP, with every way a response can fail to arrive."""

import contextlib
import dataclasses
import http.server
import itertools
import socket
import socketserver
import struct
import sys
import threading
import weakref
from typing import Any, Self, assert_never

from kore_gate.simulator.scenarios import Delivery, Response
from kore_gate.simulator.service import Request, Simulator

MAX_BODY = 8 * 1024 * 1024
DRIP_SECONDS = 0.1


class Server(socketserver.ThreadingTCPServer):
    """The simulator on a port of its own, for as long as the `with` block lasts; port 0 takes a free one."""

    allow_reuse_address = True
    request_queue_size = 512
    scheme = "http"

    def __init__(self, simulator: Simulator, *, port: int = 0) -> None:
        self.simulator = simulator
        self.stopping = threading.Event()
        self.connections: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), name="simulator", daemon=True)
        super().__init__(("127.0.0.1", port), _Handler)
        self.port = int(self.server_address[1])
        self.url = f"{self.scheme}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        """Start to serve."""
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop serving, end every connection, and wait until each has ended."""
        self.shutdown()
        self._thread.join()
        self.stopping.set()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        self.server_close()

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection, and remember it."""
        connection, address = super().get_request()
        self.connections.add(connection)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print errors, except about clients that went away."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def serve(self) -> None:
        """Answer one request."""
        length = self.headers.get("content-length", "0")
        is_readable = length.isdecimal() and "transfer-encoding" not in self.headers
        if not is_readable or int(length) > MAX_BODY:
            self.send_error(413 if is_readable else 411)
            return
        headers = {"x-forwarded-proto": self.server.scheme}
        headers |= {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, self.rfile.read(int(length)))
        response = self.server.simulator.handle(request)
        self.close_connection = self.close_connection or response.delivery is not Delivery.NORMAL
        match response.delivery:
            case Delivery.NORMAL:
                self._send(response, "content-length", str(len(response.body)))
            case Delivery.TRUNCATED:
                self._send(response, "content-length", str(len(response.body) + 512))
            case Delivery.DRIP:
                self._send(dataclasses.replace(response, body=b""), "transfer-encoding", "chunked")
                drops = itertools.chain(response.body, itertools.repeat(0x20))
                while not self.server.stopping.wait(DRIP_SECONDS):
                    self.wfile.write(b"1\r\n%c\r\n" % next(drops))
            case Delivery.HANG:
                # Returns when the client goes away, or the server stops.
                self.rfile.read(1)
            case Delivery.RESET:
                # With this option, closing sends a reset instead of an orderly end.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.rfile.close()
                self.connection.close()
            case _:
                assert_never(response.delivery)

    # The standard library calls these names.
    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = serve  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def _send(self, response: Response, *length: str) -> None:
        self.send_response_only(response.status)
        for name, value in (*response.headers, length):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(response.body)
