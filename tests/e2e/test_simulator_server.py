import concurrent.futures
import http.client
import json
import socket
import threading
from collections.abc import Iterator

import pytest

from kore_gate.simulator import scenarios, server, service
from tests.fakes.caller import multipart, token

pytestmark = pytest.mark.socket

PATH = f"/api/public/stream/{scenarios.STREAM_ID}/conversation/testsuite/import/ds-demo-1/status"
NOW = 1_700_000_000.0


@pytest.fixture
def running(request: pytest.FixtureRequest) -> Iterator[server.Server]:
    """Serve the scenario that the test names."""
    simulator = service.Simulator(scenario=getattr(request, "param", "passing"), now=lambda: NOW)
    with server.Server(simulator) as one:
        yield one


@pytest.fixture
def client(running: server.Server) -> Iterator[http.client.HTTPConnection]:
    """Connect to the server."""
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
    yield connection
    connection.close()


def _ask(client: http.client.HTTPConnection) -> http.client.HTTPResponse:
    client.request("GET", PATH, headers={"auth": token()})
    return client.getresponse()


def test_server__normal(client: http.client.HTTPConnection) -> None:
    """An answer arrives whole, with its length, the simulator's date and no word about the server."""
    response = _ask(client)

    headers = {name.lower(): value for name, value in response.getheaders()}
    body = response.read()
    assert response.status == 200
    assert json.loads(body)["_id"] == "ds-demo-1"
    assert headers == {
        "content-type": "application/json; charset=utf-8",
        "content-length": str(len(body)),
        "date": "Tue, 14 Nov 2023 22:13:20 GMT",
    }


def test_server__keeps_the_connection(client: http.client.HTTPConnection) -> None:
    """Several calls go over one connection."""
    sockets = set()

    for _ in range(3):
        _ask(client).read()
        assert client.sock is not None
        sockets.add(client.sock.getsockname())

    assert len(sockets) == 1


def test_server__upload(running: server.Server, client: http.client.HTTPConnection) -> None:
    """A form goes through the socket unharmed."""
    headers, body = multipart(b'{"testSteps": []}')

    client.request("POST", "/api/public/uploadfile", body, headers | {"Auth": token()})
    response = client.getresponse()

    assert response.status == 200
    assert json.loads(response.read()).keys() == {"fileId", "hash", "fileName"}
    assert [entry.kind for entry in running.simulator.log] == ["upload"]


@pytest.mark.parametrize("running", ["results-link"], indirect=True)
def test_server__link_leads_back(running: server.Server, client: http.client.HTTPConnection) -> None:
    """The link to a results file leads to this server."""
    running.simulator.add_import("ds-demo-1", {"testSteps": [{"input": "Hi", "outputs": ["Hello"]}]})
    record = json.loads(_ask(client).read())

    assert record["status"] == "IN_PROGRESS"
    with server.Server(service.Simulator(scenario="results-link", job_seconds=0)) as instant:
        connection = http.client.HTTPConnection("127.0.0.1", instant.port, timeout=20)
        connection.request("GET", PATH, headers={"auth": token(exp=None, jti=None)})
        link = json.loads(connection.getresponse().read())["downloadUrl"]
        connection.request("GET", link.removeprefix(instant.url))
        table = connection.getresponse().read()
        connection.close()

    assert link.startswith(f"http://127.0.0.1:{instant.port}/")
    assert table.startswith(b"step,input,expected,result\r\n")


@pytest.mark.parametrize("running", ["truncated"], indirect=True)
def test_server__truncated(client: http.client.HTTPConnection) -> None:
    """Less arrives than was promised, though what arrives looks complete."""
    response = _ask(client)

    with pytest.raises(http.client.IncompleteRead) as caught:
        response.read()

    assert json.loads(caught.value.partial)["status"] == "SUCCESS"


@pytest.mark.parametrize("running", ["reset"], indirect=True)
def test_server__reset(client: http.client.HTTPConnection) -> None:
    """The connection is reset, not closed."""
    with pytest.raises(ConnectionResetError):
        _ask(client)


@pytest.mark.parametrize("running", ["hang"], indirect=True)
def test_server__hang(running: server.Server) -> None:
    """Nothing comes, however long one waits, and the next call is served all the same."""
    with socket.create_connection(("127.0.0.1", running.port), timeout=0.2) as waiting:
        waiting.sendall(f"GET {PATH} HTTP/1.1\r\nHost: x\r\nauth: {token()}\r\n\r\n".encode())

        with pytest.raises(TimeoutError):
            waiting.recv(1)

    other = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
    other.request("GET", "/")
    assert other.getresponse().status == 404
    other.close()


@pytest.mark.parametrize("running", ["drip"], indirect=True)
def test_server__drip(client: http.client.HTTPConnection) -> None:
    """Bytes come one at a time, and no end with them."""
    response = _ask(client)

    drops = [response.read(1) for _ in range(3)]

    assert drops == [b"{", b'"', b"s"]
    assert not response.isclosed()


@pytest.mark.parametrize("running", ["drip", "hang"], indirect=True)
def test_server__ends_with_its_block(running: server.Server, client: http.client.HTTPConnection) -> None:
    """Leaving the block ends even connections in the middle of an answer, and takes the port away."""
    client.request("GET", PATH, headers={"auth": token()})
    _until_asked(running)

    running.__exit__(None, None, None)

    with pytest.raises((http.client.HTTPException, OSError)):
        client.getresponse().read()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", running.port))


def test_server__survives_clients_that_leave(
    running: server.Server, client: http.client.HTTPConnection, capfd: pytest.CaptureFixture[str]
) -> None:
    """Clients that go away in the middle of a request leave no trace, on the screen either."""
    request = f"GET {PATH} HTTP/1.1\r\nHost: x\r\nauth: {token()}\r\n\r\n".encode()
    for sent in (b"", b"GET", request, b"POST /api/public/uploadfile HTTP/1.1\r\nContent-Length: 99\r\n\r\nx"):
        with socket.create_connection(("127.0.0.1", running.port)) as leaving:
            leaving.sendall(sent)

    response = _ask(client)

    assert response.status == 200
    response.read()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Length": "9000000"}, 413),
        ({"Content-Length": "many"}, 411),
        ({"Transfer-Encoding": "chunked"}, 411),
    ],
    ids=["too large", "no number", "chunked"],
)
def test_server__bodies_it_does_not_take(
    client: http.client.HTTPConnection, headers: dict[str, str], status: int
) -> None:
    """A body of unknown or unreasonable length is not read."""
    client.putrequest("POST", "/api/public/uploadfile")
    for name, value in headers.items():
        client.putheader(name, value)
    client.endheaders()

    response = client.getresponse()

    assert response.status == status


def test_server__many_at_once(running: server.Server) -> None:
    """Fifty clients at once are all served, and each call is in the log."""

    def one(number: int) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
        connection.request("GET", PATH.replace("ds-demo-1", f"ds-{number}"), headers={"auth": token()})
        status = connection.getresponse().status
        connection.close()
        return status

    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        statuses = set(pool.map(one, range(50)))

    assert statuses == {404}
    assert {entry.id for entry in running.simulator.log} == {f"ds-{number}" for number in range(50)}


def test_server__bug_is_shown(
    running: server.Server,
    client: http.client.HTTPConnection,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """An error of the simulator itself is not swallowed."""
    monkeypatch.setattr(running.simulator, "handle", {}.__getitem__)

    with pytest.raises(http.client.RemoteDisconnected):
        _ask(client)

    assert "Traceback" in capfd.readouterr().err


def _until_asked(running: server.Server) -> None:
    """Wait for the first call to be in the log, which the serving thread does at its own time."""
    waited = threading.Event()
    for _ in range(200):
        if running.simulator.log:
            return
        waited.wait(0.01)
