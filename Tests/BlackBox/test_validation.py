"""What a profile must be to be stored (origin §2.4–2.6; cases VA and MX)."""

import pytest

from harness.database import origin_document, write_origin_file
from harness.profiles import PROFILES, create, read, refuses, slugs

AGENTMODE = {"name": "agentmode"}


def test_VA_1_a_profile_with_everything_is_accepted(http):
    create(
        http,
        "x",
        runtime={"system_prompt": "p", "middlewares": [{"name": "agentmode", "id": "a"}], "tools": ["calculator"]},
        policy={
            "allow_overrides": True,
            "allowed_override_keys": ["system_prompt"],
            "denied_override_keys": ["tools"],
            "read_only": False,
        },
    )
    stored = read(http, "x")
    assert stored["runtime"]["tools"] == ["calculator"]
    assert stored["runtime"]["middlewares"] == [{"name": "agentmode", "id": "a"}]
    assert stored["policy"]["allowed_override_keys"] == ["system_prompt"]
    assert stored["policy"]["denied_override_keys"] == ["tools"]


BLANKS = ["", "  ", "\t"]
REFUSALS = [
    pytest.param(
        {"policy": {"allowed_override_keys": ["system_prompt"], "denied_override_keys": ["system_prompt"]}},
        "policy.override_keys",
        "appears in both allow and deny lists",
        id="VA-2 allowed and denied",
    ),
    pytest.param(
        {"runtime": {"middlewares": [{"name": "  "}]}},
        "runtime.middlewares[0].name",
        "must not be empty",
        id="VA-8 blank middleware name",
    ),
    pytest.param(
        {"runtime": {"middlewares": [AGENTMODE, {"name": "agentmode", "id": " "}]}},
        "runtime.middlewares[1].id",
        "must not be empty",
        id="blank middleware id",
    ),
    pytest.param(
        {"runtime": {"middlewares": [{"name": "agentmode", "id": "a"}, {"name": "agentmode", "id": "a"}]}},
        "runtime.middlewares[1].id",
        'duplicate middleware instance id "a" (first seen at runtime.middlewares[0].id)',
        id="VA-10 an id used twice",
    ),
    pytest.param({"runtime": {"tools": ["calculator", " "]}}, "runtime.tools[1]", "must not be empty", id="blank tool"),
    pytest.param(
        {"policy": {"allowed_override_keys": [""]}},
        "policy.allowed_override_keys[0]",
        "must not be empty",
        id="blank allowed key",
    ),
    pytest.param(
        {"policy": {"denied_override_keys": ["tools", " "]}},
        "policy.denied_override_keys[1]",
        "must not be empty",
        id="blank denied key",
    ),
    pytest.param(
        {"runtime": {"middlewares": [{"name": "unknown_middleware"}]}},
        "runtime.middlewares[0].name",
        'unknown middleware "unknown_middleware"',
        id="MX-4 unknown middleware",
    ),
    pytest.param(
        {"extensions": {"bad key": 1}},
        "profile.extensions[bad key]",
        "expected namespace.feature@vN",
        id="bad extension key",
    ),
]


@pytest.mark.case("VA-2", "VA-8", "VA-10", "MX-4")
@pytest.mark.parametrize("fields, param, reason", REFUSALS)
def test_a_create_is_refused_with_the_field_and_the_reason(http, fields, param, reason):
    response = refuses(http.post(PROFILES, {"slug": "x", **fields}), 400, "validation error", param, reason)
    assert response.error["message"].startswith(f"validation error ({param}): "), response
    assert response.error["param"] == param
    assert slugs(http) == ["agent", "default"]


@pytest.mark.parametrize("fields, param, reason", REFUSALS)
def test_a_patch_is_refused_with_the_field_and_the_reason(http, fields, param, reason):
    before = read(http, "default")
    refuses(http.patch(f"{PROFILES}/default", fields), 400, f"validation error ({param})", reason, param=param)
    assert read(http, "default") == before


def test_VA_11_two_uses_of_one_middleware_with_ids(http):
    create(http, "x", runtime={"middlewares": [{"name": "agentmode", "id": "a"}, {"name": "agentmode", "id": "b"}]})


def test_two_uses_of_one_middleware_without_ids_are_fine_in_one_profile(http):
    create(http, "x", runtime={"middlewares": [AGENTMODE, AGENTMODE]})


@pytest.mark.parametrize(
    "document, field",
    [
        pytest.param(
            origin_document(default="missing"),
            "registry.default_profile_slug",
            id="VA-3",
            marks=pytest.mark.case("VA-3"),
        ),
        pytest.param(
            origin_document(profiles={"default": {"slug": "agent"}}),
            "registry.profiles[default].slug",
            id="VA-4",
            marks=pytest.mark.case("VA-4"),
        ),
        pytest.param(
            origin_document(profiles={"default": None}),
            "registry.profiles[default]",
            id="VA-7",
            marks=pytest.mark.case("VA-7"),
        ),
    ],
)
def test_an_invalid_registry_of_the_origin_is_damage_with_its_field(start, document, field):
    """The same documents as import refuses (test_import_export.py), in a file that the origin wrote (gateway.md §6)."""
    gateway = start(started=False)
    write_origin_file(gateway.database(), {"default": document})
    http = gateway.start().client()
    refuses(http.get(PROFILES), 500, "profile_registries", "payload_json", field)


def test_MX_1_inline_config_moves_into_the_extension_slot(http):
    create(
        http,
        "x",
        runtime={"middlewares": [{"name": "agentmode", "id": "primary", "config": {"default_mode": "chat"}}]},
        extensions={"app.note@v1": {"kept": True}},
    )
    stored = read(http, "x")
    assert stored["runtime"]["middlewares"] == [{"name": "agentmode", "id": "primary"}]
    slot = stored["extensions"]["middleware.agentmode_config@v1"]["instances"]["id:primary"]
    assert slot["default_mode"] == "chat"
    assert stored["extensions"]["app.note@v1"] == {"kept": True}


def test_MX_1_without_an_id_the_slot_is_the_position(http):
    create(http, "x", runtime={"middlewares": [{"name": "agentmode", "config": {"default_mode": "chat"}}]})
    instances = read(http, "x")["extensions"]["middleware.agentmode_config@v1"]["instances"]
    assert instances["index:0"]["default_mode"] == "chat"


def test_MX_3_a_malformed_middleware_name(http):
    refuses(
        http.post(PROFILES, {"slug": "x", "runtime": {"middlewares": [{"name": "not valid!"}]}}),
        400,
        "runtime.middlewares[0].name",
    )


def test_MX_5_config_that_the_schema_does_not_know(http):
    body = {"slug": "x", "runtime": {"middlewares": [{"name": "agentmode", "config": {"unknown": "x"}}]}}
    refuses(http.post(PROFILES, body), 400, "runtime.middlewares[0].config")
    assert slugs(http) == ["agent", "default"]


@pytest.mark.parametrize("config", ["text", 5, [1], True], ids=str)
def test_config_that_is_no_object(http, config):
    body = {"slug": "x", "runtime": {"middlewares": [{"name": "agentmode", "config": config}]}}
    refuses(http.post(PROFILES, body), 400, "runtime.middlewares[0].config", "must be an object")


def test_enabled_is_kept_as_it_was_given(http):
    uses = [
        {"name": "agentmode", "id": "a", "enabled": False},
        {"name": "agentmode", "id": "b", "enabled": True},
        {"name": "agentmode", "id": "c"},
    ]
    create(http, "x", runtime={"middlewares": uses})
    assert read(http, "x")["runtime"]["middlewares"] == uses


WRONG_TYPES = [
    ("display_name", 5, "display_name"),
    ("description", ["a"], "description"),
    ("runtime", "text", "runtime"),
    ("runtime", {"system_prompt": 5}, "runtime.system_prompt"),
    ("runtime", {"tools": "calculator"}, "runtime.tools"),
    ("runtime", {"tools": [5]}, "runtime.tools[0]"),
    ("runtime", {"middlewares": {}}, "runtime.middlewares"),
    ("runtime", {"middlewares": ["agentmode"]}, "runtime.middlewares[0]"),
    ("runtime", {"middlewares": [{"name": "agentmode", "enabled": "yes"}]}, "runtime.middlewares[0].enabled"),
    ("runtime", {"step_settings_patch": []}, "runtime.step_settings_patch"),
    ("runtime", {"step_settings_patch": {"ai-chat": 5}}, "runtime.step_settings_patch.ai-chat"),
    ("policy", [], "policy"),
    ("policy", {"allow_overrides": "yes"}, "policy.allow_overrides"),
    ("policy", {"read_only": 1}, "policy.read_only"),
    ("policy", {"allowed_override_keys": "tools"}, "policy.allowed_override_keys"),
    ("extensions", [], "extensions"),
    ("metadata", {"tags": "a"}, "metadata.tags"),
    ("set_default", "yes", "set_default"),
    ("registry", 5, "registry"),
]


@pytest.mark.parametrize("field, value, param", WRONG_TYPES, ids=[f"{f}={v}" for f, v, _ in WRONG_TYPES])
def test_a_field_of_the_wrong_type_is_named(http, field, value, param):
    response = refuses(http.post(PROFILES, {"slug": "x", field: value}), 400)
    assert param in (response.error["param"] or "") or param in response.error["message"], response
    assert slugs(http) == ["agent", "default"]


@pytest.mark.parametrize(
    "body, field",
    [
        ({"slug": "x", "sytem_prompt": "p"}, "sytem_prompt"),
        ({"slug": "x", "runtime": {"sytem_prompt": "p"}}, "sytem_prompt"),
        ({"slug": "x", "policy": {"allow": True}}, "allow"),
        ({"slug": "x", "metadata": {"colour": 1}}, "colour"),
        ({"slug": "x", "runtime": {"middlewares": [{"name": "agentmode", "cfg": {}}]}}, "cfg"),
    ],
)
def test_an_unknown_field_is_refused_by_name(http, body, field):
    """D18: the origin dropped them, so a misspelt field had no effect and no error."""
    refuses(http.post(PROFILES, body), 400, field)
    assert slugs(http) == ["agent", "default"]


def test_names_are_trimmed_and_prompts_are_not(http):
    create(http, "x", display_name="  Name ", description=" Text  ", runtime={"system_prompt": "  keep  \n"})
    stored = read(http, "x")
    assert (stored["display_name"], stored["description"]) == ("Name", "Text")
    assert stored["runtime"]["system_prompt"] == "  keep  \n"


@pytest.mark.parametrize("key", ["openai-api-key", "claude-api-key"])
def test_a_literal_credential_in_a_write_is_refused(http, key):
    section = "openai-chat" if key.startswith("openai") else "claude-chat"
    body = {"slug": "x", "runtime": {"step_settings_patch": {section: {key: "sk-secret-value"}}}}
    response = refuses(http.post(PROFILES, body), 400, key)
    assert "sk-secret-value" not in response.text
