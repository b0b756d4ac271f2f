"""`POST /api/chat/resolve`: what a chat would get and why (gateway.md §7; cases RS, TR, FP and MX-8)."""

import json
import re

import pytest

from harness.database import origin_document, write_origin_file
from harness.profiles import PROFILES, REGISTRIES, create, create_registry, prompted, refuses
from harness.resolution import (
    OPEN,
    RESOLVE,
    USER,
    chat_with,
    complete,
    effective,
    lineage,
    on,
    patch,
    resolve,
    stacked,
    traced,
)
from harness.upstream import FAKE_KEY, Upstream, chat_config

PROMPT = "/runtime/system_prompt"


def fingerprint(http, profile=None, **body):
    return resolve(http, profile, **body)["fingerprint"]


@pytest.fixture
def two_layers(chat):
    """`leaf` on `shared/base`, with something of everything."""
    create_registry(chat, "shared")
    create(
        chat,
        "base",
        registry="shared",
        runtime={
            "system_prompt": "of the base",
            "tools": ["calculator"],
            "middlewares": [{"name": "prompt-append", "id": "x", "config": {"text": "added"}}],
            **patch(**{"ai-chat": {"ai-engine": "m-1", "ai-temperature": 0}, "openai-chat": {"openai-n": 2}}),
        },
        policy=OPEN,
        extensions={"app.note@v1": {"a": {"b/c": [1]}}},
    )
    stacked(
        chat,
        "leaf",
        "shared/base",
        runtime={"system_prompt": "of the leaf", **patch(**{"ai-chat": {"ai-temperature": 0.5}})},
        policy={**OPEN, "limits": {"ai-chat.ai-temperature": {"max": 1.0}}},
    )
    return chat


# The shape --------------------------------------------------------------------------------------------------------


def test_the_answer_has_the_promised_shape(two_layers, upstream):
    response = two_layers.post(RESOLVE, {"profile": "leaf", "prompt": "hello"})
    document = response.json()
    assert list(document) == [
        "registry",
        "profile",
        "version",
        "runtime_key",
        "fingerprint",
        "effective",
        "lineage",
        "trace",
        "upstream",
    ]
    assert (document["registry"], document["profile"], document["version"]) == ("default", "leaf", 1)
    assert document["runtime_key"] == "default/leaf"
    assert re.fullmatch("sha256:[0-9a-f]{64}", document["fingerprint"])
    assert list(document["effective"]) == [
        "system_prompt",
        "tools",
        "middlewares",
        "step_settings",
        "policy",
        "extensions",
    ]
    assert document["lineage"] == [
        {"registry_slug": "shared", "profile_slug": "base", "version": 1},
        {"registry_slug": "default", "profile_slug": "leaf", "version": 1},
    ]
    assert document["upstream"]["name"] == "fake" and document["upstream"]["api"] == "openai"
    assert document["upstream"]["url"] == upstream.base_url + "/chat/completions"
    assert document["upstream"]["body"]["messages"][-1] == {"role": "user", "content": "hello"}
    assert upstream.calls == [], "it calls nobody"


def test_resolving_calls_nobody_and_answers_without_an_upstream(start):
    gateway = start(
        config={
            "upstreams": {"gone": {"api": "openai", "base_url": "http://127.0.0.1:1/v1"}},
            "default_upstream": "gone",
        }
    )
    assert resolve(gateway.client(), "agent")["upstream"]["name"] == "gone"


def test_it_takes_a_chats_body_strictly(two_layers):
    assert two_layers.post(RESOLVE, {}).json()["profile"] == "default", "even without a prompt"
    document = two_layers.post(RESOLVE, {"text": "x", "registry": "shared", "conv_id": "c", "stream": True}).json()
    assert document["runtime_key"] == "shared/base"
    assert document["upstream"]["body"]["stream"] is True
    refuses(two_layers.post(RESOLVE, {"prompt": "x", "unknown": 1}), 400, "unknown")
    refuses(two_layers.post(RESOLVE, {"profile": "missing"}), 404, "profile not found: missing")
    refuses(two_layers.post(RESOLVE, {"registry": "missing"}), 404, "registry not found")
    assert two_layers.post(RESOLVE, body=b"[]", content_type="application/json").status == 400
    assert two_layers.post(RESOLVE, body=b"{", content_type="application/json").status == 400
    assert two_layers.get(RESOLVE).status == 405


def test_the_selection_is_that_of_a_chat(two_layers):
    assert two_layers.post(RESOLVE + "?profile=leaf", {}).json()["profile"] == "leaf"
    assert two_layers.post(RESOLVE, {}, headers={"X-Profile": "shared/base"}).json()["runtime_key"] == "shared/base"
    document = two_layers.post(RESOLVE, {}, headers={"Cookie": "chat_profile=default/leaf"}).json()
    assert document["profile"] == "leaf"


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("profile", ["default", "agent", "leaf", "fancy"])
def test_the_preview_is_what_the_upstream_then_receives(two_layers, upstream, profile, streaming):
    create(
        two_layers,
        "fancy",
        stack=on("leaf"),
        runtime={
            "system_prompt": "in {{lang}}",
            "variables": {"lang": {"required": True}},
            "middlewares": [{"name": "redact", "config": {"restore": True}}],
        },
    )
    body = {"profile": profile, "prompt": "I am ann@example.com", "stream": streaming}
    if profile != "default":
        body["overrides"] = {"step_settings_patch": {"ai-inference": {"inference-seed": 7}}}
    if profile == "fancy":
        body["variables"] = {"lang": "German"}
    document = two_layers.post(RESOLVE, body).json()
    response = two_layers.post("/chat", body)
    assert response.status == 200, response
    assert document["upstream"]["body"] == upstream.last.json()
    assert document["upstream"]["url"].endswith(upstream.last.target)
    assert document["fingerprint"] == response.headers["X-Runtime-Fingerprint"]
    assert json.dumps(document["upstream"]["body"], indent=1) == json.dumps(upstream.last.json(), indent=1), "in order"


def test_credentials_never_appear(chatting, start, upstream):
    literal = "sk-literal-in-a-file-of-the-origin"
    gateway = start(started=False, config=chat_config(upstream), environment={"FAKE_KEY": FAKE_KEY})
    profiles = {
        "default": {
            "slug": "default",
            "runtime": {"step_settings_patch": {"openai-chat": {"openai-api-key": literal}}},
            "policy": OPEN,
        }
    }
    write_origin_file(gateway.database(), {"default": origin_document(profiles=profiles)})
    http = gateway.start().client()
    response = http.post(RESOLVE, {"prompt": "x"})
    assert response.status == 200 and FAKE_KEY not in response.text and literal not in response.text
    document = response.json()
    assert document["effective"]["step_settings"]["openai-chat"]["openai-api-key"] == "***"
    value, steps = traced(document, "/runtime/step_settings_patch/openai-chat/openai-api-key")
    assert value == "***" and [step[1] for step in steps] == ["***"]
    assert http.post("/chat", {"prompt": "x"}).status == 200
    assert upstream.last.headers["Authorization"] == f"Bearer {literal}", "it still works"


# Selection and precedence (RS) ------------------------------------------------------------------------------------


def test_RS_1_the_default_profile_as_it_was_taken_over(start):
    gateway = start(started=False)
    profiles = {
        "agent": {
            "slug": "agent",
            "runtime": patch(**{"ai-chat": {"ai-engine": "gpt-4.1-mini"}}),
            "policy": {"allow_overrides": False, "read_only": False},
            "metadata": {"version": 3, "source": "db"},
        }
    }
    write_origin_file(gateway.database(), {"default": origin_document(default="agent", profiles=profiles)})
    http = gateway.start().client()
    document = http.post(RESOLVE, {}).json()
    assert (document["registry"], document["profile"], document["version"]) == ("default", "agent", 3)
    assert document["runtime_key"] == "default/agent" and document["fingerprint"]
    assert document["effective"]["step_settings"]["ai-chat"]["ai-engine"] == "gpt-4.1-mini"
    assert http.get(f"{PROFILES}/agent").json()["metadata"]["source"] == "db"


def test_RS_3_without_a_default_the_profile_called_default(start):
    gateway = start(started=False)
    documents = {
        "default": origin_document(default="", profiles=("agent", "default")),
        "team": origin_document("team", default="", profiles=("agent",)),
    }
    write_origin_file(gateway.database(), documents)
    http = gateway.start().client()
    assert http.post(RESOLVE, {}).json()["profile"] == "default"
    response = http.post(RESOLVE, {"registry": "team"})
    assert response.status in (400, 404), response
    assert http.post(RESOLVE, {"registry": "team", "profile": "agent"}).status == 200


def test_RS_5_the_request_wins_over_profile_and_base(start, upstream):
    gateway = start(
        config=chat_config(
            upstream,
            step_settings={"ai-chat": {"ai-engine": "of the house", "ai-temperature": 0.1}},
            agent_modes={"plan": "PLAN", "act": "ACT"},
            tools={name: {"description": name} for name in ("calculator", "search")},
        ),
        environment={"FAKE_KEY": FAKE_KEY},
    )
    http = gateway.client()
    create(
        http,
        "x",
        runtime={
            "system_prompt": "of the profile",
            "middlewares": [{"name": "agentmode", "id": "m", "config": {"default_mode": "plan"}}],
            "tools": ["calculator"],
            **patch(**{"ai-chat": {"ai-engine": "of the profile"}}),
        },
        policy={**OPEN, "allowed_override_keys": ["system_prompt", "middlewares", "tools", "step_settings_patch"]},
    )
    chat_with(http, "x")
    assert upstream.last.system == ["of the profile\n\nPLAN"] and upstream.last.json()["model"] == "of the profile"
    chat_with(
        http,
        "x",
        overrides={
            "system_prompt": "of the request",
            "middlewares": [{"name": "agentmode", "id": "m", "config": {"default_mode": "act"}}],
            "tools": ["search"],
            "step_settings_patch": {"ai-chat": {"ai-engine": "of the request"}},
        },
    )
    sent = upstream.last.json()
    assert upstream.last.system == ["of the request\n\nACT"]
    assert sent["model"] == "of the request" and sent["temperature"] == 0.1
    assert [tool["function"]["name"] for tool in sent["tools"]] == ["search"]


def test_RS_7_allowed_and_denied_keys(http):
    create(
        http,
        "x",
        policy={**OPEN, "allowed_override_keys": ["system_prompt"], "denied_override_keys": ["tools"]},
    )
    refuses(resolve(http, "x", 403, overrides={"tools": []}), 403, 'override key "tools" is denied')
    refuses(resolve(http, "x", 403, overrides={"middlewares": []}), 403, 'override key "middlewares" is not allowed')
    assert effective(http, "x", overrides={"system_prompt": "mine"})["system_prompt"] == "mine"


def test_RS_8_two_spellings_of_one_key(http):
    response = resolve(http, "agent", 400, overrides={"system_prompt": "a", "systemPrompt": "b"})
    refuses(
        response,
        400,
        "duplicate override key after canonicalization",
        param="request_overrides.system_prompt",
    )


def test_RS_11_registries_are_listed_in_order(http):
    create_registry(http, "zeta")
    create_registry(http, "alpha")
    assert [item["slug"] for item in http.get(REGISTRIES).json()] == ["alpha", "default", "zeta"]


# The trace --------------------------------------------------------------------------------------------------------


def test_TR_1_the_trace_names_every_layer(http):
    create(http, "provider", **prompted("of the provider", allow_overrides=False))
    stacked(http, "leaf", "provider", **prompted("of the leaf", allow_overrides=True))
    document = resolve(http, "leaf")
    value, steps = traced(document, PROMPT)
    assert value == "of the leaf"
    assert steps == [("default/provider@1", "of the provider"), ("default/leaf@1", "of the leaf")]
    value, steps = traced(document, "/policy/allow_overrides")
    assert value is False and steps == [("default/provider@1", False), ("default/leaf@1", True)]


def test_TR_3_lineage_and_trace(two_layers):
    document = resolve(two_layers, "leaf")
    assert lineage(document) == ["shared/base", "default/leaf"] and document["trace"]
    paths = [entry["path"] for entry in document["trace"]]
    assert paths == sorted(paths, key=str.encode) and len(set(paths)) == len(paths)
    value, steps = traced(document, "/extensions/app.note@v1/a/b~1c")
    assert value == [1] and steps == [("shared/base@1", [1])]


def test_D36_the_request_is_a_step_of_its_own(two_layers):
    """For all four keys: no layer is named as the source of what the request replaced."""
    document = resolve(
        two_layers,
        "leaf",
        overrides={
            "system_prompt": "of the request",
            "tools": [],
            "middlewares": [],
            "step_settings_patch": {"ai-chat": {"ai-temperature": 0.75}},
        },
    )
    value, steps = traced(document, PROMPT)
    assert value == "of the request" and steps[-1] == ("request", "of the request") and len(steps) == 3
    value, steps = traced(document, "/runtime/tools")
    assert value == [] and steps == [("shared/base@1", ["calculator"]), ("request", [])]
    value, steps = traced(document, "/runtime/step_settings_patch/ai-chat/ai-temperature")
    assert value == 0.75
    assert steps == [("shared/base@1", 0), ("default/leaf@1", 0.5), ("request", 0.75)]
    value, steps = traced(document, "/runtime/middlewares/prompt-append#x")
    assert value is None and steps[-1] == ("request", None)


def test_D36_filled_variables_are_a_step_of_the_request(http):
    create(http, "x", runtime={"system_prompt": "in {{lang}}", "variables": {"lang": {"default": "English"}}})
    value, steps = traced(resolve(http, "x", variables={"lang": "German"}), PROMPT)
    assert value == "in German" and steps == [("default/x@1", "in {{lang}}"), ("request", "in German")]


def test_the_operators_layer_is_in_the_trace(start):
    gateway = start(config={"step_settings": {"ai-chat": {"ai-engine": "of the house", "ai-temperature": 0.5}}})
    http = gateway.client()
    create(http, "x", runtime=patch(**{"ai-chat": {"ai-engine": "of the profile"}}))
    document = resolve(http, "x")
    value, steps = traced(document, "/runtime/step_settings_patch/ai-chat/ai-engine")
    assert value == "of the profile" and steps == [("config", "of the house"), ("default/x@1", "of the profile")]
    value, steps = traced(document, "/runtime/step_settings_patch/ai-chat/ai-temperature")
    assert value == 0.5 and steps == [("config", 0.5)]


def test_the_traces_values_are_the_effective_ones(two_layers):
    document = resolve(two_layers, "leaf", overrides={"step_settings_patch": {"ai-inference": {"inference-seed": 1}}})
    runtime = document["effective"]
    assert traced(document, PROMPT)[0] == runtime["system_prompt"]
    assert traced(document, "/runtime/tools")[0] == runtime["tools"]
    for section, fields in runtime["step_settings"].items():
        for field, value in fields.items():
            assert traced(document, f"/runtime/step_settings_patch/{section}/{field}")[0] == value
    for entry in document["trace"]:
        last = entry["steps"][-1]["value"]
        if entry["path"].startswith(("/runtime/step", "/runtime/tools", PROMPT)):
            assert entry["value"] == last


def test_MX_8_equal_inputs_give_equal_bytes(two_layers):
    """And the history of a value is in the order of precedence."""
    body = {
        "profile": "leaf",
        "prompt": "x",
        "overrides": {"step_settings_patch": {"ai-chat": {"ai-temperature": "0.75"}}},
    }
    first = two_layers.post(RESOLVE, body)
    assert [two_layers.post(RESOLVE, body).body for _ in range(3)] == [first.body] * 3
    value, steps = traced(first.json(), "/runtime/step_settings_patch/ai-chat/ai-temperature")
    assert value == 0.75 and [layer for layer, _ in steps] == ["shared/base@1", "default/leaf@1", "request"]


def test_MX_7_layers_of_an_integer(start):
    """A text that says a number counts as one, the highest layer wins, and what is no number names its place."""
    field = ("ai-chat", "ai-max-response-tokens")
    http = start(config={"step_settings": {"ai-chat": {"ai-max-response-tokens": 2}}}).client()
    create(http, "x", runtime=patch(**{"ai-chat": {"ai-max-response-tokens": "5"}}), policy=OPEN)

    def value(**body):
        return effective(http, "x", **body)["step_settings"][field[0]][field[1]]

    assert effective(http, "default")["step_settings"]["ai-chat"]["ai-max-response-tokens"] == 2
    assert value() == 5
    assert value(overrides={"step_settings_patch": {"ai-chat": {"ai-max-response-tokens": 7}}}) == 7
    assert value(overrides={"step_settings_patch": {"ai-chat": {"ai-max-response-tokens": "7"}}}) == 7
    response = resolve(
        http, "x", 400, overrides={"step_settings_patch": {"ai-chat": {"ai-max-response-tokens": "abc"}}}
    )
    refuses(
        response,
        400,
        "must be an integer",
        param="request_overrides.step_settings_patch.ai-chat.ai-max-response-tokens",
    )
    response = create(http, "y", 400, runtime={"middlewares": [{"name": "prompt-append"}]})
    refuses(response, 400, 'missing required field "text"', param="runtime.middlewares[0].config")


# Fingerprints -----------------------------------------------------------------------------------------------------


def test_FP_1_a_change_anywhere_below_changes_the_fingerprint(http):
    create(http, "provider", **prompted("p"))
    stacked(http, "model", "provider")
    stacked(http, "leaf", "model")
    seen = {fingerprint(http, "leaf")}
    http.patch(f"{PROFILES}/provider", {"display_name": "only the version changes"})
    seen.add(fingerprint(http, "leaf"))
    http.patch(f"{PROFILES}/model", {"policy": {"allow_overrides": True}})
    seen.add(fingerprint(http, "leaf"))
    http.patch(f"{PROFILES}/leaf", {"stack": on("provider", "model")})
    seen.add(fingerprint(http, "leaf"))
    assert len(seen) == 4


def test_FP_1_the_order_of_layers_counts(http):
    create(http, "a")
    create(http, "b")
    stacked(http, "leaf", "a", "b")
    one = fingerprint(http, "leaf")
    http.delete(f"{PROFILES}/leaf")
    stacked(http, "leaf", "b", "a")
    assert fingerprint(http, "leaf") != one


def test_FP_3_overrides_change_the_fingerprint(http):
    overrides = [
        {},
        {"system_prompt": "a"},
        {"system_prompt": "b"},
        {"tools": []},
        {"tools": ["x"]},
        {"middlewares": []},
        {"step_settings_patch": {"ai-chat": {"ai-temperature": 0}}},
        {"step_settings_patch": {"ai-chat": {"ai-temperature": 1}}},
    ]
    seen = [fingerprint(http, "agent", overrides=o) for o in overrides]
    assert len(set(seen)) == len(overrides)
    assert seen[0] == fingerprint(http, "agent"), "no overrides and empty ones are the same"


def test_FP_4_equal_resolutions_have_equal_fingerprints(fresh):
    http = fresh.client()
    before = fingerprint(http, "agent", overrides={"tools": []})
    assert fingerprint(http, "agent", overrides={"tools": []}, prompt="another prompt", conv_id="c") == before
    http.patch(f"{PROFILES}/default", {"display_name": "another profile"})
    assert fingerprint(http, "agent", overrides={"tools": []}) == before
    fresh.restart()
    assert fingerprint(http, "agent", overrides={"tools": []}) == before


def test_fingerprints_do_not_depend_on_the_tenant(start):
    gateway = start(config={"tenants": {"acme": {}, "beta": {}}})
    seen = {fingerprint(gateway.client(tenant), "agent") for tenant in ("acme", "beta", None)}
    assert len(seen) == 1


def test_D28_registries_and_upstreams_are_part_of_the_runtime(start, upstream):
    """One slug and version in two registries that differ only in their upstream: one conversation switches."""
    other = Upstream()
    try:
        config = chat_config(upstream)
        config["upstreams"]["other"] = {"api": "openai", "base_url": other.base_url}
        http = start(config=config, environment={"FAKE_KEY": FAKE_KEY}).client()
        create_registry(http, "team")
        create(http, "x", **prompted("p"))
        create(http, "x", registry="team", runtime={"system_prompt": "p", **patch(gateway={"upstream": "other"})})
        one = chat_with(http, "x", conv_id="c-1")
        two = chat_with(http, "x", conv_id="c-1", registry="team")
        assert (one["runtime_key"], two["runtime_key"]) == ("default/x", "team/x")
        assert (one["upstream"], two["upstream"]) == ("fake", "other")
        assert one["runtime_fingerprint"] != two["runtime_fingerprint"]
        assert (len(upstream.calls), len(other.calls)) == (1, 1)
        assert "Authorization" not in other.last.headers, "a key goes only where it belongs"
    finally:
        other.close()


def test_D28_the_upstream_alone_changes_the_fingerprint(start, upstream):
    http = start(config=chat_config(upstream), environment={"FAKE_KEY": FAKE_KEY}).client()
    create(http, "x", runtime=patch(gateway={"upstream": "fake"}))
    one = fingerprint(http, "x")
    http.delete(f"{PROFILES}/x")
    create(http, "x", runtime=patch(gateway={"upstream": "echo"}))
    assert fingerprint(http, "x") != one


def test_sampling_fields_of_the_client_change_the_fingerprint(chat):
    def seen(**body):
        return complete(chat, "agent", **body).headers["X-Runtime-Fingerprint"]

    plain = seen()
    assert plain == seen(messages=USER + USER) == seen(user="someone")
    assert len({plain, seen(temperature=0), seen(temperature=1), seen(stop=["x"])}) == 4


def test_the_current_version_by_its_number(chat, upstream):
    """The layers under it are live."""
    create(chat, "base", **prompted("base 1"))
    stacked(chat, "leaf", "base", runtime=patch(**{"ai-chat": {"ai-engine": "m-1"}}))
    chat.patch(f"{PROFILES}/base", {"runtime": {"system_prompt": "base 2"}})
    response = chat.post("/v1/chat/completions", {"model": "leaf@1", "messages": USER})
    assert response.status == 200 and response.headers["X-Profile-Version"] == "1"
    assert upstream.last.system == ["base 2"] and upstream.last.json()["model"] == "m-1"


def test_no_overrides_are_as_good_as_empty_ones(two_layers):
    bodies = [two_layers.post(RESOLVE, body) for body in ({}, {"overrides": {}}, {"overrides": None})]
    assert {response.status for response in bodies} == {200}
    assert len({response.text for response in bodies}) == 1
