"""Slugs and extension keys (origin §2.2, §2.3; cases SL and EX)."""

import urllib.parse

import pytest

from harness.profiles import PROFILES, create, create_registry, listed, read, refuses, slugs, version


def test_SL_1_a_slug_is_trimmed_and_lowered(http):
    assert create(http, "  My-Profile_01  ")["slug"] == "my-profile_01"
    assert read(http, "my-profile_01")["slug"] == "my-profile_01"


def test_SL_1_a_slug_in_the_path_ignores_case(http):
    create(http, "my-profile_01")
    assert read(http, "My-Profile_01")["slug"] == "my-profile_01"


def test_SL_2_a_blank_inside_is_refused(http):
    refuses(http.post(PROFILES, {"slug": "bad slug"}), 400, "invalid profile slug")


@pytest.mark.parametrize("body", [{"slug": ""}, {"slug": "   "}, {"slug": None}, {}], ids=str)
def test_SL_3_blank_or_missing_is_refused(http, body):
    refuses(http.post(PROFILES, body), 400)
    assert slugs(http) == ["agent", "default"]


@pytest.mark.parametrize("slug", ["-a", "a-", ".", "..", "a/b", "_a", "a_", "ä", "a\u0000b", "a\nb", "a%20b", "😀"])
def test_SL_6_malformed_slugs_are_refused(http, slug):
    refuses(http.post(PROFILES, {"slug": slug}), 400)
    assert slugs(http) == ["agent", "default"]


@pytest.mark.parametrize("length, status", [(1, 201), (127, 201), (128, 201), (129, 400), (4000, 400)])
def test_slugs_have_1_to_128_characters(http, length, status):
    create(http, "a" * length, expect=status)
    if status == 201:
        assert read(http, "a" * length)["slug"] == "a" * length


@pytest.mark.parametrize("slug", ["a.b", "a..b", "a__b", "a--b", "0", "gemini-2.5-pro"])
def test_inner_dots_dashes_and_underscores_are_fine(http, slug):
    create(http, slug)
    assert slug in slugs(http)


@pytest.mark.parametrize("slug", [5, True, ["a"], {"a": 1}], ids=str)
def test_a_slug_of_another_type_is_refused(http, slug):
    refuses(http.post(PROFILES, {"slug": slug}), 400)


def test_SL_7_a_registry_name_in_the_query_is_normalised(http):
    assert listed(http, "?registry=Default") == listed(http)
    assert listed(http, "?registry=%20default%20") == listed(http)


@pytest.mark.parametrize("slug, status", [("a" * 128, 201), ("a" * 129, 400), ("", 400), ("not valid", 400)])
def test_registry_slugs_obey_the_same_grammar(http, slug, status):
    assert http.post("/api/chat/registries", {"slug": slug}).status == status


def test_a_registry_slug_is_normalised_too(http):
    assert create_registry(http, " Team ")["slug"] == "team"


def test_EX_1_an_extension_key_is_stored_in_canonical_form(http):
    create(http, "x", extensions={"  WebChat.Starter_Suggestions@V1 ": {"items": ["a"]}})
    assert list(read(http, "x")["extensions"]) == ["webchat.starter_suggestions@v1"]


@pytest.mark.parametrize(
    "key",
    [
        "",
        "missingversion",
        "namespace.feature@v0",
        "namespace.@v1",
        "namespace.feature@v-1",
        "name space.feature@v1",
        "bad key",
        "a.b.c@v1",
        "a.b@v01",
        "a.b@v100000",
        "a.b@1",
        ".b@v1",
        "a" * 65 + ".b@v1",
    ],
)
def test_EX_2_malformed_extension_keys_are_refused(http, key):
    refuses(http.post(PROFILES, {"slug": "x", "extensions": {key: 1}}), 400, f"profile.extensions[{key.strip()}]")
    assert "x" not in slugs(http)


@pytest.mark.parametrize("key", ["a.b@v1", "a.b@v99999", "a" * 64 + "." + "b" * 64 + "@v1"])
def test_EX_2_the_limits_of_an_extension_key(http, key):
    create(http, "x", extensions={key: True})
    assert read(http, "x")["extensions"] == {key: True}


def test_EX_3_an_unknown_extension_comes_back_unchanged(http):
    value = {"list": [1, [2, {"deep": None}], "é", True], "object": {"z": 1, "a": {}}, "empty": []}
    create(http, "x", extensions={"thirdparty.feature@v1": value, "vendor.scalar@v2": "text"})
    assert read(http, "x")["extensions"] == {"thirdparty.feature@v1": value, "vendor.scalar@v2": "text"}


def test_EX_4_patching_the_name_leaves_extensions_alone(http):
    create(http, "x", extensions={"thirdparty.feature@v1": {"a": [1, 2]}})
    assert http.patch(f"{PROFILES}/x", {"display_name": "New"}).status == 200
    assert read(http, "x")["extensions"] == {"thirdparty.feature@v1": {"a": [1, 2]}}


def test_EX_6_a_bad_key_in_a_patch_changes_nothing(http):
    before = read(http, "agent")
    refuses(http.patch(f"{PROFILES}/agent", {"extensions": {"bad key": 1}}), 400, "profile.extensions[bad key]")
    assert read(http, "agent") == before


def test_two_keys_equal_after_canonicalisation_are_refused(http):
    """D48: the origin kept one of them at random."""
    refuses(
        http.post(PROFILES, {"slug": "x", "extensions": {"Vendor.A@v1": 1, "vendor.a@V1": 2}}),
        400,
        "profile.extensions[",
    )


def test_extensions_are_cleared_by_an_empty_object(http):
    create(http, "x", extensions={"thirdparty.feature@v1": 1})
    document = http.patch(f"{PROFILES}/x", {"extensions": {}}).json()
    assert document.get("extensions", {}) == {} and version(document) == 2


def test_a_malformed_slug_in_the_path_is_400(http):
    for slug in ("bad slug", "-a", "a" * 129):
        refuses(http.get(f"{PROFILES}/{urllib.parse.quote(slug)}"), 400, "invalid profile slug")
