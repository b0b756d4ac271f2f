"""Request overrides under a policy (origin §4.3, gateway.md §7 and §8): keys, then policy, then types, then limits."""

import json

import pytest

from harness.profiles import PROFILES, create, refuses
from harness.resolution import (
    COMPLETIONS,
    OPEN,
    RESOLVE,
    USER,
    chat_with,
    complete,
    effective,
    on,
    patch,
    resolve,
    stacked,
)

ROOT = "request_overrides"


@pytest.fixture(scope="module")
def opened(lasting_gateway):
    """A profile that allows everything, on the gateway of this file."""
    if not lasting_gateway.alive:
        lasting_gateway.start()
    http = lasting_gateway.client()
    create(http, "open", policy=OPEN, runtime={"system_prompt": "of the profile"})
    create(http, "locked", policy={"allow_overrides": False})
    create(http, "narrow", policy={**OPEN, "allowed_override_keys": ["tools"], "denied_override_keys": ["middlewares"]})
    return http


def bounded(http, slug="bounded", **limits):
    """A profile whose policy has these limits, keys spelled with `_` for `.`."""
    return create(http, slug, policy={**OPEN, "limits": limits})


# Keys and types ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "overrides, param, phrase",
    [
        ({"": 1}, ROOT, "override keys must not be empty"),
        ({"  ": 1}, ROOT, "override keys must not be empty"),
        ({"tools": [], "Tools": []}, f"{ROOT}.tools", "duplicate override key after canonicalization"),
        ({"tools": [], "TOOLS": []}, f"{ROOT}.tools", "duplicate override key after canonicalization"),
        ({"system-prompt": "", "systemPrompt": ""}, f"{ROOT}.system_prompt", "duplicate override key"),
        ({" tools ": [], "tools": []}, f"{ROOT}.tools", "duplicate override key"),
        ({"unknown": 1}, f"{ROOT}.unknown", "unsupported override key"),
        ({"step_mode": True}, f"{ROOT}.step_mode", "unsupported override key"),
        ({"System_Prompt": "x", "unknown": 1}, f"{ROOT}.unknown", "unsupported override key"),
        ({"tоols": []}, f"{ROOT}.tоols", "unsupported override key"),
        ({"system_prompt": 5}, f"{ROOT}.system_prompt", "must be a string"),
        ({"system_prompt": None}, f"{ROOT}.system_prompt", "must be a string"),
        ({"middlewares": {}}, f"{ROOT}.middlewares", "must be an array"),
        ({"middlewares": None}, f"{ROOT}.middlewares", "must be an array"),
        ({"middlewares": ["x"]}, f"{ROOT}.middlewares[0]", "must be an object"),
        ({"middlewares": [{"name": "agentmode"}, 5]}, f"{ROOT}.middlewares[1]", "must be an object"),
        ({"middlewares": [{}]}, f"{ROOT}.middlewares[0].name", "must not be empty"),
        ({"middlewares": [{"name": "  "}]}, f"{ROOT}.middlewares[0].name", "must not be empty"),
        ({"middlewares": [{"name": "agentmode", "id": " "}]}, f"{ROOT}.middlewares[0].id", "must not be empty"),
        ({"middlewares": [{"name": "agentmode", "id": 5}]}, f"{ROOT}.middlewares[0].id", "must not be empty"),
        (
            {"middlewares": [{"name": "agentmode", "enabled": "yes"}]},
            f"{ROOT}.middlewares[0].enabled",
            "must be a boolean",
        ),
        (
            {"middlewares": [{"name": "agentmode", "id": "x"}, {"name": "redact", "id": "x"}]},
            f"{ROOT}.middlewares[1].id",
            "duplicate middleware instance id",
        ),
        ({"middlewares": [{"name": "nobody"}]}, f"{ROOT}.middlewares[0].name", 'unknown middleware "nobody"'),
        (
            {"middlewares": [{"name": "prompt-append", "config": {"text": ""}}]},
            f"{ROOT}.middlewares[0].config",
            "text",
        ),
        ({"middlewares": [{"name": "prompt-append"}]}, f"{ROOT}.middlewares[0].config", "text"),
        (
            {"Middlewares": [{"name": "agentmode"}, {"name": "prompt-append"}]},
            f"{ROOT}.middlewares[1].config",
            "text",
        ),
        ({"middlewares": [{"name": "agentmode", "config": []}]}, f"{ROOT}.middlewares[0].config", "must be an object"),
        ({"middlewares": [{"name": "agentmode", "more": 1}]}, f"{ROOT}.middlewares[0].more", "unknown field"),
        ({"tools": "x"}, f"{ROOT}.tools", "must be an array"),
        ({"tools": None}, f"{ROOT}.tools", "must be an array"),
        ({"tools": ["x", 5]}, f"{ROOT}.tools[1]", "must be a string"),
        ({"tools": [" "]}, f"{ROOT}.tools[0]", "must not be empty"),
        ({"step_settings_patch": []}, f"{ROOT}.step_settings_patch", "must be an object"),
        ({"step_settings_patch": None}, f"{ROOT}.step_settings_patch", "must be an object"),
        ({"step_settings_patch": {"ai-chat": 5}}, f"{ROOT}.step_settings_patch.ai-chat", "must be an object"),
        ({"step_settings_patch": {"ai-chat": None}}, f"{ROOT}.step_settings_patch.ai-chat", "must be an object"),
        ({"step_settings_patch": {"ai-chat": {}, " ai-chat ": {}}}, f"{ROOT}.step_settings_patch.ai-chat", "twice"),
        ({"step_settings_patch": {"nobody": {"x": 1}}}, f"{ROOT}.step_settings_patch.nobody", "unknown section"),
        (
            {"step_settings_patch": {"ai-chat": {"nothing": 1}}},
            f"{ROOT}.step_settings_patch.ai-chat.nothing",
            "unknown setting",
        ),
        (
            {"step_settings_patch": {"ai-chat": {"ai-temperature": "hot"}}},
            f"{ROOT}.step_settings_patch.ai-chat.ai-temperature",
            "must be a number",
        ),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_D27_malformed_overrides_are_400_with_their_path(lasting, opened, overrides, param, phrase):
    """On every route alike: nothing passes silently, nothing becomes a 500."""
    refuses(resolve(lasting, "open", 400, overrides=overrides), 400, phrase, param=param)
    refuses(chat_with(lasting, "open", expect=400, overrides=overrides), 400, phrase, param=param)
    refuses(complete(lasting, "open", 400, overrides=overrides), 400, phrase, param=param)


@pytest.mark.parametrize(
    "key", ["system_prompt", "systemPrompt", "system-prompt", "System-Prompt", "SYSTEM_PROMPT", " SystemPrompt "]
)
def test_every_spelling_of_a_key_is_the_key(lasting, opened, key):
    assert effective(lasting, "open", overrides={key: "mine"})["system_prompt"] == "mine"


@pytest.mark.parametrize("alias", ["overrides", "request_overrides"])
def test_both_names_of_the_field(lasting, opened, alias):
    body = {"profile": "open", alias: {"system_prompt": "mine"}}
    assert lasting.post(RESOLVE, body).json()["effective"]["system_prompt"] == "mine"
    response = lasting.post(RESOLVE, {**body, "overrides": {"tools": []}, "request_overrides": {"tools": ["x"]}})
    assert response.status == 400, response


def test_a_duplicate_key_of_the_body_is_400(lasting, opened):
    body = b'{"profile":"open","overrides":{"tools":[],"\\u0074ools":[]}}'
    assert lasting.post(RESOLVE, body=body, content_type="application/json").status == 400


def test_overrides_can_clear(chat, upstream):
    create(
        chat,
        "x",
        policy=OPEN,
        runtime={
            "system_prompt": "p",
            "middlewares": [{"name": "prompt-append", "config": {"text": "added"}}],
            **patch(**{"ai-chat": {"ai-temperature": 0.5, "ai-engine": "m"}}),
        },
    )
    chat_with(
        chat,
        "x",
        overrides={
            "system_prompt": "",
            "middlewares": [],
            "step_settings_patch": {"ai-chat": {"ai-temperature": None}},
        },
    )
    assert upstream.last.system == [] and "temperature" not in upstream.last.json()
    assert upstream.last.json()["model"] == "m"


def test_overridden_middlewares_replace_the_list(chat, upstream):
    """A use the request does not configure keeps the profile's configuration."""
    create(
        chat,
        "x",
        policy=OPEN,
        runtime={
            "system_prompt": "p",
            "middlewares": [
                {"name": "prompt-append", "id": "one", "config": {"text": "ONE"}},
                {"name": "prompt-append", "id": "two", "config": {"text": "TWO"}},
            ],
        },
    )
    chat_with(chat, "x", overrides={"middlewares": [{"name": "prompt-append", "id": "two"}]})
    assert upstream.last.system == ["p\n\nTWO"]
    chat_with(chat, "x", overrides={"middlewares": [{"name": "prompt-append", "id": "two", "config": {"text": "2"}}]})
    assert upstream.last.system == ["p\n\n2"]
    chat_with(chat, "x", overrides={"middlewares": [{"name": "prompt-append", "id": "one", "enabled": False}]})
    assert upstream.last.system == ["p"]
    refuses(
        chat_with(chat, "x", expect=400, overrides={"middlewares": [{"name": "prompt-append", "id": "new"}]}),
        400,
        "text",
    )


# The policy comes before types ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "overrides", [{"tools": 5}, {"unknown": 1}, {"step_mode": True}, {"system_prompt": "x"}], ids=str
)
def test_a_locked_profile_refuses_before_it_looks_at_types(lasting, opened, overrides):
    for response in (
        resolve(lasting, "locked", 403, overrides=overrides),
        chat_with(lasting, "locked", expect=403, overrides=overrides),
        complete(lasting, "locked", 403, overrides=overrides),
    ):
        refuses(
            response, 403, 'policy violation for profile "locked"', "request overrides are disabled for this profile"
        )
        assert response.error["code"] == "policy_violation" and response.error["type"] == "permission_error"
        assert response.error["param"] == f"{ROOT}.{next(iter(overrides))}"


def test_keys_come_before_the_policy(lasting, opened):
    refuses(resolve(lasting, "locked", 400, overrides={"": 1}), 400, "override keys must not be empty")
    refuses(resolve(lasting, "locked", 400, overrides={"tools": 1, "TOOLS": 1}), 400, "duplicate override key")


def test_lists_come_before_types(lasting, opened):
    refuses(resolve(lasting, "narrow", 403, overrides={"middlewares": 5}), 403, 'override key "middlewares" is denied')
    refuses(resolve(lasting, "narrow", 403, overrides={"unknown": 5}), 403, 'override key "unknown" is not allowed')
    refuses(resolve(lasting, "narrow", 400, overrides={"tools": 5}), 400, "must be an array")
    refuses(resolve(lasting, "narrow", 403, overrides={"tools": 5, "systemPrompt": "x"}), 403, '"system_prompt" is not')


@pytest.mark.parametrize("spelling", ["TOOLS", "tools", "Tools", " tools ", "tOOLS"])
def test_D29_a_list_in_any_spelling_is_enforced(http, spelling):
    """The origin turned TOOLS into t_o_o_l_s, so that a deny rule in capitals never matched."""
    create(http, "x", expect=201 if spelling != "tOOLS" else 400, policy={**OPEN, "denied_override_keys": [spelling]})
    if spelling != "tOOLS":
        for key in ("tools", "TOOLS", "Tools"):
            refuses(resolve(http, "x", 403, overrides={key: []}), 403, 'override key "tools" is denied')


def test_D29_one_key_in_both_lists_in_two_spellings(http):
    policy = {**OPEN, "allowed_override_keys": ["systemPrompt"], "denied_override_keys": ["system_prompt"]}
    refuses(
        create(http, "x", 400, policy=policy), 400, "appears in both allow and deny lists", param="policy.override_keys"
    )


@pytest.mark.parametrize("list_name", ["allowed_override_keys", "denied_override_keys"])
def test_D29_unknown_names_in_the_lists_are_400(lasting, list_name):
    response = create(lasting, "x", 400, policy={**OPEN, list_name: ["tools", "t_o_o_l_s"]})
    refuses(response, 400, 'unknown override key "t_o_o_l_s"', param=f"policy.{list_name}[1]")


def test_D27_the_lists_are_consulted_on_every_chat_route(chat, upstream):
    create(chat, "x", policy={**OPEN, "allowed_override_keys": ["tools"]})
    for target, body in (
        ("/chat/x", {"prompt": "x"}),
        ("/api/chat/x", {"prompt": "x"}),
        ("/chat", {"prompt": "x", "profile": "x"}),
        (COMPLETIONS, {"model": "x", "messages": USER}),
        (RESOLVE, {"profile": "x"}),
    ):
        response = chat.post(target, {**body, "overrides": {"systemPrompt": "mine"}})
        refuses(response, 403, 'override key "system_prompt" is not allowed', param=f"{ROOT}.system_prompt")
    assert upstream.calls == []


# What no request can touch ----------------------------------------------------------------------------------------

UNTOUCHABLE = [
    ("gateway", "upstream", "echo"),
    ("gateway", "fallback-upstreams", []),
    ("gateway", "max-retries", 0),
    ("gateway", "timeout-ms", 1),
    ("gateway", "first-byte-timeout-ms", 1),
    ("gateway", "context-tokens", 1),
    ("gateway", "unheard-of", 1),
    ("openai-chat", "openai-base-url", "http://127.0.0.1:1/v1"),
    ("openai-chat", "openai-api-key", "secret:other"),
    ("openai-chat", "OpenAI_API_Key", "sk-mine"),
    ("openai-chat", " openai-api-key ", "sk-mine"),
    ("claude-chat", "claude-base-url", None),
    ("claude-chat", "claude-api-key", None),
    ("gemini-chat", "gemini-base-url", ""),
    ("gemini-chat", "gemini-api-key", ""),
    ("anything", "vendor-base-url", "http://evil.example"),
    ("anything", "vendor-api-key", "x"),
]


@pytest.mark.parametrize("section, field, value", UNTOUCHABLE)
def test_D24_a_request_never_moves_a_chat_elsewhere(lasting, opened, section, field, value):
    """Whatever the policy says."""
    overrides = {"step_settings_patch": {section: {field: value}}}
    for response in (
        resolve(lasting, "open", 403, overrides=overrides),
        chat_with(lasting, "open", expect=403, overrides=overrides),
        complete(lasting, "open", 403, overrides=overrides),
    ):
        refuses(response, 403, "can never be overridden by a request")
        assert response.error["code"] == "policy_violation"


def test_a_blank_around_the_section_does_not_help(lasting, opened):
    overrides = {"step_settings_patch": {" gateway ": {"upstream": "echo"}}}
    refuses(resolve(lasting, "open", 403, overrides=overrides), 403, "can never be overridden")


def test_an_allow_list_does_not_open_them(lasting):
    create(lasting, "listed", policy={**OPEN, "allowed_override_keys": ["step_settings_patch"]})
    overrides = {"step_settings_patch": {"gateway": {"timeout-ms": 1}}}
    refuses(resolve(lasting, "listed", 403, overrides=overrides), 403, "can never be overridden")


# Limits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "limit, section, field, value, phrases",
    [
        ({"max": 1.0}, "ai-chat", "ai-temperature", 1.5, ("1.5", "above the maximum 1.0")),
        ({"max": 1.0}, "ai-chat", "ai-temperature", 1, None),
        ({"max": 1.0}, "ai-chat", "ai-temperature", "1.5", ("1.5", "above the maximum 1.0")),
        ({"min": 0.2}, "ai-chat", "ai-temperature", 0, ("= 0 ", "below the minimum 0.2")),
        ({"min": 0.2}, "ai-chat", "ai-temperature", 0.2, None),
        ({"min": 0.2}, "ai-chat", "ai-temperature", None, ("is bounded and cannot be removed",)),
        ({"max": 100}, "ai-chat", "ai-max-response-tokens", 101, ("101", "above the maximum 100")),
        ({"max": 100}, "ai-chat", "ai-max-response-tokens", "1e3", ("1000", "above the maximum 100")),
        ({"max": 100}, "ai-chat", "ai-max-response-tokens", 100, None),
        ({"enum": ["m-1", "m-2"]}, "ai-chat", "ai-engine", "m-3", ('"m-3"', '"m-1", "m-2"')),
        ({"enum": ["m-1", "m-2"]}, "ai-chat", "ai-engine", "m-2", None),
        ({"enum": [0, 1]}, "ai-chat", "ai-temperature", 0.5, ("0.5", "not among the allowed values 0, 1")),
        ({"enum": [0, 1]}, "ai-chat", "ai-temperature", 1.0, None),
    ],
    ids=str,
)
def test_bounded_overrides(http, limit, section, field, value, phrases):
    """A violation is 403 naming key, value and bound."""
    create(http, "x", policy={**OPEN, "limits": {f"{section}.{field}": limit}})
    body = {"profile": "x", "overrides": {"step_settings_patch": {section: {field: value}}}}
    response = http.post(RESOLVE, body)
    if phrases is None:
        assert response.status == 200, response
        return
    refuses(response, 403, f'"{section}.{field}"', *phrases, param=f"{ROOT}.step_settings_patch.{section}.{field}")
    assert response.error["code"] == "policy_violation"


def test_a_bound_holds_for_every_setting_that_means_the_same(http):
    """`ai-inference` values override those of `ai-chat`: a bound on one would be none if it did not hold for both."""
    create(http, "x", policy={**OPEN, "limits": {"ai-chat.ai-temperature": {"max": 1}}})
    overrides = {"step_settings_patch": {"ai-inference": {"inference-temperature": 2}}}
    refuses(resolve(http, "x", 403, overrides=overrides), 403, '"ai-inference.inference-temperature" = 2', "maximum 1")


def test_a_profile_may_itself_be_outside_its_limits(http):
    """Limits bound requests; what the author wrote stands."""
    create(
        http,
        "x",
        policy={**OPEN, "limits": {"ai-chat.ai-temperature": {"max": 0.5}}},
        runtime=patch(**{"ai-chat": {"ai-temperature": 0.9}}),
    )
    assert effective(http, "x", overrides={"tools": []})["step_settings"]["ai-chat"]["ai-temperature"] == 0.9


@pytest.mark.parametrize(
    "limits, param",
    [
        ({"ai-chat.nothing": {"max": 1}}, "policy.limits[ai-chat.nothing]"),
        ({"ai-temperature": {"max": 1}}, "policy.limits[ai-temperature]"),
        ({"gateway.timeout-ms": {"max": 1}}, "policy.limits[gateway.timeout-ms]"),
        ({"openai-chat.openai-api-key": {"enum": []}}, "policy.limits[openai-chat.openai-api-key]"),
        ({"ai-chat.ai-engine": {"max": 1}}, "policy.limits[ai-chat.ai-engine]"),
        ({"ai-chat.ai-temperature": {"max": "1"}}, "policy.limits[ai-chat.ai-temperature].max"),
        ({"ai-chat.ai-temperature": {"min": 2, "max": 1}}, "policy.limits[ai-chat.ai-temperature]"),
        ({"ai-chat.ai-temperature": {"enum": ["hot"]}}, "policy.limits[ai-chat.ai-temperature].enum[0]"),
        ({"ai-chat.ai-temperature": {"maximum": 1}}, "policy.limits[ai-chat.ai-temperature].maximum"),
        ({"ai-chat.ai-temperature": 5}, "policy.limits[ai-chat.ai-temperature]"),
        ([], "policy.limits"),
    ],
    ids=str,
)
def test_limits_are_judged_when_written(lasting, limits, param):
    assert create(lasting, "x", 400, policy={**OPEN, "limits": limits}).error["param"] == param


def test_limits_read_back_as_written(http):
    limits = {"ai-chat.ai-engine": {"enum": ["m-1"]}, "ai-chat.ai-temperature": {"min": 0, "max": 1.50}}
    body = json.dumps({"slug": "x", "policy": {**OPEN, "limits": limits}}).replace("1.5", "1.50").encode()
    response = http.post(PROFILES, body=body, content_type="application/json")
    assert response.status == 201 and '"max":1.50' in response.text
    assert response.json()["policy"]["limits"] == limits


# The client's own sampling fields on /v1 --------------------------------------------------------------------------

SAMPLING = {
    "temperature": 0.5,
    "top_p": 0.5,
    "max_tokens": 10,
    "max_completion_tokens": 10,
    "n": 1,
    "seed": 7,
    "stop": ["x"],
    "presence_penalty": 0.5,
    "frequency_penalty": 0.5,
    "logit_bias": {"1": 2},
    "reasoning_effort": "low",
}


@pytest.mark.parametrize("field", SAMPLING)
def test_a_refused_sampling_field_is_403(chat, upstream, field):
    create(chat, "x", policy={"allow_overrides": False})
    response = refuses(complete(chat, "x", 403, **{field: SAMPLING[field]}), 403, "policy violation", param=field)
    assert response.error["code"] == "policy_violation" and upstream.calls == []


def test_a_refused_sampling_field_is_dropped_by_on_denied_ignore(chat, upstream):
    create(
        chat,
        "x",
        policy={"allow_overrides": False, "on_denied": "ignore"},
        runtime=patch(**{"ai-chat": {"ai-temperature": 0.25}}),
    )
    response = complete(chat, "x", **SAMPLING)
    ignored = {name.strip() for name in response.headers["X-Overrides-Ignored"].split(",")}
    assert ignored == set(SAMPLING)
    sent = upstream.last.json()
    assert sent["temperature"] == 0.25, "the profile's own"
    assert not (set(SAMPLING) - {"temperature"}) & set(sent)
    plain = complete(chat, "x")
    assert "X-Overrides-Ignored" not in plain.headers
    assert plain.headers["X-Runtime-Fingerprint"] == response.headers["X-Runtime-Fingerprint"]


def test_ignored_fields_are_told_on_a_stream_too(chat, upstream):
    create(chat, "x", policy={"allow_overrides": False, "on_denied": "ignore"})
    with chat.stream(
        "POST", COMPLETIONS, json={"model": "x", "messages": USER, "stream": True, "temperature": 1}
    ) as answer:
        list(answer.events())
    assert answer.headers["X-Overrides-Ignored"] == "temperature" and "temperature" not in upstream.last.json()


def test_bootstrapped_profiles_ignore(chat, upstream):
    """So that an OpenAI client works as it is."""
    for model in ("default", "default/default"):
        response = complete(chat, model, temperature=0.5)
        assert response.headers["X-Overrides-Ignored"] == "temperature"
        assert "temperature" not in upstream.last.json()


def test_explicit_overrides_are_judged_strictly_even_there(chat):
    create(chat, "x", policy={"allow_overrides": False, "on_denied": "ignore"})
    refuses(complete(chat, "x", 403, overrides={"tools": []}), 403, "request overrides are disabled")


def test_allowed_sampling_fields_go_up_as_they_came(chat, upstream):
    create(chat, "x", policy=OPEN, runtime=patch(**{"ai-chat": {"ai-temperature": 0.9, "ai-max-response-tokens": 50}}))
    body = '{"model":"x","messages":[],"temperature":0.50,"max_tokens":7,"seed":1,"stop":"END"}'
    assert chat.post(COMPLETIONS, body=body, content_type="application/json").status == 200
    assert b'"temperature":0.50' in upstream.last.body
    sent = upstream.last.json()
    assert (sent["max_tokens"], sent["seed"], sent["stop"]) == (7, 1, "END")
    assert upstream.last.body.count(b"max_tokens") == 1


def test_both_spellings_of_the_token_limit_are_one_setting(chat, upstream):
    create(chat, "x", policy=OPEN, runtime=patch(**{"ai-chat": {"ai-max-response-tokens": 50}}))
    complete(chat, "x", max_completion_tokens=7)
    assert upstream.last.json().get("max_completion_tokens") == 7 and "max_tokens" not in upstream.last.json()


@pytest.mark.parametrize(
    "field, value, phrase",
    [
        ("temperature", 1.5, "above the maximum 1"),
        ("temperature", "1.5", "above the maximum 1"),
        ("temperature", [1], "no number"),
        ("max_tokens", 11, "above the maximum 10"),
        ("max_completion_tokens", 11, "above the maximum 10"),
        ("n", 2, "above the maximum 1"),
        ("seed", 5, "allowed values 7"),
    ],
)
@pytest.mark.parametrize("action", ["reject", "ignore"])
def test_limits_bound_the_clients_sampling_fields(chat, upstream, field, value, phrase, action):
    create(
        chat,
        "x",
        policy={
            **OPEN,
            "on_denied": action,
            "limits": {
                "ai-chat.ai-temperature": {"max": 1},
                "ai-chat.ai-max-response-tokens": {"max": 10},
                "openai-chat.openai-n": {"max": 1},
                "ai-inference.inference-seed": {"enum": [7]},
            },
        },
    )
    if action == "reject":
        refuses(complete(chat, "x", 403, **{field: value}), 403, phrase, param=field)
        assert upstream.calls == []
    else:
        response = complete(chat, "x", **{field: value, "top_p": 0.5})
        assert response.headers["X-Overrides-Ignored"] == field
        assert field not in upstream.last.json() and upstream.last.json()["top_p"] == 0.5


def test_the_second_spelling_of_a_limit_cannot_smuggle_a_value(chat, upstream):
    """`max_tokens` within its bound and `max_completion_tokens` beyond it."""
    create(chat, "x", policy={**OPEN, "limits": {"ai-chat.ai-max-response-tokens": {"max": 10}}})
    refuses(complete(chat, "x", 403, max_tokens=5, max_completion_tokens=50), 403, "above the maximum 10")
    refuses(complete(chat, "x", 403, max_tokens=50, max_completion_tokens=5), 403, "above the maximum 10")


def test_an_escaped_member_name_cannot_smuggle_a_value(chat, upstream):
    create(chat, "x", policy={**OPEN, "limits": {"ai-chat.ai-temperature": {"max": 1}}})
    body = '{"model":"x","messages":[],"\\u0074emperature":2}'
    refuses(chat.post(COMPLETIONS, body=body, content_type="application/json"), 403, "above the maximum 1")
    assert upstream.calls == []


def test_null_sampling_fields_are_as_good_as_absent(chat, upstream):
    create(chat, "x", policy={"allow_overrides": False}, runtime=patch(**{"ai-chat": {"ai-temperature": 0.25}}))
    assert "X-Overrides-Ignored" not in complete(chat, "x", temperature=None, stop=None).headers
    assert upstream.last.json()["temperature"] == 0.25


@pytest.mark.parametrize("key", ["step_settings_patch", "stepSettingsPatch"])
@pytest.mark.parametrize(
    "section, field",
    [("ai-inference", "inference-temperature"), ("ai-chat", "ai-temperature"), (" ai-chat ", "ai-temperature")],
)
def test_an_explicit_override_means_more_than_a_sampling_field(chat, upstream, key, section, field):
    """One value, and the one that the fingerprint knows."""
    create(chat, "x", policy=OPEN)
    response = complete(chat, "x", overrides={key: {section: {field: 0.1}}}, temperature=0.9)
    assert upstream.last.json()["temperature"] == 0.1
    resolved = resolve(chat, "x", overrides={key: {section: {field: 0.1}}})
    assert response.headers["X-Runtime-Fingerprint"] == resolved["fingerprint"]
    assert "X-Overrides-Ignored" not in response.headers


@pytest.mark.parametrize("key", ["step_settings_patch", "stepSettingsPatch", "Step-Settings-Patch"])
def test_overrides_and_sampling_fields_together(chat, upstream, key):
    create(chat, "x", policy=OPEN)
    complete(chat, "x", overrides={key: {" ai-inference ": {"inference-seed": 7}}}, temperature=0.9, top_p=0.5)
    sent = upstream.last.json()
    assert (sent["seed"], sent["temperature"], sent["top_p"]) == (7, 0.9, 0.5)


def test_an_override_that_removes_a_setting_beats_the_field(chat, upstream):
    create(chat, "x", policy=OPEN, runtime=patch(**{"ai-inference": {"inference-temperature": 0.3}}))
    complete(
        chat, "x", overrides={"step_settings_patch": {"ai-inference": {"inference-temperature": None}}}, temperature=1
    )
    assert "temperature" not in upstream.last.json()


def test_on_denied_is_one_of_two(lasting):
    refuses(create(lasting, "x", 400, policy={"on_denied": "warn"}), 400, "reject", param="policy.on_denied")


def test_pass_unknown_false_lets_no_unknown_member_through(chat, upstream):
    create(chat, "x", policy={**OPEN, "pass_unknown": False})
    refuses(complete(chat, "x", 400, vendor_field=1), 400, "vendor_field", param="vendor_field")
    assert upstream.calls == []
    complete(chat, "x", user="someone", metadata={"a": "b"})
    create(chat, "open", policy=OPEN)
    complete(chat, "open", vendor_field=1)
    assert upstream.last.json()["vendor_field"] == 1


def test_pass_unknown_narrows_over_a_stack(chat):
    create(chat, "base", policy={"pass_unknown": False})
    stacked(chat, "leaf", "base", policy={"pass_unknown": True})
    complete(chat, "leaf", 400, vendor_field=1)


# Large and odd ----------------------------------------------------------------------------------------------------


def test_overrides_of_a_megabyte(chat, upstream):
    """Within the chat's bound they are only text; a key or a value of that size in an error is cut short."""
    create(chat, "x", policy=OPEN)
    prompt = "p" * (1 << 20)
    chat_with(chat, "x", overrides={"system_prompt": prompt})
    assert upstream.last.system == [prompt]
    response = chat_with(chat, "x", expect=400, overrides={"k" * (1 << 20): 1})
    assert len(response.body) < 4096 and response.error["param"].startswith(ROOT)
    value = {"ai-chat": {"ai-temperature": "9" * (1 << 20)}}
    assert len(chat_with(chat, "x", expect=400, overrides={"step_settings_patch": value}).body) < 4096
    many = {"ai-chat": {f"field-{number}": number for number in range(50_000)}}
    assert len(chat_with(chat, "x", expect=400, overrides={"step_settings_patch": many}).body) < 4096
    tools = [f"tool-{number}" for number in range(60_000)]
    assert resolve(chat, "x", overrides={"tools": tools})["effective"]["tools"] == tools
    assert chat_with(chat, "x")


def test_keys_that_differ_only_in_their_unicode_form_are_different(http):
    """No normalisation beyond the one promised: each is unknown, none is the other's duplicate."""
    for keys in (("é", "é"), ("ＴＯＯＬＳ", "tools"), ("ſystem_prompt", "system_prompt"), ("tools\u200b", "tools")):
        response = resolve(http, "agent", 400, overrides={keys[0]: [], keys[1]: [] if "tools" in keys[1] else "x"})
        refuses(response, 400, "unsupported override key")


def test_limits_survive_a_stack_on_the_client_route(chat, upstream):
    create(chat, "base", policy={**OPEN, "limits": {"ai-chat.ai-temperature": {"max": 0.5}}})
    create(chat, "leaf", stack=on("base"), policy={**OPEN, "limits": {"ai-chat.ai-temperature": {"max": 2}}})
    refuses(complete(chat, "leaf", 403, temperature=1), 403, "above the maximum 0.5")
    complete(chat, "leaf", temperature=0.5)
