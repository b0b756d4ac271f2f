"""Middlewares around a chat, seen from both of its ends (gateway.md §7; origin 2.4, 2.5)."""

import json
import re
import threading
import time

import pytest

from harness import database
from harness import upstream as provider
from harness.profiles import PROFILES, create, read, refuses
from harness.resolution import COMPLETIONS, OPEN, USER, chat_with, complete, effective, resolve, streamed
from harness.upstream import FAKE_KEY, chat_config
from harness.waiting import eventually

MODES = {"default": "You are plain.", "financial_analyst": "You analyse money.", "chat": "You chat."}


@pytest.fixture
def modes(start, upstream):
    """A client of a gateway whose operator has modes."""
    return start(config=chat_config(upstream, agent_modes=MODES), environment={"FAKE_KEY": FAKE_KEY}).client()


def use(name, **config):
    return {"name": name, "config": config}


def running(http, *uses, slug="x", prompt="p", **fields):
    return create(http, slug, runtime={"system_prompt": prompt, "middlewares": list(uses)}, **fields)


def said(call):
    """The text of the last message that went up."""
    return call.messages[-1]["content"]


# agentmode --------------------------------------------------------------------------------------------------------


def test_agentmode_adds_the_operators_prompt(modes, upstream):
    running(modes, use("agentmode", default_mode="chat"))
    chat_with(modes, "x")
    assert upstream.last.system == ["p\n\nYou chat."]
    complete(modes, "x", messages=[{"role": "system", "content": "of the client"}, *USER])
    assert upstream.last.system == ["p\n\nYou chat.", "of the client"]


def test_agentmode_takes_the_operators_first_mode(start, upstream):
    http = start(
        config=chat_config(upstream, agent_modes={"one": "ONE", "two": "TWO"}), environment={"FAKE_KEY": FAKE_KEY}
    ).client()
    running(http, use("agentmode"))
    chat_with(http, "x")
    assert upstream.last.system == ["p\n\nONE"]


def test_a_mode_that_is_not_configured_adds_nothing(modes, upstream):
    """Profiles come from elsewhere and outlive modes."""
    running(modes, use("agentmode", default_mode="gone"))
    chat_with(modes, "x")
    assert upstream.last.system == ["p"]


def test_D37_a_configuration_takes_effect(modes, upstream):
    """POST a config, chat, see it; the origin's second generation ran every middleware with its defaults."""
    running(modes, {"name": "agentmode", "id": "primary", "config": {"default_mode": "chat"}})
    assert "config" not in read(modes, "x")["runtime"]["middlewares"][0], "it moved into its slot"
    for _ in range(2):
        chat_with(modes, "x")
        assert upstream.last.system == ["p\n\nYou chat."]
        modes.patch(f"{PROFILES}/x", {"display_name": "renamed"})


def test_D49_the_slot_of_the_built_in_agent_can_be_edited(modes, upstream):
    """There is one place where a configuration is, also for bootstrapped profiles."""
    chat_with(modes, "agent")
    assert upstream.last.system[0].endswith("You analyse money.")
    document = read(modes, "agent")
    assert "config" not in document["runtime"]["middlewares"][0]
    slots = {"middleware.agentmode_config@v1": {"instances": {"id:default": {"default_mode": "chat"}}}}
    assert document["extensions"].keys() == slots.keys()
    assert modes.patch(f"{PROFILES}/agent", {"extensions": slots}).json()["extensions"] == slots
    chat_with(modes, "agent")
    assert upstream.last.system[0].endswith("You chat.")
    modes.patch(f"{PROFILES}/agent", {"runtime": read(modes, "agent")["runtime"]})
    chat_with(modes, "agent")
    assert upstream.last.system[0].endswith("You chat."), "resending the runtime keeps the slot"


def test_D50_defaults_are_not_written_into_storage(start, upstream):
    """So that a later default reaches every profile that was saved before."""
    options = {"environment": {"FAKE_KEY": FAKE_KEY}}
    gateway = start(config=chat_config(upstream, agent_modes={"one": "ONE", "two": "TWO"}), **options)
    http = gateway.client()
    document = running(http, use("agentmode"), use("prompt-append", text="added"))
    assert document["extensions"] == {
        "middleware.prompt-append_config@v1": {"instances": {"index:1": {"text": "added"}}}
    }
    chat_with(http, "x")
    assert upstream.last.system == ["p\n\nONE\n\nadded"]
    gateway.stop()
    gateway.config = chat_config(upstream, agent_modes={"two": "TWO", "one": "ONE"})
    gateway.start()
    chat_with(http, "x")
    assert upstream.last.system == ["p\n\nTWO\n\nadded"]


def test_D50_the_advertised_default_is_a_mode_there_is(modes, http):
    def default(client):
        (schema,) = [
            s["schema"] for s in client.get("/api/chat/schemas/middlewares").json() if s["name"] == "agentmode"
        ]
        return schema["properties"]["default_mode"].get("default")

    assert default(modes) in MODES
    assert default(http) is None, "without modes there is none to advertise"


# prompt-append, order, switching off ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "config, expected",
    [
        ({"text": "T"}, "p\n\nT"),
        ({"text": "T", "position": "before"}, "T\n\np"),
        ({"text": "T", "separator": " | "}, "p | T"),
        ({"text": "T", "position": "after", "separator": ""}, "pT"),
    ],
    ids=str,
)
def test_prompt_append(chat, upstream, config, expected):
    running(chat, use("prompt-append", **config))
    for go in (lambda: chat_with(chat, "x"), lambda: complete(chat, "x"), lambda: streamed(chat, "x")):
        go()
        assert upstream.last.system == [expected]


def test_prompt_append_without_a_prompt_is_the_prompt(chat, upstream):
    create(chat, "x", runtime={"middlewares": [use("prompt-append", text="T")]})
    chat_with(chat, "x")
    assert upstream.last.system == ["T"]


def test_an_appended_placeholder_is_text(chat, upstream):
    create(
        chat,
        "x",
        runtime={
            "system_prompt": "{{a}}",
            "variables": {"a": {"default": "A"}},
            "middlewares": [use("prompt-append", text="{{a}}")],
        },
    )
    chat_with(chat, "x")
    assert upstream.last.system == ["A\n\n{{a}}"]


def test_they_run_in_the_order_of_the_list(chat, upstream):
    one, two = use("prompt-append", text="1"), use("prompt-append", text="2")
    running(chat, {**one, "id": "a"}, {**two, "id": "b"}, slug="x")
    running(chat, {**two, "id": "b"}, {**one, "id": "a"}, slug="y")
    chat_with(chat, "x")
    assert upstream.last.system == ["p\n\n1\n\n2"]
    chat_with(chat, "y")
    assert upstream.last.system == ["p\n\n2\n\n1"]


def test_redact_sees_what_stands_before_it(chat, upstream):
    append, redact = use("prompt-append", text="ask ann@example.com"), use("redact")
    running(chat, append, redact, slug="x")
    running(chat, redact, append, slug="y")
    chat_with(chat, "x")
    assert upstream.last.system == ["p\n\nask [EMAIL_1]"]
    chat_with(chat, "y")
    assert upstream.last.system == ["p\n\nask ann@example.com"]


def test_a_disabled_use_does_nothing(chat, upstream):
    running(
        chat,
        {**use("prompt-append", text="T"), "enabled": False},
        {**use("input-limit", max_characters=1), "enabled": False},
    )
    chat_with(chat, "x")
    assert upstream.last.system == ["p"]
    assert [item["enabled"] for item in effective(chat, "x")["middlewares"]] == [False, False]


def test_D30_two_uses_of_one_name_without_ids_chat(chat, upstream):
    """Valid when written; in the origin every chat was then a 500."""
    running(chat, use("prompt-append", text="1"), use("prompt-append", text="2"))
    for go in (lambda: chat_with(chat, "x"), lambda: complete(chat, "x")):
        go()
        assert upstream.last.system == ["p\n\n1\n\n2"]


def test_without_middlewares_bytes_pass(chat, upstream):
    """A list of disabled uses is as good as none."""
    running(chat, {**use("redact", restore=True), "enabled": False})
    upstream.next(provider.raw(200, '{ "choices":[ ], "x":1.10 }'))
    assert complete(chat, "x").text == '{ "choices":[ ], "x":1.10 }'


# redact -----------------------------------------------------------------------------------------------------------

SECRETS = "ann@example.com, 4111 1111 1111 1111, DE89 3704 0044 0532 0130 00 and +49 30 1234567"


@pytest.mark.parametrize("route", ["chat", "completions", "stream"])
def test_redact_masks_on_the_way_up(chat, upstream, route):
    running(chat, use("redact"), prompt="call +49 30 7654321")
    if route == "chat":
        chat_with(chat, "x", SECRETS)
    elif route == "completions":
        complete(chat, "x", messages=[{"role": "user", "content": [{"type": "text", "text": SECRETS}]}])
    else:
        streamed(chat, "x", [{"role": "user", "content": SECRETS}])
    text = upstream.last.body.decode()
    for secret in ("ann@example.com", "4111", "3704", "1234567", "7654321"):
        assert secret not in text
    assert upstream.last.system == ["call [PHONE_1]"]
    assert "[EMAIL_1], [CARD_1], [IBAN_1] and [PHONE_2]" in text


def test_one_text_has_one_placeholder(chat, upstream):
    running(chat, use("redact"))
    chat_with(chat, "x", "ann@example.com bob@example.com ann@example.com")
    assert said(upstream.last) == "[EMAIL_1] [EMAIL_2] [EMAIL_1]"


def test_redact_reaches_tool_calls_and_results(chat, upstream):
    running(chat, use("redact"))
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"to":"ann@example.com"}'}}
    complete(
        chat,
        "x",
        messages=[
            *USER,
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "sent to ann@example.com"},
        ],
    )
    assert b"ann@example.com" not in upstream.last.body
    assert json.loads(upstream.last.messages[-2]["tool_calls"][0]["function"]["arguments"]) == {"to": "[EMAIL_1]"}


def test_redact_masks_who_asks_and_what_describes(chat, upstream):
    """Beside the texts: authors, users, metadata, stop sequences, descriptions, names of files, places."""
    running(chat, use("redact", restore=True), policy=OPEN)
    schema = {
        "title": "t1@example.com",
        "description": "t2@example.com",
        "properties": {
            "description": {"type": "string", "description": "t3@example.com"},
            "list": {"items": {"anyOf": [{"description": "t4@example.com"}]}},
            "kept": {"enum": ["k1@example.com"], "const": "k2@example.com", "default": "k3@example.com"},
        },
    }
    parts = [
        {"type": "text", "text": "t5@example.com"},
        {"type": "file", "file": {"filename": "t6@example.com (1).pdf", "file_data": "data:;base64,k4@example.com"}},
        {"type": "image_url", "image_url": {"url": "http://x/?u=k5@example.com"}},
    ]
    body = {
        "messages": [{"role": "user", "name": "t7@example.com", "content": parts}],
        "user": "t8@example.com",
        "safety_identifier": "t9@example.com",
        "prompt_cache_key": "t10@example.com",
        "metadata": {"k6@example.com": "t11@example.com", "n": "x"},
        "stop": ["t12@example.com", "END"],
        "tools": [
            {"type": "function", "function": {"name": "f", "description": "t13@example.com", "parameters": schema}},
            {"type": "custom", "custom": {"name": "c", "description": "t14@example.com"}},
        ],
        "functions": [{"name": "g", "description": "t15@example.com", "parameters": schema}],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "r", "description": "t16@example.com", "schema": schema},
        },
        "web_search_options": {
            "search_context_size": "low",
            "user_location": {"type": "approximate", "approximate": {"city": "t17@example.com", "country": "DE"}},
        },
        "seed": 9007199254740993,
    }
    upstream.default = provider.answer('"to [EMAIL_1]"')
    answer = complete(chat, "x", **body).json()
    sent = upstream.last.body.decode()
    assert set(re.findall(r"[a-z]+[0-9]+@example", sent)) == {f"k{n}@example" for n in range(1, 7)}
    masked = {name: value for name, value in json.loads(sent).items() if name in body}
    masked["messages"] = masked["messages"][1:]
    originals = dict(re.findall(r"(\[EMAIL_[0-9]+\])=([^=]*)=", pairs_of(body, masked)))
    assert sorted(originals.values()) == sorted(f"t{n}@example.com" for n in range(1, 18))
    restored = json.dumps(masked)
    for placeholder, original in originals.items():
        restored = restored.replace(placeholder, original)
    assert json.loads(restored) == body, "nothing else is changed"
    assert answer["choices"][0]["message"]["content"] == f'"to {originals["[EMAIL_1]"]}"'


def pairs_of(body, masked):
    """`[EMAIL_1]=address=` for every address that was masked, found by the texts around it."""
    if isinstance(body, dict):
        return "".join(pairs_of(value, masked[name]) for name, value in body.items())
    if isinstance(body, list):
        return "".join(pairs_of(*pair) for pair in zip(body, masked, strict=True))
    if body == masked:
        return ""
    return "".join(re.findall(r"\[EMAIL_[0-9]+\]", masked)) + "=" + re.search(r"t[0-9]+@example\.com", body)[0] + "="


def test_redact_restores_in_the_answer(chat, upstream):
    running(chat, use("redact", restore=True), slug="x")
    running(chat, use("redact"), slug="y")
    upstream.default = provider.answer("write to [EMAIL_1], not to [EMAIL_2]")
    assert chat_with(chat, "x", "I am ann@example.com")["output"] == "write to ann@example.com, not to [EMAIL_2]"
    assert chat_with(chat, "y", "I am ann@example.com")["output"] == "write to [EMAIL_1], not to [EMAIL_2]"
    message = complete(chat, "x", messages=[{"role": "user", "content": "I am ann@example.com"}]).json()
    assert message["choices"][0]["message"]["content"] == "write to ann@example.com, not to [EMAIL_2]"


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
@pytest.mark.parametrize("route", ["chat", "completions"])
def test_redact_restores_split_over_chunks(chat, upstream, size, route):
    """Wherever the upstream cuts its text; nothing else is delayed for ever or lost."""
    running(chat, use("redact", restore=True))
    text = "[[EMAIL_1]] and [EMAIL_2 [EMAIL_12] é [EMAIL_2] [CARD_1] end ["
    upstream.next(provider.stream([text[i : i + size] for i in range(0, len(text), size)]))
    prompt = "ann@example.com bob@example.com"
    if route == "chat":
        with chat.stream("POST", "/chat", json={"prompt": prompt, "profile": "x", "stream": True}) as answer:
            events = list(answer.events())
        got = "".join(event.json()["delta"] for event in events if event.name == "turn.delta")
        assert events[-1].name == "turn.completed" and events[-1].json()["output"] == got
    else:
        got, events = streamed(chat, "x", [{"role": "user", "content": prompt}])
        assert events[-1].data == "[DONE]"
    assert got == "[ann@example.com] and [EMAIL_2 [EMAIL_12] é bob@example.com [CARD_1] end ["


def test_redact_restores_in_streamed_tool_arguments(chat, upstream):
    """Escaped for where it stands."""
    running(chat, use("redact", restore=True, custom=[{"name": "quote", "pattern": 'q"\\w+"'}]))

    def behave(call):
        call.begin_stream()
        for piece in ('{"to":"[EMA', 'IL_1]","q":"[QUO', 'TE_1]"}'):
            delta = {"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "f", "arguments": piece}}]}
            call.event({**provider.delta(), "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        call.event(provider.delta(None, "tool_calls"))
        call.event("[DONE]")
        call.end_stream()

    upstream.next(behave)
    messages = [{"role": "user", "content": 'ann@example.com q"word"'}]
    _, events = streamed(chat, "x", messages, tools=[{"type": "function", "function": {"name": "f"}}])
    arguments = "".join(
        tool["function"].get("arguments", "")
        for event in events
        if event.data != "[DONE]"
        for choice in event.json()["choices"]
        for tool in choice["delta"].get("tool_calls", [])
    )
    assert json.loads(arguments) == {"to": "ann@example.com", "q": 'q"word"'}


def test_two_choices_of_a_stream_do_not_mix(chat, upstream):
    running(chat, use("redact", restore=True), policy=OPEN)

    def behave(call):
        call.begin_stream()
        for index, piece in ((0, "a [EMA"), (1, "b [EMAIL"), (0, "IL_1]"), (1, "_1]!")):
            call.event(
                {
                    **provider.delta(piece),
                    "choices": [{"index": index, "delta": {"content": piece}, "finish_reason": None}],
                }
            )
        for index in (0, 1):
            call.event({**provider.delta(), "choices": [{"index": index, "delta": {}, "finish_reason": "stop"}]})
        call.event("[DONE]")
        call.end_stream()

    upstream.next(behave)
    _, events = streamed(chat, "x", [{"role": "user", "content": "ann@example.com"}], n=2)
    texts = {0: "", 1: ""}
    for event in events[:-1]:
        for choice in event.json()["choices"]:
            texts[choice["index"]] += choice["delta"].get("content") or ""
    assert texts == {0: "a ann@example.com", 1: "b ann@example.com!"}


def test_custom_patterns(chat, upstream):
    running(chat, use("redact", patterns=[], custom=[{"name": "ticket", "pattern": "T-[0-9]+", "ignore_case": True}]))
    chat_with(chat, "x", "see t-12 and T-13, ann@example.com")
    assert said(upstream.last) == "see [TICKET_1] and [TICKET_2], ann@example.com"


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|aa)+$", "(.*a){20}", "a?a?a?a?a?a?a?a?a?a?a?a?aaaaaaaaaaaa", "(x+x+)+y"]
)
def test_a_pattern_made_to_backtrack_for_ever_does_not(chat, upstream, pattern):
    """Either refused when written, or done in linear time."""
    response = chat.post(
        PROFILES,
        {
            "slug": "x",
            "runtime": {"middlewares": [use("redact", patterns=[], custom=[{"name": "p", "pattern": pattern}])]},
        },
    )
    if response.status == 400:
        refuses(response, 400, param="runtime.middlewares[0].config")
        return
    begin = time.monotonic()
    for text in ("a" * 100_000 + "!", "x" * 100_000):
        answered = chat.post("/chat", {"prompt": text, "profile": "x"})
        assert answered.status in (200, 400), answered
        if answered.status == 400:
            assert answered.error["code"] == "redaction_limit_exceeded"
    assert time.monotonic() - begin < 20
    assert chat_with(chat, "default")


@pytest.mark.parametrize(
    "pattern", [r"(a)\1", "(?=a)a", "(?<!a)b", "a{1000}{1000}", "(", "[z-a]", "a*", "", "x" * 1001]
)
def test_patterns_that_are_refused_when_written(lasting, pattern):
    response = create(
        lasting,
        "x",
        400,
        runtime={"middlewares": [use("redact", custom=[{"name": "p", "pattern": pattern}])]},
    )
    refuses(response, 400, "custom[0].pattern", param="runtime.middlewares[0].config")


def test_a_hanging_stream_is_not_held_back(chat, upstream):
    """What cannot become a placeholder is passed on at once."""
    running(chat, use("redact", restore=True))
    pause = threading.Event()
    upstream.next(provider.stream(["hello ", "[EMAIL_1]"], pause=pause))
    with chat.stream(
        "POST",
        COMPLETIONS,
        json={"model": "x", "stream": True, "messages": [{"role": "user", "content": "ann@example.com"}]},
    ) as answer:
        events = answer.events()
        first = next(event for event in events if event.json()["choices"][0]["delta"].get("content"))
        assert first.json()["choices"][0]["delta"]["content"] == "hello "
        pause.set()
        list(events)


# input-limit ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "config, messages, phrase",
    [
        ({"max_messages": 1}, USER * 2, "2 messages; this profile allows at most 1"),
        ({"max_messages": 2}, USER * 2, None),
        ({"max_characters": 4}, USER, "5 characters; this profile allows at most 4"),
        ({"max_characters": 5}, USER, None),
        ({"max_characters": 3}, [{"role": "user", "content": "äöü"}], None),
        ({"max_characters": 5}, [{"role": "user", "content": [{"type": "text", "text": "abc"}] * 2}], "6 characters"),
    ],
    ids=str,
)
def test_input_limit(chat, upstream, config, messages, phrase):
    running(chat, use("input-limit", **config), prompt="a long prompt of the profile does not count")
    if phrase is None:
        complete(chat, "x", messages=messages)
        return
    response = refuses(complete(chat, "x", 400, messages=messages), 400, phrase)
    assert response.error["code"] == "input_limit_exceeded" and upstream.calls == []
    assert complete(chat, "x", 400, messages=messages, stream=True).error["code"] == "input_limit_exceeded"


def test_input_limit_on_a_prompt(chat, upstream):
    running(chat, use("input-limit", max_characters=4))
    refuses(chat_with(chat, "x", "hello", expect=400), 400, "5 characters")
    refuses(chat_with(chat, "x", "hello", expect=400, stream=True), 400, "5 characters")
    chat_with(chat, "x", "hell")
    assert len(upstream.calls) == 1


def test_resolving_tells_what_the_chat_would(chat, upstream):
    running(chat, use("input-limit", max_characters=4))
    assert resolve(chat, "x", 400).error["code"] == "input_limit_exceeded"


# require-json -----------------------------------------------------------------------------------------------------

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}, "required": ["a"]}


def test_require_json_delivers_what_fits(chat, upstream):
    running(chat, use("require-json", schema=SCHEMA))
    upstream.default = provider.answer('{"a": 1}')
    document = chat_with(chat, "x")
    assert document["output"] == '{"a": 1}' and document["usage"] == {"input_tokens": 12, "output_tokens": 20}
    assert len(upstream.calls) == 1


@pytest.mark.parametrize("bad", ["no json", '{"a": 0}', '{"a": 1} trailing', "```json\n{}\n```", '{"a":1,"a":2}', ""])
@pytest.mark.parametrize("route", ["chat", "completions"])
def test_require_json_asks_once_more_and_adds_up_the_usage(chat, upstream, bad, route):
    running(chat, use("require-json", schema=SCHEMA))
    upstream.next(provider.answer(bad), provider.answer('{"a": 2}'))
    if route == "chat":
        document = chat_with(chat, "x")
        assert document["output"] == '{"a": 2}'
        assert document["usage"] == {"input_tokens": 24, "output_tokens": 40}
    else:
        document = complete(chat, "x").json()
        assert document["choices"][0]["message"]["content"] == '{"a": 2}'
        assert document["usage"] == {"prompt_tokens": 24, "completion_tokens": 40, "total_tokens": 64}
    first, second = upstream.calls
    assert second.messages[: len(first.messages)] == first.messages
    assistant, repair = second.messages[len(first.messages) :]
    assert assistant == {"role": "assistant", "content": bad}
    assert repair["role"] == "user" and "not accepted" in repair["content"]


def test_require_json_gives_up_after_one_retry(chat, upstream):
    running(chat, use("require-json", schema=SCHEMA))
    upstream.default = provider.answer("never")
    response = refuses(chat_with(chat, "x", expect=502), 502, "not the JSON that this profile requires")
    assert response.error["type"] == "upstream_error" and response.error["code"] == "upstream_invalid_json"
    assert len(upstream.calls) == 2
    running(chat, use("require-json", schema=SCHEMA, retries=0), slug="y")
    chat_with(chat, "y", expect=502)
    assert len(upstream.calls) == 3


@pytest.mark.parametrize("route", ["chat", "completions"])
def test_require_json_on_a_stream(chat, upstream, route):
    """Asked for as a whole, and played out as a stream: no half of a refused answer is ever seen."""
    running(chat, use("require-json", schema=SCHEMA))
    upstream.next(provider.answer("no json"), provider.answer('{"a": 3}'))
    if route == "chat":
        with chat.stream("POST", "/chat", json={"prompt": "x", "profile": "x", "stream": True}) as answer:
            events = list(answer.events())
        assert events[-1].name == "turn.completed" and events[-1].json()["output"] == '{"a": 3}'
        assert events[-1].json()["usage"] == {"input_tokens": 24, "output_tokens": 40}
    else:
        text, events = streamed(chat, "x", stream_options={"include_usage": True})
        assert text == '{"a": 3}' and events[-1].data == "[DONE]"
        assert events[-2].json()["usage"]["total_tokens"] == 64 and events[-2].json()["choices"] == []
        assert events[-3].json()["choices"][0]["finish_reason"] == "stop"
    assert [call.json().get("stream", False) for call in upstream.calls] == [False, False]
    assert all("stream_options" not in call.json() for call in upstream.calls)


def test_require_json_on_a_stream_that_fails_is_a_plain_error(chat, upstream):
    running(chat, use("require-json", schema=SCHEMA))
    upstream.default = provider.answer("never")
    response = complete(chat, "x", 502, stream=True)
    assert response.error["code"] == "upstream_invalid_json"


@pytest.mark.parametrize("document", [{"error": {"message": "boom"}}, {"id": "x"}, {"choices": []}], ids=str)
@pytest.mark.parametrize("route", ["/chat", "/v1/chat/completions"])
@pytest.mark.parametrize("streaming", [False, True])
def test_require_json_takes_no_failure_for_an_answer(chat, upstream, document, route, streaming):
    running(chat, use("require-json"))
    upstream.default = provider.raw(200, document)
    body = {"profile": "x", "stream": streaming}
    body |= {"prompt": "x"} if route == "/chat" else {"messages": USER}
    response = refuses(chat.post(route, body), 502)
    assert response.error["type"] == "upstream_error"


def test_what_require_json_refuses_is_not_logged(chatting, upstream):
    http = chatting.client()
    schema = {"type": "object", "additionalProperties": False, "properties": {"a": {"type": "integer"}}}
    running(http, use("require-json", schema=schema, retries=0))
    for text in ('{"the patient Ann Smith has flu": 1}', '{"a": "flu"}', "Ann Smith has flu", '{"flu": 1, "flu": 2}'):
        upstream.next(provider.answer(text))
        refuses(complete(http, "x", 502), 502, "not the JSON that this profile requires")
    chatting.stop()
    assert "flu" not in chatting.log() and "Ann" not in chatting.log()
    assert "does not satisfy the schema at properties.a" in chatting.log()


def test_an_echoed_prompt_is_not_logged(chatting, upstream):
    http = chatting.client()
    for behaviour in (
        provider.raw(200, {"error": {"message": "echo PROMPTSECRET"}}),
        provider.raw(200, '{"choices":[{"PROMPTSECRET":1,"PROMPTSECRET":2}]}'),
        provider.failure(500, "PROMPTSECRET"),
        provider.raw(200, {"error": {"message": "x", "code": "your PROMPTSECRET"}}),
    ):
        upstream.default = behaviour
        assert http.post("/chat", {"prompt": "PROMPTSECRET"}).status == 502
    chatting.stop()
    assert "PROMPTSECRET" not in chatting.log() and '"upstream":"fake"' in chatting.log()


def slow_answer(text, seconds):
    def behave(call):
        time.sleep(seconds)
        provider.answer(text)(call)

    return behave


@pytest.mark.slow
@pytest.mark.parametrize("route", ["chat", "completions"])
@pytest.mark.parametrize("text", ['{"a": 1}', "never"])
def test_require_json_keeps_a_stream_alive_while_it_waits(chatting, upstream, route, text):
    """`: ping` within 15 s also while the whole answer is awaited; what fails later is told in the stream."""
    http = chatting.client()
    running(http, use("require-json", retries=0))
    upstream.default = slow_answer(text, 12)
    body = {"profile": "x", "stream": True} | ({"prompt": "x"} if route == "chat" else {"messages": USER})
    target = "/chat" if route == "chat" else "/v1/chat/completions"
    began = time.monotonic()
    with http.stream("POST", target, json=body) as answer:
        assert answer.status == 200 and answer.headers["X-Profile"] == "default/x"
        pieces = answer.pieces()
        received = next(pieces)
        assert received.startswith(b": ping\n\n") and time.monotonic() - began < 15
        received += b"".join(pieces)
    assert answer.ended_well
    if text == "never":
        assert b"upstream_invalid_json" in received and b"[DONE]" not in received
        assert (b"event: turn.failed" in received) == (route == "chat")
        eventually(lambda: "stream broke off" in chatting.log(), "it is logged")
        assert "never" not in chatting.log()
    else:
        assert b"turn.completed" in received if route == "chat" else received.endswith(b"data: [DONE]\n\n")


@pytest.mark.slow
def test_a_client_that_leaves_a_stream_kept_alive_ends_the_call(chat, upstream):
    running(chat, use("require-json"))
    upstream.default = provider.hang
    with chat.stream("POST", "/chat", json={"prompt": "x", "profile": "x", "stream": True}) as answer:
        next(answer.pieces())
    eventually(lambda: upstream.last.closed_at, "the call is given up")


@pytest.mark.slow
def test_a_stop_tells_a_stream_that_is_kept_alive(start, upstream):
    config = chat_config(upstream, shutdown_grace="1s")
    gateway = start(config=config, environment={"FAKE_KEY": FAKE_KEY})
    http = gateway.client()
    running(http, use("require-json"))
    upstream.default = provider.hang
    with http.stream("POST", "/chat", json={"prompt": "x", "profile": "x", "stream": True}) as answer:
        pieces = answer.pieces()
        assert next(pieces).startswith(b": ping")
        gateway.signal(15)
        rest = b"".join(pieces)
    assert answer.ended_well and b"event: turn.failed" in rest and b'"code":"stopping"' in rest, rest
    assert gateway.wait() == 0
    eventually(lambda: upstream.last.closed_at, "the call is given up")


def test_require_json_leaves_tool_calls_alone(chat, upstream):
    running(chat, use("require-json", schema=SCHEMA))
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    upstream.next(provider.answer(choices=[choice]))
    assert complete(chat, "x").json()["choices"][0]["message"]["tool_calls"] == [call]
    assert len(upstream.calls) == 1


def test_redact_and_require_json_together(chat, upstream):
    """What is put back into JSON is escaped; the repair's request is masked like the first."""
    running(
        chat,
        use("require-json", schema={"type": "object", "required": ["q"]}),
        use("redact", restore=True, custom=[{"name": "quote", "pattern": 'q"\\w+"'}]),
    )
    upstream.next(provider.answer("[QUOTE_1]"), provider.answer('{"q": "[QUOTE_1] [EMAIL_1]"}'))
    output = chat_with(chat, "x", 'say q"zebra" to ann@example.com')["output"]
    assert json.loads(output) == {"q": 'q"zebra" ann@example.com'}
    assert b"ann@example.com" not in upstream.calls[1].body and b"zebra" not in upstream.calls[1].body


# Wrong configurations ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, config, phrase",
    [
        ("agentmode", {"default_mode": 5}, "default_mode"),
        ("agentmode", {"mode": "x"}, "mode"),
        ("prompt-append", {}, 'missing required field "text"'),
        ("prompt-append", {"text": ""}, "text"),
        ("prompt-append", {"text": ["x"]}, "text"),
        ("prompt-append", {"text": "x", "position": "inside"}, "position"),
        ("input-limit", {}, ""),
        ("input-limit", {"max_messages": 0}, "max_messages"),
        ("input-limit", {"max_messages": -5}, "max_messages"),
        ("input-limit", {"max_characters": 1.5}, "max_characters"),
        ("input-limit", {"max_characters": "10"}, "max_characters"),
        ("redact", {"patterns": ["email", "email"]}, "patterns"),
        ("redact", {"patterns": ["ssn"]}, "patterns[0]"),
        ("redact", {"patterns": "email"}, "patterns"),
        ("redact", {"custom": [{"name": "x"}]}, "custom[0]"),
        ("redact", {"custom": [{"name": "1x", "pattern": "a"}]}, "custom[0].name"),
        ("redact", {"custom": [{"name": "email", "pattern": "a"}]}, "custom[0].name"),
        ("redact", {"custom": [{"name": "a", "pattern": "a"}, {"name": "A", "pattern": "b"}]}, "custom[1].name"),
        ("redact", {"custom": [{"name": "a", "pattern": "a"}] * 33}, "custom"),
        ("redact", {"restore": "yes"}, "restore"),
        ("require-json", {"schema": "object"}, "schema"),
        ("require-json", {"schema": {"type": "nothing"}}, "schema.type"),
        ("require-json", {"schema": {"$ref": "#/x"}}, "schema"),
        ("require-json", {"schema": {"properties": {"a": {"pattern": "(a)\\1"}}}}, "schema"),
        ("require-json", {"retries": 5}, "retries"),
    ],
    ids=str,
)
def test_D47_a_wrong_configuration_is_400(lasting, name, config, phrase):
    """On create, on PATCH of the slot, and on override; bounds included, which the origin ignored."""
    response = create(lasting, "x", 400, runtime={"middlewares": [{"name": name, "id": "m", "config": config}]})
    refuses(response, 400, phrase, param="runtime.middlewares[0].config")
    response = create(
        lasting,
        "x",
        400,
        runtime={"middlewares": [{"name": name, "id": "m"}]},
        extensions={f"middleware.{name}_config@v1": {"instances": {"id:m": config}}},
    )
    refuses(response, 400, phrase)
    response = resolve(lasting, "agent", 400, overrides={"middlewares": [{"name": name, "id": "m", "config": config}]})
    refuses(response, 400, phrase, param="request_overrides.middlewares[0].config")


@pytest.mark.parametrize(
    "value",
    [
        5,
        [],
        {},
        {"instances": []},
        {"instances": {"id:m": 5}},
        {"instances": {}, "more": 1},
        {"instances": {"id:m": {"x": 1}}},
    ],
    ids=str,
)
def test_D47_a_wrong_slot_is_400(lasting, value):
    response = create(lasting, "x", 400, extensions={"middleware.agentmode_config@v1": value})
    refuses(response, 400, "decode failed:", param="profile.extensions[middleware.agentmode_config@v1]")


def test_a_configuration_made_wrong_by_hand_breaks_only_its_profile(chatting, upstream):
    http = chatting.client()
    running(http, use("input-limit", max_messages=5))
    database.shell(
        chatting.database(),
        "UPDATE profiles SET document_json = replace(document_json, '\"max_messages\":5', '\"max_messages\":-5')"
        " WHERE slug='x'",
    )
    response = eventually(
        lambda: (r := http.post("/chat", {"prompt": "x", "profile": "x"})).status != 200 and r, "the edit is seen"
    )
    assert response.status == 409 and response.error["code"] == "profile_invalid", response
    assert "runtime.middlewares[0].config" in response.error["param"], response
    assert chat_with(http, "default")


def test_many_middlewares(chat, upstream):
    uses = [{**use("prompt-append", text=str(number), separator=","), "id": f"m{number}"} for number in range(200)]
    running(chat, *uses)
    chat_with(chat, "x")
    assert upstream.last.system == ["p," + ",".join(str(number) for number in range(200))]
