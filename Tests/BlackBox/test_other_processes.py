"""What other processes do to a tenant's files while clients write (gateway.md §6; origin D04, D06, D09).

The `sqlite3` shell, `cp`, `mv` and `rm` are the other processes; every write that a client was told of is looked for
afterwards, in the file and after a restart.
"""

import os
import shutil
import time

import pytest

from harness.database import integrity, rows, shell
from harness.ledger import check_file
from harness.load import Load, Shell
from harness.profiles import PROFILES, REGISTRIES, create, prompted, read, refuses, slugs, version
from harness.waiting import eventually, within_a_second
from harness.wire import Client


def settled(gateway):
    """After a stop: the file is sound, whole and has no side files; its history."""
    assert gateway.stop() == 0, gateway.log()
    assert not [path for path in gateway.tenant_directory().iterdir() if path.name.endswith(("-wal", "-shm"))]
    return check_file(gateway.database())


def grow(http, megabytes=6):
    """Makes the file so large that the shell's own checkpoint (1000 pages) comes with any VACUUM."""
    for number in range(megabytes * 4):
        create(http, f"large-{number}", **prompted("x" * 125_000))


def foreign_files(gateway):
    return [path.name for path in gateway.tenant_directory().iterdir() if ".foreign-" in path.name]


def restorable(gateway, path):
    """A sound copy of the live file, fit to be moved into its place."""
    shell(gateway.database(), f".backup '{path}'")
    path.chmod(0o600)
    return path


# Writing beside the clients ---------------------------------------------------------------------------------------


def test_D06_rows_that_the_shell_writes_while_clients_write_are_all_kept(fresh):
    http = fresh.client()
    create(http, "outside")
    with Load(fresh) as load:
        for number in range(40):
            shell(
                fresh.database(),
                f"UPDATE profiles SET document_json = json_set(document_json, '$.description', 'by hand {number}')"
                " WHERE slug = 'outside'",
            )
            if number % 8 == 0:
                within_a_second(
                    lambda number=number: read(http, "outside").get("description") == f"by hand {number}",
                    "the shell's change is served",
                )
        load.wait_for(20)
    assert read(http, "outside")["description"] == "by hand 39"
    assert load.missing(settled(fresh)) == []
    assert {status for _, _, status in load.reads} == {200}


def test_D06_a_guarded_write_on_the_state_before_the_shells_change_is_refused(fresh):
    http = fresh.client()
    create(http, "x")
    shell(
        fresh.database(),
        "UPDATE profiles SET document_json = json_set(document_json, '$.description', 'by hand') WHERE slug = 'x'",
    )
    refuses(http.patch(f"{PROFILES}/x", {"display_name": "over it", "expected_version": 1}), 409)
    assert read(http, "x")["description"] == "by hand"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["IMMEDIATE", "EXCLUSIVE"])
def test_while_the_shell_holds_a_transaction_for_10_s_writers_wait_then_get_503_and_reads_go_on(fresh, kind):
    with Load(fresh) as load:
        with Shell(fresh.database()) as operator:
            assert operator.run(f"BEGIN {kind};") == []
            begin = time.monotonic()
            refused = load.wait_for_refusal()
            waited = time.monotonic() - begin
            refuses(refused, 503)
            assert refused.error["code"] == "registry_busy"
            assert waited > 4, "a writer waits for five seconds first"
            time.sleep(max(0.0, 10 - (time.monotonic() - begin)))
            end = time.monotonic()
            assert operator.run("COMMIT;") == []
        load.wait_for(20)
    during = [(seconds, status) for at, seconds, status in load.reads if begin <= at <= end]
    assert len(during) > 100 and {status for _, status in during} == {200}, "reads never wait for a writer"
    assert not [at for at, *_ in load.acknowledged if begin + 0.5 < at < end - 5.5], "nothing was written meanwhile"
    assert load.missing(settled(fresh)) == []


@pytest.mark.slow
def test_VACUUM_by_the_shell_while_clients_write_loses_nothing(fresh):
    """The shell also moves the log into the file then, as it does after any commit that leaves 1000 pages in it."""
    grow(fresh.client())
    with Load(fresh) as load:
        for _ in range(6):
            shell(fresh.database(), "VACUUM;")
            load.wait_for(5)
    assert load.missing(settled(fresh)) == []
    assert foreign_files(fresh) == []


@pytest.mark.slow
def test_an_operators_open_shell_keeps_its_log_while_the_gateway_has_the_file_closed(fresh):
    """VACUUM on an idle file changes it and leaves the shell's log beside it: that log is in use."""
    http = fresh.client()
    grow(http)
    within_a_second(lambda: not _log_size(fresh), "the checkpoint")
    eventually(lambda: not _is_open(fresh), "an idle file is closed")
    with Shell(fresh.database()) as operator:
        for number in range(4):
            assert operator.run("VACUUM;") == []
            assert (
                operator.run(
                    f"UPDATE profiles SET document_json = json_set(document_json, '$.display_name', 'hand {number}')"
                    " WHERE slug = 'agent';"
                )
                == []
            )
            within_a_second(
                lambda number=number: read(http, "agent").get("display_name") == f"hand {number}",
                "the shell's change is served",
            )
            assert http.patch(f"{PROFILES}/default", {"display_name": f"client {number}"}).status == 200
            assert operator.run(
                "SELECT json_extract(document_json, '$.display_name') FROM profiles WHERE slug = 'default';"
            ) == [f"client {number}"]
            eventually(lambda: not _is_open(fresh), "an idle file is closed", within=10)
        assert foreign_files(fresh) == []
    settled(fresh)
    fresh.start()
    assert read(http, "agent")["display_name"] == "hand 3"
    assert read(http, "default")["display_name"] == "client 3"


def _is_open(gateway):
    descriptors = f"/proc/{gateway.process.pid}/fd"
    for name in os.listdir(descriptors):
        try:
            if os.readlink(f"{descriptors}/{name}") == str(gateway.database()):
                return True
        except FileNotFoundError:
            continue
    return False


def test_a_checkpoint_by_the_shell_that_a_reader_keeps_from_its_end_loses_nothing(fresh):
    """It changes the main file as `cp` would, but the log still has what was acknowledged last."""
    http = fresh.client()
    create(http, "x")
    within_a_second(lambda: not _log_size(fresh), "the checkpoint")
    http.patch(f"{PROFILES}/x", {"description": "d" * 30_000})
    http.patch(f"{PROFILES}/x", {"description": "short"})
    with Shell(fresh.database()) as reader, Shell(fresh.database()) as operator:
        reader.run("BEGIN; SELECT count(*) FROM profiles;")
        http.patch(f"{PROFILES}/x", {"display_name": "last"})
        (line,) = operator.run("PRAGMA wal_checkpoint(PASSIVE);")
        _, frames, moved = map(int, line.split("|"))
        assert 0 < moved < frames, "the test needs a checkpoint that stops on its way"
        time.sleep(1.5)
        assert read(http, "x")["display_name"] == "last"
        assert http.patch(f"{PROFILES}/x", {"display_name": "later", "expected_version": 4}).status == 200
        assert foreign_files(fresh) == []
    settled(fresh)
    fresh.start()
    assert read(http, "x")["display_name"] == "later"


def _log_size(gateway):
    side = gateway.database().with_name("profiles.db-wal")
    return side.stat().st_size if side.exists() else 0


@pytest.mark.slow
def test_checkpoints_by_the_shell_while_clients_write_lose_nothing(fresh):
    with Load(fresh) as load:
        for number in range(40):
            kind = ["PASSIVE", "FULL", "RESTART", "TRUNCATE"][number % 4]
            with Shell(fresh.database()) as reader:
                reader.run("BEGIN; SELECT count(*) FROM profiles;")
                load.wait_for(2)
                shell(fresh.database(), f"PRAGMA busy_timeout = 100; PRAGMA wal_checkpoint({kind});")
                load.wait_for(2)
    assert load.missing(settled(fresh)) == []
    assert foreign_files(fresh) == []


def test_another_journal_mode_by_the_shell_does_not_disturb_clients(fresh):
    with Load(fresh) as load:
        for mode in ("DELETE", "TRUNCATE", "PERSIST"):
            try:
                shell(fresh.database(), f"PRAGMA busy_timeout = 200; PRAGMA journal_mode = {mode};")
            except AssertionError as refused:
                assert "locked" in str(refused), "with the file open, SQLite itself refuses"
            load.wait_for(5)
    assert load.missing(settled(fresh)) == []
    # With nobody else there it succeeds, and the next start puts it back.
    assert shell(fresh.database(), "PRAGMA journal_mode = DELETE;") == [["delete"]]
    fresh.start()
    create(fresh.client(), "after")
    assert rows(fresh.database(), "PRAGMA journal_mode") == [("wal",)]
    assert load.missing(settled(fresh)) == []


@pytest.mark.slow
def test_dropping_the_table_while_clients_write_is_told_and_undone_at_the_next_start(start):
    gateway = start(config={"tenants": {"acme": {}}})
    with Load(gateway) as load:
        before = gateway.client().get(f"{REGISTRIES}/default").json()
        shell(gateway.database(), "DROP TABLE profile_registries;")
        refused = load.wait_for_refusal()
        refuses(refused, 503, "profile_registries")
        assert refused.error["code"] == "tenant_quarantined"
        create(gateway.client("acme"), "fine")
    gateway.restart()
    for profile in load.ledger.of("default"):
        assert version(read(gateway.client(), profile.slug)) >= profile.version
    after = gateway.client().get(f"{REGISTRIES}/default").json()
    assert after["version"] > before["version"] and after["updated_at_ms"] > before["updated_at_ms"], "none comes twice"
    assert load.missing(settled(gateway)) == []


# Files replaced under the clients ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_file_moved_into_place_under_load_gets_every_write_sent_after_it(fresh, tmp_path):
    """An acknowledged write is never in the file that has lost its name."""
    with Load(fresh) as load:
        for number in range(6):
            copy = restorable(fresh, tmp_path / f"copy-{number}.db")
            load.wait_for(4)
            os.replace(copy, fresh.database())
            moved = time.monotonic()
            load.wait_for(8)
            within_a_second(lambda: fresh.client().get(PROFILES).status == 200, "the file moved into place is served")
    assert load.missing(settled(fresh), sent_after=moved) == []
    fresh.start()
    assert {f"load-{number}" for number in range(4)} <= set(slugs(fresh.client()))


@pytest.mark.slow
def test_a_file_overwritten_in_place_under_load_is_served_or_set_aside_and_never_mixed(fresh, tmp_path):
    """`cp` is not promised to be atomic; what is served or left afterwards is sound all the same."""
    with Load(fresh) as load:
        for number in range(4):
            copy = restorable(fresh, tmp_path / f"copy-{number}.db")
            load.wait_for(4)
            shutil.copyfile(copy, fresh.database())
            eventually(lambda: fresh.client().get(PROFILES).status in (200, 503), "an answer")
            time.sleep(1.0)
            answer = fresh.client().get(PROFILES)
            if answer.status == 503:
                refuses(answer, 503)
                os.replace(restorable_copy(copy, tmp_path / "again.db"), fresh.database())
                within_a_second(lambda: fresh.client().get(PROFILES).status == 200, "the restored file is served")
            load.wait_for(4)
        calm = time.monotonic()
        load.wait_for(8)
    assert load.missing(settled(fresh), sent_after=calm) == []


def restorable_copy(source, target):
    shutil.copyfile(source, target)
    target.chmod(0o600)
    return target


def test_a_deleted_file_is_told_within_a_second_and_comes_back_by_mv_without_a_restart(start, tmp_path):
    gateway = start(config={"tenants": {"acme": {}}})
    with Load(gateway) as load:
        copy = restorable(gateway, tmp_path / "copy.db")
        gateway.database().unlink()
        gone = time.monotonic()
        within_a_second(lambda: gateway.client().get(PROFILES).status == 503, "the loss is told")
        refuses(gateway.client().get(PROFILES), 503, "missing")
        create(gateway.client("acme"), "fine")
        assert not gateway.database().exists(), "nothing is made in its place"
        replaced = time.monotonic()
        os.replace(copy, gateway.database())
        within_a_second(lambda: gateway.client().get(PROFILES).status == 200, "the restored file is served")
        back = time.monotonic()
        load.wait_for(8)
    assert not [at for at, *_ in load.acknowledged if gone < at < replaced], "no write goes into a file without a name"
    assert load.missing(settled(gateway), sent_after=back) == []


# Restores by cp over the file of a stopped server -----------------------------------------------------------------


@pytest.mark.parametrize("left", ["nothing", "log", "log and a busy checkpoint", "index only"])
def test_D04_a_backup_copied_over_the_file_of_a_stopped_server_is_what_is_served(fresh, tmp_path, left):
    """Whatever lies beside the file: the origin replayed it over the backup."""
    http = fresh.client()
    create(http, "before")
    within_a_second(lambda: not _log_size(fresh), "the checkpoint")
    good = restorable(fresh, tmp_path / "good.db")
    with Shell(fresh.database()) as reader:
        if left != "nothing":
            reader.run("BEGIN; SELECT count(*) FROM profiles;")
        for number in range(5):
            create(http, f"after-{number}")
        if left == "log and a busy checkpoint":
            # The idle checkpoint has tried, and the reader has kept it from its end.
            time.sleep(1.2)
        if left == "nothing":
            fresh.stop()
        else:
            fresh.kill()
            reader.kill()
    if left == "index only":
        os.replace(fresh.database().with_name("profiles.db-wal"), tmp_path / "elsewhere-wal")
    assert (_log_size(fresh) > 0) == left.startswith("log"), "the test needs what it is about"
    shutil.copyfile(good, fresh.database())
    fresh.start()
    assert slugs(http) == ["agent", "before", "default"]
    create(http, "goes-on")
    settled(fresh)
    fresh.start()
    assert slugs(http) == ["agent", "before", "default", "goes-on"]


def test_D04_a_damaged_backup_copied_over_the_file_is_told_and_not_touched(fresh):
    create(fresh.client(), "x")
    fresh.stop()
    torn = fresh.database().read_bytes()[: 3 * 4096 + 100]
    fresh.database().write_bytes(torn)
    fresh.start()
    refuses(fresh.client().get(PROFILES), 503, "damaged")
    fresh.stop()
    assert fresh.database().read_bytes() == torn


# Two servers ------------------------------------------------------------------------------------------------------


def test_D06_a_second_server_is_refused_while_the_first_writes_and_takes_over_when_it_is_killed(start):
    first, second = start(), start(started=False)
    second.arguments = ["serve", "--listen", second.listen, "--data-dir", first.data]
    with Load(first) as load:
        for _ in range(3):
            code, output = second.run()
            assert code != 0 and str(first.process.pid) in output, output
            load.wait_for(5)
        first.kill()
        second.start()
        load.stop.set()
    second_view = Client(second.address)
    for profile in load.ledger.of("default"):
        found = read(second_view, profile.slug)
        assert version(found) >= profile.version, f"{profile.slug}: acknowledged {profile.version}"
    assert second.stop() == 0
    assert load.missing(check_file(first.database())) == []
    assert integrity(first.database()) == [["ok"]]
