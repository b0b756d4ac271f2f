"""Backups of a gateway that serves (gateway.md §10): whole, verified, 0600, pruned; scheduled and asked for."""

import hashlib
import json
import pathlib
import re
import shutil
import threading

import pytest

from harness.backups import ADMIN, OWN, directory, names, operator, take, temporaries
from harness.commands import Commands
from harness.database import change, integrity, mode, rows
from harness.gateway import OPERATOR_KEY
from harness.profiles import PROFILES, create, refuses
from harness.waiting import eventually

NAME = re.compile(r"profiles\.db\.bak\.\d{8}-\d{6}(-\d+)?")


def test_a_backup_holds_every_acknowledged_write(fresh):
    """D02, D03: right after the write, and right after the first start."""
    http, admin = fresh.client(), operator(fresh)
    at_once = take(admin)
    assert http.patch(f"{PROFILES}/agent", {"display_name": "just now"}).status == 200
    backup = take(admin)
    path = pathlib.Path(backup["path"])
    assert NAME.fullmatch(backup["name"]) and path == directory(fresh) / backup["name"]
    assert integrity(path) == [["ok"]]
    (name,) = rows(path, "SELECT json_extract(document_json, '$.display_name') FROM profiles WHERE slug='agent'")[0]
    assert name == "just now"
    assert ("default",) in rows(at_once["path"], "SELECT slug FROM profile_registries")


def test_it_is_private_and_has_a_checksummed_manifest(fresh):
    backup = take(operator(fresh))
    path = pathlib.Path(backup["path"])
    manifest = json.loads(pathlib.Path(f"{path}.json").read_text())
    assert mode(path) == mode(f"{path}.json") == "0o600" and mode(path.parent) == "0o700"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == manifest["sha256"] == backup["sha256"]
    assert path.stat().st_size == manifest["bytes"] == backup["bytes"]
    assert manifest["rows"]["profiles"] == 2 and manifest["schema_version"] == 1 and manifest["revision"] >= 1
    assert manifest["checksum"].startswith("sha256:") and manifest["gateway_version"]
    assert temporaries(fresh) == []


def test_two_in_one_second_get_names_of_their_own(fresh):
    admin = operator(fresh)
    taken = [take(admin)["name"] for _ in range(4)]
    assert len(set(taken)) == 4 and names(admin) == taken[::-1]


def test_writers_beside_backups_are_not_refused_and_each_backup_is_one_state(fresh):
    admin = operator(fresh)
    refused, stop = [], threading.Event()

    def write(slug):
        http = fresh.client()
        create(http, slug)
        while not stop.is_set():
            response = http.patch(f"{PROFILES}/{slug}", {"description": "x" * 5000})
            http.patch(f"{PROFILES}/{slug}", {"description": ""})
            if response.status != 200:
                refused.append(response)

    writers = [threading.Thread(target=write, args=(f"w{n}",)) for n in range(4)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(5):
            backup = take(admin)
            counted = rows(backup["path"], "SELECT count(*) FROM profile_history")[0][0]
            assert counted == backup["rows"]["profile_history"]
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert refused == []


def test_old_ones_are_pruned_by_our_pattern_only_and_never_the_newest(fresh):
    admin = operator(fresh)
    take(admin)
    place = directory(fresh)
    for day in (1, 2, 3):
        (place / f"profiles.db.bak.2020010{day}-000000").write_text("x")
    for other in ("profiles.db.bak.mine", "notes.txt", "profiles.db.bak.20200101-000000.keep"):
        (place / other).write_text("x")
    response = admin.post(f"{ADMIN}/backups", {"keep": 3})
    assert response.json()["pruned"] == ["profiles.db.bak.20200102-000000", "profiles.db.bak.20200101-000000"]
    response = admin.post(f"{ADMIN}/backups", {"max_age": "30d"})
    assert response.json()["pruned"] == ["profiles.db.bak.20200103-000000"]
    assert (place / "profiles.db.bak.mine").exists() and (place / "notes.txt").exists()
    assert (place / "profiles.db.bak.20200101-000000.keep").exists()
    take(admin, body={"keep": 1})
    assert len(names(admin)) == 1
    assert len(list(place.glob("*.json"))) == 1


def test_fourteen_are_kept_unless_told_otherwise(start):
    for config, count in (({}, 14), ({"backups": {"keep": 2}}, 2)):
        gateway = start(config=config)
        admin = operator(gateway)
        for _ in range(count + 2):
            take(admin)
        assert len(names(admin)) == count


def test_a_backup_is_deleted_by_its_name(fresh):
    admin = operator(fresh)
    backup = take(admin)
    assert admin.delete(f"{ADMIN}/backups/{backup['name']}").status == 204
    assert names(admin) == [] and list(directory(fresh).iterdir()) == []
    refuses(admin.delete(f"{ADMIN}/backups/{backup['name']}"), 404, "backup not found")


def test_a_tenants_admin_has_the_same_without_paths(guarded):
    acme = guarded.client("acme", OPERATOR_KEY)
    backup = take(acme, OWN)
    assert "path" not in backup and names(acme, OWN) == [backup["name"]]
    assert (guarded.tenant_directory("acme") / "backups" / backup["name"]).exists()
    assert names(guarded.client("beta", OPERATOR_KEY), OWN) == []
    refuses(acme.post(f"{OWN}/backups", {"to": "/tmp"}), 400, 'unknown field "to"')
    refuses(acme.post(f"{OWN}/restore", {"from": "/etc/passwd"}), 400, "the name of a backup")
    refuses(acme.post(f"{OWN}/restore", {"from": "../../default/backups/x"}), 400, "the name of a backup")
    refuses(acme.post(f"{OWN}/restore", {"from": ".."}), 404, "backup not found")


@pytest.mark.parametrize(
    "body, phrase",
    [
        ({"keep": 0}, "keep"),
        ({"keep": "3"}, "keep"),
        ({"max_age": "3"}, "max_age"),
        ({"to": "relative"}, "absolute"),
        ({"too": "/tmp"}, 'unknown field "too"'),
        ([], "object"),
    ],
)
def test_bodies_are_strict(fresh, body, phrase):
    admin = operator(fresh)
    refuses(admin.post(f"{ADMIN}/backups", body), 400, phrase)
    assert names(admin) == []


def test_the_operators_key_reaches_only_configured_directories(start, tmp_path):
    (tmp_path / "allowed").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "allowed" / "out").symlink_to(tmp_path / "other")
    gateway = start(operator_key=OPERATOR_KEY, config={"backup_directories": [str(tmp_path / "allowed")]})
    remote = gateway.client(key=OPERATOR_KEY)
    backup = take(remote, body={"to": str(tmp_path / "allowed" / "deep" / "er")})
    assert backup["path"].startswith(str(tmp_path / "allowed" / "deep" / "er" / "default"))
    for refused in (tmp_path / "other", tmp_path / "allowed" / ".." / "other", tmp_path / "allowed" / "out"):
        refuses(remote.post(f"{ADMIN}/backups", {"to": str(refused)}), 403, "backup_directories")
    shutil.copyfile(backup["path"], tmp_path / "other" / "x.db")
    refuses(remote.post(f"{ADMIN}/restore", {"from": str(tmp_path / "other" / "x.db")}), 403, "backup_directories")
    # The command line of this machine acts for somebody who can copy files himself.
    assert take(operator(gateway), body={"to": str(tmp_path / "other")})


def test_a_damaged_row_makes_no_backup_and_the_old_ones_stay(fresh):
    admin = operator(fresh)
    kept = take(admin)["name"]
    change(fresh.database(), "UPDATE profiles SET document_json='{' WHERE slug='agent'")
    refuses(admin.post(f"{ADMIN}/backups", {"keep": 1}), 500, "profiles", "default/agent", "document_json")
    assert names(admin) == [kept] and temporaries(fresh) == []


def test_a_backup_beside_a_registry_file_elsewhere(start, tmp_path):
    gateway = start(started=False)
    gateway.arguments = ["web-chat", "--listen", gateway.listen, "--profile-registry-db", "./mine/my.db"]
    gateway.start()
    backup = take(operator(gateway))
    assert pathlib.Path(backup["path"]).parent == gateway.directory / "mine"
    assert re.fullmatch(r"my\.db\.bak\.\d{8}-\d{6}", backup["name"])


def test_after_kill_9_no_half_backup_has_a_name_and_the_next_run_tidies_up(fresh):
    http = fresh.client()
    for number in range(40):
        create(http, f"p{number}", description="x" * 200_000)
    for wait in (0.0, 0.01, 0.03, 0.06, 0.1):
        caller = threading.Thread(target=_take_quietly, args=(operator(fresh),))
        caller.start()
        if wait:
            threading.Event().wait(wait)
        fresh.kill()
        caller.join()
        for path in directory(fresh).glob("profiles.db.bak.*"):
            if NAME.fullmatch(path.name):
                manifest = json.loads(pathlib.Path(f"{path}.json").read_text())
                assert hashlib.sha256(path.read_bytes()).hexdigest() == manifest["sha256"]
        fresh.start()
    take(operator(fresh))
    assert temporaries(fresh) == []


def _take_quietly(http):
    try:
        http.request("POST", f"{ADMIN}/backups")
    except OSError:
        pass
    except Exception as error:
        assert type(error).__name__ == "Cut", error


def test_stopping_while_a_backup_runs_leaves_nothing_half_made(fresh):
    http = fresh.client()
    for number in range(40):
        create(http, f"p{number}", description="x" * 200_000)
    caller = threading.Thread(target=_take_quietly, args=(operator(fresh),))
    caller.start()
    eventually(lambda: temporaries(fresh) or names(operator(fresh)), "the backup began")
    assert fresh.stop() == 0
    caller.join()
    assert temporaries(fresh) == []
    left = [p.name for p in fresh.tenant_directory().iterdir() if p.name.endswith(("-wal", "-shm"))]
    assert left == []


def scheduled(gateway):
    response = operator(gateway).get("/admin/backups")
    assert response.status == 200, response
    return response.json()


def test_a_missed_run_is_made_up_for_at_the_start_and_only_once(start):
    config = {"backups": {"schedule": "0 3 * * *", "jitter": "0"}, "tenants": {"acme": {}}}
    gateway = start(config=config)
    run = eventually(
        lambda: (scheduled(gateway)["last_run"] or {}).get("finished_at_ms") and scheduled(gateway), "a run"
    )
    assert run["schedule"] == "0 3 * * *" and run["failing"] == []
    assert run["overdue"] == []
    assert (run["last_run"]["succeeded"], run["last_run"]["failed"]) == (2, 0)
    assert run["next_run_at_ms"] % 86_400_000 == 3 * 3_600_000
    for tenant in ("acme", "default"):
        assert len(names(operator(gateway), f"/admin/tenants/{tenant}")) == 1
    gateway.restart()
    run = eventually(
        lambda: (scheduled(gateway)["last_run"] or {}).get("finished_at_ms") and scheduled(gateway), "a run"
    )
    assert (run["last_run"]["succeeded"], run["last_run"]["failed"]) == (0, 0)
    checks = operator(gateway).get("/admin/tenants/acme/verify").json()["checks"]
    assert [check["status"] for check in checks if check["id"] == "backups.age"] == ["ok"]


def test_a_scheduled_backup_that_fails_is_logged_shown_and_overdue(start):
    gateway = start(config={"tenants": {"acme": {}}})
    take(operator(gateway), "/admin/tenants/acme")
    change(gateway.database("acme"), "UPDATE profiles SET document_json='{' WHERE slug='agent'")
    gateway.stop()
    (old,) = [p for p in directory(gateway, "acme").iterdir() if NAME.fullmatch(p.name)]
    old.with_name(old.name + ".json").unlink()
    old.rename(old.with_name("profiles.db.bak.20200101-000000"))
    gateway.config = {"backups": {"schedule": "0 3 * * *", "jitter": "0"}, "tenants": {"acme": {}}}
    gateway.start()
    run = eventually(
        lambda: (scheduled(gateway)["last_run"] or {}).get("finished_at_ms") and scheduled(gateway), "a run"
    )
    assert [item["tenant"] for item in run["failing"]] == ["acme"] and "default/agent" in run["failing"][0]["error"]
    assert "scheduled backup failed" in gateway.log()
    (late,) = run["overdue"]
    assert (late["tenant"], late["backup"], late["error"]) == ("acme", "profiles.db.bak.20200101-000000", None)
    assert late["backup_created_at_ms"] < run["last_run"]["started_at_ms"]
    checks = operator(gateway).get("/admin/tenants/acme/verify").json()["checks"]
    (age,) = [check for check in checks if check["id"] == "backups.age"]
    assert age["status"] == "warning" and "overdue" in age["found"]


def test_a_backup_from_the_future_proves_nothing(start):
    """The clock was wrong once: what it has named would be the newest for ever."""
    gateway = start()
    take(operator(gateway))
    gateway.stop()
    (ahead,) = [p for p in directory(gateway).iterdir() if NAME.fullmatch(p.name)]
    ahead.with_name(ahead.name + ".json").unlink()
    ahead = ahead.rename(ahead.with_name("profiles.db.bak.20990101-000000"))
    gateway.config = {"backups": {"schedule": "0 3 * * *", "jitter": "0"}}
    commands = Commands(gateway, online=False)
    assert "! default is overdue: there is none" in commands("backups", "--schedule")
    gateway.start()
    run = eventually(
        lambda: (scheduled(gateway)["last_run"] or {}).get("finished_at_ms") and scheduled(gateway), "a run"
    )
    assert run["last_run"]["succeeded"] == 1 and run["overdue"] == []
    assert names(operator(gateway))[0] == ahead.name, "in the list it stays the newest"
    checks = operator(gateway).get(f"{ADMIN}/verify").json()["checks"]
    (age,) = [check for check in checks if check["id"] == "backups.age"]
    assert age["status"] == "warning" and ahead.name in age["found"] and "clock" in age["advice"]
    assert "overdue" not in age["found"]
    drill = operator(gateway).request("POST", f"{ADMIN}/drill").json()
    assert drill["backup"] != ahead.name


@pytest.mark.slow
def test_backups_are_taken_by_the_clock(start):
    gateway = start(config={"backups": {"schedule": "* * * * *", "jitter": "0", "keep": 2}})
    admin = operator(gateway)
    eventually(lambda: len(names(admin)) == 1, "the one made up for")
    eventually(lambda: len(names(admin)) == 2, "the next minute's", within=75)


def test_the_control_database_is_backed_up_by_itself(fresh):
    admin = operator(fresh)
    assert admin.request("POST", "/admin/backups").status == 204
    control = fresh.data / "control.db"
    control.touch(mode=0o600)
    change(control, "CREATE TABLE tenants(slug)")
    response = admin.request("POST", "/admin/backups")
    assert response.status == 201 and response.json()["name"].startswith("control.db.bak."), response
    assert [item["name"] for item in scheduled(fresh)["control"]] == [response.json()["name"]]
    answer = admin.post(f"{ADMIN}/restore", {"from": response.json()["path"]})
    refuses(answer, 422, "registry files only")
