"""HTTP/1.1 by hand.

A library client would hide what these tests look at: header spelling, chunk framing, whether a body was
ended or cut, when each byte arrived. Nothing here retries, follows or decodes anything behind a test's back.
"""

import json as jsonlib
import select
import socket
import time

# Generous: it only keeps a hanging test from hanging the run; no test passes because of it.
PATIENCE = 30.0

UNSET = object()


class Cut(Exception):
    """The peer closed or reset the connection before the message was complete."""


class Headers:
    """Header fields in the order they arrived; lookup ignores case."""

    def __init__(self, fields):
        self.fields = list(fields)

    def get(self, name, default=None):
        """The first value of `name`."""
        for field, value in self.fields:
            if field.lower() == name.lower():
                return value
        return default

    def all(self, name):
        return [value for field, value in self.fields if field.lower() == name.lower()]

    def __contains__(self, name):
        return self.get(name) is not None

    def __getitem__(self, name):
        value = self.get(name)
        assert value is not None, f"no header {name} in {self.fields}"
        return value

    def __repr__(self):
        return repr(self.fields)


class Response:
    """One complete answer."""

    def __init__(self, method, target, status, reason, headers, body, keeps_alive):
        self.method = method
        self.target = target
        self.status = status
        self.reason = reason
        self.headers = headers
        self.body = body
        self.keeps_alive = keeps_alive

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    def json(self):
        return jsonlib.loads(self.body)

    @property
    def error(self):
        """The error object of the one error body (gateway.md §4)."""
        document = self.json()
        assert isinstance(document, dict) and list(document) == ["error"], f"not the error body: {self!r}"
        return document["error"]

    @property
    def etag(self):
        return self.headers["ETag"]

    def __repr__(self):
        body = self.text if len(self.body) <= 1500 else self.text[:1500] + f"… ({len(self.body)} bytes)"
        return f"<{self.method} {self.target} → {self.status} {self.headers} {body}>"


class Connection:
    """One TCP or unix-domain connection, and the bytes that are still unread on it."""

    def __init__(self, address, timeout=PATIENCE, source=None):
        if isinstance(address, str):
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.socket.settimeout(timeout)
            self.socket.connect(address)
        else:
            self.socket = socket.create_connection(address, timeout, (source, 0) if source else None)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.ended = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def _fill(self):
        """Reads more bytes; False at the end of the stream."""
        if self.ended:
            return False
        try:
            data = self.socket.recv(65536)
        except (ConnectionResetError, BrokenPipeError):
            data = b""
        if not data:
            self.ended = True
            return False
        self.buffer += data
        return True

    def read_until(self, mark):
        while mark not in self.buffer:
            if not self._fill():
                raise Cut(f"closed while waiting for {mark!r}; had {self.buffer[:400]!r}")
        head, _, self.buffer = self.buffer.partition(mark)
        return head

    def read_exactly(self, count):
        while len(self.buffer) < count:
            if not self._fill():
                raise Cut(f"closed after {len(self.buffer)} of {count} bytes")
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def read_to_end(self):
        while self._fill():
            pass
        data, self.buffer = self.buffer, b""
        return data

    def closed_by_peer(self, timeout=PATIENCE):
        """True when the peer ends the connection within `timeout` seconds without sending anything more."""
        if self.buffer:
            return False
        deadline = time.monotonic() + timeout
        while not self.ended and time.monotonic() < deadline:
            readable, _, _ = select.select([self.socket], [], [], max(0.0, deadline - time.monotonic()))
            if readable and self._fill():
                return False
        return self.ended

    def read_head(self):
        """Status, reason and headers of the next answer; interim 1xx answers are passed over."""
        while True:
            lines = self.read_until(b"\r\n\r\n").split(b"\r\n")
            version, status, reason = (lines[0].split(b" ", 2) + [b""])[:3]
            assert version in (b"HTTP/1.1", b"HTTP/1.0"), f"not a status line: {lines[0]!r}"
            fields = []
            for line in lines[1:]:
                name, colon, value = line.partition(b":")
                assert colon and name == name.strip(), f"not a header line: {line!r}"
                fields.append((name.decode("latin-1"), value.strip().decode("latin-1")))
            if status[:1] != b"1":
                return int(status), reason.decode("latin-1"), Headers(fields)

    def read_chunk(self):
        """The next chunk's data; b"" is the terminating chunk."""
        size = int(self.read_until(b"\r\n").split(b";")[0], 16)
        data = self.read_exactly(size)
        if size == 0:
            while self.read_until(b"\r\n"):
                pass
        else:
            assert self.read_exactly(2) == b"\r\n", "a chunk must end in CRLF"
        return data

    def read_response(self, method="GET", target="?"):
        status, reason, headers = self.read_head()
        keeps_alive = (headers.get("Connection") or "").lower() != "close"
        if method == "HEAD" or status in (204, 304):
            body = b""
        elif (headers.get("Transfer-Encoding") or "").lower() == "chunked":
            body = b"".join(iter(self.read_chunk, b""))
        elif "Content-Length" in headers:
            body = self.read_exactly(int(headers["Content-Length"]))
        else:
            body, keeps_alive = self.read_to_end(), False
        return Response(method, target, status, reason, headers, body, keeps_alive)


class Event:
    """One server-sent event: its name, its data, and when it was complete here."""

    def __init__(self, name, data, at):
        self.name = name
        self.data = data
        self.at = at

    def json(self):
        return jsonlib.loads(self.data)

    def __repr__(self):
        return f"<event {self.name}: {self.data}>"


class Stream:
    """An answer whose body is read piece by piece."""

    def __init__(self, connection, method, target):
        self.connection = connection
        self.method = method
        self.target = target
        self.status, self.reason, self.headers = connection.read_head()
        self.chunked = (self.headers.get("Transfer-Encoding") or "").lower() == "chunked"
        self.ended_well = False
        self.raw = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.connection.close()

    def pieces(self):
        """Body bytes as they arrive. Afterwards `ended_well` says whether the framing was completed."""
        try:
            if self.chunked:
                while chunk := self.connection.read_chunk():
                    self.raw += chunk
                    yield chunk
                self.ended_well = True
            elif "Content-Length" in self.headers:
                piece = self.connection.read_exactly(int(self.headers["Content-Length"]))
                self.raw += piece
                self.ended_well = True
                yield piece
            else:
                while self.connection.buffer or self.connection._fill():
                    piece, self.connection.buffer = self.connection.buffer, b""
                    self.raw += piece
                    yield piece
                self.ended_well = True
        except Cut:
            self.ended_well = False

    def body(self):
        for _ in self.pieces():
            pass
        return bytes(self.raw)

    def json(self):
        return jsonlib.loads(self.body())

    def events(self):
        """Server-sent events as they arrive; comment lines are passed over."""
        pending = b""
        for piece in self.pieces():
            pending += piece.replace(b"\r\n", b"\n")
            while b"\n\n" in pending:
                block, _, pending = pending.partition(b"\n\n")
                name, data = None, []
                for line in block.decode("utf-8").split("\n"):
                    field, _, value = line.partition(":")
                    value = value[1:] if value.startswith(" ") else value
                    if field == "event":
                        name = value
                    elif field == "data":
                        data.append(value)
                if data:
                    yield Event(name, "\n".join(data), time.monotonic())


class Client:
    """Requests to one server, each on a connection of its own.

    `prefix` goes before every target that starts with `/` (for instance `/t/acme`); `headers` go with every
    request. `observer` sees every complete answer.
    """

    def __init__(self, address, headers=(), prefix="", observer=None, host=None, source=None):
        self.address = address
        self.headers = list(dict(headers).items()) if isinstance(headers, dict) else list(headers)
        self.prefix = prefix
        self.observer = observer
        self.source = source
        self.host = host or ("localhost" if isinstance(address, str) else f"{address[0]}:{address[1]}")

    def connect(self, timeout=PATIENCE):
        return Connection(self.address, timeout, self.source)

    def message(self, method, target, headers=None, body=None, json=UNSET, content_type=None, close=True):
        """The bytes of one request."""
        if json is not UNSET:
            body = jsonlib.dumps(json, ensure_ascii=False).encode("utf-8")
            content_type = content_type or "application/json"
        if isinstance(body, str):
            body = body.encode("utf-8")
        fields = [("Host", self.host)] + self.headers + list((headers or {}).items())
        given = {name.lower() for name, _ in fields}
        if headers and any(name.lower() == "host" for name in headers):
            fields = fields[1:]
        if body is not None and "content-length" not in given:
            fields.append(("Content-Length", str(len(body))))
        if content_type is not None:
            fields.append(("Content-Type", content_type))
        if close and "connection" not in given:
            fields.append(("Connection", "close"))
        head = f"{method} {self.prefix + target} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in fields) + "\r\n"
        return head.encode("utf-8") + (body or b"")

    def request(self, method, target, headers=None, body=None, json=UNSET, content_type=None, timeout=PATIENCE):
        with self.connect(timeout) as connection:
            connection.send(self.message(method, target, headers, body, json, content_type))
            response = connection.read_response(method, self.prefix + target)
        if self.observer:
            self.observer(response)
        return response

    def raw(self, data, method="GET", timeout=PATIENCE):
        """Sends bytes as they are and reads one answer; None when the server closes without one."""
        with self.connect(timeout) as connection:
            connection.send(data)
            try:
                return connection.read_response(method, "raw")
            except Cut:
                return None

    def stream(self, method, target, headers=None, body=None, json=UNSET, content_type=None, timeout=PATIENCE):
        connection = self.connect(timeout)
        connection.send(self.message(method, target, headers, body, json, content_type))
        return Stream(connection, method, self.prefix + target)

    def get(self, target, **more):
        return self.request("GET", target, **more)

    def head(self, target, **more):
        return self.request("HEAD", target, **more)

    def post(self, target, json=UNSET, **more):
        return self.request("POST", target, json=json, **more)

    def patch(self, target, json=UNSET, **more):
        return self.request("PATCH", target, json=json, **more)

    def put(self, target, json=UNSET, **more):
        return self.request("PUT", target, json=json, **more)

    def delete(self, target, **more):
        return self.request("DELETE", target, **more)
