"""Registries: list, create, read, change, delete (gateway.md §5)."""

import pytest

from harness.profiles import PROFILES, REGISTRIES, create, create_registry, refuses, slugs


def names(http):
    return [registry["slug"] for registry in http.get(REGISTRIES).json()]


def test_the_list_says_what_an_operator_wants_to_know(http):
    (registry,) = http.get(REGISTRIES).json()
    assert registry["slug"] == "default" and registry["profile_count"] == 2
    assert registry["default_profile_slug"] == "default"
    assert registry["version"] >= 1 and registry["updated_at_ms"] > 1_700_000_000_000


def test_create_read_change_delete(http):
    created = http.post(REGISTRIES, {"slug": "team", "display_name": "Team", "description": "Ours"})
    assert created.status == 201, created
    assert (created.json()["slug"], created.json()["display_name"]) == ("team", "Team")
    assert names(http) == ["default", "team"]
    response = http.patch(f"{REGISTRIES}/team", {"display_name": "The Team"})
    assert response.status == 200 and response.json()["display_name"] == "The Team", response
    assert http.get(f"{REGISTRIES}/team").json()["display_name"] == "The Team"
    assert http.get(f"{REGISTRIES}/team").json()["description"] == "Ours"
    assert http.delete(f"{REGISTRIES}/team").status == 204
    refuses(http.get(f"{REGISTRIES}/team"), 404, "registry not found")


def test_a_new_registry_is_empty(http):
    create_registry(http, "team")
    assert slugs(http, "?registry=team") == []


def test_the_first_profile_of_an_empty_registry_is_its_default(http):
    create_registry(http, "team")
    assert create(http, "first", registry="team")["is_default"] is True
    assert create(http, "second", registry="team")["is_default"] is False
    assert http.get(f"{REGISTRIES}/team").json()["default_profile_slug"] == "first"


def test_a_duplicate_is_409(http):
    create_registry(http, "team")
    refuses(http.post(REGISTRIES, {"slug": "team"}), 409)
    refuses(http.post(REGISTRIES, {"slug": "default"}), 409)


def test_the_default_registry_stays(http):
    refuses(http.delete(f"{REGISTRIES}/default"), 409)
    refuses(http.delete(f"{REGISTRIES}/default?force=true"), 409)
    assert slugs(http) == ["agent", "default"]


def test_a_registry_with_profiles_goes_only_by_force(http):
    create_registry(http, "team")
    create(http, "x", registry="team")
    refuses(http.delete(f"{REGISTRIES}/team"), 409)
    assert slugs(http, "?registry=team") == ["x"]
    assert http.delete(f"{REGISTRIES}/team?force=true").status == 204
    refuses(http.get(f"{PROFILES}/x?registry=team"), 404, "registry not found")


def test_a_registry_made_again_is_empty_and_no_old_tag_matches(http):
    create_registry(http, "team")
    create(http, "x", registry="team")
    before = http.get(f"{PROFILES}/x?registry=team").etag
    http.delete(f"{REGISTRIES}/team?force=true")
    create_registry(http, "team")
    create(http, "x", registry="team")
    assert http.get(f"{PROFILES}/x?registry=team").etag != before


@pytest.mark.parametrize(
    "body, phrase",
    [
        ({"slug": "x", "unknown": 1}, "unknown"),
        ({"slug": 5}, "slug"),
        ({}, "slug"),
        ({"slug": "x", "display_name": 5}, "display_name"),
    ],
)
def test_bodies_are_strict(http, body, phrase):
    refuses(http.post(REGISTRIES, body), 400, phrase)
    assert names(http) == ["default"]


def test_unknown_registries_are_404(http):
    for method, more in (("GET", {}), ("PATCH", {"json": {"display_name": "x"}}), ("DELETE", {})):
        refuses(http.request(method, f"{REGISTRIES}/none", **more), 404, "registry not found")


def test_a_guarded_patch_of_a_registry(http):
    number = http.get(f"{REGISTRIES}/default").json()["version"]
    refuses(
        http.patch(f"{REGISTRIES}/default", {"display_name": "X", "expected_version": number + 5}),
        409,
        'registry "default" version conflict',
    )
    assert http.patch(f"{REGISTRIES}/default", {"display_name": "X", "expected_version": number}).status == 200
    assert http.get(f"{REGISTRIES}/default").json()["version"] == number + 1


def test_the_default_of_a_registry_can_be_patched_to_an_existing_profile_only(http):
    response = http.patch(f"{REGISTRIES}/default", {"default_profile_slug": "none"})
    assert response.status in (400, 404, 409), response
    assert http.get(f"{REGISTRIES}/default").json()["default_profile_slug"] == "default"
