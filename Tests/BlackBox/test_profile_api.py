"""The profile routes as the origin's clients know them (origin §3.1–3.6; cases AP and ST, gateway.md §5)."""

import pytest

from harness.profiles import (
    PROFILES,
    REGISTRIES,
    create,
    create_registry,
    listed,
    prompted,
    read,
    refuses,
    slugs,
    version,
)

ANALYST = {
    "slug": "analyst",
    "display_name": "Analyst",
    "description": "Analyses.",
    "runtime": {
        "system_prompt": "You analyse.",
        "middlewares": [{"name": "agentmode", "id": "primary", "config": {"default_mode": "chat"}}],
    },
    "policy": {"allow_overrides": True},
    "extensions": {"Vendor.Custom@V1": {"nested": [1, {"a": None}]}},
    "set_default": True,
}
DOCUMENT_KEYS = {
    "registry",
    "slug",
    "display_name",
    "description",
    "runtime",
    "policy",
    "metadata",
    "extensions",
    "is_default",
    "stack",
}
ITEM_KEYS = {
    "registry",
    "slug",
    "display_name",
    "description",
    "default_prompt",
    "extensions",
    "is_default",
    "version",
    "updated_at_ms",
}


@pytest.fixture
def analyst(http):
    response = http.post(PROFILES, ANALYST)
    assert response.status == 201, response
    return response.json()


def test_AP_1_a_fresh_list_is_agent_and_default(http):
    response = http.get(PROFILES)
    assert response.headers["Content-Type"].split(";")[0] == "application/json"
    items = response.json()
    assert [item["slug"] for item in items] == ["agent", "default"]
    for item in items:
        assert set(item) <= ITEM_KEYS, item
        assert item["version"] == 1
        assert item["registry"] == "default"
        assert item["updated_at_ms"] > 1_700_000_000_000
    assert [item.get("is_default", False) for item in items] == [False, True]
    assert items[1]["default_prompt"] == "You are an assistant"
    assert items[0]["default_prompt"] == "You are a helpful assistant. Be concise."


def test_the_bootstrapped_agent_is_the_origins(http):
    agent = read(http, "agent")
    assert agent["policy"]["allow_overrides"] is True
    assert [(use["name"], use["id"]) for use in agent["runtime"]["middlewares"]] == [("agentmode", "default")]
    assert agent["extensions"]["middleware.agentmode_config@v1"]["instances"]["id:default"] == {
        "default_mode": "financial_analyst"
    }
    assert "config" not in agent["runtime"]["middlewares"][0], "D49: one place for a middleware's config"
    assert read(http, "default")["policy"]["allow_overrides"] is False


def test_AP_2_create_analyst(analyst):
    assert analyst["registry"] == "default" and analyst["slug"] == "analyst"
    assert analyst["is_default"] is True and version(analyst) == 1
    assert set(analyst["extensions"]) == {"middleware.agentmode_config@v1", "vendor.custom@v1"}
    assert analyst["extensions"]["vendor.custom@v1"] == {"nested": [1, {"a": None}]}
    assert analyst["metadata"]["source"] == "http-api"
    assert analyst["metadata"]["created_at_ms"] == analyst["metadata"]["updated_at_ms"] > 1_700_000_000_000


def test_AP_3_get_returns_what_create_returned(http, analyst):
    response = http.get(f"{PROFILES}/analyst")
    assert response.json() == analyst
    assert set(analyst) <= DOCUMENT_KEYS
    assert {"registry", "slug", "runtime", "policy", "metadata", "is_default"} <= set(analyst)


def test_AP_4_patch_name_prompt_and_extension(http, analyst):
    patch = {
        "display_name": "Analyst II",
        "runtime": {"system_prompt": "You analyse well."},
        "extensions": {"webchat.starter_suggestions@v1": {"items": ["Why?"]}},
        "expected_version": 1,
    }
    response = http.patch(f"{PROFILES}/analyst", patch)
    assert response.status == 200, response
    document = response.json()
    assert version(document) == 2 and document["display_name"] == "Analyst II"
    assert document["runtime"]["system_prompt"] == "You analyse well."
    assert document["extensions"]["webchat.starter_suggestions@v1"] == {"items": ["Why?"]}
    assert "vendor.custom@v1" not in document["extensions"], "a given field replaces the whole field"
    assert document["description"] == "Analyses." and document["policy"]["allow_overrides"] is True
    assert document["metadata"]["created_at_ms"] == analyst["metadata"]["created_at_ms"]
    assert read(http, "analyst") == document


def test_AP_5_set_default_without_a_body_and_with_an_empty_object(http, analyst):
    for more in ({}, {"json": {}}):
        response = http.request("POST", f"{PROFILES}/default/default", **more)
        assert response.status == 200, response
        assert response.json()["slug"] == "default" and response.json()["is_default"] is True
    assert read(http, "analyst")["is_default"] is False


def test_AP_6_delete_with_the_version(http, analyst):
    http.request("POST", f"{PROFILES}/default/default")
    http.patch(f"{PROFILES}/analyst", {"display_name": "Two", "expected_version": 1})
    response = http.delete(f"{PROFILES}/analyst?expected_version=2")
    assert (response.status, response.body) == (204, b"")
    refuses(http.get(f"{PROFILES}/analyst"), 404, "profile not found")


def test_AP_7_bad_inputs(http):
    refuses(http.post(PROFILES, {"slug": "bad slug!"}), 400, "invalid profile slug")
    refuses(http.get(f"{PROFILES}?registry=missing"), 404, "registry not found")
    refuses(http.get(f"{PROFILES}?registry=invalid%20registry!"), 400, "invalid registry")
    refuses(http.delete(f"{PROFILES}/agent?expected_version=abc"), 400, "invalid expected_version")


@pytest.mark.case("AP-7")
@pytest.mark.parametrize("value", ["", "-1", "1.5", "1e3", "18446744073709551616", "0x1", "%201x"])
def test_a_malformed_expected_version_in_the_query(http, value):
    refuses(http.delete(f"{PROFILES}/agent?expected_version={value}"), 400, "invalid expected_version")
    assert "agent" in slugs(http)


def test_AP_15_a_list_or_a_bare_slug_never_spans_registries(http):
    """Changed by gateway.md §11: the origin listed all registries."""
    create_registry(http, "team")
    create(http, "analyst", registry="team", **prompted("team"))
    create(http, "agent", registry="team", expect=201)
    assert slugs(http) == ["agent", "default"]
    assert [(i["registry"], i["slug"]) for i in listed(http, "?registry=team")] == [
        ("team", "agent"),
        ("team", "analyst"),
    ]
    refuses(http.get(f"{PROFILES}/analyst"), 404, "profile not found")
    assert read(http, "analyst", "team")["registry"] == "team"
    assert read(http, "agent")["registry"] == "default"


def test_ST_1_the_life_of_a_default(http):
    create(http, "agent2", display_name="Agent v1")
    patched = http.patch(f"{PROFILES}/agent2", {"display_name": "Agent v2", "expected_version": 1})
    assert version(patched.json()) == 2
    assert http.request("POST", f"{PROFILES}/agent2/default").status == 200
    gone = http.delete(f"{PROFILES}/default?expected_version={version(read(http, 'default'))}")
    assert gone.status == 204, gone
    refuses(http.get(f"{PROFILES}/default"), 404, "profile not found")
    assert http.get(f"{REGISTRIES}/default").json()["default_profile_slug"] == "agent2"
    assert read(http, "agent2")["display_name"] == "Agent v2"


def test_ST_2_extensions_survive_a_guarded_patch(http):
    create(http, "x", extensions={"Vendor.Custom@V1": {"deep": [{"a": [1, 2, {"b": None}]}]}})
    assert http.patch(f"{PROFILES}/x", {"display_name": "N", "expected_version": 1}).status == 200
    assert read(http, "x")["extensions"] == {"vendor.custom@v1": {"deep": [{"a": [1, 2, {"b": None}]}]}}


def test_ST_7_a_stale_version_changes_nothing(http):
    before = read(http, "default")
    response = refuses(
        http.patch(f"{PROFILES}/default", {"display_name": "X", "expected_version": 999}),
        409,
        'profile "default" version conflict: expected=999 actual=1',
    )
    assert (response.error["expected_version"], response.error["current_version"]) == (999, 1)
    assert response.headers["x-should-retry"] == "false"
    assert read(http, "default") == before


def test_a_duplicate_create_reports_the_stored_version(http):
    """D16: the origin reported the incoming document's version."""
    http.patch(f"{PROFILES}/agent", {"display_name": "A"})
    response = refuses(http.post(PROFILES, {"slug": "agent"}), 409, 'profile "agent" version conflict: expected=0')
    assert response.error["current_version"] == 2


@pytest.mark.case("RS-10")
@pytest.mark.parametrize(
    "method, body", [("PATCH", {"display_name": "N"}), ("PUT", {"slug": "locked"}), ("DELETE", None)]
)
def test_RS_10_a_read_only_profile(http, method, body):
    create(http, "locked", policy={"read_only": True})
    before = read(http, "locked")
    more = {} if body is None else {"json": body}
    refuses(
        http.request(method, f"{PROFILES}/locked", **more),
        403,
        'policy violation for profile "locked": profile is read-only',
    )
    assert read(http, "locked") == before
    assert http.request("POST", f"{PROFILES}/locked/default").status == 200, "set-default is allowed"


def test_an_admin_may_override_read_only(http):
    create(http, "locked", policy={"read_only": True})
    response = http.patch(
        f"{PROFILES}/locked", {"policy": {"read_only": False}}, headers={"X-Override-Read-Only": "true"}
    )
    assert response.status == 200, response
    assert http.patch(f"{PROFILES}/locked", {"display_name": "free"}).status == 200


@pytest.mark.case("RS-11")
def test_registries_are_listed_by_slug(http):
    create_registry(http, "zeta")
    create_registry(http, "alpha")
    assert [r["slug"] for r in http.get(REGISTRIES).json()] == ["alpha", "default", "zeta"]


def test_lists_are_sorted_by_bytes(http):
    for slug in ("b", "a.b", "a-b", "a_b", "ab", "a0"):
        create(http, slug)
    assert slugs(http) == sorted(["b", "a.b", "a-b", "a_b", "ab", "a0", "agent", "default"])


def test_a_trailing_slash_after_the_slug_is_tolerated(http):
    assert http.get(f"{PROFILES}/agent/").json() == read(http, "agent")


@pytest.mark.parametrize("target", ["/agent/unknown", "/agent/default/more", "/agent/default/default/default"])
def test_deeper_paths_are_404(http, target):
    assert http.get(PROFILES + target).status == 404


def test_a_registry_in_the_body_beats_the_query(http):
    create_registry(http, "team")
    response = http.post(f"{PROFILES}?registry=default", {"slug": "x", "registry": "team"})
    assert response.status == 201 and response.json()["registry"] == "team"
    assert "x" not in slugs(http)
    response = http.post(f"{PROFILES}?registry=team", {"slug": "y"})
    assert response.json()["registry"] == "team"


@pytest.mark.parametrize(
    "registry, status, phrase", [("missing", 404, "registry not found"), ("bad registry!", 400, "invalid registry")]
)
def test_writes_into_a_registry_that_is_not_there(http, registry, status, phrase):
    refuses(http.post(PROFILES, {"slug": "x", "registry": registry}), status, phrase)
    refuses(http.patch(f"{PROFILES}/agent", {"display_name": "x", "registry": registry}), status, phrase)
    refuses(http.post(f"{PROFILES}/agent/default", {"registry": registry}), status, phrase)


def test_unknown_profiles_are_404_on_every_method(http):
    for method, target, more in (
        ("GET", "/none", {}),
        ("PATCH", "/none", {"json": {"display_name": "x"}}),
        ("DELETE", "/none", {}),
        ("POST", "/none/default", {}),
    ):
        refuses(http.request(method, PROFILES + target, **more), 404, "profile not found")
