"""POST /chat and its streaming form (gateway.md §8; cases CH-12, CH-17)."""

import re
import threading
import uuid

import pytest

from harness import upstream as provider
from harness.profiles import create, refuses
from harness.upstream import FAKE_KEY, chat_config

FINGERPRINT = re.compile(r"^sha256:[0-9a-f]{64}$")


def test_CH_12_the_answer_is_complete(chat, upstream):
    """In our form: `completed` with the text, not `started`."""
    response = chat.post("/chat/default", {"prompt": "hello", "conv_id": "conv-chat-1"})
    assert response.status == 200 and response.headers["Content-Type"].startswith("application/json"), response
    turn = response.json()
    assert turn["status"] == "completed" and turn["conv_id"] == "conv-chat-1"
    for field in ("session_id", "turn_id", "inference_id", "idempotency_key"):
        assert isinstance(turn[field], str) and turn[field], field
    assert turn["runtime_key"] == "default/default"
    assert turn["profile"] == {"registry": "default", "slug": "default", "version": 1}
    assert FINGERPRINT.match(turn["runtime_fingerprint"])
    assert turn["output"] == "The answer." and turn["finish_reason"] == "stop"
    assert (turn["usage"]["input_tokens"], turn["usage"]["output_tokens"]) == (12, 20)
    assert turn["upstream"] == "fake" and turn["model"]
    assert response.headers["X-Profile"] == "default/default"
    assert response.headers["X-Profile-Version"] == "1"
    assert response.headers["X-Runtime-Fingerprint"] == turn["runtime_fingerprint"]


def test_what_goes_upstream(chat, upstream):
    chat.post("/chat/agent", {"prompt": "hello ä"})
    call = upstream.last
    assert (call.method, call.target) == ("POST", "/v1/chat/completions")
    assert call.headers["Content-Type"].startswith("application/json")
    assert call.messages[0]["role"] == "system"
    assert call.messages[-1] == {"role": "user", "content": "hello ä"}
    assert not call.json().get("stream"), "a non-streaming chat calls the upstream without streaming"


@pytest.mark.parametrize(
    "target",
    [
        "/chat",
        "/chat/agent",
        "/api/chat",
        "/api/chat/agent",
        "/t/default/chat",
        "/t/default/chat/agent",
        "/t/default/api/chat/agent",
    ],
)
def test_every_spelling_of_the_route(chat, target):
    turn = chat.post(target, {"prompt": "hello"}).json()
    assert turn["status"] == "completed"
    assert turn["runtime_key"] == ("default/agent" if target.endswith("agent") else "default/default")


def test_a_conversation_without_an_id_gets_one(chat):
    ids = {chat.post("/chat", {"prompt": "hello"}).json()["conv_id"] for _ in range(3)}
    assert len(ids) == 3
    for made in ids:
        uuid.UUID(made)


@pytest.mark.parametrize("body", [{"prompt": ""}, {"prompt": "  \n"}, {}, {"text": " "}, {"prompt": None}], ids=str)
def test_CH_17_a_blank_prompt(lasting, body):
    refuses(lasting.post("/chat", body), 400, "missing prompt")


def test_CH_17_malformed_json_and_methods(lasting):
    refuses(lasting.post("/chat", body="{", content_type="application/json"), 400)
    assert lasting.get("/chat").status == 405


def test_CH_17_text_stands_in_for_prompt(chat, upstream):
    chat.post("/chat", {"text": "by another name"})
    assert upstream.last.messages[-1]["content"] == "by another name"
    chat.post("/chat", {"prompt": " ", "text": "by another name"})
    assert upstream.last.messages[-1]["content"] == "by another name"
    chat.post("/chat", {"prompt": "first", "text": "second"})
    assert upstream.last.messages[-1]["content"] == "first"


def test_the_prompt_goes_up_as_it_is(chat, upstream):
    prompt = '  line one\n\tline "two" \\ é 漢字 😀 \u2028 \u0000 end  '
    chat.post("/chat", {"prompt": prompt})
    assert upstream.last.messages[-1]["content"] == prompt


def test_the_output_comes_down_as_it_is(chat, upstream):
    text = '  line\n"quoted" \\ é 漢字 😀 \u2028 \u0000 end  '
    upstream.next(provider.answer(text))
    assert chat.post("/chat", {"prompt": "hello"}).json()["output"] == text


def test_tool_calls_of_the_answer(chat, upstream):
    calls = [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1.10}'}}]
    document = provider.completion(None)
    document["choices"][0] = {
        "index": 0,
        "finish_reason": "tool_calls",
        "message": {"role": "assistant", "content": None, "tool_calls": calls},
    }
    upstream.next(provider.raw(200, document))
    turn = chat.post("/chat", {"prompt": "hello"}).json()
    assert turn["finish_reason"] == "tool_calls" and turn["tool_calls"] == calls
    assert turn["output"] == ""


def test_idempotency_keys_are_echoed(chat):
    assert chat.post("/chat", {"prompt": "x", "idempotency_key": "from-body"}).json()["idempotency_key"] == "from-body"
    response = chat.post("/chat", {"prompt": "x"}, headers={"Idempotency-Key": "from-header"})
    assert response.json()["idempotency_key"] == "from-header"


def test_echo_needs_no_network_and_is_deterministic(http):
    one, two = [http.post("/chat", {"prompt": "hello echo"}).json() for _ in range(2)]
    assert one["upstream"] == "echo" and "hello echo" in one["output"]
    assert one["output"] == two["output"]
    assert one["usage"]["input_tokens"] > 0 and one["usage"]["output_tokens"] > 0


# Streaming --------------------------------------------------------------------------------------------------------


def stream(http, body=None, headers=None, target="/chat"):
    return http.stream("POST", target, json={"prompt": "hello", **(body or {})}, headers=headers)


def text_of(event):
    """The text of a turn.delta, whichever of the plain names it has."""
    data = event.json()
    return next(data[name] for name in ("delta", "text", "output") if name in data)


@pytest.mark.parametrize("form", ["body", "accept"])
def test_a_stream_of_events(chat, upstream, form):
    upstream.next(provider.stream(["Hel", "lo ", "wörld"]))
    more = {"body": {"stream": True}} if form == "body" else {"headers": {"Accept": "text/event-stream"}}
    with stream(chat, **more) as answer:
        events = list(answer.events())
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/event-stream")
    assert answer.ended_well
    assert answer.headers["X-Profile"] == "default/default"
    assert FINGERPRINT.match(answer.headers["X-Runtime-Fingerprint"])
    assert [e.name for e in events] == ["turn.started"] + ["turn.delta"] * (len(events) - 2) + ["turn.completed"]
    assert "".join(text_of(e) for e in events[1:-1]) == "Hello wörld"
    for event in events:
        assert {"conv_id", "session_id", "turn_id", "inference_id", "runtime_key"} <= set(event.json()), event
    last = events[-1].json()
    assert last["status"] == "completed" and last["output"] == "Hello wörld" and last["finish_reason"] == "stop"
    assert (last["usage"]["input_tokens"], last["usage"]["output_tokens"]) == (12, 20)
    assert upstream.last.json()["stream"] is True
    assert len({e.json()["turn_id"] for e in events}) == 1


def test_stream_false_beats_nothing_and_accept_json_is_plain(chat):
    for more in ({"json": {"prompt": "x", "stream": False}}, {"json": {"prompt": "x"}, "headers": {"Accept": "*/*"}}):
        assert chat.request("POST", "/chat", **more).headers["Content-Type"].startswith("application/json")


def test_each_word_arrives_when_the_provider_says_it(chat, upstream):
    """The provider waits for us between words, so a buffering gateway would hang here."""
    go = [threading.Event() for _ in range(3)]

    def behave(call):
        call.begin_stream()
        for word, event in zip(("one", "two", "three"), go, strict=True):
            call.event(provider.delta(word))
            event.wait(30)
        call.event(provider.delta(None, "stop"))
        call.event("[DONE]")
        call.end_stream()

    upstream.next(behave)
    with stream(chat, {"stream": True}) as answer:
        events = answer.events()
        assert next(events).name == "turn.started"
        for word, event in zip(("one", "two", "three"), go, strict=True):
            got = next(events)
            assert got.name == "turn.delta" and text_of(got) == word
            event.set()
        assert [e.name for e in events][-1] == "turn.completed"


@pytest.mark.slow
def test_a_silent_stream_is_kept_alive_with_comments(chat, upstream):
    """`: ping` every 15 s, so that proxies and clients do not take the silence for an end."""
    upstream.next(provider.stream_and_hang("one"))
    with stream(chat, {"stream": True}) as answer:
        pieces = answer.pieces()
        received = b""
        while b": ping" not in received:
            piece = next(pieces, None)
            assert piece is not None, received
            received += piece
    assert received.index(b"one") < received.index(b": ping")


def test_echo_streams_word_by_word(http):
    with stream(http, {"stream": True, "prompt": "a b c d e f"}) as answer:
        events = list(answer.events())
    assert events[-1].name == "turn.completed"
    assert len([e for e in events if e.name == "turn.delta"]) >= 6
    assert "".join(text_of(e) for e in events if e.name == "turn.delta") == events[-1].json()["output"]


def test_events_cut_at_every_byte_come_out_whole(chat, upstream):
    """The provider's chunks need not respect events, characters, or lines."""
    text = (
        "".join(
            f"data: {__import__('json').dumps(provider.delta(word), ensure_ascii=False)}\r\n\r\n"
            for word in ("é", "漢", "😀")
        )
        + ": comment\n\ndata: [DONE]\n\n"
    )

    def behave(call):
        call.begin_stream()
        for byte in text.encode():
            call.chunk(bytes([byte]))
        call.end_stream()

    upstream.next(behave)
    with stream(chat, {"stream": True}) as answer:
        events = list(answer.events())
    assert events[-1].name == "turn.completed" and events[-1].json()["output"] == "é漢😀"


def test_errors_before_the_stream_are_plain_errors(chat, upstream):
    refuses(chat.post("/chat", {"prompt": "x", "stream": True, "profile": "missing"}), 404)
    upstream.next(*[provider.failure(400, "provider refused")] * 5)
    response = chat.post("/chat", {"prompt": "x", "stream": True})
    assert response.status == 400 or ("turn.failed" in response.text and "provider refused" in response.text), response


def test_many_streams_at_once(chat, upstream):
    upstream.default = provider.stream([f"w{i} " for i in range(20)])
    outputs = []

    def run(number):
        with stream(chat, {"stream": True, "conv_id": f"c{number}"}) as answer:
            outputs.append(list(answer.events())[-1].json()["output"])

    threads = [threading.Thread(target=run, args=(n,)) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert outputs == ["".join(f"w{i} " for i in range(20))] * 40


def test_prompts_and_outputs_are_never_logged(chatting, upstream):
    http = chatting.client()
    upstream.next(provider.answer("output-that-is-private"), provider.failure(400, "message-with-private-words"))
    for _ in range(2):
        http.post(
            "/chat?secret=query-string-value",
            {"prompt": "prompt-that-is-private"},
            headers={"Cookie": "other=cookie-value"},
        )
    chatting.stop()
    for private in ("output-that-is-private", "prompt-that-is-private", "query-string-value", "cookie-value", FAKE_KEY):
        assert private not in chatting.log()


def test_a_profile_without_a_prompt_sends_no_system_text(chat, upstream):
    create(chat, "bare")
    assert chat.post("/chat/bare", {"prompt": "hello"}).status == 200
    assert upstream.last.system in ([], ["You are an assistant"])


def test_without_upstreams_there_is_echo_alone(http):
    assert http.post("/chat", {"prompt": "x"}).json()["upstream"] == "echo"


def test_proxy_variables_of_the_environment_are_ignored(start, upstream):
    environment = {
        "FAKE_KEY": FAKE_KEY,
        "http_proxy": provider.unused_address(),
        "all_proxy": provider.unused_address(),
    }
    gateway = start(config=chat_config(upstream), environment=environment)
    assert gateway.client().post("/chat", {"prompt": "x"}).json()["output"] == "The answer."


def test_the_trace_context_is_continued(chat, upstream):
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    chat.post("/chat", {"prompt": "x"}, headers={"traceparent": trace, "tracestate": "vendor=1"})
    assert upstream.last.headers["traceparent"].split("-")[1] == trace.split("-")[1]
