"""The OpenAI-compatible routes (gateway.md §8)."""

import json
import re

import pytest

from harness import upstream as provider
from harness.gateway import Gateway
from harness.profiles import PROFILES, create, create_registry, prompted, refuses
from harness.upstream import FAKE_KEY, chat_config

COMPLETIONS = "/v1/chat/completions"
USER = [{"role": "user", "content": "hello"}]


def complete(http, model="agent", messages=USER, headers=None, **more):
    return http.post(COMPLETIONS, {"model": model, "messages": messages, **more}, headers=headers)


def test_an_answer_passes_through(chat, upstream):
    body = json.dumps(provider.completion("The answer.", x_unknown={"n": 1}), indent=1).replace('"n": 1', '"n": 1.10')
    upstream.next(provider.raw(200, body))
    response = complete(chat)
    assert response.status == 200 and response.headers["Content-Type"].startswith("application/json")
    document = response.json()
    assert document["object"] == "chat.completion"
    assert document["choices"][0]["message"] == {"role": "assistant", "content": "The answer."}
    assert document["usage"]["total_tokens"] == 32
    assert '"n": 1.10' in response.text, "byte-faithfully"
    assert response.headers["X-Profile"] == "default/agent" and response.headers["X-Profile-Version"] == "1"
    assert re.match(r"^sha256:[0-9a-f]{64}$", response.headers["X-Runtime-Fingerprint"])


def test_a_stream_passes_through(chat, upstream):
    upstream.next(provider.stream(["Hel", "lo"]))
    with chat.stream(
        "POST",
        COMPLETIONS,
        json={"model": "agent", "messages": USER, "stream": True, "stream_options": {"include_usage": True}},
    ) as answer:
        events = list(answer.events())
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/event-stream")
    assert answer.ended_well and events[-1].data == "[DONE]"
    assert all(event.name is None for event in events)
    chunks = [event.json() for event in events[:-1]]
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"]) == "Hello"
    assert chunks[-1]["usage"]["total_tokens"] == 32
    assert upstream.last.json()["stream"] is True
    assert upstream.last.json()["stream_options"] == {"include_usage": True}


def test_echo_answers_and_streams(http):
    document = complete(http, messages=[{"role": "user", "content": "hello echo"}]).json()
    assert document["object"] == "chat.completion" and "hello echo" in document["choices"][0]["message"]["content"]
    assert document["choices"][0]["finish_reason"] == "stop" and document["usage"]["total_tokens"] > 0
    with http.stream("POST", COMPLETIONS, json={"model": "agent", "messages": USER, "stream": True}) as answer:
        events = list(answer.events())
    assert events[-1].data == "[DONE]"
    assert {event.json()["object"] for event in events[:-1]} == {"chat.completion.chunk"}
    assert len({event.json()["id"] for event in events[:-1]}) == 1


# Which profile ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model, expected",
    [
        ("agent", "default/agent"),
        ("default/agent", "default/agent"),
        ("default/default", "default/default"),
        ("default", "default/default"),
        ("", "default/default"),
        (None, "default/default"),
        ("AGENT", "default/agent"),
        ("team/analyst", "team/analyst"),
    ],
)
def test_the_model_names_a_profile(chat, model, expected):
    create_registry(chat, "team")
    create(chat, "analyst", registry="team", **prompted("team"))
    body = {"messages": USER} if model is None else {"model": model, "messages": USER}
    response = chat.post(COMPLETIONS, body)
    assert response.status == 200 and response.headers["X-Profile"] == expected, response


def test_default_means_the_default_profile_whatever_its_name(chat):
    chat.post(f"{PROFILES}/agent/default")
    assert complete(chat, "default").headers["X-Profile"] == "default/agent"
    assert complete(chat, "default/default").headers["X-Profile"] == "default/default"


@pytest.mark.parametrize("model", ["gpt-4o", "missing", "team/missing", "missing/agent"])
def test_a_model_that_is_no_profile_is_404(chat, upstream, model):
    response = complete(chat, model)
    assert response.status == 404 and response.error["type"] == "invalid_request_error", response
    assert upstream.calls == []


@pytest.mark.parametrize("model", ["a/b/c", "not valid!", "/agent", "agent/", 5, [], {}], ids=str)
def test_a_malformed_model_is_refused(chat, upstream, model):
    assert complete(chat, model).status in (400, 404)
    assert upstream.calls == []


def test_a_tenant_may_give_unknown_models_to_its_default(start):
    gateway = start(
        config={
            "tenants": {
                "lenient": {"unknown_model": "default"},
                "mapped": {"model_aliases": {"gpt-4o": "default/agent", "my model": "agent"}},
            }
        }
    )
    assert complete(gateway.client("lenient"), "gpt-4o").headers["X-Profile"] == "default/default"
    assert complete(gateway.client("lenient"), "agent").headers["X-Profile"] == "default/agent"
    mapped = gateway.client("mapped")
    assert complete(mapped, "gpt-4o").headers["X-Profile"] == "default/agent"
    assert complete(mapped, "my model").headers["X-Profile"] == "default/agent"
    assert complete(mapped, "gpt-4o-mini").status == 404
    assert complete(gateway.client(), "gpt-4o").status == 404


def test_body_and_header_select_too(chat):
    assert complete(chat, "default", headers={"X-Profile": "agent"}).headers["X-Profile"] == "default/agent"
    assert complete(chat, "", profile="agent").headers["X-Profile"] == "default/agent"
    assert complete(chat, "", profile="agent", registry="default").headers["X-Profile"] == "default/agent"


def test_selectors_of_ours_do_not_go_upstream(chat, upstream):
    complete(chat, "", profile="agent", registry="default")
    assert not {"profile", "registry", "overrides"} & set(upstream.last.json())


def test_under_a_tenant(start):
    gateway = start(config={"tenants": {"acme": {}}})
    create(gateway.client("acme"), "only-acme", **prompted("acme"))
    assert complete(gateway.client("acme"), "only-acme").status == 200
    assert complete(gateway.client(), "only-acme").status == 404


# What goes up -----------------------------------------------------------------------------------------------------


def test_the_profiles_prompt_comes_before_the_clients_system_text(chat, upstream):
    create(chat, "x", **prompted("of the profile"))
    messages = [
        {"role": "system", "content": "of the client"},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": "three"},
    ]
    complete(chat, "x", messages)
    sent = upstream.last.messages
    assert sent[0]["role"] == "system" and sent[0]["content"].startswith("of the profile")
    everything = json.dumps(sent)
    assert everything.index("of the profile") < everything.index("of the client") < everything.index("one")
    assert sent[-3:] == messages[1:]


def test_unknown_members_pass_byte_faithfully(chat, upstream):
    create(chat, "x", **prompted("p"))
    body = (
        '{ "model" : "x",\n "messages":[{"role":"user","content":"h\\u00e9llo \\/ \\ud83d\\ude00","x_n":1.10}],'
        ' "vendor_field":{"b":1e400,"a":[9007199254740993, -0.0,1E+2 ]} , "n_ull":null,'
        '"response_format": {"type":"text"}}'
    )
    response = chat.post(COMPLETIONS, body=body, content_type="application/json")
    assert response.status == 200, response
    sent = upstream.last.body.decode()
    for piece in (
        '{"role":"user","content":"h\\u00e9llo \\/ \\ud83d\\ude00","x_n":1.10}',
        '{"b":1e400,"a":[9007199254740993, -0.0,1E+2 ]}',
        '"n_ull":null',
        '{"type":"text"}',
    ):
        assert piece in sent, (piece, sent)


def test_image_parts_and_tool_messages_pass(chat, upstream):
    messages = [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "what?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "42"},
    ]
    assert complete(chat, messages=messages).status == 200
    assert upstream.last.messages[-3:] == messages


def test_the_clients_tools_are_filtered_by_the_profiles_list(chat, upstream):
    create(chat, "some", runtime={"tools": ["keep"]})
    create(chat, "none", runtime={"tools": []})
    create(chat, "all")
    tools = [
        {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in ("keep", "drop")
    ]
    for model, expected in (("some", ["keep"]), ("none", []), ("all", ["keep", "drop"])):
        response = complete(chat, model, tools=tools)
        assert response.status == 200, "never an error"
        assert [tool["function"]["name"] for tool in upstream.last.json().get("tools", [])] == expected, model
    assert "tools" not in next(c for c in upstream.calls[1:2]).json() or upstream.calls[1].json()["tools"] == []


def test_legacy_functions_are_filtered_too(chat, upstream):
    create(chat, "some", runtime={"tools": ["keep"]})
    functions = [{"name": "keep", "parameters": {}}, {"name": "drop", "parameters": {}}]
    complete(chat, "some", functions=functions)
    assert [f["name"] for f in upstream.last.json()["functions"]] == ["keep"]


def test_an_escaped_member_name_is_the_same_member(chat, upstream):
    create(chat, "some", runtime={"tools": ["keep"]})
    body = (
        '{"mod\\u0065l":"some","messages":[{"role":"user","content":"x"}],'
        '"t\\u006fols":[{"type":"function","function":{"name":"drop"}}]}'
    )
    response = chat.post(COMPLETIONS, body=body, content_type="application/json")
    assert response.status == 200 and response.headers["X-Profile"] == "default/some", response
    assert "drop" not in upstream.last.body.decode()
    refuses(
        chat.post(
            COMPLETIONS, body='{"model":"some","mod\\u0065l":"agent","messages":[]}', content_type="application/json"
        ),
        400,
    )


@pytest.mark.parametrize(
    "body, phrase",
    [
        ({"model": "agent"}, "messages"),
        ({"model": "agent", "messages": "x"}, "messages"),
        ({"model": "agent", "messages": USER, "stream": "yes"}, "stream"),
    ],
)
def test_a_body_without_sense_is_400(chat, upstream, body, phrase):
    refuses(chat.post(COMPLETIONS, body), 400, phrase)
    assert upstream.calls == []


def test_only_allowed_headers_go_up(start, upstream):
    from harness.gateway import OPERATOR_KEY

    gateway = start(
        config=chat_config(upstream, tenants={"acme": {}}),
        operator_key=OPERATOR_KEY,
        environment={"FAKE_KEY": FAKE_KEY},
    )
    headers = {
        "Cookie": "session=private",
        "X-Api-Key": OPERATOR_KEY,
        "X-Forwarded-For": "1.2.3.4",
        "X-Internal": "private",
        "OpenAI-Organization": "theirs",
    }
    assert complete(gateway.client("acme"), headers=headers).status == 200
    sent = upstream.last.headers
    assert sent.all("Authorization") == [f"Bearer {FAKE_KEY}"]
    for name in ("Cookie", "X-Api-Key", "X-Forwarded-For", "X-Internal", "X-Tenant"):
        assert name not in sent, (name, sent)
    assert OPERATOR_KEY not in repr(sent) and "private" not in repr(sent)


@pytest.mark.parametrize("streaming", [False, True])
def test_only_allowed_headers_come_down(chat, upstream, streaming):
    headers = [
        ("Set-Cookie", "a=b"),
        ("openai-organization", "org"),
        ("x-ratelimit-remaining-requests", "1"),
        ("Server", "provider"),
        ("X-Powered-By", "secrets"),
        ("Strict-Transport-Security", "max-age=1"),
    ]
    upstream.next(provider.stream(["x"], headers=headers) if streaming else provider.answer(headers=headers))
    response = complete(chat, stream=streaming)
    assert response.status == 200
    for name, value in headers:
        assert value not in response.headers.all(name), name


def test_the_calls_to_the_upstream_reuse_a_connection(chat, upstream):
    for _ in range(10):
        assert complete(chat).status == 200
    assert len(upstream.connections) <= 2


# Models -----------------------------------------------------------------------------------------------------------


def test_models_are_the_profiles(chat):
    create_registry(chat, "team")
    create(chat, "analyst", registry="team", **prompted("team"))
    document = chat.get("/v1/models").json()
    assert document["object"] == "list"
    ids = [model["id"] for model in document["data"]]
    assert len(ids) == len(set(ids))
    assert {"agent", "default/agent"} & set(ids) and "team/analyst" in ids
    for model in document["data"]:
        assert model["object"] == "model" and isinstance(model["created"], int) and model["owned_by"]
        one = chat.get(f"/v1/models/{model['id']}")
        assert one.status == 200 and one.json()["id"] == model["id"], one
        assert complete(chat, model["id"]).status == 200


@pytest.mark.parametrize("model", ["agent", "default/agent", "default"])
def test_one_model(lasting, model):
    response = lasting.get(f"/v1/models/{model}")
    assert response.status == 200 and response.json()["object"] == "model", response


@pytest.mark.parametrize("model", ["missing", "missing/agent", "default/missing"])
def test_an_unknown_model_is_404(lasting, model):
    refuses(lasting.get(f"/v1/models/{model}"), 404)


def test_models_show_no_prompts(lasting):
    assert "You are" not in lasting.get("/v1/models").text


NAMES_WITH_SLASHES = ["openai/gpt-4o", "meta-llama/Llama-3.1-8B", "not valid!/x", "/x", "x/", "a/b/c", "none/agent@1"]


@pytest.mark.parametrize("model", NAMES_WITH_SLASHES)
def test_a_name_with_a_slash_that_is_no_profile_is_404(lasting, model):
    body = {"model": model, "messages": [{"role": "user", "content": "x"}]}
    response = refuses(lasting.post("/v1/chat/completions", body), 404, model, param="model")
    assert response.error["code"] == "model_not_found"
    prompt = {"model": "agent", "messages": body["messages"], "prompt": {"id": model}}
    refuses(lasting.post("/v1/chat/completions", prompt), 404, model, param="prompt.id")


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    """A tenant that takes any model, one with aliases, and the default one."""
    directory = tmp_path_factory.mktemp("named")
    config = {
        "tenants": {
            "lenient": {"unknown_model": "default"},
            "mapped": {"model_aliases": {"gpt-4o": "default/agent", "vendor/large": "agent"}},
        }
    }
    gateway = Gateway(directory, config=config).start()
    yield gateway.client()
    gateway.stop()


@pytest.mark.parametrize("model", [*NAMES_WITH_SLASHES, "gpt-4o", "gpt-4o@2024"])
def test_an_unknown_model_may_mean_the_default_profile_whatever_its_name(named, model):
    body = {"model": model, "messages": [{"role": "user", "content": "x"}]}
    answer = named.post("/t/lenient/v1/chat/completions", body)
    assert (answer.status, answer.headers.get("X-Profile")) == (200, "default/default"), answer
    # What a client names for itself is still an error.
    refuses(named.post("/t/lenient/v1/chat/completions", {**body, "profile": "missing"}), 404, param="profile")
    refuses(named.post("/t/lenient/v1/chat/completions", {**body, "registry": "missing"}), 404, param="registry")


def test_one_model_is_what_a_chat_with_it_gets(named):
    for selecting in ({"X-Profile": "agent"}, {"Cookie": "chat_profile=default/agent"}):
        assert named.get("/v1/models/default", headers=selecting).json()["id"] == "default"
    assert named.get("/v1/models/default?profile=agent").json()["id"] == "default"
    assert named.get("/v1/models/agent?profile=default&runtime=default").json()["id"] == "agent"
    for alias in ("gpt-4o", "vendor/large", "vendor%2Flarge"):
        assert named.get(f"/t/mapped/v1/models/{alias}").json()["id"] == "agent"
        assert named.get(f"/t/lenient/v1/models/{alias}").json()["id"] == "default"
        refuses(named.get(f"/v1/models/{alias}"), 404, param="model")


@pytest.mark.parametrize("escape", ["/", "%2F", "%2f"])
def test_a_model_of_a_registry_may_come_as_one_segment(named, escape):
    for target in (f"/v1/models/default{escape}agent", f"/t/mapped/v1/models/default{escape}agent@1"):
        answer = named.get(target)
        assert answer.status == 200, answer
        assert answer.json()["id"].startswith("agent")
    refuses(named.get("/v1/models/default%252Fagent"), 404, param="model")
    refuses(named.post(f"/v1/models/default{escape}agent", {}), 405)


@pytest.fixture
def parallel(start, upstream):
    """A profile without tools and one that offers the operator's, both against parallel calls."""
    config = chat_config(upstream, tools={"calculator": {"description": "Adds."}})
    http = start(config=config, environment={"FAKE_KEY": FAKE_KEY}).client()
    setting = {"openai-chat": {"openai-parallel-tool-calls": False}}
    for slug, tools in (("none", []), ("one", ["calculator"]), ("any", None)):
        runtime = {"step_settings_patch": setting, **({} if tools is None else {"tools": tools})}
        create(http, slug, runtime=runtime, policy={"allow_overrides": True})
    return http


@pytest.mark.parametrize(
    "model, tools, goes_up",
    [
        ("none", ["calculator"], False),
        ("none", None, False),
        ("one", None, True),
        ("one", [], True),
        ("one", ["other"], True),
        ("any", ["other"], True),
        ("any", [], False),
        ("any", None, False),
    ],
)
def test_parallel_tool_calls_go_up_exactly_with_tools(parallel, upstream, model, tools, goes_up):
    """OpenAI refuses the member without tools (origin §7)."""
    body = {"model": model, "messages": [{"role": "user", "content": "x"}]}
    if tools is not None:
        body["tools"] = [{"type": "function", "function": {"name": name}} for name in tools]
    answer = parallel.post("/v1/chat/completions", body)
    assert answer.status == 200, answer
    sent = upstream.last.json()
    assert bool(sent.get("tools")) == goes_up
    assert sent.get("parallel_tool_calls") == (False if goes_up else None)


@pytest.mark.parametrize(
    "target, body",
    [
        ("/v1/chat/completions", '{"model":"agent","messages":[{"role":01}]}'),
        ("/chat", '{"prompt":"x","overrides":{"tools":[01]}}'),
    ],
)
def test_bad_json_names_its_place(lasting, target, body):
    response = refuses(
        lasting.request("POST", target, body=body.encode(), content_type="application/json"), 400, "invalid JSON"
    )
    assert response.error["param"] in ("messages[0]", "overrides.tools"), response
