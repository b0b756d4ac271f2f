"""expected_version, If-Match, If-None-Match, ETag, 304, 409, 412 (gateway.md §4)."""

import re

import pytest

from harness.profiles import PROFILES, REGISTRIES, create, create_registry, read, refuses, version

ETAG = re.compile(r'^"r\d+-[A-Za-z0-9_-]+"$')
READS = [PROFILES, f"{PROFILES}/agent", REGISTRIES, f"{REGISTRIES}/default"]


def etag(http, target=f"{PROFILES}/agent"):
    return http.get(target).etag


@pytest.mark.parametrize("target", READS)
def test_every_read_has_a_strong_tag_and_304(http, target):
    first = http.get(target)
    assert ETAG.match(first.etag), first
    for given in (first.etag, f'"other", {first.etag}', "*", f"W/{first.etag}"):
        again = http.get(target, headers={"If-None-Match": given})
        assert (again.status, again.body) == (304, b""), again
        assert again.etag == first.etag
        assert http.head(target, headers={"If-None-Match": given}).status == 304
    assert http.get(target, headers={"If-None-Match": '"r1-other"'}).status == 200


def test_a_write_answers_with_the_tag_that_the_next_read_has(http):
    created = http.post(PROFILES, {"slug": "x"})
    assert created.etag == etag(http, f"{PROFILES}/x")
    patched = http.patch(f"{PROFILES}/x", {"display_name": "n"})
    assert patched.etag == etag(http, f"{PROFILES}/x") != created.etag


def test_a_change_changes_the_tags_it_should(http):
    tags = {
        target: etag(http, target)
        for target in (PROFILES, f"{PROFILES}/agent", f"{PROFILES}/default", f"{REGISTRIES}/default", REGISTRIES)
    }
    http.patch(f"{PROFILES}/agent", {"display_name": "n"})
    now = {target: etag(http, target) for target in tags}
    assert now[PROFILES] != tags[PROFILES] and now[f"{PROFILES}/agent"] != tags[f"{PROFILES}/agent"]
    assert now[f"{PROFILES}/default"] == tags[f"{PROFILES}/default"], "another profile's tag stays"


def test_a_change_of_default_is_a_new_revision_of_both(http):
    create(http, "third")
    before = {slug: etag(http, f"{PROFILES}/{slug}") for slug in ("agent", "default", "third")}
    http.post(f"{PROFILES}/agent/default")
    after = {slug: etag(http, f"{PROFILES}/{slug}") for slug in before}
    assert [slug for slug in before if before[slug] != after[slug]] == ["agent", "default"]


def test_a_profile_made_again_has_another_tag(http):
    create(http, "x")
    first = etag(http, f"{PROFILES}/x")
    http.delete(f"{PROFILES}/x")
    create(http, "x")
    assert etag(http, f"{PROFILES}/x") != first
    refuses(http.patch(f"{PROFILES}/x", {"display_name": "n"}, headers={"If-Match": first}), 412)


def test_tags_survive_a_restart(fresh):
    http = fresh.client()
    before = etag(http)
    fresh.restart()
    assert etag(http) == before


def test_tags_of_two_tenants_differ(start):
    gateway = start(config={"tenants": {"acme": {}}})
    assert etag(gateway.client()) != etag(gateway.client("acme"))


# Guarded writes ---------------------------------------------------------------------------------------------------


def test_absent_is_unguarded_and_the_current_version_passes(http):
    assert http.patch(f"{PROFILES}/agent", {"display_name": "1"}).status == 200
    assert http.patch(f"{PROFILES}/agent", {"display_name": "2", "expected_version": 2}).status == 200


def test_of_two_writers_with_one_version_one_wins(http):
    """D12: built-in profiles began at version 0 in the origin, and 0 was no check."""
    number = version(read(http, "default"))
    answers = [http.patch(f"{PROFILES}/default", {"display_name": f"n{i}", "expected_version": number}) for i in (1, 2)]
    assert [answer.status for answer in answers] == [200, 409]


def test_zero_on_create_means_must_not_exist(http):
    assert http.post(PROFILES, {"slug": "x", "expected_version": 0}).status == 201
    refuses(http.post(PROFILES, {"slug": "x", "expected_version": 0}), 409)
    refuses(http.post(PROFILES, {"slug": "y", "expected_version": 1}), 409)


def test_zero_on_an_existing_profile_does_not_match(http):
    refuses(http.patch(f"{PROFILES}/agent", {"display_name": "n", "expected_version": 0}), 409, "expected=0 actual=1")


def test_if_match(http):
    current = etag(http)
    refuses(http.patch(f"{PROFILES}/agent", {"display_name": "n"}, headers={"If-Match": '"r1-other"'}), 412)
    response = http.patch(f"{PROFILES}/agent", {"display_name": "n"}, headers={"If-Match": current})
    assert response.status == 200, response
    refused = refuses(http.patch(f"{PROFILES}/agent", {"display_name": "m"}, headers={"If-Match": current}), 412)
    assert refused.error["type"] == "conflict_error" and refused.headers["x-should-retry"] == "false"
    assert read(http, "agent")["display_name"] == "n"


def test_if_match_takes_a_list_and_a_star(http):
    assert (
        http.patch(f"{PROFILES}/agent", {"display_name": "1"}, headers={"If-Match": f'"x", {etag(http)}'}).status == 200
    )
    assert http.patch(f"{PROFILES}/agent", {"display_name": "2"}, headers={"If-Match": "*"}).status == 200


def test_a_weak_tag_never_matches_strongly(http):
    refuses(http.patch(f"{PROFILES}/agent", {"display_name": "n"}, headers={"If-Match": f"W/{etag(http)}"}), 412)


def test_if_match_guards_delete_and_put(http):
    create(http, "x")
    old = etag(http, f"{PROFILES}/x")
    new = http.patch(f"{PROFILES}/x", {"display_name": "n"}).etag
    refuses(http.delete(f"{PROFILES}/x", headers={"If-Match": old}), 412)
    refuses(http.put(f"{PROFILES}/x", {"slug": "x"}, headers={"If-Match": old}), 412)
    assert http.delete(f"{PROFILES}/x", headers={"If-Match": new}).status == 204


def test_if_none_match_star_on_create(http):
    assert http.post(PROFILES, {"slug": "x"}, headers={"If-None-Match": "*"}).status == 201
    assert http.post(PROFILES, {"slug": "x"}, headers={"If-None-Match": "*"}).status in (409, 412)


def test_guards_that_disagree_are_400(http):
    current = etag(http)
    http.patch(f"{PROFILES}/agent", {"display_name": "n"})
    response = http.patch(
        f"{PROFILES}/agent", {"display_name": "m", "expected_version": 2}, headers={"If-Match": current}
    )
    assert response.status == 400, response
    assert read(http, "agent")["display_name"] == "n"


def test_guards_that_agree_pass(http):
    assert (
        http.patch(
            f"{PROFILES}/agent", {"display_name": "n", "expected_version": 1}, headers={"If-Match": etag(http)}
        ).status
        == 200
    )


@pytest.fixture
def careful(start):
    """A client of a tenant whose settings ask for preconditions."""
    return start(config={"tenants": {"acme": {"require_preconditions": True}}}).client("acme")


def test_where_a_tenant_asks_for_it_an_unguarded_change_is_428(careful):
    for method, target, more in (
        ("PATCH", f"{PROFILES}/agent", {"json": {"display_name": "n"}}),
        ("DELETE", f"{PROFILES}/agent", {}),
        ("PATCH", f"{REGISTRIES}/default", {"json": {"display_name": "n"}}),
    ):
        assert refuses(careful.request(method, target, **more), 428).error["type"] == "conflict_error"
    assert version(read(careful, "agent")) == 1


def test_where_a_tenant_asks_for_it_a_guarded_change_passes(careful):
    assert careful.patch(f"{PROFILES}/agent", {"display_name": "n", "expected_version": 1}).status == 200
    tag = {"If-Match": etag(careful)}
    assert careful.patch(f"{PROFILES}/agent", {"display_name": "m"}, headers=tag).status == 200
    assert careful.delete(f"{PROFILES}/agent?expected_version=3").status == 204
    create(careful, "x")


def test_delete_takes_the_version_from_the_query(http):
    refuses(http.delete(f"{PROFILES}/agent?expected_version=9"), 409, "expected=9 actual=1")
    assert http.delete(f"{PROFILES}/agent?expected_version=1").status == 204


def test_registries_are_guarded_by_their_tags(http):
    create_registry(http, "team")
    old = etag(http, f"{REGISTRIES}/team")
    assert http.patch(f"{REGISTRIES}/team", {"display_name": "n"}, headers={"If-Match": old}).status == 200
    refuses(http.delete(f"{REGISTRIES}/team", headers={"If-Match": old}), 412)
    assert http.delete(f"{REGISTRIES}/team", headers={"If-Match": etag(http, f"{REGISTRIES}/team")}).status == 204


@pytest.mark.parametrize("target", READS)
def test_a_304_has_the_length_of_the_200(http, target):
    """RFC 9110 §8.6: the length that a 200 would have, or none."""
    first = http.get(target)
    again = http.get(target, headers={"If-None-Match": first.etag})
    assert (again.status, again.body) == (304, b"")
    assert again.headers.get("Content-Length") in (None, str(len(first.body))), again


def test_a_failed_precondition_names_its_header(http):
    refuses(
        http.put(f"{PROFILES}/agent", {}, headers={"If-None-Match": "*"}), 412, "current version", param="If-None-Match"
    )
    refuses(http.put(f"{PROFILES}/agent", {}, headers={"If-Match": '"r1-x"'}), 412, param="If-Match")
