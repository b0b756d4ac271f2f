"""The runbook this product began with, line by line: steps 1, 2, 3 and 5 (and 4, which 5 needs), typed into a shell,
and its troubleshooting table.

Only two things differ from its text: the program is found as `profile-gateway`, and the port is a free one.
"""

import json
import os
import re
import subprocess
import threading

import pytest

from harness.database import mode, shell, write_lock
from harness.gateway import BINARY, clean_environment
from harness.waiting import eventually, within_a_second

STEP_1_PATH = "profile-gateway web-chat --profile-registry-db ./data/profiles.db"
STEP_1_DSN = r"""profile-gateway web-chat \
  --profile-registry-dsn "file:./data/profiles.db?_journal_mode=WAL&_busy_timeout=5000&_foreign_keys=on"
"""
STEP_2 = "curl -s http://localhost:8080/api/chat/profiles | jq ."
STEP_3_COPY = "cp ./data/profiles.db ./data/profiles.db.bak.$(date +%Y%m%d-%H%M%S)"
STEP_3_QUERY = 'sqlite3 ./data/profiles.db "SELECT slug, updated_at_ms FROM profile_registries ORDER BY slug;"'


class Desk:
    """An operator's shell in one directory, with the gateway in the background of it."""

    def __init__(self, gateway, line):
        self.gateway = gateway
        self.line = line
        tools = gateway.directory / "bin"
        tools.mkdir()
        (tools / "profile-gateway").symlink_to(BINARY)
        self.environment = clean_environment(
            {"PATH": f"{tools}:{os.environ['PATH']}", "PROFILE_GATEWAY_LISTEN": gateway.listen}
        )

    def start(self):
        """Step 1: the line, in the background of the shell."""
        self.gateway.log_start = len(self.gateway.log().encode())
        with open(self.gateway.log_file, "ab") as log:
            self.gateway.process = subprocess.Popen(
                ["sh", "-c", "exec " + self.line],
                cwd=self.gateway.directory,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        eventually(
            lambda: not self.gateway.alive or (self.gateway.listens() and self.gateway.answers()),
            f"`{self.line}` serves",
        )
        assert self.gateway.alive, self.gateway.log()

    def type(self, line):
        """One line; its output."""
        line = line.replace("localhost:8080", f"localhost:{self.gateway.port}")
        done = subprocess.run(
            ["sh", "-c", line],
            cwd=self.gateway.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0 and not done.stderr, f"$ {line}\n{done.stdout}{done.stderr}"
        return done.stdout

    def curl(self, method, target, body=None):
        """A request as the guide writes it: (status, body)."""
        data = "" if body is None else f" -H 'Content-Type: application/json' -d '{json.dumps(body)}'"
        output = self.type(f"curl -s -X {method}{data} -w '\\n%{{http_code}}' 'http://localhost:8080{target}'")
        text, _, status = output.rpartition("\n")
        return int(status), json.loads(text) if text else None


@pytest.fixture(params=[STEP_1_PATH, STEP_1_DSN], ids=["path", "dsn"])
def desk(start, request):
    desk = Desk(start(started=False), request.param)
    desk.start()
    return desk


def test_step_1_makes_the_directory_and_the_file(desk):
    assert (desk.gateway.data / "profiles.db").exists()
    assert mode(desk.gateway.data / "profiles.db") == "0o600" and mode(desk.gateway.data) == "0o700"
    assert shell(desk.gateway.data / "profiles.db", "PRAGMA journal_mode;") == [["wal"]]


def test_step_2_shows_a_profile_list(desk):
    items = json.loads(desk.type(STEP_2))
    assert [item["slug"] for item in items] == ["agent", "default"]


def test_step_3_the_copy_holds_every_acknowledged_write(desk):
    status, _ = desk.curl("PATCH", "/api/chat/profiles/agent", {"display_name": "Before the backup"})
    assert status == 200
    query = (
        "SELECT json_extract(payload_json, '$.profiles.agent.display_name') FROM profile_registry_documents"
        " WHERE slug='default';"
    )

    def copied():
        for old in desk.gateway.data.glob("profiles.db.bak.*"):
            old.unlink()
        desk.type(STEP_3_COPY)
        (backup,) = desk.gateway.data.glob("profiles.db.bak.*")
        assert re.fullmatch(r"profiles\.db\.bak\.\d{8}-\d{6}", backup.name)
        return shell(backup, query) == [["Before the backup"]]

    within_a_second(copied, "the copy holds the write")


def test_step_3_the_query(desk):
    (line,) = desk.type(STEP_3_QUERY).splitlines()
    slug, stamp = line.split("|")
    assert slug == "default" and int(stamp) > 1_700_000_000_000
    desk.curl("PATCH", "/api/chat/profiles/agent", {"display_name": "Changed"})
    assert int(desk.type(STEP_3_QUERY).split("|")[1]) > int(stamp)


@pytest.mark.parametrize("how_it_stopped", ["TERM", "KILL"])
def test_steps_3_4_and_5_backup_restore_validate(desk, how_it_stopped):
    desk.curl("POST", "/api/chat/registries", {"slug": "team"})
    desk.curl("POST", "/api/chat/profiles", {"slug": "analyst", "registry": "team", "runtime": {"system_prompt": "T"}})
    desk.curl("POST", "/api/chat/profiles", {"slug": "writer", "set_default": True})
    assert desk.curl("PATCH", "/api/chat/profiles/writer", {"display_name": "Good", "expected_version": 1})[0] == 200

    def copied():
        for old in desk.gateway.data.glob("profiles.db.bak.*"):
            old.unlink()
        desk.type(STEP_3_COPY)
        (backup,) = desk.gateway.data.glob("profiles.db.bak.*")
        return '"Good"' in str(shell(backup, "SELECT payload_json FROM profile_registry_documents;")) and backup

    backup = within_a_second(copied, "the copy holds the write")
    assert desk.curl("PATCH", "/api/chat/profiles/writer", {"display_name": "Risky change"})[0] == 200
    assert desk.curl("DELETE", "/api/chat/profiles/agent")[0] == 204

    # Step 4: stop, replace, start, validate the list and send one profile-selected chat request.
    if how_it_stopped == "TERM":
        assert desk.gateway.stop() == 0
    else:
        desk.gateway.kill()
    desk.type(f"cp ./data/{backup.name} ./data/profiles.db")
    desk.start()

    # Step 5.
    items = {item["slug"]: item for item in json.loads(desk.type(STEP_2))}
    assert set(items) == {"agent", "default", "writer"}
    assert items["writer"]["is_default"] is True and items["writer"]["display_name"] == "Good"
    status, refused = desk.curl("PATCH", "/api/chat/profiles/writer", {"display_name": "Stale", "expected_version": 1})
    assert status == 409 and 'profile "writer" version conflict: expected=1 actual=2' in refused["error"]["message"]
    assert (refused["error"]["expected_version"], refused["error"]["current_version"]) == (1, 2)
    status, turn = desk.curl("POST", "/chat", {"prompt": "hello", "profile": "agent"})
    assert status == 200 and turn["runtime_key"] == "default/agent"
    status, turn = desk.curl("POST", "/chat", {"prompt": "hello", "registry": "team"})
    assert status == 200 and turn["profile"] == {"registry": "team", "slug": "analyst", "version": 1}
    assert desk.gateway.stop() == 0


def test_step_1_leaves_nothing_to_clean_up_after_a_stop(desk):
    desk.curl("PATCH", "/api/chat/profiles/agent", {"display_name": "x"})
    assert desk.gateway.stop() == 0
    names = sorted(path.name for path in desk.gateway.data.iterdir())
    assert not [name for name in names if name.endswith(("-wal", "-shm"))], names


# The troubleshooting table, row by row: the cause is made, the symptom is ours, the solution is the guide's.


def test_table_missing_because_the_file_was_made_elsewhere(start):
    """Row 1: restart with app-managed initialisation."""
    desk = Desk(start(started=False), STEP_1_PATH)
    desk.type("mkdir -m 700 ./data && sqlite3 ./data/profiles.db 'VACUUM;' && chmod 600 ./data/profiles.db")
    desk.start()
    assert [item["slug"] for item in json.loads(desk.type(STEP_2))] == ["agent", "default"]
    assert desk.curl("PATCH", "/api/chat/profiles/agent", {"display_name": "Kept"})[0] == 200
    assert desk.gateway.stop() == 0
    desk.type("sqlite3 ./data/profiles.db 'DROP TABLE profile_registries;'")
    desk.start()
    assert desk.type(STEP_3_QUERY).startswith("default|")
    assert desk.curl("GET", "/api/chat/profiles/agent")[1]["display_name"] == "Kept"


def test_busy_while_another_program_holds_a_transaction(desk):
    """Row 2: WAL and the busy timeout; a short transaction is waited for, a long one is said to be in the way."""
    database = desk.gateway.data / "profiles.db"
    with write_lock(database):
        waiting = threading.Thread(
            target=lambda: answers.append(desk.curl("PATCH", "/api/chat/profiles/agent", {"display_name": "Waited"}))
        )
        answers = []
        waiting.start()
        assert desk.curl("GET", "/api/chat/profiles/agent")[0] == 200, "reading goes on"
    waiting.join(30)
    assert answers[0][0] == 200 and answers[0][1]["display_name"] == "Waited"
    with write_lock(database):
        status, refused = desk.curl("PATCH", "/api/chat/profiles/agent", {"display_name": "Never"})
        assert status == 503 and refused["error"]["code"] == "registry_busy"
        assert "another process" in refused["error"]["message"]
    assert desk.curl("GET", "/api/chat/profiles/agent")[1]["display_name"] == "Waited"
    assert desk.curl("PATCH", "/api/chat/profiles/agent", {"display_name": "Again"})[0] == 200


def test_an_older_snapshot_restored_then_a_newer_one(desk):
    """Row 3: the profiles seem stale; repeat the restore with the newer snapshot."""
    for name in ("older", "newer"):
        assert desk.curl("PATCH", "/api/chat/profiles/agent", {"display_name": name})[0] == 200
        within_a_second(
            lambda name=name: (
                desk.type(f"cp ./data/profiles.db ./{name}.db")
                or name in str(shell(desk.gateway.directory / f"{name}.db", "SELECT document_json FROM profiles;"))
            ),
            "the copy holds the write",
        )
    for name in ("older", "newer"):
        assert desk.gateway.stop() == 0
        desk.type(f"cp ./{name}.db ./data/profiles.db")
        desk.start()
        assert desk.curl("GET", "/api/chat/profiles/agent")[1]["display_name"] == name


def test_500_after_restoring_a_corrupted_row_and_the_way_back(desk):
    """Row 4: inspect payload_json, restore a cleaner snapshot, reapply the change."""
    desk.curl("POST", "/api/chat/registries", {"slug": "team"})
    desk.curl("POST", "/api/chat/profiles", {"slug": "analyst", "registry": "team"})
    clean = "SELECT count(*) FROM profile_registries WHERE slug = 'team';"
    within_a_second(
        lambda: (
            desk.type("cp ./data/profiles.db ./clean.db")
            or shell(desk.gateway.directory / "clean.db", clean) == [["1"]]
        ),
        "the copy holds the registry",
    )
    desk.type("cp ./clean.db ./corrupted.db")
    spoil = "UPDATE profile_registries SET payload_json = substr(payload_json, 1, 8) WHERE slug = 'team';"
    desk.type(f'sqlite3 ./corrupted.db "{spoil}"')
    assert desk.gateway.stop() == 0
    desk.type("cp ./corrupted.db ./data/profiles.db")
    desk.start()
    status, broken = desk.curl("GET", "/api/chat/profiles?registry=team")
    assert status == 500, broken
    for word in ("profile_registries", "team", "payload_json"):
        assert word in broken["error"]["message"], broken
    assert desk.curl("GET", "/api/chat/profiles")[0] == 200, "the other registry answers"
    inspect = "SELECT payload_json FROM profile_registries WHERE slug = 'team';"
    inspected = desk.type(f'sqlite3 ./data/profiles.db "{inspect}"')
    assert inspected.strip() == '{"slug":', "the row is as it was, and can be inspected"
    assert desk.gateway.stop() == 0
    desk.type("cp ./clean.db ./data/profiles.db")
    desk.start()
    assert desk.curl("GET", "/api/chat/profiles?registry=team")[0] == 200
    status, _ = desk.curl("PATCH", "/api/chat/profiles/analyst?registry=team", {"display_name": "Reapplied"})
    assert status == 200
