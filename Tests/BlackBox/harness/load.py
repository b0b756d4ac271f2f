"""Clients that write and read while something is done to the files under them."""

import contextlib
import subprocess
import threading
import time

from .ledger import Ledger, fields
from .profiles import PROFILES
from .wire import Cut

WRITERS = 4


class Load:
    """Writers with a profile each and one reader; every answer is kept, none but 200 and 503 is expected.

    A writer guards each write with the version it knows; after a refusal it reads again, as a client would.
    """

    def __init__(self, gateway, tenant="default", writers=WRITERS, padding=0):
        self.gateway = gateway
        self.tenant = tenant
        self.padding = {"runtime": {"system_prompt": "y" * padding}} if padding else {}
        self.ledger = Ledger()
        self.stop = threading.Event()
        self.refusals = []
        self.reads = []
        self.acknowledged = []  # (when sent, slug, version, token)
        self.findings = []
        names = [f"load-{number}" for number in range(writers)]
        self.threads = [threading.Thread(target=self._guard, args=(self._write, name)) for name in names]
        self.threads.append(threading.Thread(target=self._guard, args=(self._read, "agent")))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.wait_for(WRITERS * 3)
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join(60)

    def wait_for(self, more, within=30.0):
        """Until so many more writes were acknowledged."""
        goal, deadline = len(self.acknowledged) + more, time.monotonic() + within
        while len(self.acknowledged) < goal:
            assert not self.findings, self.findings[0]
            assert time.monotonic() < deadline, f"no {more} writes within {within} s; refused: {self.refusals[-1:]}"
            time.sleep(0.005)

    def wait_for_refusal(self, within=20.0):
        """The first write that was refused."""
        deadline = time.monotonic() + within
        while not self.refusals:
            assert not self.findings, self.findings[0]
            assert time.monotonic() < deadline, f"no write was refused within {within} s"
            time.sleep(0.005)
        return self.refusals[0]

    def _guard(self, work, name):
        while not self.stop.is_set():
            try:
                with self.gateway.client(self.tenant).connect() as connection:
                    work(connection, name)
            except (OSError, Cut):
                time.sleep(0.01)
            except Exception as problem:
                self.findings.append(problem)
                return

    def _write(self, connection, slug):
        client = self.gateway.client(self.tenant)
        profile = self.ledger.profile(self.tenant, slug)
        target = f"{PROFILES}/{slug}"
        while not self.stop.is_set():
            token, begin = profile.attempt(), time.monotonic()
            if profile.version == 0:
                connection.send(
                    client.message("POST", PROFILES, json={"slug": slug, **fields(token), **self.padding}, close=False)
                )
            else:
                body = {**fields(token), **self.padding, "expected_version": profile.version}
                connection.send(client.message("PATCH", target, json=body, close=False))
            answer = connection.read_response("PATCH", target)
            if answer.status in (200, 201):
                version = answer.json()["metadata"]["version"]
                profile.acknowledge(token, version)
                self.acknowledged.append((begin, slug, version, token))
                # SQLite has no queue for its locks: without a pause another process may wait for ever.
                time.sleep(0.004)
                continue
            assert answer.status in (404, 409, 503), answer
            assert answer.status != 503 or int(answer.headers["Retry-After"]) >= 1, answer
            self.refusals.append(answer)
            self._read_again(connection, client, profile, target)

    def _read_again(self, connection, client, profile, target):
        while not self.stop.is_set():
            connection.send(client.message("GET", target, close=False))
            answer = connection.read_response("GET", target)
            if answer.status == 200:
                document = answer.json()
                return profile.settle(document["metadata"]["version"], document.get("display_name"))
            if answer.status == 404:
                return profile.settle(0, None)
            assert answer.status == 503, answer
            time.sleep(0.05)

    def _read(self, connection, slug):
        client, target = self.gateway.client(self.tenant), f"{PROFILES}/{slug}"
        while not self.stop.is_set():
            begin = time.monotonic()
            connection.send(client.message("GET", target, close=False))
            answer = connection.read_response("GET", target)
            self.reads.append((begin, time.monotonic() - begin, answer.status))
            time.sleep(0.01)

    # Judging -----------------------------------------------------------------------------------------------------

    def missing(self, history, sent_after=0.0):
        """The acknowledged writes, sent after a moment, that a file's history does not have."""
        assert not self.findings, self.findings[0]
        return [
            (slug, version, token)
            for begin, slug, version, token in self.acknowledged
            if begin >= sent_after and history.get(slug, {}).get(version) != token
        ]


class Shell:
    """A `sqlite3` shell that stays open, as an operator's terminal does."""

    def __init__(self, database):
        self.database = database
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen(
            ["sqlite3", "-cmd", ".timeout 25000", str(self.database)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()

    def run(self, sql):
        """What the statements print, once they are done."""
        self.process.stdin.write(f"{sql}\n.print -- done\n")
        self.process.stdin.flush()
        lines = []
        while (line := self.process.stdout.readline().rstrip("\n")) != "-- done":
            assert self.process.poll() is None, lines
            lines.append(line)
        return lines

    def kill(self):
        self.process.kill()
        self.process.wait(30)
