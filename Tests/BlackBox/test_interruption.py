"""Looks at files that take long end when the process stops or nobody asks any more (gateway.md §2, §10)."""

import os
import pathlib
import threading

import pytest

from harness.backups import ADMIN, directory, operator, restore, take, temporaries
from harness.database import shell
from harness.profiles import PROFILES
from harness.waiting import eventually
from harness.wire import Cut

# A sound table whose integrity_check takes a quarter of an hour: a hundred thousand rows, each with a key that takes
# 10 ms. It is indexed by an expression, for which another of the same value is put when the index is there. It stands
# for a file of a terabyte, and is made in no time; the suite's own limits are far below.
SLOW = """
CREATE TABLE slow (a INTEGER);
WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
    INSERT INTO slow SELECT 1000000 FROM n;
CREATE INDEX slow_a ON slow (a * 0);
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = 'CREATE INDEX slow_a ON slow
    (instr(replace(hex(zeroblob(a)), ''0'', ''x''), ''y''))' WHERE name = 'slow_a';
"""


def busy(gateway):
    """Whether the threads that look at files have worked for a while."""
    ticks = 0
    for task in pathlib.Path(f"/proc/{gateway.process.pid}/task").iterdir():
        try:
            if (task / "comm").read_text().startswith("backup"):
                ticks += sum(map(int, (task / "stat").read_text().rsplit(")", 1)[1].split()[11:13]))
        except OSError:
            continue
    return ticks / os.sysconf("SC_CLK_TCK") > 0.4


class Asking(threading.Thread):
    """One request whose answer nobody expects soon."""

    def __init__(self, http, method, target, body=None):
        super().__init__()
        self.ask = lambda: http.request(method, target, json=body) if body else http.request(method, target)
        self.answer = None
        self.start()

    def run(self):
        try:
            self.answer = self.ask()
        except (OSError, Cut):
            pass


def slow_backup(gateway):
    """A copy as the runbook's `cp` makes it, with the slow table; its name."""
    place = directory(gateway)
    place.mkdir(mode=0o700, exist_ok=True)
    path = place / "profiles.db.bak.20260101-000000"
    shell(gateway.database(), f".backup '{path}'")
    path.chmod(0o600)
    shell(path, SLOW)
    return path.name


@pytest.mark.parametrize("work", ["verify", "backup", "restore", "drill"])
def test_a_stop_does_not_wait_for_the_check_of_a_large_file(start, work):
    gateway = start(config={"shutdown_grace": "1s"})
    admin = operator(gateway)
    if work in ("verify", "backup"):
        shell(gateway.database(), SLOW)
        method, target, body = ("GET", "/verify", None) if work == "verify" else ("POST", "/backups", None)
    else:
        name = slow_backup(gateway)
        method, target, body = "POST", f"/{work}", {"from": name} if work == "restore" else None
    kept = sorted(path.name for path in directory(gateway).glob("*"))
    asking = Asking(admin, method, f"{ADMIN}{target}", body)
    eventually(lambda: busy(gateway), "the check began")
    assert gateway.stop() == 0
    asking.join()
    assert asking.answer is None or asking.answer.status == 503, asking.answer
    log = gateway.log()
    assert "damaged" not in log and "quarantined" not in log, log
    # What a drill leaves in scratch/ the next one removes.
    left = [name for name in temporaries(gateway) if not name.startswith("scratch/")]
    assert left == [] and sorted(path.name for path in directory(gateway).glob("*")) == kept
    assert not [path.name for path in gateway.tenant_directory().iterdir() if ".replaced-" in path.name]
    gateway.start()
    assert gateway.client().get(PROFILES).status == 200


def test_a_stop_does_not_wait_for_a_scheduled_backup(start):
    """No request is under way, so nothing is waited for; what was given up is no failure of the schedule."""
    gateway = start()
    shell(gateway.database(), SLOW)
    gateway.stop()
    gateway.config = {"backups": {"schedule": "0 3 * * *", "jitter": "0"}}
    gateway.start()
    eventually(lambda: busy(gateway), "the missed backup is being made up for")
    assert gateway.stop() == 0
    assert temporaries(gateway) == [] and not list(directory(gateway).glob("profiles.db.bak.*"))
    assert "scheduled backup failed" not in gateway.log()


def test_what_nobody_waits_for_any_more_ends(fresh):
    """Ctrl-C in the terminal: the server's thread, and the tenant's turn, are free again."""
    admin = operator(fresh)
    shell(fresh.database(), SLOW)
    with admin.connect() as connection:
        connection.send(admin.message("GET", f"{ADMIN}/verify", close=False))
        eventually(lambda: busy(fresh), "the check began")
    shell(fresh.database(), "DROP TABLE slow")
    report = admin.get(f"{ADMIN}/verify").json()
    assert [check for check in report["checks"] if check["status"] == "failed"] == []
    restore(admin, take(admin)["name"])
