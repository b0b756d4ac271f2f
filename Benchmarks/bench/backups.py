"""What backups cost those who write meanwhile, how long a restore keeps a tenant away, and how long `verify` takes."""

import contextlib
import json
import os
import shutil
import sqlite3
import threading
import time
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from . import load, processes
from .comparisons import Outcome, say
from .load import Load
from .processes import BenchmarkError

WRITERS = Load("edit", "/api/chat/profiles/agent", connections=8, threads=8)


@dataclass
class Sizes:
    """How much is measured: the issue's figures, or a tenth of a tenth for a look."""

    history_bytes: int = 1 << 30
    live_bytes: int = 100 << 20
    tenants: int = 10_000

    @classmethod
    def quick(cls) -> "Sizes":
        return cls(history_bytes=64 << 20, live_bytes=8 << 20, tenants=100)


def measure(binary: Path, directory: Path, sizes: Sizes, repetitions: int) -> list[Outcome]:
    outcomes = []
    for part in (beside_writers, unavailability, all_tenants):
        home = directory / part.__name__
        home.mkdir()
        outcomes += part(binary, home, sizes, repetitions)
        shutil.rmtree(home)
    return outcomes


def beside_writers(binary: Path, home: Path, sizes: Sizes, repetitions: int) -> list[Outcome]:
    """A backup of a large file while 8 clients PATCH it: their p99 against that without, and nobody refused."""
    with gateway(binary, home):
        pass
    fill_history(home / "data/tenants/default/profiles.db", sizes.history_bytes)
    ratios, durations, rests = [], [], []
    with gateway(binary, home) as server:
        size = (home / "data/tenants/default/profiles.db").stat().st_size
        say(f"backing {size >> 20} MiB up beside 8 writers")
        load.run(WRITERS, server.url, 1)
        for _ in range(repetitions):
            alone = load.run(WRITERS, server.url, 3)
            job = Job(server, home, "/admin/tenants/default/backups", {"keep": 1})
            beside = Counter()
            while not job.done:
                # Any refused write makes the run invalid.
                beside += load.run(WRITERS, server.url, 1).counts
            durations.append(job.finish()["duration_ms"])
            ratios.append(load.percentile(beside, 0.99) / load.percentile(alone.counts, 0.99))
            rests.append(load.percentile(alone.counts, 0.99))
        report = ask(server, home, "POST", "/admin/tenants/default/drill")
        failed = [check for check in report["checks"] if check["status"] == "failed"]
        if failed:
            raise BenchmarkError(f"the copy does not pass verify --deep: {failed}")
    note = f"{size >> 20} MiB, 8 clients; p99 of every write beside the backup / without it ({median(rests):,.0f} µs)"
    return [
        Outcome("backup: writers' p99 beside it / without", "ratio", ratios, 3, at_most=True, note=note),
        Outcome("backup: duration", "ms", durations, note="copied, synchronised, verified, named"),
    ]


def unavailability(binary: Path, home: Path, sizes: Sizes, repetitions: int) -> list[Outcome]:
    """A restore of live profiles: how long the tenant answers 503, as it says and as seen, and others never."""
    with gateway(binary, home) as server:
        count = max(1, sizes.live_bytes // 20_000)
        say(f"restoring {count:,} profiles of 20 kB")
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: create(server, number), range(count)))
        backup = ask(server, home, "POST", "/admin/tenants/default/backups", {})["backups"][0]
        told, seen = [], []
        for _ in range(repetitions):
            watchers = [Watcher(server, tenant) for tenant in ("default", "other")]
            body = {"from": backup["name"]}
            told.append(ask(server, home, "POST", "/admin/tenants/default/restore", body)["unavailable_ms"])
            away, others = (watcher.finish() for watcher in watchers)
            if others:
                raise BenchmarkError("another tenant was refused while one was restored")
            seen.append(away * 1000)
    note = f"{backup['bytes'] >> 20} MiB of live profiles; other tenants: 0"
    return [
        Outcome("restore: tenant away, as it says", "ms", told, 3000, at_most=True, note=note),
        Outcome("restore: tenant away, as a client sees", "ms", seen, 3000, at_most=True),
    ]


def all_tenants(binary: Path, home: Path, sizes: Sizes, _: int) -> list[Outcome]:
    """`verify` of every tenant, each with a backup, two at a time."""
    with gateway(binary, home) as server:
        ask(server, home, "POST", "/admin/tenants/default/backups", {})
    tenants = home / "data/tenants"
    say(f"verifying {sizes.tenants:,} tenants")
    for number in range(sizes.tenants):
        shutil.copytree(tenants / "default", tenants / f"t{number:05d}", ignore=shutil.ignore_patterns("*.state"))
    with gateway(binary, home) as server:
        slugs = [f"t{number:05d}" for number in range(sizes.tenants)]
        began = time.monotonic()
        with ThreadPoolExecutor(2) as pool:
            reports = list(pool.map(lambda slug: ask(server, home, "GET", f"/admin/tenants/{slug}/verify"), slugs))
        seconds = time.monotonic() - began
    failed = [report for report in reports if report["status"] == "failed"]
    if failed:
        raise BenchmarkError(f"{len(failed)} tenants fail, the first: {failed[0]}")
    note = f"{sizes.tenants:,} tenants, {sizes.tenants / seconds:,.0f} a second"
    return [Outcome("verify: every tenant", "s", [seconds], 600, at_most=True, note=note)]


class Job(threading.Thread):
    """A request whose answer takes long."""

    def __init__(self, server, home: Path, path: str, body: dict):
        super().__init__()
        self.arguments = (server, home, "POST", path, body)
        self.answer = None
        self.error = None
        self.start()

    def run(self) -> None:
        try:
            self.answer = ask(*self.arguments)
        except BenchmarkError as error:
            self.error = error

    @property
    def done(self) -> bool:
        return not self.is_alive()

    def finish(self) -> dict:
        self.join()
        if self.error:
            raise self.error
        return self.answer


class Watcher(threading.Thread):
    """Asks a tenant all the time, and says for how long it was refused."""

    def __init__(self, server, tenant: str):
        super().__init__()
        self.url = f"{server.url}/t/{tenant}/api/chat/profiles/agent"
        self.stopping = threading.Event()
        self.away = 0.0
        self.start()

    def run(self) -> None:
        while not self.stopping.is_set():
            began = time.monotonic()
            status, _ = processes.call("GET", self.url)
            time.sleep(0.002)
            if status != 200:
                self.away += time.monotonic() - began

    def finish(self) -> float:
        self.stopping.set()
        self.join()
        return self.away


@contextlib.contextmanager
def gateway(binary: Path, home: Path):
    """The gateway with the tenants `default` and `other`, on a port of its own."""
    port = processes.free_port()
    configuration = home / "gateway.yaml"
    configuration.write_text(
        f"listen: 127.0.0.1:{port}\ndata_dir: {home / 'data'}\ntenants: {{other: {{display_name: Other}}}}\n"
    )
    server = processes.Server("gateway", [binary, "serve", "--config", configuration], port, home / "gateway.log")
    try:
        yield server
    finally:
        server.stop()


def ask(server, home: Path, method: str, path: str, body: dict | None = None) -> dict:
    """One request of the operator, as the command line makes it."""
    token = json.loads((home / "data/lock").read_text())["token"]
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(server.url + path, data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=600) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        raise BenchmarkError(f"{method} {path} answers {error.code}: {error.read()[:500]!r}") from error


def create(server, number: int) -> None:
    document = {"slug": f"p{number:05d}", "description": "x" * 19_500}
    status, made = processes.call("POST", f"{server.url}/api/chat/profiles", document)
    if status != 201:
        raise BenchmarkError(f"creating p{number:05d} answers {status}: {made}")


def fill_history(path: Path, size: int) -> None:
    """Versions of a profile that no longer exists, until the file has its size; the gateway is stopped."""
    document = json.dumps({"slug": "gone", "description": "x" * 8000})
    with contextlib.closing(sqlite3.connect(path)) as connection:
        versions = size // 8192
        row = "INSERT INTO profile_history (revision, registry_slug, profile_slug, version, action, document_json,"
        row += " at_ms, actor, source, request_id) VALUES (1, 'default', 'gone', ?, ?, ?, ?, 'bench', 'bench', '')"
        now = int(time.time() * 1000)
        connection.executemany(row, ((n, "update", document, now) for n in range(1, versions)))
        connection.execute(row, (versions, "delete", None, now))
        connection.commit()
    os.chmod(path, 0o600)
