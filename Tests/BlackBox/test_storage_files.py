"""The files themselves: modes, plain copies, replaced and restored files, locks, damage (gateway.md §6)."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import time

import pytest

from harness.database import change, integrity, mode, rows, shell, write_lock
from harness.profiles import PROFILES, create, listed, prompted, read, refuses, slugs, version
from harness.waiting import eventually, stays, within_a_second


def all_files(directory):
    return [path for path in pathlib.Path(directory).rglob("*") if path.is_file()]


def copy_profiles(source, target):
    """What `cp` leaves, read without the gateway: {slug: display name}."""
    shutil.copyfile(source, target)
    assert integrity(target) == [["ok"]]
    return dict(
        rows(
            target,
            "SELECT p.key, json_extract(p.value, '$.display_name') FROM profile_registry_documents d,"
            " json_each(d.payload_json, '$.profiles') p WHERE d.slug='default'",
        )
    )


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_directories_are_0700_and_files_0600(start, umask):
    gateway = start(umask=umask)
    create(gateway.client(), "x")
    found = all_files(gateway.data)
    assert any(path.name == "profiles.db" for path in found)
    for path in found:
        assert mode(path) == "0o600", path
    for path in [gateway.data, *gateway.data.rglob("*")]:
        if path.is_dir():
            assert mode(path) == "0o700", path


def test_a_write_is_durable_wal_with_full_sync(fresh):
    assert rows(fresh.database(), "PRAGMA journal_mode") == [("wal",)]


def test_a_plain_copy_one_second_after_a_write_holds_it(fresh, tmp_path):
    """D02: the origin's copy lost acknowledged writes."""
    http = fresh.client()
    for number in range(3):
        name = f"n{number}"
        http.patch(f"{PROFILES}/agent", {"display_name": name})
        within_a_second(
            lambda name=name: copy_profiles(fresh.database(), tmp_path / "copy.db").get("agent") == name,
            "a plain copy holds the write",
        )


def test_a_copy_right_after_the_first_start_is_complete(start, tmp_path):
    """D03: the origin's copy had no table at all."""
    gateway = start()
    within_a_second(
        lambda: (
            gateway.database().stat().st_size > 0
            and "profile_registries" in [t for (t,) in _tables_of_copy(gateway.database(), tmp_path / "copy.db")]
        ),
        "the copy has the table",
    )
    assert set(copy_profiles(gateway.database(), tmp_path / "copy.db")) == {"agent", "default"}


def _tables_of_copy(source, target):
    shutil.copyfile(source, target)
    return rows(target, "SELECT name FROM sqlite_master")


def test_a_copy_restored_on_a_stopped_server_is_what_is_served(fresh, tmp_path):
    http = fresh.client()
    create(http, "before")
    fresh.stop()
    shutil.copyfile(fresh.database(), tmp_path / "good.db")
    fresh.start()
    create(http, "after")
    fresh.stop()
    shutil.copyfile(tmp_path / "good.db", fresh.database())
    fresh.start()
    assert slugs(http) == ["agent", "before", "default"]
    assert version(create(http, "after")) == 1


def test_restoring_over_a_leftover_wal_serves_the_backup(fresh, tmp_path):
    """D04: after kill -9 the origin's start replayed the old WAL over the restored file."""
    http = fresh.client()
    create(http, "before")
    within_a_second(lambda: "before" in copy_profiles(fresh.database(), tmp_path / "good.db"), "the copy is complete")
    with old_snapshot(fresh.database()):
        for number in range(20):
            create(http, f"after-{number}")
        fresh.kill()
    side = fresh.database().with_name("profiles.db-wal")
    assert side.exists() and side.stat().st_size > 0, "the test needs a leftover WAL"
    shutil.copyfile(tmp_path / "good.db", fresh.database())
    fresh.start()
    assert slugs(http) == ["agent", "before", "default"]
    assert any(".foreign-" in path.name for path in fresh.tenant_directory().iterdir()), "nothing is ever deleted"
    fresh.stop()
    assert integrity(fresh.database()) == [["ok"]]


@contextlib.contextmanager
def old_snapshot(database):
    """A reader outside that keeps the checkpoint from emptying the WAL, and dies without closing anything."""
    reader = subprocess.Popen(["sqlite3", str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    reader.stdin.write("BEGIN; SELECT count(*) FROM profile_registries;\n")
    reader.stdin.flush()
    assert reader.stdout.readline().strip() == "1"
    try:
        yield
    finally:
        reader.kill()
        reader.wait()
        reader.stdin.close()
        reader.stdout.close()


def test_a_wal_that_continues_the_file_is_replayed_after_a_kill(fresh):
    http = fresh.client()
    with old_snapshot(fresh.database()):
        create(http, "x")
        fresh.kill()
        fresh.start()
        assert "x" in slugs(http)


def test_a_copy_is_complete_again_once_an_outside_reader_is_gone(fresh, tmp_path):
    """The checkpoint waits for whoever still reads an older state; it is not forgotten."""
    http = fresh.client()
    with old_snapshot(fresh.database()):
        http.patch(f"{PROFILES}/agent", {"display_name": "behind the reader"})
        stays(lambda: http.get(f"{PROFILES}/agent").status == 200, "it serves", during=1.2)
    eventually(
        lambda: copy_profiles(fresh.database(), tmp_path / "copy.db").get("agent") == "behind the reader",
        "the copy holds the write",
        within=5,
    )


def test_a_wal_beside_a_file_of_which_only_the_change_time_differs_is_not_guessed_about(fresh):
    """Nobody can tell whether the log continues such a file, so the operator decides."""
    http = fresh.client()
    with old_snapshot(fresh.database()):
        create(http, "x")
        fresh.kill()
    assert _has_wal(fresh.database())
    before = sorted(path.name for path in fresh.tenant_directory().iterdir())
    fresh.database().chmod(0o600)
    fresh.start()
    response = refuses(http.get(PROFILES), 503)
    assert response.error["code"] == "tenant_quarantined"
    assert set(before) <= {path.name for path in fresh.tenant_directory().iterdir()} | {"profiles.db-shm"}


def test_a_file_moved_into_place_is_served_within_a_second(fresh, tmp_path):
    http = fresh.client()
    create(http, "old")
    other = tmp_path / "other"
    fresh.stop()
    shutil.copytree(fresh.tenant_directory(), other)
    fresh.start()
    create(http, "lost-with-the-old-file")
    within_a_second(lambda: not _has_wal(fresh.database()), "the checkpoint")
    before = http.get(f"{PROFILES}/old").etag
    os.replace(other / "profiles.db", fresh.database())
    within_a_second(lambda: slugs(http) == ["agent", "default", "old"], "the file moved into place is served")
    assert http.get(f"{PROFILES}/old").etag != before, "an old tag never matches other content"
    create(http, "new")
    fresh.restart()
    assert slugs(http) == ["agent", "default", "new", "old"]
    assert integrity(fresh.database()) == [["ok"]]


def _has_wal(database):
    side = database.with_name(database.name + "-wal")
    return side.exists() and side.stat().st_size > 0


def test_a_write_right_after_a_move_goes_to_the_new_file(fresh, tmp_path):
    http = fresh.client()
    fresh.stop()
    shutil.copyfile(fresh.database(), tmp_path / "copy.db")
    os.chmod(tmp_path / "copy.db", 0o600)
    fresh.start()
    listed(http)
    os.replace(tmp_path / "copy.db", fresh.database())
    response = http.post(PROFILES, {"slug": "x"})
    if response.status == 503:
        eventually(lambda: http.post(PROFILES, {"slug": "x"}).status in (201, 409), "the write succeeds later")
    fresh.restart()
    assert "x" in slugs(http), "an acknowledged write is in the file that has the name"


def test_a_file_overwritten_in_place_never_corrupts(fresh, tmp_path):
    """`cp` under the running server keeps the inode; served or quarantined, but never mixed."""
    http = fresh.client()
    create(http, "before")
    fresh.stop()
    shutil.copyfile(fresh.database(), tmp_path / "good.db")
    fresh.start()
    create(http, "after")
    within_a_second(lambda: not _has_wal(fresh.database()), "the checkpoint")
    shutil.copyfile(tmp_path / "good.db", fresh.database())

    def settled():
        answer = http.get(PROFILES)
        return answer.status == 503 or [i["slug"] for i in answer.json()] == ["agent", "before", "default"]

    eventually(settled, "the overwritten file is served, or quarantined", within=5)
    assert http.get("/healthz").status == 200
    fresh.restart()
    assert slugs(http) == ["agent", "before", "default"]
    assert integrity(fresh.database()) == [["ok"]]


def test_a_link_in_the_files_place_is_refused(start, tmp_path):
    gateway = start()
    gateway.stop()
    real = tmp_path / "elsewhere.db"
    shutil.move(gateway.database(), real)
    gateway.database().symlink_to(real)
    gateway.spawn()
    _tenant_is_refused_or_no_start(gateway)


@pytest.mark.parametrize("bits", [0o660, 0o606, 0o666])
def test_a_file_that_others_can_write_is_refused(start, bits):
    gateway = start()
    gateway.stop()
    gateway.database().chmod(bits)
    gateway.spawn()
    message = _tenant_is_refused_or_no_start(gateway)
    assert "profiles.db" in message or "writ" in message or "permission" in message.lower(), message


def _tenant_is_refused_or_no_start(gateway):
    """The process ends with a clear error, or serves everything but this tenant: its message."""
    eventually(lambda: not gateway.alive or gateway.listens(), "an end or an answer")
    if gateway.alive:
        return refuses(gateway.client().get(PROFILES), 503).error["message"] + gateway.log()
    assert gateway.process.returncode != 0
    return gateway.log()


# A writer outside -------------------------------------------------------------------------------------------------


def test_a_short_lock_from_outside_only_delays(fresh):
    http = fresh.client()
    with http.connect() as connection:
        with write_lock(fresh.database()):
            connection.send(http.message("POST", PROFILES, json={"slug": "x"}))
            stays(lambda: read(http, "agent")["slug"] == "agent", "reads never wait", during=0.5)
            assert "x" not in slugs(http)
        assert connection.read_response("POST").status == 201
    assert "x" in slugs(http)


@pytest.mark.slow
def test_a_long_lock_is_503_and_other_tenants_do_not_notice(start):
    gateway = start(config={"tenants": {"acme": {}}})
    http, acme = gateway.client(), gateway.client("acme")
    before = http.get(f"{PROFILES}/agent")
    read(acme, "agent")
    with write_lock(gateway.database()):
        begin = time.monotonic()
        waiting = [http.connect() for _ in range(8)]
        for number, connection in enumerate(waiting):
            connection.send(http.message("PATCH", f"{PROFILES}/agent", json={"display_name": f"n{number}"}))
        create(acme, "x")
        assert time.monotonic() - begin < 4, "another tenant's write does not wait"
        assert read(http, "agent")["slug"] == "agent"
        answers = [connection.read_response("PATCH") for connection in waiting]
        elapsed = time.monotonic() - begin
    for answer in answers:
        refuses(answer, 503)
        assert int(answer.headers["Retry-After"]) >= 1
    assert 4.0 < elapsed < 15.0, "_busy_timeout is 5000 ms from the request's arrival"
    assert http.get(f"{PROFILES}/agent").etag == before.etag, "nothing was changed"
    assert http.patch(f"{PROFILES}/agent", {"display_name": "after", "expected_version": 1}).status == 200


# Damage -----------------------------------------------------------------------------------------------------------


def test_a_file_that_is_no_database_quarantines_its_tenant_only(start):
    gateway = start(config={"tenants": {"acme": {}}})
    create(gateway.client("acme"), "x")
    gateway.stop()
    garbage = b"this is no database " * 500
    gateway.database("acme").write_bytes(garbage)
    gateway.start()
    response = refuses(gateway.client("acme").get(PROFILES), 503)
    assert response.error["code"] == "tenant_quarantined"
    assert "profiles.db" in response.text and str(gateway.directory) not in response.text, "not where the file lies"
    refuses(gateway.client("acme").post(PROFILES, {"slug": "y"}), 503)
    create(gateway.client(), "fine")
    gateway.stop()
    assert gateway.database("acme").read_bytes() == garbage, "nothing damaged is overwritten"


def test_a_file_damaged_in_the_middle_quarantines_its_tenant_only(start):
    gateway = start(config={"tenants": {"acme": {}}})
    acme = gateway.client("acme")
    for number in range(60):
        create(acme, f"p{number}", **prompted("x" * 500))
    gateway.stop()
    data = bytearray(gateway.database("acme").read_bytes())
    for page in range(1, len(data) // 4096):
        data[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    gateway.database("acme").write_bytes(data)
    gateway.start()
    assert acme.get(PROFILES).status in (500, 503)
    assert slugs(gateway.client()) == ["agent", "default"]
    assert gateway.alive


def test_a_file_of_a_newer_schema_is_refused(start):
    gateway = start(config={"tenants": {"acme": {}}})
    read(gateway.client("acme"), "agent")
    gateway.stop()
    change(gateway.database("acme"), "PRAGMA user_version = 9999")
    gateway.start()
    response = gateway.client("acme").get(PROFILES)
    assert response.status == 503, response
    assert "schema" in response.error["message"] or "version" in response.error["message"], response
    assert slugs(gateway.client()) == ["agent", "default"]


def test_side_files_are_gone_after_a_stop(fresh):
    create(fresh.client(), "x")
    assert fresh.stop() == 0
    left = [path.name for path in all_files(fresh.data) if path.name.endswith(("-wal", "-shm", "-journal"))]
    assert left == []
    assert shell(fresh.database(), "PRAGMA integrity_check;") == [["ok"]]
