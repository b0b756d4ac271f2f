"""Deadlines, connection limits and the number of open tenants: what keeps one client from costing the others."""

import contextlib
import os
import time

import pytest

from harness.profiles import PROFILES, create, read, slugs, version
from harness.waiting import eventually
from harness.wire import Cut

# Long enough to be told apart from "at once", short enough to wait for.
DEADLINES = {"deadlines": {"headers": "1s", "body": "1s", "idle": "1s"}}


def ends(connection, within=15.0):
    """Seconds until the server ended the connection, and what it said before."""
    begin = time.monotonic()
    connection.socket.settimeout(within)
    try:
        said = connection.read_to_end()
    except TimeoutError:
        raise AssertionError(f"still open after {within} s") from None
    return time.monotonic() - begin, said


@pytest.mark.slow
def test_a_head_that_comes_byte_by_byte_has_one_deadline(start):
    """Inactivity alone would let a byte every half second live for ever."""
    http = start(config=DEADLINES).client()
    with http.connect() as connection:
        connection.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        connection.socket.settimeout(0.3)
        begin = time.monotonic()
        closed = False
        while not closed and time.monotonic() - begin < 15:
            try:
                connection.send(b"a")
                data = connection.socket.recv(4096)
                closed = data == b"" or b" 408 " in data
            except TimeoutError:
                continue
            except OSError:
                closed = True
        assert closed, "still open after 15 s"
    assert http.get("/healthz").status == 200


@pytest.mark.slow
def test_a_body_that_comes_byte_by_byte_has_one_deadline(start):
    http = start(config=DEADLINES).client()
    with http.connect() as connection:
        connection.send(
            http.message(
                "POST", PROFILES, headers={"Content-Length": "100000", "Content-Type": "application/json"}, close=False
            )
        )
        connection.socket.settimeout(0.3)
        begin = time.monotonic()
        closed = False
        while not closed and time.monotonic() - begin < 15:
            try:
                connection.send(b" ")
                data = connection.socket.recv(4096)
                closed = data == b"" or b" 408 " in data or b" 400 " in data
            except TimeoutError:
                continue
            except OSError:
                closed = True
        assert closed, "still open after 15 s"
    assert slugs(http) == ["agent", "default"]


@pytest.mark.slow
@pytest.mark.parametrize("sent", [b"", b"GET /heal", b"POST /chat HTTP/1.1\r\nHost: localhost\r\nContent-Le"])
def test_a_connection_that_says_nothing_more_is_closed(start, sent):
    http = start(config=DEADLINES).client()
    with http.connect() as connection:
        connection.send(sent)
        ends(connection)


@pytest.mark.slow
def test_an_idle_keep_alive_connection_is_closed(start):
    http = start(config=DEADLINES).client()
    with http.connect() as connection:
        connection.send(http.message("GET", PROFILES, close=False))
        assert connection.read_response().keeps_alive
        elapsed, said = ends(connection)
    assert said == b"" and elapsed > 0.5


@pytest.mark.slow
def test_the_deadlines_are_not_for_answers(start, upstream):
    """A provider that thinks for longer than the client may take to ask is no offence."""
    from harness import upstream as provider
    from harness.upstream import FAKE_KEY, chat_config

    gateway = start(config={**chat_config(upstream), **DEADLINES}, environment={"FAKE_KEY": FAKE_KEY})

    def behave(call):
        time.sleep(3)  # three deadlines long
        provider.answer("late")(call)

    upstream.next(behave)
    assert gateway.client().post("/chat", {"prompt": "x"}).json()["output"] == "late"


def test_connections_of_one_address_are_limited(start):
    gateway = start(config={"connections": {"total": 100, "per_address": 10}})
    http = gateway.client()
    held = []
    try:
        for _ in range(30):
            try:
                held.append(http.connect())
            except OSError:
                break
        served = 0
        for connection in held:
            try:
                connection.send(http.message("GET", "/healthz", close=False))
                served += connection.read_response().status == 200
            except (OSError, Cut):
                continue
        assert 1 <= served <= 10
    finally:
        for connection in held:
            connection.close()
    eventually(gateway.answers, "it answers once they are gone")


def open_databases(gateway):
    """The registry files that the process has open."""
    directory = f"/proc/{gateway.process.pid}/fd"
    found = set()
    for number in os.listdir(directory):
        with contextlib.suppress(OSError):
            found.add(os.readlink(f"{directory}/{number}"))
    return {path for path in found if path.endswith("/profiles.db")}


def test_more_tenants_than_may_be_open(start):
    """The least recently used are closed, never one in use, and nobody notices."""
    names = [f"t{number}" for number in range(12)]
    gateway = start(config={"max_open_tenants": 3, "tenants": {name: {} for name in names}})
    for round_number in range(3):
        for name in names:
            create(gateway.client(name), f"p{round_number}")
    for name in names:
        assert slugs(gateway.client(name)) == ["agent", "default", "p0", "p1", "p2"]
    eventually(lambda: len(open_databases(gateway)) <= 3, "the files of all but three are closed")
    for name in names:
        http = gateway.client(name)
        assert version(http.patch(f"{PROFILES}/p0", {"display_name": "n", "expected_version": 1}).json()) == 2
        assert read(http, "p0")["display_name"] == "n"
    assert gateway.stop() == 0
    assert not list(gateway.data.rglob("*-wal"))


def test_descriptors_do_not_pile_up(fresh):
    http = fresh.client()

    def descriptors():
        return len(os.listdir(f"/proc/{fresh.process.pid}/fd"))

    for _ in range(50):
        http.get(PROFILES)
    before = descriptors()
    for number in range(300):
        http.get(PROFILES)
        http.post("/chat", {"prompt": "x"})
        http.get("/none")
        if number % 10 == 0:
            http.patch(f"{PROFILES}/agent", {"display_name": f"n{number}"})
    eventually(lambda: descriptors() <= before + 5, f"no more descriptors than before ({before})", within=10)
