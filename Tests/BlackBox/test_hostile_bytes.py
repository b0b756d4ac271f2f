"""Bytes that nobody would send on purpose, by the thousand and from a fixed seed: the process never dies, and what it
stores stays sound."""

import concurrent.futures
import random
import socket

import pytest

from harness.database import integrity
from harness.profiles import PROFILES, read, slugs
from harness.wire import Cut

SEED = 20260223
ALPHABET = [bytes([value]) for value in range(256)] + [
    b"\r\n",
    b"\n\n",
    b"\r\n\r\n",
    b"%00",
    b"%2f",
    b"..",
    b": ",
    b",",
]


def samples(http):
    """Well-formed messages for every kind of route, to be spoiled."""
    user = [{"role": "user", "content": "hello"}]
    return [
        http.message("GET", PROFILES, close=False),
        http.message("GET", f"{PROFILES}/agent?registry=default", headers={"If-None-Match": '"r1-x"'}),
        http.message("POST", PROFILES, json={"slug": "x", "extensions": {"a.b@v1": [1.5, None, "é"]}}, close=False),
        http.message("PATCH", f"{PROFILES}/agent", json={"runtime": {"system_prompt": "p"}, "expected_version": 1}),
        http.message("PUT", f"{PROFILES}/y", json={"slug": "y", "runtime": {"tools": ["t"]}}),
        http.message("DELETE", f"{PROFILES}/x?expected_version=1", close=False),
        http.message("POST", "/chat", json={"prompt": "hello", "stream": True}, headers={"Cookie": "chat_profile=a/b"}),
        http.message("POST", "/v1/chat/completions", json={"model": "agent", "messages": user, "stream": True}),
        http.message("POST", "/t/default/api/chat/registries", json={"slug": "r"}),
        http.message("POST", PROFILES, headers={"Transfer-Encoding": "chunked", "Content-Type": "application/json"})
        + b'5\r\n{"slu\r\n7\r\ng":"x"}\r\n0\r\n\r\n',
    ]


def spoiled(message, chance):
    """The message with one to six bytes inserted, removed, replaced, repeated or cut off."""
    data = bytearray(message)
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(data) + 1)
        match chance.randrange(6):
            case 0:
                data[place:place] = chance.choice(ALPHABET)
            case 1:
                del data[place : place + chance.randint(1, 4)]
            case 2:
                data[place : place + 1] = chance.choice(ALPHABET)
            case 3:
                data[place:place] = data[place : place + chance.randint(1, 40)]
            case 4:
                data = data[:place] or data
            case 5:
                data[place:place] = chance.choice(ALPHABET) * chance.randint(2, 300)
    return bytes(data)


def throw(http, data):
    """Sends it, half-closes, and takes what comes without caring what it is."""
    with http.connect(timeout=10) as connection:
        try:
            connection.send(data)
            connection.socket.shutdown(socket.SHUT_WR)
            connection.read_to_end()
        except (OSError, Cut):
            pass  # it may close at any moment


@pytest.mark.slow
def test_spoiled_requests_never_bring_it_down(start):
    gateway = start(config={"deadlines": {"headers": "1s", "body": "1s", "idle": "1s"}})
    http = gateway.client()
    chance = random.Random(SEED)
    messages = samples(http)
    thrown = [spoiled(chance.choice(messages), chance) for _ in range(3000)]
    with concurrent.futures.ThreadPoolExecutor(24) as throwers:
        list(throwers.map(lambda data: throw(http, data), thrown))
    assert gateway.alive
    live = {slug: read(http, slug) for slug in slugs(http)}
    assert gateway.restart()
    assert {slug: read(http, slug) for slug in slugs(http)} == live
    assert gateway.stop() == 0
    assert integrity(gateway.database()) == [["ok"]]


@pytest.mark.slow
def test_spoiled_json_never_brings_it_down(lasting):
    """Whole requests, so that every byte reaches the JSON reader; the answer is always a proper one."""
    chance = random.Random(SEED)
    bodies = [
        ("PATCH", f"{PROFILES}/agent", b'{"display_name":"n","extensions":{"a.b@v1":{"x":[1,2.5e3,"\\u00e9",null]}}}'),
        ("POST", "/chat", b'{"prompt":"hello","overrides":{"system_prompt":"x"},"stream":false}'),
        (
            "POST",
            "/v1/chat/completions",
            b'{"model":"agent","messages":[{"role":"user","content":"\\ud83d\\ude00"}],"tools":[{"function":{"name":"f"}}]}',
        ),
    ]
    statuses = set()
    for _ in range(1500):
        method, target, body = chance.choice(bodies)
        statuses.add(
            lasting.request(method, target, body=spoiled(body, chance), content_type="application/json").status
        )
    assert statuses <= {200, 400, 403, 404, 409, 413, 422}, statuses
