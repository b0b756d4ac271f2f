"""Recorded histories of concurrent clients, over real sockets and across kills, judged as a versioned register.

PROFILE_GATEWAY_TEST_OPERATIONS=200000 makes a long run;
PROFILE_GATEWAY_TEST_SEED=n repeats its choices, not its timing.
"""

import math
import os
import random
import threading
import time

import pytest

from harness.ledger import check_file
from harness.linearizability import Operation, Violation, check
from harness.profiles import PROFILES
from harness.wire import Cut

OPERATIONS = int(os.environ.get("PROFILE_GATEWAY_TEST_OPERATIONS", 20_000))
KILLS = 8
CLIENTS = 8
KEYS = [f"key-{number}" for number in range(5)]
SEED = int(os.environ.get("PROFILE_GATEWAY_TEST_SEED", random.SystemRandom().randrange(10**6)))


# The judge itself -------------------------------------------------------------------------------------------------


def history(*steps):
    """Operations from (kind, begin, end, outcome and more)."""
    return [Operation(kind=kind, key="k", begin=begin, end=end, **more) for kind, begin, end, more in steps]


def done(version=None, **more):
    return {"outcome": "done", "version": version, **more}


CREATED = ("create", 0, 1, done(1, token="a"))
GOOD = {
    "one after the other": [
        CREATED,
        ("patch", 2, 3, done(2, expected=1, token="b")),
        ("read", 4, 5, done(2, seen="b")),
    ],
    "a read beside a write sees either": [
        CREATED,
        ("patch", 2, 9, done(2, expected=1, token="b")),
        ("read", 3, 4, done(1, seen="a")),
        ("read", 5, 6, done(2, seen="b")),
    ],
    "an unknown write may have happened": [
        CREATED,
        ("patch", 2, 3, {"expected": 1, "token": "b"}),
        ("read", 4, 5, done(2, seen="b")),
    ],
    "an unknown write may not have happened": [
        CREATED,
        ("patch", 2, 3, {"expected": 1, "token": "b"}),
        ("read", 4, 5, done(1, seen="a")),
    ],
    "of two guarded writes one is refused": [
        CREATED,
        ("patch", 2, 5, done(2, expected=1, token="b")),
        ("patch", 2, 5, {"outcome": "conflict", "version": 2, "expected": 1, "token": "c"}),
    ],
    "a slug that comes again goes on counting": [
        CREATED,
        ("delete", 2, 3, done(expected=1)),
        ("read", 4, 5, {"outcome": "missing"}),
        ("create", 6, 7, done(3, token="c")),
    ],
}
BAD = {
    "a lost update: two writes made one version": [
        CREATED,
        ("patch", 2, 5, done(2, expected=1, token="b")),
        ("patch", 2, 5, done(2, expected=1, token="c")),
    ],
    "a stale read after an acknowledged write": [
        CREATED,
        ("patch", 2, 3, done(2, expected=1, token="b")),
        ("read", 4, 5, done(1, seen="a")),
    ],
    "reads that go back": [
        CREATED,
        ("patch", 2, 9, done(2, expected=1, token="b")),
        ("read", 3, 4, done(2, seen="b")),
        ("read", 5, 6, done(1, seen="a")),
    ],
    "an acknowledged write lost in a crash": [
        CREATED,
        ("patch", 2, 3, done(2, expected=1, token="b")),
        ("patch", 4, 5, done(2, expected=1, token="c")),
    ],
    "an unknown write seen, then gone": [
        CREATED,
        ("patch", 2, 3, {"expected": 1, "token": "b"}),
        ("read", 4, 5, done(2, seen="b")),
        ("read", 6, 7, done(1, seen="a")),
    ],
    "an unknown write that happens after the crash": [
        CREATED,
        ("patch", 2, 3, {"expected": 1, "token": "b"}),
        ("read", 4, 5, done(1, seen="a")),
        ("read", 6, 7, done(2, seen="b")),
    ],
    "a conflict that was none": [
        CREATED,
        ("patch", 2, 3, {"outcome": "conflict", "version": 1, "expected": 1, "token": "b"}),
    ],
    "a deleted profile that is still read": [
        CREATED,
        ("delete", 2, 3, done(expected=1)),
        ("read", 4, 5, done(1, seen="a")),
    ],
    "two creates that both won": [CREATED, ("create", 0, 1, done(1, token="b"))],
    "a version that came twice": [
        CREATED,
        ("delete", 2, 3, done(expected=1)),
        ("create", 4, 5, done(1, token="b")),
    ],
    "half a write: another's token under the version": [CREATED, ("read", 2, 3, done(1, seen="b"))],
    "missing although it was created": [CREATED, ("read", 2, 3, {"outcome": "missing"})],
}


@pytest.mark.parametrize("name", GOOD)
def test_the_judge_accepts(name):
    check(history(*GOOD[name]))


@pytest.mark.parametrize("name", BAD)
def test_the_judge_refuses(name):
    with pytest.raises(Violation):
        check(history(*BAD[name]))


def test_the_judge_finds_one_forged_answer_among_thousands():
    """A correct history of one key, with one read moved to the state before."""
    operations, now = history(CREATED), 2.0
    for version in range(2, 3000):
        operations += history(
            ("patch", now, now + 1.5, done(version, expected=version - 1, token=f"t{version}")),
            ("read", now + 2, now + 2.5, done(version, seen=f"t{version}")),
        )
        now += 3
    assert check(operations) == len(operations)
    forged = operations[4000]
    assert forged.kind == "read"
    forged.version, forged.seen = forged.version - 1, f"t{forged.version - 1}"
    with pytest.raises(Violation):
        check(operations)


# The gateway ------------------------------------------------------------------------------------------------------


class Recorder:
    """Clients that work at random on a few keys, each operation recorded with its answer."""

    def __init__(self, gateway, count):
        self.gateway = gateway
        self.count = count
        self.lock = threading.Lock()
        self.operations = []
        self.unknown = []
        self.serving = threading.Event()
        self.serving.set()
        self.findings = []

    def begin(self):
        with self.lock:
            return len(self.operations) < self.count

    def settle_unknown(self, at):
        """The process is dead: what has not taken effect by now never will."""
        with self.lock:
            for operation in self.unknown:
                operation.end = max(operation.begin, at)
            self.unknown.clear()

    def run(self, number):
        chance = random.Random(SEED * 1000 + number)
        known = {}
        while self.begin():
            self.serving.wait(60)
            try:
                with self.gateway.client().connect() as connection:
                    while self.begin():
                        self.one(connection, chance, known, f"c{number}")
            except (OSError, Cut):
                # Not before the restart, or a fast loop of refused connections would fill the history.
                time.sleep(0.01)
            except Exception as problem:
                self.findings.append(problem)
                return

    def one(self, connection, chance, known, name):
        key = chance.choice(KEYS)
        kind = chance.choices(["read", "patch", "create", "delete"], [45, 40, 8, 7])[0]
        version, etag = known.get(key, (None, None))
        if kind in ("patch", "delete") and version is None:
            kind = "read"
        operation = Operation(kind=kind, key=key, begin=time.monotonic())
        if kind in ("patch", "create"):
            operation.token = f"{name}-{len(self.operations)}-{chance.randrange(10**9)}"
        target, headers, body = self.request(operation, chance, version, etag)
        method = {"read": "GET", "patch": "PATCH", "create": "POST", "delete": "DELETE"}[kind]
        client = self.gateway.client()
        with self.lock:
            if kind != "read":
                self.unknown.append(operation)
                self.operations.append(operation)
        more = {"json": body} if body is not None else {}
        connection.send(client.message(method, target, headers=headers, close=False, **more))
        answer = connection.read_response(method, target)
        with self.lock:
            operation.end = time.monotonic()
            if kind == "read":
                self.operations.append(operation)
            elif operation in self.unknown:
                self.unknown.remove(operation)
            self.note(operation, answer, known)

    @staticmethod
    def request(operation, chance, version, etag):
        target, headers, body = f"{PROFILES}/{operation.key}", {}, None
        if operation.kind == "create":
            return PROFILES, headers, {"slug": operation.key, "display_name": operation.token}
        if operation.kind == "patch":
            body = {"display_name": operation.token}
        if operation.kind in ("patch", "delete"):
            operation.expected = version
            if chance.random() < 0.5:
                headers["If-Match"] = etag
            elif operation.kind == "patch":
                body["expected_version"] = version
            else:
                target += f"?expected_version={version}"
        return target, headers, body

    @staticmethod
    def note(operation, answer, known):
        if answer.status in (200, 201):
            document = answer.json()
            operation.outcome, operation.version = "done", document["metadata"]["version"]
            operation.seen = document["display_name"]
            known[operation.key] = (operation.version, answer.etag)
        elif answer.status == 204:
            operation.outcome = "done"
            known.pop(operation.key, None)
        elif answer.status in (409, 412):
            operation.outcome, operation.version = "conflict", answer.error["current_version"]
            known.pop(operation.key, None)
        elif answer.status == 404:
            operation.outcome = "missing"
            known.pop(operation.key, None)
        else:
            raise AssertionError(f"nothing is wrong with the disk or the request: {answer}")


@pytest.mark.slow
def test_D06_D12_D13_histories_of_guarded_writes_are_linearizable_across_kills(start):
    print(f"PROFILE_GATEWAY_TEST_SEED={SEED}")
    gateway = start()
    recorder = Recorder(gateway, OPERATIONS)
    threads = [threading.Thread(target=recorder.run, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for number in range(1, KILLS + 1):
        while len(recorder.operations) < OPERATIONS * number // (KILLS + 1) and any(t.is_alive() for t in threads):
            time.sleep(0.005)
        recorder.serving.clear()
        gateway.kill()
        recorder.settle_unknown(time.monotonic())
        gateway.start()
        recorder.serving.set()
    for thread in threads:
        thread.join(300)
    assert not recorder.findings, recorder.findings[0]
    assert all(operation.end < math.inf for operation in recorder.operations)
    count = check(recorder.operations)
    unknown = sum(operation.outcome == "unknown" for operation in recorder.operations)
    assert count >= OPERATIONS
    print(f"{count} operations, {KILLS} kills, {unknown} of unknown outcome")
    gateway.stop()
    check_file(gateway.database())
