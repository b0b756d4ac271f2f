"""`tenant`, `backup`, `backups`, `restore`, with a running server and without one (gateway.md §10)."""

import json
import os
import shlex

import pytest

from harness.commands import Commands
from harness.gateway import command_line
from harness.profiles import create, prompted, slugs
from harness.waiting import eventually

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
    assert status == 0 and "restored default from" in shown and "only the registry file was replaced" in shown


@pytest.mark.parametrize("online", [True, False], ids=["online", "offline"])
def test_backups_shows_the_schedule_the_last_run_and_whose_fail(start, online):
    gateway = start(config=TENANTS)
    cli = Commands(gateway, online)
    assert "no backups are scheduled" in cli("backups", "--schedule")
    gateway.stop()
    gateway.database("beta").write_bytes(b"this is no database" * 100)
    gateway.config = {**TENANTS, "backups": {"schedule": "0 3 * * *", "jitter": "0"}}
    if not online:
        assert cli("backups", "--schedule").splitlines() == [
            "schedule  0 3 * * * (UTC)", "next run  none: no server runs", "last run  none since the start",
            *(f"! {tenant} is overdue: there is none" for tenant in ("acme", "beta", "default")),
        ]  # fmt: skip
        return
    gateway.start()
    lines = eventually(
        lambda: (shown := cli("backups", "--schedule")).count("2 made, 1 failed") and shown.splitlines(), "a run"
    )
    assert lines[0] == "schedule  0 3 * * * (UTC)" and lines[1].endswith(" 03:00:00Z")
    assert lines[3].startswith("✗ beta since 20"), lines
    assert lines[4:] == ["! beta is overdue: there is none"]
    state = cli.json("backups", "--schedule")
    assert [item["tenant"] for item in state["failing"]] == ["beta"]
    assert [item["tenant"] for item in state["overdue"]] == ["beta"]


@pytest.mark.parametrize(
    "arguments, status, phrase",
    [
        (["restore", "--from", "nothing"], 3, "backup not found"),
        (["restore", "--from", "/etc/hostname"], 1, "cannot be restored"),
        (["restore"], 2, "--from"),
        (["backup", "--keep", "0"], 2, "--keep 0"),
        (["backup", "--keep", "100001"], 2, "from 1 to 100000"),
        (["backup", "--max-age", "soon"], 2, "--max-age soon"),
        (["backup", "--max-age", "0"], 2, "such as 12h or 30d"),
        (["backup", "--tenant", "nobody"], 3, "tenant not found"),
        (["backup", "--all", "--tenant", "acme"], 2, "--all"),
        (["backups", "--tenant", "nobody"], 3, "tenant not found"),
        (["backups", "--schedule", "--tenant", "acme"], 2, "--schedule"),
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


# verify and drill -------------------------------------------------------------------------------------------------


def test_verify_says_what_is_well_and_what_to_do_about_the_rest(cli):
    cli("backup")
    report = cli("verify")
    assert report.startswith("default: ") and "✓" in report and "✗" not in report
    assert cli.json("verify", "--deep")["deep"]
    assert "chat" in cli("verify", "--deep")
    cli.gateway.stop()
    cli.gateway.database("beta").write_bytes(b"this is no database" * 100)
    if cli.online:
        cli.gateway.start()
    status, output, errors = cli.run("verify", "--tenant", "beta")
    assert status == 1 and "✗ " in output and "    → " in output and "not well: beta" in errors, output


def test_verify_all_shows_only_what_wants_to_be_looked_at(cli):
    cli("backup", "--all")
    cli.gateway.stop()
    cli.gateway.database("beta").write_bytes(b"this is no database" * 100)
    if cli.online:
        cli.gateway.start()
    status, output, _ = cli.run("verify", "--all")
    assert status == 1 and "beta: " in output and "3 tenants: " in output and "1 not well" in output
    assert "✓" not in "".join(line for line in output.splitlines(True) if not line.startswith("beta: "))
    status, output, _ = cli.run("verify", "--all", "--format", "json")
    assert status == 1
    assert {item["tenant"]: item["status"] for item in json.loads(output)}["beta"] == "failed"


def test_drill_recovers_the_newest_backup_without_touching_the_tenant(cli):
    assert "no backup" in cli("drill", expect=3)
    cli("backup")
    before = sorted(cli.gateway.tenant_directory().parent.iterdir())
    report = cli("drill")
    assert report.startswith("default: profiles.db.bak.") and " serves after " in report and "✓" in report
    assert cli.json("drill")["status"] == "ok"
    assert sorted(cli.gateway.tenant_directory().parent.iterdir()) == before


# runbook ----------------------------------------------------------------------------------------------------------


def test_runbook_fills_in_this_installations_paths(cli, tmp_path):
    page = cli("runbook", "--tenant", "acme")
    place = cli.gateway.data.resolve()
    assert f"* registry file: {place}/tenants/acme/profiles.db\n" in page
    assert f"profile-gateway backup --tenant acme --config {cli.gateway.config_file} --data-dir {place}" in page
    for title in ("Step 1", "Step 2", "Step 3", "Step 4", "Step 5", "When something is wrong"):
        assert title in page
    assert cli.json("runbook")["paths"]["tenant"] == "default"


def test_runbook_needs_neither_server_nor_data(tmp_path):
    status, page, _ = command_line("runbook", "--profile-registry-db", "./data/profiles.db", directory=tmp_path)
    assert status == 0 and f"* registry file: {tmp_path.resolve()}/data/profiles.db\n" in page
    assert f"* backups: {tmp_path.resolve()}/data\n" in page
    assert list(tmp_path.iterdir()) == []
    assert command_line("runbook", "--tenant", "No Tenant")[0] == 2


def test_every_alarm_of_a_broken_tenant_is_in_the_runbook(tmp_path):
    """The codes a tenant's file can be answered with (gateway.md §4, §6), each with its row."""
    _, page, _ = command_line("runbook", directory=tmp_path)
    for code in (
        "tenant_quarantined", "registry_damaged", "disk_full", "storage_read_only", "commit_outcome_unknown",
        "registry_busy", "newer_schema", "unsafe_path", "version_conflict", "precondition_failed", "policy_violation",
        "default_registry_unavailable", "storage_failed", "file_in_use", "tenant_restoring", "backup_failed",
        "backup_invalid", "stack_broken",
    ):  # fmt: skip
        assert code in page, code


def test_the_runbooks_commands_are_those_the_program_has(tmp_path):
    """Each command of the page is understood: its options exist. What they do, other tests say."""
    _, output, _ = command_line("runbook", "--format", "json", directory=tmp_path)
    commands = [command for step in json.loads(output)["steps"] for command in step["commands"]]
    ours = [shlex.split(command)[1:] for command in commands if command.startswith("profile-gateway ")]
    assert len(ours) > 12
    for arguments in ours:
        status, output, errors = command_line(*arguments, "--help", directory=tmp_path)
        assert status == 0 and "EXAMPLES" in output, (arguments, errors)
        if arguments[0] not in ("serve", "config"):
            status, _, errors = command_line(*arguments, directory=tmp_path)
            assert status == 3 and "no data" in errors, (arguments, errors)
