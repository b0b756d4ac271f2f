"""`tenant`, `backup`, `backups`, `restore`, with a running server and without one (gateway.md §10)."""

import json
import os

import pytest

from harness.commands import Commands
from harness.profiles import create, prompted, slugs

TENANTS = {"tenants": {"acme": {"display_name": "Acme"}, "beta": {}}}


@pytest.fixture(params=["online", "offline"])
def cli(request, start):
    yield Commands(start(config=TENANTS), online=request.param == "online")


def test_tenant_list_and_show(cli):
    cli.gateway.stop()
    cli.gateway.database("beta").write_bytes(b"this is no database" * 100)
    if cli.online:
        cli.gateway.start()
    lines = cli("tenant", "list").splitlines()
    assert lines[0].split() == ["TENANT", "NAME", "STATE", "REASON"]
    assert [line.split()[:2] for line in lines[1:]] == [["acme", "Acme"], ["beta", "beta"], ["default", "default"]]
    assert cli.json("tenant", "show", "beta")["state"] == "quarantined"
    assert cli.json("tenant", "show", "--tenant", "acme")["profiles"] == 2
    assert "slug: default\n" in cli("tenant", "show")
    cli("tenant", "show", "nobody", expect=3)


def test_a_backup_is_made_listed_and_restored(cli):
    http = cli.gateway.client("acme")
    create(http, "kept", **prompted("kept"))
    told = cli("backup", "--tenant", "acme")
    assert told.startswith(f"acme: {cli.gateway.tenant_directory('acme').resolve()}/backups/profiles.db.bak."), told
    (backup,) = cli.json("backups", "--tenant", "acme")
    assert backup["rows"]["profiles"] == 3 and backup["name"] in cli("backups", "--tenant", "acme")
    assert os.stat(backup["path"]).st_mode & 0o777 == 0o600

    cli("profiles", "delete", "kept", "--tenant", "acme")
    told = cli("restore", "--tenant", "acme", "--from", backup["name"], "--dry-run")
    assert "can be restored; nothing was changed" in told and "✓ stale_version" in told
    cli("profiles", "show", "kept", "--tenant", "acme", expect=3)
    told = cli("restore", "--tenant", "acme", "--from", backup["name"])
    assert told.startswith(f"restored acme from {backup['name']}") and "the old file is kept as" in told, told
    assert cli.json("profiles", "show", "kept", "--tenant", "acme")["runtime"]["system_prompt"] == "kept"
    assert "kept" not in [item["slug"] for item in cli.json("profiles", "list")], "other tenants are untouched"


def test_backups_go_to_a_directory_and_old_ones_are_pruned(cli, tmp_path):
    place = tmp_path / "elsewhere"
    for _ in range(3):
        cli("backup", "--to", place, "--keep", 2)
    assert len([path for path in (place / "default").iterdir() if not path.name.endswith(".json")]) == 2
    # A path is meant from where the command was typed, not from where the server runs.
    relative = os.path.relpath(sorted((place / "default").glob("*.bak.*[0-9]"))[0], cli.gateway.directory)
    report = cli.json("restore", "--from", relative, "--dry-run")
    assert report["dry_run"] and report["profiles"] == 2


def test_all_tenants_are_backed_up_and_one_failure_keeps_no_other_from_it(cli):
    cli.gateway.stop()
    cli.gateway.database("beta").write_bytes(b"this is no database" * 100)
    if cli.online:
        cli.gateway.start()
    status, output, errors = cli.run("backup", "--all")
    assert status == 1 and "1 of 3 tenants failed\n  beta: " in errors
    assert [line.split(":")[0] for line in output.splitlines()] == ["acme", "default"]
    status, output, _ = cli.run("backup", "--all", "--format", "json")
    assert status == 1
    assert [(item["tenant"], "error" in item) for item in json.loads(output)] == [
        ("acme", False), ("beta", True), ("default", False),
    ]  # fmt: skip


def test_all_shows_a_progress_bar_on_a_terminal_only(cli):
    shown, status = cli.on_terminal("backup", "--all")
    assert status == 0 and "backing up " in shown and "3/3" in shown
    _, _, errors = cli.run("backup", "--all")
    assert errors == ""


def test_restore_shows_what_it_found_and_asks_on_a_terminal(cli):
    cli("backup")
    (backup,) = cli.json("backups")
    shown, status = cli.on_terminal("restore", "--from", backup["name"], answers=["n"])
    assert status == 1 and "✓" in shown and "Replace the data of default" in shown
    assert not list(cli.gateway.tenant_directory().glob("*.before*")), "nothing was moved"
    shown, status = cli.on_terminal("restore", "--from", backup["name"], answers=["y"])
    assert status == 0 and "restored default from" in shown


@pytest.mark.parametrize(
    "arguments, status, phrase",
    [
        (["restore", "--from", "nothing"], 3, "backup not found"),
        (["restore", "--from", "/etc/hostname"], 1, "cannot be restored"),
        (["restore"], 2, "--from"),
        (["backup", "--keep", "0"], 1, "keep"),
        (["backup", "--max-age", "soon"], 1, "max_age"),
        (["backup", "--tenant", "nobody"], 3, "tenant not found"),
        (["backup", "--all", "--tenant", "acme"], 2, "--all"),
        (["backups", "--tenant", "nobody"], 3, "tenant not found"),
    ],
)
def test_failures_have_their_exit_status_and_say_what_is_wrong(cli, arguments, status, phrase):
    assert phrase in cli(*arguments, expect=status)


def test_a_restored_tenant_serves_at_once_while_the_server_runs(start):
    gateway = start(config=TENANTS)
    cli = Commands(gateway, online=True)
    cli("backup", "--tenant", "acme")
    create(gateway.client("acme"), "late")
    (backup,) = cli.json("backups", "--tenant", "acme")
    cli("restore", "--tenant", "acme", "--from", backup["name"])
    assert slugs(gateway.client("acme")) == ["agent", "default"]
    assert gateway.alive
