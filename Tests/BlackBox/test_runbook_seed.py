"""The runbook this product began with, line by line: steps 1, 2, 3 and 5 (and 4, which 5 needs), typed into a shell.

Only two things differ from its text: the program is found as `profile-gateway`, and the port is a free one.
"""

import json
import os
import re
import subprocess

import pytest

from harness.database import mode, shell
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
