"""A scripted OpenAI-compatible provider on a real socket.

Each call is answered by the next behaviour of the script, or by `default` when the script is empty. A behaviour is
a function of one `Call`; the ones below cover an answer, a stream, and every way to fail. The bytes that arrived
are kept as they were.
"""

import contextlib
import json
import select
import socket
import struct
import threading
import time

from .waiting import eventually
from .wire import Headers


# The provider credential of the tests; its variable is set where a configuration names it.
FAKE_KEY = "sk-fake-0123456789"


class Call:
    """One request that reached the upstream, and the connection to answer it on."""

    def __init__(self, connection, method, target, headers, body):
        self.connection = connection
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        self.at = time.monotonic()
        self.closed_at = None
        self.finished = threading.Event()

    def json(self):
        return json.loads(self.body)

    @property
    def messages(self):
        return self.json()["messages"]

    @property
    def system(self):
        """All system text, in order."""
        return [m["content"] for m in self.messages if m["role"] == "system"]

    def send(self, data):
        self.connection.sendall(data)

    def respond(self, status, body, headers=(), content_type="application/json", reason="Said"):
        if not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        body = body.encode() if isinstance(body, str) else body
        head = f"HTTP/1.1 {status} {reason}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        self.send((head + "".join(f"{n}: {v}\r\n" for n, v in headers) + "\r\n").encode() + body)

    def begin_stream(self, headers=()):
        head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
        self.send((head + "".join(f"{n}: {v}\r\n" for n, v in headers) + "\r\n").encode())

    def chunk(self, data):
        data = data.encode() if isinstance(data, str) else data
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def event(self, document):
        text = document if isinstance(document, str) else json.dumps(document)
        self.chunk(f"data: {text}\n\n")

    def end_stream(self):
        self.send(b"0\r\n\r\n")

    def cut(self):
        """Resets the connection, so that the other side cannot take it for an end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def wait_for_close(self, timeout=30.0):
        """Seconds since `now` until the gateway let go of this call; None if it held on for `timeout`."""
        begin = time.monotonic()
        while time.monotonic() - begin < timeout:
            readable, _, _ = select.select([self.connection], [], [], 0.05)
            if readable:
                try:
                    if self.connection.recv(1, socket.MSG_PEEK) == b"":
                        self.closed_at = time.monotonic()
                        return self.closed_at - begin
                except OSError:
                    self.closed_at = time.monotonic()
                    return self.closed_at - begin
                time.sleep(0.02)
        return None


# What a provider answers ------------------------------------------------------------------------------------------


def completion(text="The answer.", **more):
    document = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1771900000,
        "model": "fake-model",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 20, "total_tokens": 32},
    }
    document.update(more)
    return document


def delta(content=None, finish=None, **more):
    document = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1771900000,
        "model": "fake-model",
        "choices": [{"index": 0, "delta": {} if content is None else {"content": content}, "finish_reason": finish}],
    }
    document.update(more)
    return document


# Behaviours -------------------------------------------------------------------------------------------------------


def answer(text="The answer.", headers=(), **more):
    """What a provider does when all is well: one document, or a stream when the request asked for one."""

    def behave(call):
        if call.json().get("stream") is True:
            stream([text])(call)
        else:
            call.respond(200, completion(text, **more), headers)

    return behave


def raw(status, body, content_type="application/json", headers=()):
    return lambda call: call.respond(status, body, headers, content_type)


def failure(status, message="provider says no", headers=(), **more):
    return raw(
        status, {"error": dict({"message": message, "type": "provider_error", "code": None}, **more)}, headers=headers
    )


def stream(words, pause=None, usage=True, done=True, headers=()):
    """A proper stream: one delta per word, a finish, usage, `[DONE]`. `pause` is an Event waited for between words."""

    def behave(call):
        call.begin_stream(headers)
        for word in words:
            call.event(delta(word))
            if pause is not None:
                pause.wait(30)
        call.event(delta(None, "stop"))
        if usage:
            call.event(
                {**delta(), "choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 20, "total_tokens": 32}}
            )
        if done:
            call.event("[DONE]")
        call.end_stream()

    return behave


def hang(call):
    """Accepts the request and says nothing until the gateway goes away."""
    call.wait_for_close()


def hang_after_head(call):
    call.begin_stream()
    call.wait_for_close()


def stream_and_hang(*words):
    def behave(call):
        call.begin_stream()
        for word in words:
            call.event(delta(word))
        call.wait_for_close()

    return behave


def stream_and_cut(*words):
    """Deltas, then the connection is reset in the middle of the stream."""

    def behave(call):
        call.begin_stream()
        for word in words:
            call.event(delta(word))
        time.sleep(0.05)  # lets the bytes leave before the reset, which would discard them
        call.cut()

    return behave


def stream_and_stop(*words):
    """Deltas, then a well-framed end of the body without `[DONE]`: truncated all the same."""

    def behave(call):
        call.begin_stream()
        for word in words:
            call.event(delta(word))
        call.end_stream()

    return behave


def cut_before_head(call):
    call.cut()


def cut_in_body(call):
    call.send(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"id":')
    time.sleep(0.05)
    call.cut()


class Upstream:
    """The provider itself; `calls` are the requests that arrived, oldest first."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.calls = []
        self.script = []
        self.default = answer()
        self.lock = threading.Lock()
        self.connections = set()
        self.closing = False
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def base_url(self):
        return f"http://127.0.0.1:{self.port}/v1"

    def next(self, *behaviours):
        """Scripts the next calls."""
        with self.lock:
            self.script.extend(behaviours)
        return self

    @property
    def last(self):
        assert self.calls, "the upstream was never called"
        return self.calls[-1]

    def wait_for_call(self, count=1):
        """The `count`-th call so far, waited for."""
        return eventually(lambda: len(self.calls) >= count and self.calls[count - 1], f"upstream call {count}")

    def close(self):
        self.closing = True
        self.listener.close()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        buffer = b""
        try:
            while True:
                while b"\r\n\r\n" not in buffer:
                    data = connection.recv(65536)
                    if not data:
                        return
                    buffer += data
                head, _, buffer = buffer.partition(b"\r\n\r\n")
                lines = head.decode("latin-1").split("\r\n")
                method, target, _ = lines[0].split(" ")
                headers = Headers([(n, v.strip()) for n, _, v in (line.partition(":") for line in lines[1:])])
                if (headers.get("Expect") or "").lower() == "100-continue":
                    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                body, buffer = self._body(connection, headers, buffer)
                call = Call(connection, method, target, headers, body)
                with self.lock:
                    behave = self.script.pop(0) if self.script else self.default
                    self.calls.append(call)
                try:
                    behave(call)
                finally:
                    call.finished.set()
        except OSError:
            return  # the gateway went away, which several tests are about
        finally:
            self.connections.discard(connection)
            connection.close()

    @staticmethod
    def _body(connection, headers, buffer):
        def more():
            nonlocal buffer
            data = connection.recv(65536)
            if not data:
                raise OSError("the gateway closed inside its request body")
            buffer += data

        if (headers.get("Transfer-Encoding") or "").lower() == "chunked":
            body = b""
            while True:
                while b"\r\n" not in buffer:
                    more()
                size, _, buffer = buffer.partition(b"\r\n")
                count = int(size, 16)
                while len(buffer) < count + 2:
                    more()
                body, buffer = body + buffer[:count], buffer[count + 2 :]
                if count == 0:
                    return body, buffer
        count = int(headers.get("Content-Length") or 0)
        while len(buffer) < count:
            more()
        return buffer[:count], buffer[count:]


def chat_config(upstream, **more):
    """A configuration in which the scripted provider is the default upstream, beside `echo`."""
    config = {
        "upstreams": {
            "fake": {"api": "openai", "base_url": upstream.base_url, "api_key": "env:FAKE_KEY"},
            "echo": {"api": "echo"},
        },
        "default_upstream": "fake",
    }
    config.update(more)
    return config


def unused_address():
    """A loopback base URL where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/v1"
