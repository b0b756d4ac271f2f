"""A client that goes away takes its upstream call with it within a second, in each phase (gateway.md §8)."""

import threading

import pytest

from harness import upstream as provider
from harness.waiting import eventually, within_a_second

USER = [{"role": "user", "content": "hello"}]
DOORS = {
    "chat": ("/chat", {"prompt": "hello"}),
    "v1": ("/v1/chat/completions", {"model": "default", "messages": USER}),
}
PHASES = {
    "waiting for the first byte": (False, provider.hang),
    "waiting for the first byte of a stream": (True, provider.hang),
    "after the head of a stream": (True, provider.hang_after_head),
    "in the middle of a stream": (True, provider.stream_and_hang("one", "two")),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("phase", PHASES)
def test_the_upstream_call_is_cancelled(chat, upstream, door, phase):
    streaming, behaviour = PHASES[phase]
    upstream.next(behaviour)
    target, body = DOORS[door]
    with chat.connect() as connection:
        connection.send(chat.message("POST", target, json={**body, "stream": streaming}))
        call = upstream.wait_for_call()
        if "middle" in phase:
            connection.read_until(b"two")
    within_a_second(lambda: call.closed_at or call.finished.is_set(), "the upstream call is let go")
    assert len(upstream.calls) == 1, "and not tried again"
    assert chat.get("/healthz").status == 200


@pytest.mark.parametrize("door", DOORS)
def test_half_an_answer_is_cancelled_too(chat, upstream, door):
    def behave(call):
        call.send(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{"id":')
        call.wait_for_close()

    upstream.next(behave)
    target, body = DOORS[door]
    with chat.connect() as connection:
        connection.send(chat.message("POST", target, json=body))
        call = upstream.wait_for_call()
    within_a_second(lambda: call.closed_at, "the upstream call is let go")


def test_a_reset_counts_as_gone(chat, upstream):
    import socket
    import struct

    upstream.next(provider.hang)
    connection = chat.connect()
    connection.send(chat.message("POST", "/chat", json={"prompt": "hello"}))
    call = upstream.wait_for_call()
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    within_a_second(lambda: call.closed_at, "the upstream call is let go")


def test_a_slow_reader_holds_back_the_provider_and_loses_nothing(chat, upstream):
    """The gateway buffers a bounded amount; everything arrives in the end."""
    words = 4000
    pad = "x" * 16_000
    sent = []

    def behave(call):
        call.begin_stream()
        for number in range(words):
            call.event(provider.delta(f"{number}{pad}"))
            sent.append(number)
        call.event(provider.delta(None, "stop"))
        call.event("[DONE]")
        call.end_stream()

    upstream.next(behave)
    with chat.stream("POST", "/v1/chat/completions", json={**DOORS["v1"][1], "stream": True}) as answer:
        upstream.wait_for_call()
        settled = Settled(lambda: len(sent))
        eventually(settled, "the provider is held back", within=20, every=0.2)
        assert len(sent) < words, "64 MB were taken in with nobody reading"
        events = list(answer.events())
    assert answer.ended_well and events[-1].data == "[DONE]"
    assert len([e for e in events if pad in e.data]) == words


class Settled:
    """True once a number has stopped growing for five looks in a row."""

    def __init__(self, number):
        self.number, self.last, self.same = number, None, 0

    def __call__(self):
        now = self.number()
        self.same = self.same + 1 if now == self.last else 0
        self.last = now
        return self.same >= 5


def test_many_clients_going_away_leave_nothing_behind(chatting, upstream):
    http = chatting.client()
    upstream.default = provider.stream_and_hang("one")
    connections = []
    for number in range(60):
        connection = http.connect()
        connection.send(http.message("POST", "/chat", json={"prompt": "x", "stream": number % 2 == 0}))
        connections.append(connection)
    upstream.wait_for_call(60)
    for connection in connections:
        connection.close()
    eventually(lambda: all(call.closed_at for call in upstream.calls), "all 60 calls are let go", within=10)
    upstream.default = provider.answer()
    assert http.post("/chat", {"prompt": "x"}).status == 200
    assert chatting.stop() == 0


def test_clients_leaving_at_every_moment(chatting, upstream):
    """No phase of a request makes the process fall over."""
    http = chatting.client()
    upstream.default = provider.answer("some words to say")

    def leave_after(count):
        for streaming in (False, True):
            with http.connect() as connection:
                connection.send(http.message("POST", "/chat", json={"prompt": "x", "stream": streaming}))
                if count:
                    connection.socket.settimeout(5)
                    connection.socket.recv(count)

    threads = [threading.Thread(target=leave_after, args=(n * 7 % 900,)) for n in range(80)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert http.post("/chat", {"prompt": "x"}).status == 200
    assert chatting.stop() == 0, chatting.log()
