"""Step settings: judged when written, and each of them seen at the upstream (origin §7; gateway.md §7 and §9)."""

import json
import time

import pytest

from harness import database
from harness import upstream as provider
from harness.profiles import PROFILES, create, prompted, read, refuses, version
from harness.resolution import COMPLETIONS, OPEN, chat_with, complete, effective, patch, resolve, stacked
from harness.upstream import FAKE_KEY, Upstream, chat_config, unused_address
from harness.waiting import eventually

ROOT = "runtime.step_settings_patch"
TOOLS = {"calculator": {"description": "Evaluates arithmetic", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture
def other():
    """A second provider."""
    made = Upstream()
    yield made
    made.close()


def with_settings(http, slug="x", runtime=None, policy=None, expect=201, **sections):
    """A profile with step settings; section names are spelled with `_`."""
    settings = {name.replace("_", "-"): fields for name, fields in sections.items()}
    return create(
        http, slug, expect, runtime={**patch(**settings), **(runtime or {})}, **({"policy": policy} if policy else {})
    )


# Seen at the upstream (D60) ---------------------------------------------------------------------------------------

SEEN = [
    ("ai-chat", "ai-engine", "m-1", "model", "m-1"),
    ("ai-chat", "ai-max-response-tokens", 77, "max_tokens", 77),
    ("ai-chat", "ai-max-response-tokens", "77", "max_tokens", 77),
    ("ai-chat", "ai-top-p", 0.5, "top_p", 0.5),
    ("ai-chat", "ai-top-p", 0, "top_p", 0),
    ("ai-chat", "ai-temperature", 0, "temperature", 0),
    ("ai-chat", "ai-temperature", 0.0, "temperature", 0),
    ("ai-chat", "ai-temperature", "0.3", "temperature", 0.3),
    ("ai-chat", "ai-temperature", 2, "temperature", 2),
    ("ai-chat", "ai-stop", ["END", "\n\n"], "stop", ["END", "\n\n"]),
    ("openai-chat", "openai-n", 3, "n", 3),
    ("openai-chat", "openai-presence-penalty", -1.5, "presence_penalty", -1.5),
    ("openai-chat", "openai-presence-penalty", 0, "presence_penalty", 0),
    ("openai-chat", "openai-frequency-penalty", 1.5, "frequency_penalty", 1.5),
    ("openai-chat", "openai-logit-bias", {"50256": "-100", "7": 1.5}, "logit_bias", {"50256": -100, "7": 1.5}),
    ("ai-inference", "inference-temperature", 0, "temperature", 0),
    ("ai-inference", "inference-top-p", 0.25, "top_p", 0.25),
    ("ai-inference", "inference-max-response-tokens", 5, "max_tokens", 5),
    ("ai-inference", "inference-seed", 42, "seed", 42),
    ("ai-inference", "inference-seed", -9007199254740993, "seed", -9007199254740993),
    ("ai-inference", "inference-seed", 0, "seed", 0),
    ("ai-inference", "inference-stop", ["HALT"], "stop", ["HALT"]),
]


@pytest.mark.parametrize("section, field, value, member, expected", SEEN, ids=str)
def test_D60_a_setting_arrives_at_the_upstream(chat, upstream, section, field, value, member, expected):
    """On both chat routes; temperature 0 is zero, not absent."""
    create(chat, "x", runtime=patch(**{section: {field: value}}))
    chat_with(chat, "x")
    assert upstream.last.json()[member] == expected
    complete(chat, "x")
    assert upstream.last.json()[member] == expected


def test_what_is_not_set_is_not_sent(chat, upstream):
    create(chat, "x", runtime={"system_prompt": "p"})
    chat_with(chat, "x")
    assert set(upstream.last.json()) <= {"model", "messages", "stream"}
    assert upstream.last.json()["model"] == "gpt-4"


def test_empty_lists_and_maps_are_not_sent(chat, upstream):
    with_settings(chat, ai_chat={"ai-stop": []}, openai_chat={"openai-logit-bias": {}})
    chat_with(chat, "x")
    assert not {"stop", "logit_bias"} & set(upstream.last.json())


def test_numbers_go_up_as_they_are_written(chat, upstream):
    body = b'{"slug":"x","runtime":{"step_settings_patch":{"ai-chat":{"ai-temperature":0.50,"ai-top-p":1E-1}}}}'
    assert chat.post(PROFILES, body=body, content_type="application/json").status == 201
    chat_with(chat, "x")
    assert b'"temperature":0.50' in upstream.last.body and b'"top_p":1E-1' in upstream.last.body


def test_inference_values_come_before_those_of_ai_chat(chat, upstream):
    with_settings(
        chat,
        ai_chat={"ai-temperature": 0.9, "ai-top-p": 0.9, "ai-max-response-tokens": 90, "ai-stop": ["a"]},
        ai_inference={
            "inference-temperature": 0.1,
            "inference-top-p": 0.1,
            "inference-max-response-tokens": 10,
            "inference-stop": ["b"],
        },
    )
    chat_with(chat, "x")
    sent = upstream.last.json()
    assert (sent["temperature"], sent["top_p"], sent["max_tokens"], sent["stop"]) == (0.1, 0.1, 10, ["b"])


@pytest.mark.parametrize("engine", ["o1", "o3-mini", "o4-mini", "gpt-5", "gpt-5-nano"])
@pytest.mark.parametrize("route", ["chat", "completions"])
def test_reasoning_models_have_rules_of_their_own(chat, upstream, engine, route):
    with_settings(
        chat,
        policy=OPEN,
        ai_chat={"ai-engine": engine, "ai-temperature": 0.5, "ai-top-p": 0.5, "ai-max-response-tokens": 50},
        openai_chat={
            "openai-n": 3,
            "openai-presence-penalty": 1,
            "openai-frequency-penalty": 1,
            "openai-reasoning-effort": "low",
        },
        ai_inference={"inference-seed": 7},
    )
    if route == "chat":
        chat_with(chat, "x")
    else:
        complete(chat, "x", temperature=0.7, presence_penalty=0.5, max_tokens=9)
    sent = upstream.last.json()
    assert not {"temperature", "top_p", "presence_penalty", "frequency_penalty", "max_tokens"} & set(sent)
    assert sent.get("n", 1) == 1 and sent["reasoning_effort"] == "low" and sent["seed"] == 7
    assert sent["max_completion_tokens"] == (50 if route == "chat" else 9)


def test_reasoning_effort_of_ai_inference_comes_first(chat, upstream):
    with_settings(
        chat,
        ai_chat={"ai-engine": "o3"},
        openai_chat={"openai-reasoning-effort": "low"},
        ai_inference={"inference-reasoning-effort": "high"},
    )
    chat_with(chat, "x")
    assert upstream.last.json()["reasoning_effort"] == "high"


def test_other_models_get_no_reasoning_effort_of_the_profile(chat, upstream):
    with_settings(chat, ai_chat={"ai-engine": "gpt-4o"}, openai_chat={"openai-reasoning-effort": "low"})
    chat_with(chat, "x")
    assert "reasoning_effort" not in upstream.last.json()


def test_structured_output(chat, upstream):
    schema = {"type": "object", "properties": {"a": {"type": "number"}}, "required": ["a"]}
    output = {
        "ai-structured-output-mode": "json_schema",
        "ai-structured-output-name": "thing",
        "ai-structured-output-description": "A thing.",
        "ai-structured-output-schema": json.dumps(schema),
    }
    with_settings(chat, ai_chat=output)
    with_settings(chat, "loose", ai_chat={**output, "ai-structured-output-strict": False})
    with_settings(chat, "off", ai_chat={**output, "ai-structured-output-mode": "off"})
    chat_with(chat, "x")
    assert upstream.last.json()["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "thing", "description": "A thing.", "schema": schema, "strict": True},
    }
    chat_with(chat, "loose")
    assert upstream.last.json()["response_format"]["json_schema"]["strict"] is False
    chat_with(chat, "off")
    assert "response_format" not in upstream.last.json()
    complete(chat, "x", response_format={"type": "text"})
    assert upstream.last.json()["response_format"] == {"type": "text"}, "a client's own stands"


def test_structured_output_without_a_schema(chat, upstream):
    """Ignored with a warning, or an error before any call when it must be valid."""
    with_settings(chat, ai_chat={"ai-structured-output-mode": "json_schema"})
    chat_with(chat, "x")
    assert "response_format" not in upstream.last.json()
    with_settings(
        chat, "y", ai_chat={"ai-structured-output-mode": "json_schema", "ai-structured-output-require-valid": True}
    )
    response = chat.post("/chat", {"prompt": "x", "profile": "y"})
    refuses(response, 400, "ai-structured-output-schema")
    assert len(upstream.calls) == 1


@pytest.mark.parametrize("value, expected", [(True, True), (False, False)])
def test_parallel_tool_calls_go_with_tools(start, upstream, value, expected):
    http = start(config=chat_config(upstream, tools=TOOLS), environment={"FAKE_KEY": FAKE_KEY}).client()
    with_settings(http, runtime={"tools": ["calculator"]}, openai_chat={"openai-parallel-tool-calls": value})
    chat_with(http, "x")
    assert upstream.last.json()["parallel_tool_calls"] is expected
    with_settings(http, "none", runtime={"tools": []}, openai_chat={"openai-parallel-tool-calls": value})
    chat_with(http, "none")
    assert "parallel_tool_calls" not in upstream.last.json()


def test_organization_and_user_agent(chat, upstream):
    with_settings(chat, ai_client={"organization": "org-1", "user-agent": "house/1.0"})
    chat_with(chat, "x")
    assert upstream.last.headers["OpenAI-Organization"] == "org-1"
    assert upstream.last.headers.all("User-Agent") == ["house/1.0"]
    chat_with(chat, "default")
    assert "OpenAI-Organization" not in upstream.last.headers
    assert upstream.last.headers["User-Agent"] == "profile-gateway"


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\x00b"])
def test_a_header_cannot_be_broken_out_of(chat, upstream, value):
    response = chat.post(PROFILES, {"slug": "x", "runtime": patch(**{"ai-client": {"user-agent": value}})})
    if response.status == 201:
        chat_with(chat, "x")
        assert "X-Evil" not in upstream.last.headers and upstream.last.headers["User-Agent"] == "profile-gateway"
    else:
        refuses(response, 400, param=f"{ROOT}.ai-client.user-agent")


@pytest.mark.parametrize(
    "fields, streaming, expected",
    [
        ({}, True, True),
        ({"openai-stream-include-usage": False}, True, False),
        ({"openai-stream-include-usage": True}, False, False),
    ],
    ids=str,
)
def test_usage_of_streams(chat, upstream, fields, streaming, expected):
    with_settings(chat, openai_chat=fields)
    chat.post("/chat", {"prompt": "x", "profile": "x", "stream": streaming})
    assert (upstream.last.json().get("stream_options") == {"include_usage": True}) is expected
    assert upstream.last.json().get("stream", False) is streaming


def test_mistral_is_not_asked_for_usage(chat, upstream):
    with_settings(chat, ai_chat={"ai-engine": "mistral-large"})
    chat.post("/chat", {"prompt": "x", "profile": "x", "stream": True})
    assert "stream_options" not in upstream.last.json()


@pytest.mark.parametrize(
    "section, field, value",
    [
        ("ai-client", "timeout", 1),
        ("gateway", "timeout-ms", 300),
        ("gateway", "first-byte-timeout-ms", 300),
    ],
)
@pytest.mark.parametrize("streaming", [False, True])
def test_timeouts_of_a_profile(chat, upstream, section, field, value, streaming):
    sections = {"gateway": {"max-retries": 0}}
    sections.setdefault(section, {})[field] = value
    create(chat, "x", runtime=patch(**sections))
    upstream.default = provider.hang
    begin = time.monotonic()
    response = chat.post("/chat", {"prompt": "x", "profile": "x", "stream": streaming})
    assert response.status == 504 and response.error["type"] == "upstream_error", response
    assert 0.25 <= time.monotonic() - begin < 15


def test_the_first_bytes_timeout_is_not_the_answers(chat, upstream):
    """Once the answer has begun, only the whole one counts."""
    with_settings(chat, gateway={"first-byte-timeout-ms": 300, "max-retries": 0})

    def slow(call):
        call.begin_stream()
        call.event(provider.delta("one "))
        time.sleep(0.8)
        call.event(provider.delta("two"))
        call.event(provider.delta(None, "stop"))
        call.event("[DONE]")
        call.end_stream()

    upstream.next(slow)
    with chat.stream("POST", "/chat", json={"prompt": "x", "profile": "x", "stream": True}) as answer:
        events = list(answer.events())
    assert events[-1].name == "turn.completed" and events[-1].json()["output"] == "one two"


@pytest.mark.parametrize("retries", [0, 2])
def test_max_retries(chat, upstream, retries):
    with_settings(chat, gateway={"max-retries": retries})
    upstream.default = provider.failure(500)
    response = chat.post("/chat", {"prompt": "x", "profile": "x"})
    assert response.status == 502 and len(upstream.calls) == retries + 1


def test_fallbacks_in_order(start, upstream, other):
    config = chat_config(upstream)
    config["upstreams"]["gone"] = {"api": "openai", "base_url": unused_address()}
    config["upstreams"]["other"] = {"api": "openai", "base_url": other.base_url}
    http = start(config=config, environment={"FAKE_KEY": FAKE_KEY}).client()
    with_settings(http, gateway={"upstream": "gone", "fallback-upstreams": ["other", "fake"], "max-retries": 0})
    assert chat_with(http, "x")["upstream"] == "other"
    assert (len(other.calls), len(upstream.calls)) == (1, 0)
    assert "Authorization" not in other.last.headers
    other.default = provider.failure(503)
    assert chat_with(http, "x")["upstream"] == "fake"
    assert upstream.last.headers["Authorization"] == f"Bearer {FAKE_KEY}"


@pytest.mark.parametrize(
    "sections, expected",
    [
        ({"gateway": {"upstream": "echo"}, "ai-chat": {"ai-api-type": "openai"}}, "echo"),
        ({"ai-chat": {"ai-api-type": "echo"}}, "echo"),
        ({"ai-chat": {"ai-api-type": "openai-responses"}}, "fake"),
        ({"ai-chat": {"ai-api-type": "fireworks"}}, "fake"),
        ({}, "fake"),
    ],
    ids=str,
)
def test_the_choice_of_an_upstream(chat, sections, expected):
    create(chat, "x", runtime=patch(**sections))
    assert resolve(chat, "x")["upstream"]["name"] == expected
    assert chat_with(chat, "x")["upstream"] == expected


def test_base_layer_under_stack_under_request(start, upstream):
    config = chat_config(
        upstream, step_settings={"ai-chat": {"ai-engine": "config", "ai-temperature": 0.1, "ai-top-p": 0.1}}
    )
    config["step_settings"]["ai-inference"] = {"inference-seed": 1}
    http = start(config=config, environment={"FAKE_KEY": FAKE_KEY}).client()
    with_settings(http, "base", ai_chat={"ai-temperature": 0.2, "ai-top-p": 0.2}, ai_inference={"inference-seed": 2})
    stacked(
        http,
        "leaf",
        "base",
        policy=OPEN,
        runtime=patch(**{"ai-chat": {"ai-top-p": 0.3}, "ai-inference": {"inference-seed": 3}}),
    )
    chat_with(http, "leaf", overrides={"step_settings_patch": {"ai-inference": {"inference-seed": 4}}})
    sent = upstream.last.json()
    assert (sent["model"], sent["temperature"], sent["top_p"], sent["seed"]) == ("config", 0.2, 0.3, 4)
    chat_with(http, "default")
    sent = upstream.last.json()
    assert (sent["model"], sent["temperature"], sent["top_p"], sent["seed"]) == ("config", 0.1, 0.1, 1)


# Judged when written (D46) ----------------------------------------------------------------------------------------

WRONG = [
    ({"nobody": {}}, "nobody", "unknown section"),
    ({"ollama-chat": {}}, "ollama-chat", "unknown section"),
    ({"AI-Chat": {}}, "AI-Chat", "unknown section"),
    ({"": {}}, "", "section slug cannot be empty"),
    ({"  ": {}}, "", "section slug cannot be empty"),
    ({"ai-chat": []}, "ai-chat", "section patch must be an object"),
    ({"ai-chat": "x"}, "ai-chat", "section patch must be an object"),
    ({"ai-chat": {"": 1}}, "ai-chat", "field name cannot be empty"),
    ({"ai-chat": {"nothing": 1}}, "ai-chat.nothing", 'unknown setting "nothing"'),
    ({"ai-chat": {"ai-stream": True}}, "ai-chat.ai-stream", "unknown setting"),
    ({"ai-chat": {"openai-n": 1}}, "ai-chat.openai-n", "unknown setting"),
    ({"ai-chat": {"ai-engine": 5}}, "ai-chat.ai-engine", "must be a string"),
    ({"ai-chat": {"ai-api-type": "ibm"}}, "ai-chat.ai-api-type", "must be one of"),
    ({"ai-chat": {"ai-max-response-tokens": 0}}, "ai-chat.ai-max-response-tokens", "must be an integer"),
    ({"ai-chat": {"ai-max-response-tokens": 1.5}}, "ai-chat.ai-max-response-tokens", "must be an integer"),
    ({"ai-chat": {"ai-max-response-tokens": "many"}}, "ai-chat.ai-max-response-tokens", "must be an integer"),
    ({"ai-chat": {"ai-max-response-tokens": True}}, "ai-chat.ai-max-response-tokens", "must be an integer"),
    ({"ai-chat": {"ai-top-p": 1.5}}, "ai-chat.ai-top-p", "must be a number from"),
    ({"ai-chat": {"ai-temperature": -0.1}}, "ai-chat.ai-temperature", "must be a number from"),
    ({"ai-chat": {"ai-temperature": 2.1}}, "ai-chat.ai-temperature", "must be a number from"),
    ({"ai-chat": {"ai-temperature": [1]}}, "ai-chat.ai-temperature", "must be a number"),
    ({"ai-chat": {"ai-stop": "END"}}, "ai-chat.ai-stop", "must be an array of strings"),
    ({"ai-chat": {"ai-stop": [1]}}, "ai-chat.ai-stop", "must be an array of strings"),
    ({"ai-chat": {"ai-cache-type": "file"}}, "ai-chat.ai-cache-type", "must be one of"),
    ({"ai-chat": {"ai-structured-output-mode": "on"}}, "ai-chat.ai-structured-output-mode", "must be one of"),
    ({"ai-chat": {"ai-structured-output-schema": "{"}}, "ai-chat.ai-structured-output-schema", "JSON object"),
    ({"ai-chat": {"ai-structured-output-schema": {}}}, "ai-chat.ai-structured-output-schema", "JSON object"),
    ({"ai-chat": {"ai-structured-output-strict": "maybe"}}, "ai-chat.ai-structured-output-strict", "must be a boolean"),
    ({"ai-client": {"timeout": -1}}, "ai-client.timeout", "must be an integer"),
    ({"openai-chat": {"openai-n": 0}}, "openai-chat.openai-n", "must be an integer"),
    ({"openai-chat": {"openai-presence-penalty": 3}}, "openai-chat.openai-presence-penalty", "must be a number"),
    ({"openai-chat": {"openai-logit-bias": {"1": "much"}}}, "openai-chat.openai-logit-bias", "object of numbers"),
    ({"openai-chat": {"openai-logit-bias": []}}, "openai-chat.openai-logit-bias", "object of numbers"),
    ({"openai-chat": {"openai-reasoning-effort": "much"}}, "openai-chat.openai-reasoning-effort", "must be one of"),
    ({"claude-chat": {"claude-top-k": -1}}, "claude-chat.claude-top-k", "must be an integer"),
    ({"ai-inference": {"inference-seed": 1.5}}, "ai-inference.inference-seed", "must be an integer"),
    ({"ai-inference": {"inference-seed": 1e30}}, "ai-inference.inference-seed", "must be an integer"),
    ({"embeddings": {"embeddings-type": "x"}}, "embeddings.embeddings-type", "must be one of"),
    ({"gateway": {"upstream": "nobody"}}, "gateway.upstream", 'unknown upstream "nobody"'),
    ({"gateway": {"upstream": 5}}, "gateway.upstream", "must be the name"),
    (
        {"gateway": {"fallback-upstreams": ["echo", "nobody"]}},
        "gateway.fallback-upstreams",
        'unknown upstream "nobody"',
    ),
    ({"gateway": {"fallback-upstreams": "echo"}}, "gateway.fallback-upstreams", "array"),
    ({"gateway": {"max-retries": 11}}, "gateway.max-retries", "must be an integer"),
    ({"gateway": {"timeout-ms": 0}}, "gateway.timeout-ms", "must be an integer"),
    ({"gateway": {"first-byte-timeout-ms": "soon"}}, "gateway.first-byte-timeout-ms", "must be an integer"),
    ({"gateway": {"context-tokens": 0}}, "gateway.context-tokens", "must be an integer"),
    ({"ai-chat": {"ai-engine": "a", " ai-engine ": "b"}}, "ai-chat.ai-engine", "given twice"),
    ({"ai-chat": {}, "ai-chat ": {}}, "ai-chat", "given twice"),
]


@pytest.mark.parametrize(
    "settings, place, phrase", WRONG, ids=lambda value: str(value) if isinstance(value, dict) else ""
)
def test_D46_a_wrong_setting_is_400_with_its_path(lasting, settings, place, phrase):
    """On create, patch and put, instead of a 500 on every chat."""
    param = ROOT + (f".{place}" if place else "")
    runtime = {"step_settings_patch": settings}
    refuses(create(lasting, "x", 400, runtime=runtime), 400, phrase, param=param)
    refuses(lasting.patch(f"{PROFILES}/agent", {"runtime": runtime}), 400, phrase, param=param)
    refuses(lasting.put(f"{PROFILES}/agent", {"runtime": runtime}), 400, phrase, param=param)
    assert version(read(lasting, "agent")) == 1


def test_D46_the_whole_table_is_accepted(http):
    """Every setting of origin 7 with a value of its type."""
    sections = {
        "ai-chat": {
            "ai-engine": "m",
            "ai-api-type": "openai",
            "ai-max-response-tokens": 1,
            "ai-top-p": 1.0,
            "ai-temperature": 0.7,
            "ai-stop": [],
            "ai-cache-type": "disk",
            "ai-cache-max-size": 1,
            "ai-cache-max-entries": 1,
            "ai-cache-directory": "d",
            "ai-structured-output-mode": "off",
            "ai-structured-output-name": "",
            "ai-structured-output-description": "",
            "ai-structured-output-schema": "",
            "ai-structured-output-strict": True,
            "ai-structured-output-require-valid": False,
        },
        "ai-client": {"timeout": 60, "organization": "", "user-agent": "u"},
        "openai-chat": {
            "openai-n": 1,
            "openai-presence-penalty": 0,
            "openai-frequency-penalty": 0,
            "openai-logit-bias": {},
            "openai-base-url": "",
            "openai-api-key": "",
            "openai-reasoning-effort": "medium",
            "openai-parallel-tool-calls": False,
            "openai-reasoning-summary": "auto",
            "openai-include-reasoning-encrypted": False,
            "openai-stream-include-usage": True,
        },
        "claude-chat": {"claude-top-k": 1, "claude-user-id": "", "claude-base-url": "", "claude-api-key": ""},
        "gemini-chat": {"gemini-base-url": "", "gemini-api-key": ""},
        "ai-inference": {
            "inference-thinking-budget": 1,
            "inference-reasoning-effort": "high",
            "inference-reasoning-summary": "detailed",
            "inference-temperature": 1,
            "inference-top-p": 1,
            "inference-max-response-tokens": 1,
            "inference-seed": 1,
            "inference-stop": [],
        },
        "embeddings": {
            "embeddings-engine": "e",
            "embeddings-type": "ollama",
            "embeddings-dimensions": 1,
            "embeddings-cache-type": "file",
            "embeddings-cache-max-size": 1,
            "embeddings-cache-max-entries": 1,
            "embeddings-cache-directory": "d",
        },
        "gateway": {
            "upstream": "echo",
            "fallback-upstreams": [],
            "max-retries": 0,
            "timeout-ms": 1,
            "first-byte-timeout-ms": 1,
        },
    }
    document = create(http, "x", runtime=patch(**sections))
    assert document["runtime"]["step_settings_patch"] == sections, "as written"
    assert effective(http, "x")["step_settings"] == sections


def test_names_are_trimmed(http):
    document = create(http, "x", runtime=patch(**{" ai-chat ": {" ai-engine ": "m"}}))
    assert document["runtime"]["step_settings_patch"] == {"ai-chat": {"ai-engine": "m"}}


def test_a_merge_patch_reaches_one_setting(http):
    with_settings(http, ai_chat={"ai-engine": "m", "ai-temperature": 0.5})
    body = json.dumps({"runtime": {"step_settings_patch": {"ai-chat": {"ai-temperature": 0.75}}}}).encode()
    response = http.patch(f"{PROFILES}/x", body=body, content_type="application/merge-patch+json")
    assert response.json()["runtime"]["step_settings_patch"] == {"ai-chat": {"ai-engine": "m", "ai-temperature": 0.75}}


# Credentials and places (D24) -------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["openai-api-key", "claude-api-key", "gemini-api-key"])
@pytest.mark.parametrize(
    "value", ["sk-literal", "secret:", "secret:a b", "secret:a/../b", "SECRET:x", 5, ["x"]], ids=str
)
def test_a_literal_key_is_refused(lasting, key, value):
    response = create(lasting, "x", 400, runtime=patch(**{key.replace("-api-key", "-chat"): {key: value}}))
    refuses(response, 400, "secret:<name>", param=f"{ROOT}.{key.replace('-api-key', '-chat')}.{key}")
    assert "sk-literal" not in response.text, "nor is it repeated"


@pytest.fixture
def secrets(start, upstream, other):
    """Two providers, three secrets, two tenants."""
    config = chat_config(upstream, tenants={"acme": {}})
    config["upstreams"]["other"] = {"api": "openai", "base_url": other.base_url, "api_key": "env:OTHER_KEY"}
    config["secrets"] = {
        "ours": {"value": "env:OUR_KEY", "upstreams": ["fake"], "tenants": ["default"]},
        "theirs": {"value": "env:THEIR_KEY", "upstreams": ["fake"], "tenants": ["acme"]},
        "nobodys": {"value": "env:OUR_KEY", "upstreams": ["fake"]},
    }
    environment = {"FAKE_KEY": FAKE_KEY, "OTHER_KEY": "sk-other", "OUR_KEY": "sk-ours", "THEIR_KEY": "sk-theirs"}
    return start(config=config, environment=environment)


def naming(http, slug, secret, **gateway):
    sections = {"openai-chat": {"openai-api-key": f"secret:{secret}"}}
    if gateway:
        sections["gateway"] = {name.replace("_", "-"): value for name, value in gateway.items()}
    return create(http, slug, runtime=patch(**sections))


def test_a_secret_goes_to_its_upstream(secrets, upstream):
    http = secrets.client()
    naming(http, "x", "ours")
    for streaming in (False, True):
        assert http.post("/chat", {"prompt": "x", "profile": "x", "stream": streaming}).status == 200
        assert upstream.last.headers.all("Authorization") == ["Bearer sk-ours"]
    chat_with(http, "default")
    assert upstream.last.headers["Authorization"] == f"Bearer {FAKE_KEY}"
    assert read(http, "x")["runtime"]["step_settings_patch"]["openai-chat"]["openai-api-key"] == "secret:ours"
    response = http.post("/api/chat/resolve", {"profile": "x"})
    assert response.status == 200 and "sk-" not in response.text


@pytest.mark.parametrize("secret", ["theirs", "nobodys", "unheard-of"])
def test_a_secret_of_somebody_else_goes_nowhere(secrets, upstream, secret):
    """Another tenant's, one without tenants, one that does not exist: refused when written, or when chatting."""
    http = secrets.client()
    response = http.post(
        PROFILES, {"slug": "x", "runtime": patch(**{"openai-chat": {"openai-api-key": f"secret:{secret}"}})}
    )
    if response.status == 201:
        response = http.post("/chat", {"prompt": "x", "profile": "x"})
        assert response.error["code"] == "credential_unavailable"
    assert response.status in (400, 502), response
    assert "sk-" not in response.text and upstream.calls == []


def test_a_secret_serves_its_own_tenant_only(secrets, upstream):
    naming(secrets.client("acme"), "x", "theirs")
    chat_with(secrets.client("acme"), "x")
    assert upstream.last.headers["Authorization"] == "Bearer sk-theirs"


def test_a_secret_is_not_sent_to_another_upstream(secrets, upstream, other):
    http = secrets.client()
    naming(http, "x", "ours", upstream="other")
    response = http.post("/chat", {"prompt": "x", "profile": "x"})
    assert response.status == 502 and response.error["code"] == "credential_unavailable"
    assert other.calls == [] and upstream.calls == []
    naming(http, "y", "ours", upstream="fake", fallback_upstreams=["other"], max_retries=0)
    upstream.default = provider.failure(500)
    assert chat_with(http, "y")["upstream"] == "other"
    assert [call.headers["Authorization"] for call in other.calls] == ["Bearer sk-other"], "a fallback has its own key"


def test_a_literal_key_of_an_older_file_stays_with_the_upstream_it_chose(secrets, upstream, other):
    """A fallback is another provider: it must not get to know it."""
    http = secrets.client()
    naming(http, "x", "ours", upstream="fake", fallback_upstreams=["other"], max_retries=0)
    database.shell(
        secrets.database(), "UPDATE profiles SET document_json = replace(document_json, 'secret:ours', 'sk-literal')"
    )
    eventually(lambda: "secret:ours" not in json.dumps(read(http, "x")), "the edit is seen")
    upstream.default = provider.failure(500)
    assert chat_with(http, "x")["upstream"] == "other"
    assert upstream.last.headers["Authorization"] == "Bearer sk-literal"
    assert [call.headers["Authorization"] for call in other.calls] == ["Bearer sk-other"]


def test_a_secret_in_an_upstreams_error_is_masked(secrets, upstream):
    http = secrets.client()
    naming(http, "x", "ours")
    upstream.next(provider.failure(400, "bad key sk-ours for " + FAKE_KEY))
    response = http.post("/chat", {"prompt": "x", "profile": "x"})
    assert response.status == 400 and "sk-ours" not in response.text and FAKE_KEY not in response.text


def test_D24_only_configured_base_urls(chat, upstream):
    evil = "http://127.0.0.1:9/v1"
    for section, field in (("openai-chat", "openai-base-url"), ("claude-chat", "claude-base-url")):
        response = create(chat, "x", 400, runtime=patch(**{section: {field: evil}}))
        refuses(response, 400, "must be the base URL of a configured upstream", param=f"{ROOT}.{section}.{field}")
    for url in (
        upstream.base_url + "/../../evil",
        upstream.base_url + "?x=1",
        upstream.base_url.replace("http://", "http://user@"),
        upstream.base_url + "#x",
        upstream.base_url.upper(),
        upstream.base_url[:-1],
    ):
        create(chat, "x", 400, runtime=patch(**{"openai-chat": {"openai-base-url": url}}))
    for number, url in enumerate((upstream.base_url, upstream.base_url + "/", upstream.base_url + "//")):
        create(chat, f"ok-{number}", runtime=patch(**{"openai-chat": {"openai-base-url": url}}))
        assert chat_with(chat, f"ok-{number}")["upstream"] == "fake", url
        assert upstream.last.target == "/v1/chat/completions"


def test_an_edit_by_hand_cannot_name_another_place(chatting, upstream):
    """A file that was edited or restored: nothing is sent anywhere."""
    http = chatting.client()
    create(http, "x", **prompted("p"))
    database.shell(
        chatting.database(),
        "UPDATE profiles SET document_json = json_set(document_json, '$.runtime.step_settings_patch',"
        ' json(\'{"openai-chat":{"openai-base-url":"http://127.0.0.1:9/v1"}}\')) WHERE slug=\'x\'',
    )
    response = eventually(
        lambda: (r := http.post("/chat", {"prompt": "x", "profile": "x"})).status != 200 and r, "the edit is seen"
    )
    assert response.status in (400, 500, 502) and "openai-base-url" in response.error["message"], response


def test_a_setting_that_a_hand_made_unusable_is_told(chatting, upstream):
    """It is left out, and does not disappear silently: resolving and the log say so."""
    http = chatting.client()
    create(http, "x", runtime=patch(**{"ai-chat": {"ai-engine": "m-1"}}))
    assert "warnings" not in http.post("/api/chat/resolve", {"profile": "x"}).json()
    database.shell(
        chatting.database(),
        "UPDATE profiles SET document_json = json_set(document_json,"
        " '$.runtime.step_settings_patch.ai-chat.ai-temperature', 'warm') WHERE slug='x'",
    )
    warnings = ["ai-chat.ai-temperature is no number and is left out"]
    document = eventually(
        lambda: (d := http.post("/api/chat/resolve", {"profile": "x"}).json()).get("warnings") and d, "the edit is seen"
    )
    assert document["warnings"] == warnings
    assert chat_with(http, "x")["model"] == "fake-model" and "temperature" not in upstream.last.json()
    chatting.stop()
    assert warnings[0] in chatting.log()


def test_settings_on_v1_are_the_profiles(chat, upstream):
    """Where the client says nothing, the profile's settings stand; what it passes stays byte for byte."""
    with_settings(chat, policy=OPEN, ai_chat={"ai-engine": "m-1", "ai-temperature": 0.25, "ai-stop": ["END"]})
    body = '{"model":"x","messages":[ {"role":"user","content":"h\\u00e9"} ],"x":1.10}'
    assert chat.post(COMPLETIONS, body=body, content_type="application/json").status == 200
    sent = upstream.last.json()
    assert (sent["model"], sent["temperature"], sent["stop"]) == ("m-1", 0.25, ["END"])
    assert b'[ {"role":"user","content":"h\\u00e9"} ]' in upstream.last.body and b'"x":1.10' in upstream.last.body


CHAT, INFERENCE = {"ai-chat": {"ai-temperature": 0.9}}, {"ai-inference": {"inference-temperature": 0.1}}


@pytest.mark.parametrize("lower, upper, sent", [(INFERENCE, CHAT, 0.9), (CHAT, INFERENCE, 0.1)], ids=["chat", "inf"])
def test_of_two_names_of_one_setting_the_later_layer_holds(chat, upstream, lower, upper, sent):
    """base ← stack ← request, whichever name each of them uses."""

    def temperature(**body):
        response = chat.post("/chat", {"prompt": "x", **body})
        assert response.status == 200, response
        explained = chat.post("/api/chat/resolve", body).json()
        assert explained["fingerprint"] == response.json()["runtime_fingerprint"]
        (said,) = [
            fields for name, fields in explained["effective"]["step_settings"].items() if name in {*CHAT, *INFERENCE}
        ]
        assert list(said.values()) == [upstream.last.json()["temperature"]]
        return upstream.last.json()["temperature"]

    create(chat, "low", runtime={"step_settings_patch": lower}, policy={"allow_overrides": True})
    create(chat, "high", stack=[{"profile_slug": "low"}], runtime={"step_settings_patch": upper})
    assert temperature(profile="high") == sent
    assert temperature(profile="low", overrides={"step_settings_patch": upper}) == sent
    (step,) = [
        entry["steps"][-1]
        for entry in chat.post("/api/chat/resolve", {"profile": "high"}).json()["trace"]
        if entry["path"].endswith("temperature") and entry["value"] is None
    ]
    assert step == {"layer": "default/high@1", "value": None}


def test_within_one_layer_the_inference_settings_come_first(chat, upstream):
    """Origin §7."""
    create(chat, "both", runtime={"step_settings_patch": {**CHAT, **INFERENCE}})
    assert chat.post("/chat", {"prompt": "x", "profile": "both"}).status == 200
    assert upstream.last.json()["temperature"] == 0.1
