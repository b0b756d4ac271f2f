"""What gateway.md §5 adds to writing profiles: PUT, merge patch, metadata, no-op patches, the default's fate."""

import itertools

import pytest

from harness.profiles import PROFILES, REGISTRIES, create, create_registry, prompted, read, refuses, slugs, version

MERGE = "application/merge-patch+json"


def merge_patch(http, slug, patch, **more):
    return http.patch(f"{PROFILES}/{slug}", patch, content_type=MERGE, **more)


def test_a_patch_replaces_each_given_field_as_a_whole(http):
    create(http, "x", runtime={"system_prompt": "p", "tools": ["t"]}, description="d")
    document = http.patch(f"{PROFILES}/x", {"runtime": {"system_prompt": "q"}}).json()
    assert document["runtime"] == {"system_prompt": "q"} and document["description"] == "d"


def test_null_in_a_patch_is_absent_and_an_empty_string_clears(http):
    create(http, "x", display_name="Name", description="Text")
    document = http.patch(f"{PROFILES}/x", {"display_name": None, "description": ""}).json()
    assert document["display_name"] == "Name" and document.get("description", "") == ""


def test_a_merge_patch_merges_deeply(http):
    create(
        http,
        "x",
        display_name="Name",
        runtime={"system_prompt": "p", "tools": ["t"]},
        extensions={"a.b@v1": {"keep": 1, "drop": 2, "deep": {"x": 1, "y": 2}}},
    )
    response = merge_patch(
        http,
        "x",
        {
            "display_name": None,
            "runtime": {"system_prompt": "q"},
            "extensions": {"a.b@v1": {"drop": None, "deep": {"y": 3}}},
        },
    )
    assert response.status == 200, response
    document = response.json()
    assert "display_name" not in document
    assert document["runtime"] == {"system_prompt": "q", "tools": ["t"]}
    assert document["extensions"] == {"a.b@v1": {"keep": 1, "deep": {"x": 1, "y": 3}}}
    assert version(document) == 2


def test_a_merge_patch_is_as_strict_as_a_patch(http):
    before = read(http, "agent")
    refuses(merge_patch(http, "agent", {"sytem_prompt": "x"}), 400, "sytem_prompt")
    refuses(merge_patch(http, "agent", {"runtime": {"tools": [" "]}}), 400, "runtime.tools[0]")
    refuses(http.patch(f"{PROFILES}/agent", body="[]", content_type=MERGE), 400)
    assert read(http, "agent") == before


@pytest.mark.parametrize("content_type", ["application/json", MERGE])
def test_a_patch_that_changes_nothing_keeps_the_version(http, content_type):
    created = create(http, "x", display_name="Name", runtime={"system_prompt": "p"})
    before = http.get(f"{PROFILES}/x")
    for patch in ({}, {"display_name": "Name"}, {"display_name": " Name "}, {"runtime": {"system_prompt": "p"}}):
        response = http.patch(f"{PROFILES}/x", patch, content_type=content_type)
        assert response.status == 200 and response.json() == created, response
    assert http.get(f"{PROFILES}/x").etag == before.etag


def test_tags_can_be_set_and_changed(http):
    """D14: the origin accepted them, bumped the version and threw them away."""
    assert create(http, "x", metadata={"tags": ["a", "b"]})["metadata"]["tags"] == ["a", "b"]
    document = http.patch(f"{PROFILES}/x", {"metadata": {"tags": ["c"]}}).json()
    assert document["metadata"]["tags"] == ["c"] and version(document) == 2
    assert read(http, "x")["metadata"]["tags"] == ["c"]


@pytest.mark.parametrize(
    "field, value",
    [("version", 7), ("created_at_ms", 1), ("updated_at_ms", 1), ("created_by", "me"), ("updated_by", "me")],
)
def test_metadata_that_the_server_owns_is_refused_on_create(http, field, value):
    """D15: the origin let clients forge it."""
    refuses(http.post(PROFILES, {"slug": "x", "metadata": {field: value}}), 400, field)
    assert "x" not in slugs(http)


def test_metadata_of_a_patch_is_the_servers(http):
    before = create(http, "x")["metadata"]
    response = http.patch(f"{PROFILES}/x", {"metadata": {"version": 99, "created_by": "me", "tags": ["t"]}})
    if response.status == 200:
        after = response.json()["metadata"]
        assert after["version"] == 2 and after.get("created_by") == before.get("created_by")
    else:
        refuses(response, 400)


def test_versions_and_times_move_forward(http):
    create(http, "x")
    seen = [read(http, "x")["metadata"]]
    for number in range(5):
        seen.append(http.patch(f"{PROFILES}/x", {"display_name": f"n{number}"}).json()["metadata"])
    assert [m["version"] for m in seen] == [1, 2, 3, 4, 5, 6]
    assert all(a["updated_at_ms"] <= b["updated_at_ms"] for a, b in itertools.pairwise(seen))
    assert len({m["created_at_ms"] for m in seen}) == 1


def test_put_creates(http):
    response = http.put(f"{PROFILES}/x", {"slug": "x", **prompted("p")})
    assert response.status == 201, response
    assert version(response.json()) == 1 and read(http, "x")["runtime"]["system_prompt"] == "p"


def test_put_replaces_the_whole_profile(http):
    create(http, "x", display_name="Name", description="Text", runtime={"system_prompt": "p", "tools": ["t"]})
    response = http.put(f"{PROFILES}/x", {"slug": "x", "display_name": "New"})
    assert response.status == 200, response
    document = response.json()
    assert document["display_name"] == "New" and "description" not in document
    assert document["runtime"] == {} and version(document) == 2


def test_put_takes_what_get_gave(http):
    create(http, "x", display_name="Name", metadata={"tags": ["t"]}, extensions={"a.b@v1": 1.10}, **prompted("p"))
    document = read(http, "x")
    response = http.put(f"{PROFILES}/x", document)
    assert response.status == 200, response
    assert response.json() == document, "nothing was changed, so the version stays"
    document["display_name"] = "Other"
    assert version(http.put(f"{PROFILES}/x", document).json()) == 2
    refuses(http.put(f"{PROFILES}/x", document), 409, "version conflict: expected=1 actual=2")


def test_put_moves_a_document_between_registries_and_defaults(http):
    """`registry` and `is_default` of a GET are ignored; the query says where it goes."""
    create_registry(http, "team")
    document = read(http, "default")
    del document["metadata"]
    response = http.put(f"{PROFILES}/default?registry=team", document)
    assert response.status == 201, response
    assert response.json()["registry"] == "team"


def test_put_with_if_none_match_only_creates(http):
    assert http.put(f"{PROFILES}/x", {"slug": "x"}, headers={"If-None-Match": "*"}).status == 201
    refuses(http.put(f"{PROFILES}/x", {"slug": "x"}, headers={"If-None-Match": "*"}), 412)


def test_put_refuses_another_slug_in_the_body(http):
    refuses(http.put(f"{PROFILES}/x", {"slug": "y"}), 400, "slug")
    assert slugs(http) == ["agent", "default"]


def test_a_slug_in_a_patch_is_no_rename(http):
    """D18: the origin dropped it silently."""
    response = http.patch(f"{PROFILES}/agent", {"slug": "other"})
    assert response.status == 400, response
    assert slugs(http) == ["agent", "default"]


def test_the_default_profile_is_not_deleted_by_accident(http):
    refuses(http.delete(f"{PROFILES}/default"), 409)
    assert http.delete(f"{PROFILES}/default").error["code"] == "default_profile"
    assert slugs(http) == ["agent", "default"]


def test_deleting_the_default_names_its_successor(http):
    assert http.delete(f"{PROFILES}/default?new_default=agent").status == 204
    assert [(i["slug"], i.get("is_default")) for i in http.get(PROFILES).json()] == [("agent", True)]


@pytest.mark.parametrize("successor", ["none", "default"])
def test_a_successor_that_is_not_there(http, successor):
    assert http.delete(f"{PROFILES}/default?new_default={successor}").status in (400, 404, 409)
    assert slugs(http) == ["agent", "default"]
    assert read(http, "default")["is_default"] is True


def test_the_only_profile_may_go_and_the_next_one_becomes_the_default(http):
    http.delete(f"{PROFILES}/agent")
    assert http.delete(f"{PROFILES}/default").status == 204
    response = http.get(PROFILES)
    assert (response.status, response.json()) == (200, []), "S14: an empty registry is []"
    assert create(http, "first")["is_default"] is True
    assert http.get(f"{REGISTRIES}/default").json()["default_profile_slug"] == "first"


def test_an_emptied_registry_is_not_bootstrapped_again(fresh):
    http = fresh.client()
    http.delete(f"{PROFILES}/agent")
    http.delete(f"{PROFILES}/default")
    fresh.restart()
    assert slugs(http) == [], "SQ-9: defaults go into new files only"


def test_create_and_set_default_is_one_transaction(http):
    refuses(http.post(PROFILES, {"slug": "agent", "set_default": True}), 409)
    assert read(http, "default")["is_default"] is True
    assert create(http, "x", set_default=True)["is_default"] is True
    assert [i["slug"] for i in http.get(PROFILES).json() if i.get("is_default")] == ["x"]


def test_a_patch_can_make_the_default(http):
    document = http.patch(f"{PROFILES}/agent", {"set_default": True}).json()
    assert document["is_default"] is True and read(http, "default")["is_default"] is False


def test_the_version_of_a_default_change_is_the_registrys(http):
    registry = http.get(f"{REGISTRIES}/default").json()
    number = registry.get("version") or registry["metadata"]["version"]
    refuses(
        http.post(f"{PROFILES}/agent/default", {"expected_version": number + 100}),
        409,
        'registry "default" version conflict',
    )
    assert http.post(f"{PROFILES}/agent/default", {"expected_version": number}).status == 200


def test_the_body_of_a_default_change_is_strict(http):
    """D20: the origin ignored decode errors here and changed the default all the same."""
    for body in ({"expected_version": "7"}, {"unknown": 1}, [], "x"):
        assert http.post(f"{PROFILES}/agent/default", body).status == 400
    assert read(http, "default")["is_default"] is True


def test_middleware_config_is_patched_through_its_slot(http):
    """D49: the origin's stale inline config overwrote it."""
    slot = {"middleware.agentmode_config@v1": {"instances": {"id:default": {"default_mode": "chat"}}}}
    document = http.patch(f"{PROFILES}/agent", {"extensions": slot}).json()
    assert document["extensions"] == slot and read(http, "agent")["extensions"] == slot
