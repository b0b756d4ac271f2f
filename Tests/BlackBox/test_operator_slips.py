"""What an operator mistypes or does not think of: said before anything happens, or told in the report."""

import os

import pytest

from harness.backups import operator, take
from harness.commands import Commands
from harness.database import rows, shell
from harness.gateway import command_line
from harness.profiles import PROFILES, create
from harness.waiting import eventually

ACME = {"tenants": {"acme": {}}}


@pytest.fixture(params=["online", "offline"])
def cli(request, start):
    yield Commands(start(config=ACME), online=request.param == "online")


@pytest.fixture
def editor(tmp_path):
    """An editor that leaves a mark when it is opened."""
    script = tmp_path / "editor"
    script.write_text(f"#!/bin/sh\ntouch {tmp_path}/opened\n")
    script.chmod(0o755)
    return {"EDITOR": str(script), "VISUAL": "", "TMPDIR": str(tmp_path)}


def test_another_tenants_backup_is_restored_with_a_warning(cli):
    cli("profiles", "delete", "agent", "--tenant", "acme")
    cli("backup")
    (backup,) = cli.json("backups")
    for more in (["--dry-run"], []):
        told = cli("restore", "--tenant", "acme", "--from", backup["path"], *more)
        assert "! backup.tenant" in told and "it is a backup of tenant default, restored as acme" in told
    assert cli.json("profiles", "show", "agent", "--tenant", "acme")["slug"] == "agent"
    cli("backup", "--tenant", "acme")
    own = cli.json("backups", "--tenant", "acme")[0]
    assert "backup.tenant" not in cli("restore", "--tenant", "acme", "--from", own["name"])


def test_backups_go_nowhere_they_would_be_lost_or_taken_for_a_tenant(cli, tmp_path):
    assert "--to is empty" in cli("backup", "--to", "", expect=2)
    for place in (cli.gateway.data / "tenants", cli.gateway.data / "tenants" / "oops"):
        assert "would be taken for one" in cli("backup", "--to", place, expect=1)
    winding = f"{cli.gateway.data}/none/../tenants/oops"
    assert "a directory that is not there" in cli("backup", "--to", winding, expect=1)
    assert [item["slug"] for item in cli.json("tenant", "list")] == ["acme", "default"]
    everybodys = tmp_path / "everybodys"
    everybodys.mkdir()
    everybodys.chmod(0o777)
    assert f"chmod go-w '{everybodys}'" in cli("backup", "--to", everybodys, expect=1)
    assert list(everybodys.iterdir()) == []
    everybodys.chmod(0o1777)
    cli("backup", "--to", everybodys)


def test_all_backs_up_the_databases_that_belong_to_nobody(cli):
    control = cli.gateway.data / "control.db"
    assert cli("backup", "--all").count("profiles.db.bak.") == 2
    shell(control, "CREATE TABLE t (a); INSERT INTO t VALUES (7);")
    control.chmod(0o600)
    cli("backup", "--all")
    (copy,) = (path for path in (cli.gateway.data / "backups").iterdir() if not path.name.endswith(".json"))
    assert rows(copy, "SELECT a FROM t") == [(7,)]


def test_a_profile_that_cannot_be_written_is_not_edited(start, tmp_path, editor):
    source = tmp_path / "private.yaml"
    source.write_text("registries: {private: {profiles: {analyst: {display_name: Mine}}}}\n")
    source.chmod(0o644)
    config = {"source_directories": [str(tmp_path)], "tenants": {"default": {"sources": [f"yaml:{source}"]}}}
    cli = Commands(start(config=config), online=True)
    create(cli.gateway.client(), "fixed", registry="default", policy={"read_only": True})
    told = cli("profiles", "edit", "default/fixed", environment=editor, expect=1)
    assert "default/fixed is read-only by its policy" in told and "--override-read-only" in told
    assert "comes from a read-only source" in cli("profiles", "edit", "private/analyst", environment=editor, expect=1)
    assert not (tmp_path / "opened").exists()
    cli("profiles", "edit", "default/fixed", "--override-read-only", environment=editor)
    assert (tmp_path / "opened").exists()


def test_a_database_is_no_document_of_registries(cli):
    cli("backup")
    (backup,) = cli.json("backups")
    told = cli("profiles", "import", backup["path"], expect=1)
    assert "is a SQLite database" in told and "restore --from" in told


def test_the_runbook_names_backups_as_they_are_named_here(tmp_path):
    _, page, _ = command_line("runbook", "--profile-registry-db", "./my.db", directory=tmp_path)
    assert "--from my.db.bak.YYYYmmdd-HHMMSS" in page and "profiles.db" not in page


def test_the_gap_that_retention_leaves_behind_a_deletion_is_no_fault(start):
    gateway = start(config={"history": {"max_versions": 8}})
    http = gateway.client()
    create(http, "reborn")
    assert http.delete(f"{PROFILES}/reborn").status == 204
    create(http, "reborn")
    for number in range(12):
        assert http.patch(f"{PROFILES}/reborn", {"display_name": str(number)}).status == 200
    kept = "SELECT version FROM profile_history WHERE profile_slug='reborn' ORDER BY version"
    eventually(lambda: rows(gateway.database(), kept)[:2] != [(1,), (2,)], "the oldest are pruned")
    eventually(lambda: rows(gateway.database(), kept)[1] > (4,), "more are pruned")
    assert rows(gateway.database(), kept)[0] == (2,), "the last deletion is kept"
    checks = operator(gateway).get("/admin/tenants/default/verify").json()["checks"]
    assert [check["status"] for check in checks if check["id"] == "history"] == ["ok"], checks


def test_versions_that_are_really_missing_are_told(start):
    gateway = start()
    http = gateway.client()
    for number in range(4):
        assert http.patch(f"{PROFILES}/agent", {"display_name": str(number)}).status == 200
    gateway.stop()
    shell(gateway.database(), "DELETE FROM profile_history WHERE profile_slug='agent' AND version=3")
    gateway.start()
    checks = operator(gateway).get("/admin/tenants/default/verify").json()["checks"]
    (history,) = (check for check in checks if check["id"] == "history")
    assert history["status"] == "warning" and "has 4 of versions 1 to 5" in history["found"]


def test_a_drill_that_fails_says_so_in_its_title(start):
    gateway = start()
    backup = take(operator(gateway))
    with open(backup["path"], "r+b") as file:
        file.seek(5000)
        file.write(b"\xff" * 100)
    status, output, _ = command_line("drill", "--data-dir", str(gateway.data), directory=gateway.directory)
    assert status == 1 and f"{backup['name']} does not serve" in output.splitlines()[0], output
    assert os.path.exists(backup["path"])
