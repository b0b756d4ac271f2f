"""`verify`, deep over the real endpoints too, and the restore drill (gateway.md §10)."""

import pytest

from harness.backups import ADMIN, operator, take
from harness.database import change, rows
from harness.gateway import OPERATOR_KEY
from harness.profiles import PROFILES, create, create_registry, prompted, refuses, slugs


def verify(http, where=ADMIN, deep=False):
    response = http.get(f"{where}/verify" + ("?deep=true" if deep else ""))
    assert response.status == 200, response
    report = response.json()
    assert report["status"] in ("ok", "warning", "failed")
    for check in report["checks"]:
        assert check["found"] and (check["status"] != "failed" or check["advice"] is not None or check["id"]), check
    return report, {check["id"]: check for check in report["checks"]}


def test_a_tenant_that_is_well(fresh):
    http, admin = fresh.client(), operator(fresh)
    create(http, "leaf", stack=[{"profile_slug": "default"}])
    take(admin)
    tag = http.get(PROFILES).headers["ETag"]
    report, checks = verify(admin)
    assert report["status"] == "ok" and report["tenant"] == "default" and report["deep"] is False
    wanted = {"state", "file.integrity", "file.foreign_keys", "file.schema", "documents", "slugs", "default", "stacks"}
    wanted |= {"history", "view", "file.free_pages", "files.modes", "files.owner", "file.log", "backups.age"}
    assert wanted <= set(checks)
    assert http.get(PROFILES).headers["ETag"] == tag


def test_deep_asks_the_real_endpoints_over_a_copy(chatting):
    """S24-S27; no provider is called, and the tenant does not change."""
    http, admin = chatting.client(), operator(chatting)
    create_registry(http, "team")
    create(http, "analyst", registry="team", **prompted("Analyse."))
    take(admin)
    before = rows(chatting.database(), "SELECT count(*) FROM profile_history")
    report, checks = verify(admin, deep=True)
    assert report["status"] == "ok" and report["deep"] is True, report
    assert "2 profiles" in checks["deep.list"]["found"]
    assert "refused" in checks["deep.stale_version"]["found"]
    assert "default/default" in checks["deep.chat_profile"]["found"]
    assert "2 registries" in checks["deep.chat_registry"]["found"]
    assert rows(chatting.database(), "SELECT count(*) FROM profile_history") == before
    assert list((chatting.data / "scratch").iterdir()) == []


def test_deep_knows_a_profile_that_needs_variables_from_one_that_is_broken(fresh):
    http, admin = fresh.client(), operator(fresh)
    create_registry(http, "team")
    runtime = {"system_prompt": "In {{lang}}", "variables": {"lang": {"type": "string", "required": True}}}
    create(http, "needs", registry="team", runtime=runtime)
    take(admin)
    report, checks = verify(admin, deep=True)
    assert checks["deep.chat_registry"]["status"] == "ok", checks["deep.chat_registry"]
    stack = '[{"profile_slug":"gone"}]'
    change(
        fresh.database(),
        "UPDATE profiles SET document_json=json_set(document_json,'$.stack',json(?)) WHERE registry_slug='team'",
        stack,
    )
    report, checks = verify(admin, deep=True)
    assert checks["stacks"]["status"] == "failed" and "gone" in checks["stacks"]["found"]
    assert checks["deep.chat_registry"]["status"] == "failed" and report["status"] == "failed"


def test_without_a_backup_it_warns_and_says_what_to_do(fresh):
    report, checks = verify(operator(fresh))
    assert report["status"] == "warning"
    assert checks["backups.age"]["status"] == "warning" and "profile-gateway backup" in checks["backups.age"]["advice"]


def test_a_damaged_row_is_named(fresh):
    """S36: table, row and column, and what to do."""
    admin = operator(fresh)
    change(fresh.database(), "UPDATE profiles SET document_json='{' WHERE slug='agent'")
    report, checks = verify(admin)
    assert report["status"] == "failed" and checks["state"]["status"] == "ok"
    assert "table profiles, row default/agent, column document_json" in checks["documents"]["found"]
    assert "restore" in checks["documents"]["advice"]


def test_a_file_that_others_can_read_is_warned_of(fresh):
    admin = operator(fresh)
    fresh.database().chmod(0o644)
    report, checks = verify(admin)
    assert checks["files.modes"]["status"] == "warning" and "chmod go=" in checks["files.modes"]["advice"]


def test_it_is_the_operators(guarded):
    refuses(guarded.client().get("/admin/tenants/acme/verify"), 401)
    refuses(guarded.client("acme", OPERATOR_KEY).get(f"{ADMIN}/verify"), 404)
    refuses(guarded.client(key=OPERATOR_KEY).get("/admin/tenants/nobody/verify"), 404)
    refuses(guarded.client(key=OPERATOR_KEY).get("/admin/tenants/acme/verify?deep=maybe"), 400, "deep")
    report, _ = verify(guarded.client(key=OPERATOR_KEY), "/admin/tenants/acme", deep=True)
    assert report["tenant"] == "acme" and report["status"] == "warning"


def test_the_drill_restores_the_newest_backup_where_nobody_is_served(fresh):
    http, admin = fresh.client(), operator(fresh)
    refuses(admin.request("POST", f"{ADMIN}/drill"), 404, "has no backup")
    create(http, "kept")
    backup = take(admin)
    create(http, "later")
    response = admin.request("POST", f"{ADMIN}/drill")
    assert response.status == 200, response
    drill = response.json()
    assert drill["status"] == "ok" and drill["backup"] == backup["name"], drill
    assert 0 < drill["recovered_in_ms"] <= drill["duration_ms"]
    ids = [check["id"] for check in drill["checks"]]
    assert ids == ["drill.restore", "deep.list", "deep.stale_version", "deep.chat_profile", "deep.chat_registry"]
    assert "3 profiles" in drill["checks"][1]["found"]
    # Nothing of it is left, and the tenant is as it was.
    assert list((fresh.data / "scratch").iterdir()) == []
    assert "later" in slugs(http)
    assert [tenant["slug"] for tenant in admin.get("/admin/tenants").json()] == ["default"]


def test_the_drill_says_that_a_backup_cannot_be_restored(fresh):
    admin = operator(fresh)
    backup = take(admin)
    with open(backup["path"], "ab") as file:
        file.write(b"x")
    drill = admin.request("POST", f"{ADMIN}/drill").json()
    assert drill["status"] == "failed" and drill["recovered_in_ms"] is None
    assert "manifest" in drill["checks"][0]["found"] and drill["checks"][0]["advice"]
    refuses(admin.post(f"{ADMIN}/drill", {"from": "x"}), 400, 'unknown field "from"')


@pytest.mark.parametrize("deep", [False, True])
def test_what_a_killed_look_left_is_removed(fresh, deep):
    admin = operator(fresh)
    left = fresh.data / "scratch" / "0123-abc" / "tenants" / "default"
    left.mkdir(parents=True, mode=0o700)
    (left / "profiles.db").write_text("x")
    (fresh.data / "scratch").chmod(0o700)
    verify(admin, deep=deep)
    assert (fresh.data / "scratch" / "0123-abc").exists() is not deep
