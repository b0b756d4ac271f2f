"""Whatever is asked, the process lives, refuses what it does not take in one manner, and keeps what it takes.

PROFILE_GATEWAY_TEST_REQUESTS=1000000 makes a long run; PROFILE_GATEWAY_TEST_SEED=n repeats one.
"""

import os
import random
import threading

import pytest

from harness import upstream as provider
from harness.backups import operator
from harness.profiles import PROFILES
from harness.random_requests import RandomRequests
from harness.waiting import eventually
from harness.wire import Cut

REQUESTS = int(os.environ.get("PROFILE_GATEWAY_TEST_REQUESTS", 12_000))
SEED = int(os.environ.get("PROFILE_GATEWAY_TEST_SEED", random.SystemRandom().randrange(10**6)))
TENANTS = ["default", "acme", "beta"]
CONFIG = {
    "tenants": {"acme": {}, "beta": {}},
    "tools": {
        "calculator": {"description": "c", "parameters": {"type": "object"}},
        "search": {"description": "s", "parameters": {"type": "object"}},
    },
    "agent_modes": {"financial_analyst": "You analyse.", "other": "Other."},
    "history": {"max_versions": 5},
}


class Asker:
    """Asks on one connection for as long as the server keeps it."""

    def __init__(self, http, promises):
        self.http, self.promises, self.connection = http, promises, None

    def ask(self, asked):
        body = {} if asked.body is None else {"body" if asked.is_raw else "json": asked.body}
        data = self.http.message(asked.method, asked.target, asked.headers, close=False, **body)
        self.connection = self.connection or self.http.connect()
        self.connection.send(data)
        answer = self.connection.read_response(asked.method, asked.target)
        self.promises.observe(answer)
        if not answer.keeps_alive:
            self.connection.close()
            self.connection = None
        return answer


def exported(http):
    """All there is, as it comes out."""
    answers = [http.get(f"/t/{tenant}/api/chat/registries/export?format=json") for tenant in TENANTS]
    assert [answer.status for answer in answers] == [200] * len(TENANTS)
    return [answer.body for answer in answers]


@pytest.mark.slow
def test_random_requests_are_answered_or_refused_and_what_is_acknowledged_is_there(start, promises):
    print(f"PROFILE_GATEWAY_TEST_SEED={SEED}")
    gateway = start(config=CONFIG)
    http, requests = gateway.client(), RandomRequests(random.Random(SEED))
    asker, statuses = Asker(http, promises), set()
    for _ in range(REQUESTS):
        asked = requests.next()
        answer = asker.ask(asked)
        statuses.add(answer.status)
        assert answer.status < 500, (asked, answer)
        if answer.status in (200, 201) and asked.method in ("POST", "PATCH", "PUT") and PROFILES in asked.target:
            document = answer.json()
            if "metadata" in document:
                tenant = asked.target.partition("/api/")[0]
                place = f"{tenant}{PROFILES}/{document['slug']}?registry={document['registry']}"
                assert http.get(place).json() == document, asked
    assert {200, 201, 204, 400, 403, 404, 409, 412} <= statuses, "too little was tried"
    for tenant in TENANTS:
        report = operator(gateway).get(f"/admin/tenants/{tenant}/verify").json()
        assert report["status"] != "failed", [check for check in report["checks"] if check["status"] == "failed"]
    before = exported(http)
    gateway.restart()
    assert exported(gateway.client()) == before


# Chats whose ends misbehave --------------------------------------------------------------------------------------

CHATS = 600
CLIENTS = 24
ENDS = [b"data: [DONE]\n\n", b"event: turn.completed", b"event: turn.failed", b'{"error"']


def misbehave(chance):
    """A provider that does anything a network can do to an answer."""

    def endless_words(call):
        call.begin_stream()
        while not call.closed_at and chance.random() < 0.99:
            call.event(provider.delta("word " * chance.choice([1, 2000])))
        call.cut()

    def half(call):
        call.send(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{"id":')
        call.cut()

    ways = [
        provider.answer("short"),
        provider.answer("long " * 20_000),
        provider.stream(["one ", "two ", "three"] * 20),
        provider.stream(["one"], done=False),
        provider.stream_and_cut("one", "two"),
        provider.failure(401),
        provider.failure(429),
        provider.failure(500),
        provider.raw(200, "no json"),
        lambda call: call.cut(),
        half,
        endless_words,
    ]

    def behave(call):
        try:
            chance.choice(ways)(call)
        except OSError:
            pass  # the gateway has let go of the call, as it should when its client is gone

    return behave


def misbehaving_client(http, chance, findings):
    """Asks for chats, and leaves, waits, half closes or reads as a client on a bad line would."""
    for _ in range(CHATS // CLIENTS):
        streaming, door = chance.random() < 0.6, chance.choice(["/chat", "/v1/chat/completions"])
        body = {"stream": streaming, "messages": [{"role": "user", "content": "x" * chance.randrange(1, 20_000)}]}
        data = http.message("POST", door, json=body)
        with http.connect() as connection:
            way = chance.choice(["reads", "reads", "reads", "reads", "leaves", "cuts the request", "leaves midway"])
            if way == "cuts the request":
                connection.send(data[: chance.randrange(1, len(data))])
                continue
            connection.send(data)
            if way == "leaves":
                continue
            if way == "leaves midway":
                connection.socket.recv(chance.randrange(1, 5000))
                continue
            try:
                answer = connection.read_response("POST", door)
            except (Cut, TimeoutError) as problem:
                findings.append(f"{door}, streaming {streaming}: {problem}")
                continue
            streamed = answer.headers.get("Content-Type", "").startswith("text/event-stream")
            if streamed and not any(end in answer.body for end in ENDS):
                findings.append(f"a stream that does not end: {answer}")


def clients_of(gateway):
    """Established connections at the gateway's port."""
    port = f":{int(gateway.listen.rpartition(':')[2]):04X}"
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in table]
    return [row for row in rows if row[1].endswith(port) and row[3] == "01"]


@pytest.mark.slow
def test_chats_with_clients_and_providers_that_misbehave_leave_nothing_behind(chatting, upstream):
    print(f"PROFILE_GATEWAY_TEST_SEED={SEED}")
    upstream.default = misbehave(random.Random(SEED))
    http, findings = chatting.client(), []
    threads = [
        threading.Thread(target=misbehaving_client, args=(http, random.Random(SEED + number), findings))
        for number in range(1, CLIENTS + 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert findings == []
    eventually(lambda: not clients_of(chatting), "every connection is let go")
    upstream.default = provider.answer("well")
    assert http.post("/chat", {"prompt": "x"}).json()["output"] == "well"
    assert chatting.stop() == 0, chatting.log()
