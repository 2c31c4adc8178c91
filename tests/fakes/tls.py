"""The simulator's server behind TLS."""

import socket
import ssl
from typing import Any

from kore_gate.simulator.server import Server
from kore_gate.simulator.service import Simulator


class TlsServer(Server):
    """Serves https with the certificate of a context."""

    scheme = "https"

    def __init__(self, simulator: Simulator, context: ssl.SSLContext) -> None:
        self.context = context
        super().__init__(simulator)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection; the handshake follows with the first byte read, in the connection's own thread."""
        connection, address = super().get_request()
        secure = self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self.connections.add(secure)
        return secure, address
