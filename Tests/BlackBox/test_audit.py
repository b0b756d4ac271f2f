"""Who changed what, when, from where (gateway.md §5)."""

import time

import pytest

from harness.database import change, rows
from harness.gateway import OPERATOR_KEY
from harness.profiles import PROFILES, REGISTRIES, create, create_registry, refuses

AUDIT = "/api/chat/audit"


def lines(http, query=""):
    response = http.get(AUDIT + query)
    assert response.status == 200, response
    return response.json()


def test_each_change_is_a_line_newest_first(http):
    create(http, "x")
    http.patch(f"{PROFILES}/x", {"display_name": "n"}, headers={"X-Request-Id": "told-by-me"})
    http.put(f"{PROFILES}/x", {"slug": "x"})
    http.post(f"{PROFILES}/x/rollback", {"version": 2})
    http.post(f"{PROFILES}/x/default")
    http.delete(f"{PROFILES}/x?new_default=agent")
    found = lines(http)[:7]
    assert [line["action"] for line in found] == [
        "set_default", "delete", "set_default", "rollback", "replace", "update", "create",
    ]  # fmt: skip
    assert [line.get("profile") for line in found] == [None, "x", None, "x", "x", "x", "x"]
    assert [line["version"] for line in found if line.get("profile")] == [5, 4, 3, 2, 1]
    update = found[5]
    assert update["client"] == "127.0.0.1"
    assert update["request_id"] == "told-by-me" and update["source"] == "http-api" and update["actor"]
    assert abs(update["at_ms"] - time.time() * 1000) < 60_000
    assert found[0]["revision"] == found[1]["revision"], "one change, one revision"
    assert len({line["id"] for line in lines(http)}) == len(lines(http))


def test_what_is_refused_or_changes_nothing_leaves_no_line(http):
    before = lines(http)
    refuses(http.patch(f"{PROFILES}/agent", {"display_name": "n", "expected_version": 9}), 409)
    assert http.patch(f"{PROFILES}/agent", {}).status == 200
    refuses(http.delete(f"{PROFILES}/default"), 409)
    assert lines(http) == before


def test_it_says_what_the_file_says(fresh, http):
    create(http, "x")
    stored = rows(
        fresh.database(), "SELECT id, action, registry_slug, profile_slug FROM profile_audit ORDER BY id DESC"
    )
    assert [(line["id"], line["action"], line["registry"], line.get("profile", "")) for line in lines(http)] == stored


def test_it_can_be_narrowed(http):
    create_registry(http, "team")
    create(http, "x", registry="team")
    create(http, "x")
    assert {line["registry"] for line in lines(http, "?registry=team")} == {"team"}
    assert len(lines(http, "?profile=x")) == 2
    assert len(lines(http, "?profile=x&registry=team")) == 1
    actor = lines(http)[0]["actor"]
    assert {line["actor"] for line in lines(http, f"?actor={actor}")} == {actor}
    assert {line["action"] for line in lines(http, "?actor=system")} == {"bootstrap"}
    assert lines(http, "?actor=nobody") == [] and lines(http, "?profile=none") == []
    moment = lines(http)[0]["at_ms"]
    assert {line["at_ms"] >= moment for line in lines(http, f"?since={moment}")} == {True}
    assert lines(http, f"?since={moment + 60_000}") == []


def test_pages(http):
    for number in range(9):
        create(http, f"p{number}")
    everything = [line["id"] for line in lines(http)]
    target, found = f"{AUDIT}?limit=5", []
    while target:
        page = http.get(target)
        assert len(page.json()) <= 5
        found += [line["id"] for line in page.json()]
        link = page.headers.get("Link")
        target = link and link[1 : link.index(">")]
    assert found == everything


def test_a_tag_that_changes_with_the_audit(http):
    first = http.get(AUDIT)
    assert http.get(AUDIT, headers={"If-None-Match": first.etag}).status == 304
    create(http, "x")
    assert http.get(AUDIT, headers={"If-None-Match": first.etag}).status == 200


def test_lines_of_another_tenant_are_its_own(guarded):
    acme, beta = (guarded.client(tenant=slug, key=OPERATOR_KEY) for slug in ("acme", "beta"))
    create(acme, "x")
    assert [line.get("profile") for line in lines(acme, "?profile=x")] == ["x"]
    assert lines(beta, "?profile=x") == []
    assert lines(acme)[0]["actor"] == "operator"


def test_without_a_key_nothing_is_told(guarded):
    assert guarded.client(tenant="acme").get(AUDIT).status == 401
    assert guarded.client().get(AUDIT).status == 401


@pytest.mark.parametrize(
    "query, param",
    [
        ("limit=0", "limit"),
        ("limit=x", "limit"),
        ("limit=100000", "limit"),
        ("after=x", "after"),
        ("after=0", "after"),
        (f"after={2**64}", "after"),
        ("since=x", "since"),
        ("since=-1", "since"),
        ("since=2026-01-01", "since"),
        ("registry=NO%20SLUG", "registry.slug"),
        ("profile=NO%20SLUG", "profile.slug"),
    ],
)
def test_questions_that_make_no_sense(lasting, query, param):
    refuses(lasting.get(f"{AUDIT}?{query}"), 400, param=param)


def test_numbers_beyond_all_lines(lasting):
    assert lines(lasting, f"?since={2**64 - 1}") == []
    assert len(lines(lasting, f"?after={2**64 - 1}")) == len(lines(lasting))


def test_it_cannot_be_written(lasting):
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        # POST is a chat with a profile called `audit`, as everywhere below /api/chat.
        assert lasting.request(method, AUDIT, json={}).status in (400, 404, 405)
    assert lasting.head(AUDIT).status == 200


def test_a_force_delete_names_every_profile_that_went(http):
    create_registry(http, "team")
    create(http, "a", registry="team")
    create(http, "b", registry="team")
    assert http.delete(f"{REGISTRIES}/team?force=true").status == 204
    found = [line for line in lines(http, "?registry=team") if line["action"] == "delete"]
    assert {line.get("profile") for line in found} == {None, "a", "b"}
    assert len({line["revision"] for line in found}) == 1


def test_it_says_where_a_change_came_from(start):
    http = start(config={"trusted_proxies": ["127.0.0.1/32"]}, operator_key=OPERATOR_KEY).client(key=OPERATOR_KEY)
    forwarded = {"X-Tenant": "default", "X-Forwarded-For": "198.51.100.9, 192.0.2.7"}
    assert http.post(PROFILES, {"slug": "x"}, headers=forwarded).status == 201
    assert http.get(f"{AUDIT}?profile=x", headers=forwarded).json()[0]["client"] == "192.0.2.7"
    assert "client" not in http.get(f"{AUDIT}?actor=system", headers=forwarded).json()[0]


def test_a_file_of_an_earlier_build_says_it_from_then_on(fresh, http):
    create(http, "old")
    fresh.stop()
    change(fresh.database(), "ALTER TABLE profile_audit DROP COLUMN client")
    http = fresh.start().client()
    create(http, "new")
    found = {line["profile"]: line.get("client") for line in lines(http) if line["action"] == "create"}
    assert found == {"old": None, "new": "127.0.0.1"}
