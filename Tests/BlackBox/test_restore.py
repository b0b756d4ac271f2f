"""Putting a backup back while the gateway serves (gateway.md §10), and by hand while it does not (§6)."""

import shutil
import threading

import pytest

from harness.backups import ADMIN, OWN, directory, names, operator, restore, take, temporaries
from harness.database import change, integrity, rows, shell
from harness.gateway import OPERATOR_KEY
from harness.profiles import PROFILES, create, create_registry, listed, read, refuses, slugs, version
from harness.waiting import eventually, within_a_second


def names_of(http, *wanted):
    return [read(http, slug).get("display_name") for slug in wanted]


def test_restore_brings_the_backup_back_and_step_5_holds(fresh):
    """S20-S27 without a stop: the list, a stale PATCH, a chat by profile and by registry."""
    http, admin = fresh.client(), operator(fresh)
    create_registry(http, "team")
    create(http, "analyst", registry="team")
    assert http.patch(f"{PROFILES}/agent", {"display_name": "Good", "expected_version": 1}).status == 200
    backup = take(admin)
    assert http.patch(f"{PROFILES}/agent", {"display_name": "Bad"}).status == 200
    assert http.delete(f"{PROFILES}/agent").status == 204
    tag = http.get(PROFILES).headers["ETag"]

    report = restore(admin, backup["name"])
    assert report["restored"] and not report["dry_run"] and report["sha256"] == backup["sha256"]
    assert [check["status"] for check in report["checks"]] == ["ok"] * 4
    assert {item["slug"] for item in listed(http)} == {"agent", "default"}
    assert [item["slug"] for item in listed(http) if item.get("is_default")] == ["default"]
    assert names_of(http, "agent") == ["Good"]
    stale = http.patch(f"{PROFILES}/agent", {"display_name": "Stale", "expected_version": 1})
    refuses(stale, 409, 'profile "agent" version conflict: expected=1 actual=2')
    assert http.post("/chat", {"prompt": "hi", "profile": "agent"}).json()["runtime_key"] == "default/agent"
    assert http.post("/chat", {"prompt": "hi", "registry": "team"}).json()["runtime_key"] == "team/analyst"
    # A tag from before never matches what is there now.
    assert http.get(PROFILES, headers={"If-None-Match": tag}).status == 200
    assert http.get(PROFILES).headers["ETag"].rpartition("-")[2] != tag.rpartition("-")[2]


def test_the_backup_and_the_old_file_are_kept_and_the_restore_is_audited(fresh):
    http, admin = fresh.client(), operator(fresh)
    backup = take(admin)
    create(http, "later")
    report = restore(admin, backup["name"])
    old = next(path for path in report["kept"] if ".replaced-" in path and not path.endswith(".state"))
    assert ("later",) in rows(old, "SELECT slug FROM profiles")
    assert names(admin) == [backup["name"]]
    restore(admin, old)
    assert "later" in slugs(http)
    audit = rows(fresh.database(), "SELECT actor, source, note FROM profile_audit WHERE action='restore'")
    assert len(audit) == 1 and audit[0][:2] == ("operator", "cli")
    newest = http.get("/api/chat/audit?limit=1").json()[0]
    assert newest["action"] == "restore" and newest["actor"] == "operator", newest
    assert temporaries(fresh) == []


def test_a_dry_run_changes_nothing(fresh):
    http, admin = fresh.client(), operator(fresh)
    backup = take(admin)
    create(http, "later")
    before = http.get(PROFILES).headers["ETag"]
    report = restore(admin, backup["name"], dry_run=True)
    assert report["dry_run"] and not report["restored"] and report["profiles"] == 2
    assert http.get(PROFILES).headers["ETag"] == before and "later" in slugs(http)
    assert temporaries(fresh) == []


def test_a_tenants_admin_restores_its_own_by_name(guarded):
    acme = guarded.client("acme", OPERATOR_KEY)
    backup = take(acme, OWN)
    create(acme, "later")
    report = restore(acme, backup["name"], OWN)
    assert "later" not in slugs(acme) and not any("/" in path for path in report["kept"])
    refuses(guarded.client("beta", OPERATOR_KEY).post(f"{OWN}/restore", {"from": backup["name"]}), 404, "not found")


def test_only_the_tenant_is_away_and_only_for_a_moment(guarded):
    admin = guarded.client(key=OPERATOR_KEY)
    acme = "/admin/tenants/acme"
    backup = take(admin, acme)
    answers = {"acme": set(), "beta": set()}
    stop = threading.Event()

    def ask(tenant):
        http = guarded.client(tenant, OPERATOR_KEY)
        while not stop.is_set():
            response = http.get(PROFILES)
            answers[tenant].add((response.status, response.headers.get("Retry-After")))

    askers = [threading.Thread(target=ask, args=(tenant,)) for tenant in answers]
    for asker in askers:
        asker.start()
    for _ in range(5):
        assert restore(admin, backup["name"], acme)["unavailable_ms"] < 3000
    stop.set()
    for asker in askers:
        asker.join()
    assert answers["beta"] == {(200, None)}
    assert answers["acme"] <= {(200, None), (503, "1")}


@pytest.mark.parametrize(
    "spoil, phrase",
    [
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_bytes(b"\x9e" * 20000), "damaged or no database"),
        (lambda path: path.write_bytes(path.read_bytes()[:5000]), "damaged"),
        (lambda path: shell(path, "PRAGMA user_version=99"), "schema version 99"),
        (lambda path: shell(path, "PRAGMA application_id=7"), "belongs to another application"),
        (lambda path: shell(path, "DROP TABLE profile_registries; PRAGMA application_id=0"), "no registry file"),
        (lambda path: change(path, "UPDATE profiles SET document_json='[]' WHERE slug='agent'"), "default/agent"),
        (lambda path: path.chmod(0o666), "can be written by group or others"),
    ],
)
def test_what_is_of_no_use_is_refused_and_nothing_touched(fresh, tmp_path, spoil, phrase):
    admin = operator(fresh)
    path = tmp_path / "x.db"
    shutil.copyfile(take(admin)["path"], path)
    path.chmod(0o600)
    spoil(path)
    before = sorted(p.name for p in fresh.tenant_directory().iterdir())
    response = admin.post(f"{ADMIN}/restore", {"from": str(path)})
    assert response.status in (422, 503), response
    assert phrase in response.error["message"], response
    assert sorted(p.name for p in fresh.tenant_directory().iterdir()) == before
    assert slugs(fresh.client()) == ["agent", "default"]


def test_the_live_file_and_unknown_names_are_refused(fresh):
    admin = operator(fresh)
    refuses(admin.post(f"{ADMIN}/restore", {"from": str(fresh.database())}), 422, "is the file in use of tenant")
    refuses(admin.post(f"{ADMIN}/restore", {"from": "profiles.db.bak.20200101-000000"}), 404, "backup not found")
    refuses(admin.post(f"{ADMIN}/restore", {}), 400, "from", param="from")
    refuses(admin.post(f"{ADMIN}/restore", {"from": 3}), 400, param="from")
    refuses(admin.post(f"{ADMIN}/restore", {"from": "x", "force": True}), 400, 'unknown field "force"')
    refuses(admin.post("/admin/tenants/nobody/restore", {"from": "x"}), 404)
    assert fresh.client().get(PROFILES).status == 200


@pytest.mark.parametrize("leftovers", [True, False])
def test_by_cp_over_the_file_of_a_stopped_server(fresh, leftovers):
    """D04: a left-over log does not bring the old data back."""
    http, admin = fresh.client(), operator(fresh)
    backup = take(admin)
    create(http, "later")
    if leftovers:
        fresh.kill()
    else:
        fresh.stop()
    shutil.copyfile(backup["path"], fresh.database())
    fresh.start()
    assert slugs(fresh.client()) == ["agent", "default"]
    assert fresh.stop() == 0 and integrity(fresh.database()) == [["ok"]]


def test_by_mv_under_the_running_server(fresh, tmp_path):
    http, admin = fresh.client(), operator(fresh)
    backup = take(admin)
    create(http, "later")
    ready = fresh.tenant_directory() / "ready.db"
    shutil.copyfile(backup["path"], ready)
    ready.chmod(0o600)
    ready.rename(fresh.database())
    within_a_second(lambda: http.get(PROFILES).status == 200 and slugs(http) == ["agent", "default"], "it is served")
    create(http, "next")


def test_after_kill_9_at_any_moment_the_old_or_the_new_is_in_force(fresh):
    http, admin = fresh.client(), operator(fresh)
    for number in range(60):
        create(http, f"p{number:02}", description="x" * 20_000)
    backup = take(admin)
    create(http, "later")
    old, new = {f"p{n:02}" for n in range(60)} | {"agent", "default", "later"}, None
    new = old - {"later"}
    seen = set()
    for round_ in range(14):
        caller = threading.Thread(target=_restore_quietly, args=(operator(fresh), backup["name"]))
        caller.start()
        threading.Event().wait(0.012 * round_)
        fresh.kill()
        caller.join()
        fresh.start()
        http = fresh.client()
        found = set(slugs(http))
        assert found in (old, new)
        seen.add(found == new)
        if found == new:
            create(http, "later")
        assert version(read(http, "agent")) == 1
    restore(operator(fresh), backup["name"])
    assert temporaries(fresh) == []
    assert fresh.stop() == 0 and integrity(fresh.database()) == [["ok"]]


def _restore_quietly(http, name):
    try:
        http.post(f"{ADMIN}/restore", {"from": name})
    except OSError:
        pass
    except Exception as error:
        assert type(error).__name__ == "Cut", error


def test_a_restored_file_goes_on_counting(fresh):
    """SQ-2, S25: versions survive the restore; profiles continue from where the backup was."""
    http, admin = fresh.client(), operator(fresh)
    create(http, "analyst")
    assert http.patch(f"{PROFILES}/analyst", {"display_name": "2", "expected_version": 1}).status == 200
    backup = take(admin)
    restore(admin, backup["name"])
    assert http.patch(f"{PROFILES}/analyst", {"display_name": "3", "expected_version": 1}).status == 409
    changed = http.patch(f"{PROFILES}/analyst", {"display_name": "3", "expected_version": 2})
    assert version(changed.json()) == 3
    assert eventually(lambda: directory(fresh).exists(), "backups stay")


def test_a_stack_into_a_mounted_registry_resolves_in_the_restored_file(start, tmp_path):
    place = tmp_path / "sources"
    place.mkdir(mode=0o755)
    source = place / "shared.yaml"
    source.write_text("slug: shared\ndefault_profile_slug: base\nprofiles:\n  base: {runtime: {system_prompt: Base}}\n")
    tenants = {"default": {"sources": [f"yaml:{source}"]}}
    gateway = start(config={"source_directories": [str(place)], "tenants": tenants})
    http, admin = gateway.client(), operator(gateway)
    stack = [{"registry_slug": "shared", "profile_slug": "base"}]
    create(http, "leaf", registry="default", stack=stack)
    assert http.post(f"{PROFILES}/leaf/default?registry=default", {}).status == 200
    report = restore(admin, take(admin)["name"])
    assert {check["status"] for check in report["checks"]} == {"ok"}, report
