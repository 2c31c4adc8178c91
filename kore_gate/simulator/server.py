"""Serves the simulator over HTTP, with every way an answer can fail to arrive."""

import contextlib
import http.server
import itertools
import socket
import socketserver
import ssl
import struct
import sys
import threading
import types
from typing import Any, Self, assert_never

from kore_gate.simulator.kore import Simulator
from kore_gate.simulator.messages import Delivery, Request, Response

MAX_BODY = 8 * 1024 * 1024
# Seconds between two drops of a dripping answer.
BEAT = 0.1


class Server:
    """The simulator on a port of its own, for as long as the `with` block lasts; port 0 takes a free one."""

    def __init__(
        self, simulator: Simulator, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        self.simulator = simulator
        self._listener = _Listener(simulator, host, port, tls)
        self._thread = threading.Thread(
            target=self._listener.serve_forever, kwargs={"poll_interval": 0.05}, name="simulator", daemon=True
        )

    @property
    def port(self) -> int:
        """Return the port it listens on."""
        return int(self._listener.server_address[1])

    @property
    def url(self) -> str:
        """Return its base URL."""
        host = str(self._listener.server_address[0])
        return f"{self._listener.scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"

    def __enter__(self) -> Self:
        """Start to serve."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        """Stop to serve, and end every connection."""
        self._listener.shutdown()
        self._thread.join()
        self._listener.hang_up()
        self._listener.server_close()


class _Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 512

    def __init__(self, simulator: Simulator, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self.simulator = simulator
        self.tls = tls
        self.scheme = "https" if tls else "http"
        self.stopping = threading.Event()
        self.open: set[Any] = set()
        self.changed = threading.Condition()
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection; where TLS is on, hands are shaken later, in the connection's own thread."""
        connection, address = super().get_request()
        if self.tls is not None:
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection to its end."""
        with self.changed:
            self.open.add(request)
        try:
            if isinstance(request, ssl.SSLSocket):
                request.do_handshake()
            _Handler(request, client_address, self)
        finally:
            with self.changed:
                self.open.discard(request)
                self.changed.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent about clients that went away."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def hang_up(self) -> None:
        """End every connection, and wait until each has been let go."""
        self.stopping.set()
        with self.changed:
            for connection in self.open:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)
            self.changed.wait_for(lambda: not self.open, timeout=5)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Listener

    def serve(self) -> None:
        """Answer one request."""
        body = self._body()
        if body is None:
            return
        headers = {"x-forwarded-proto": self.server.scheme}
        headers |= {name.lower(): value for name, value in self.headers.items()}
        response = self.server.simulator.handle(Request(self.command, self.path, headers, body))
        match response.delivery:
            case Delivery.NORMAL:
                self._send(response, len(response.body))
            case Delivery.TRUNCATED:
                self._send(response, len(response.body) + 512)
                self.close_connection = True
            case Delivery.DRIP:
                self._drip(response)
            case Delivery.HANG:
                # Returns when the client goes away, or the server hangs up.
                self.rfile.read(1)
                self.close_connection = True
            case Delivery.RESET:
                self._reset()
            case _:
                assert_never(response.delivery)

    # The standard library calls these names.
    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = serve  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def _body(self) -> bytes | None:
        """Read the request's body; None when it can't be had, which has been answered."""
        length = self.headers.get("content-length", "0")
        if "transfer-encoding" in self.headers or not length.isdecimal():
            self.send_error(411)
        elif int(length) > MAX_BODY:
            self.send_error(413)
        else:
            return self.rfile.read(int(length))
        self.close_connection = True
        return None

    def _send(self, response: Response, length: int) -> None:
        self._send_head(response, ("content-length", str(length)))
        self.wfile.write(response.body)

    def _send_head(self, response: Response, *more: tuple[str, str]) -> None:
        self.send_response_only(response.status)
        for name, value in (*response.headers, *more):
            self.send_header(name, value)
        self.end_headers()

    def _drip(self, response: Response) -> None:
        self.close_connection = True
        self._send_head(response, ("transfer-encoding", "chunked"))
        drops = itertools.chain(response.body, itertools.repeat(0x20))
        while not self.server.stopping.wait(BEAT):
            self.wfile.write(b"1\r\n%c\r\n" % next(drops))

    def _reset(self) -> None:
        """Close the connection so that the client gets a reset instead of an orderly end."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.connection.close()
