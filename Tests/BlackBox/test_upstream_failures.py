"""An upstream that refuses, hangs, cuts or answers nonsense (gateway.md §4, §8): a clear error, and nobody else's."""

import json
import threading

import pytest

from harness import upstream as provider
from harness.profiles import create, refuses
from harness.upstream import FAKE_KEY, chat_config, unused_address
from harness.waiting import eventually

USER = [{"role": "user", "content": "hello"}]
DOORS = {
    "chat": ("/chat", {"prompt": "hello"}),
    "v1": ("/v1/chat/completions", {"model": "default", "messages": USER}),
}
BOTH = pytest.mark.parametrize("door", DOORS)


def ask(http, door, **more):
    target, body = DOORS[door]
    return http.post(target, {**body, **more})


def open_stream(http, door):
    target, body = DOORS[door]
    return http.stream("POST", target, json={**body, "stream": True})


def always(upstream, behaviour):
    """Every call, so that retries meet the same."""
    upstream.default = behaviour


@pytest.fixture
def impatient(start, upstream):
    """A gateway that waits for the scripted provider only briefly."""
    config = chat_config(upstream)
    config["upstreams"]["fake"]["timeouts"] = {"first_byte": "700ms", "idle": "700ms"}
    return start(config=config, environment={"FAKE_KEY": FAKE_KEY})


@BOTH
@pytest.mark.parametrize("streaming", [False, True])
def test_a_refused_connection_is_502(start, door, streaming):
    upstreams = {"fake": {"api": "openai", "base_url": unused_address()}}
    gateway = start(config={"upstreams": upstreams, "default_upstream": "fake"})
    response = refuses(ask(gateway.client(), door, stream=streaming), 502, "fake")
    assert response.error["type"] == "upstream_error"


@BOTH
def test_an_unknown_host_is_502(start, door):
    upstreams = {"fake": {"api": "openai", "base_url": "http://no-such-host.invalid/v1"}}
    gateway = start(config={"upstreams": upstreams, "default_upstream": "fake"})
    refuses(ask(gateway.client(), door), 502, "fake")


@BOTH
def test_a_connection_cut_before_the_answer_is_502(chat, upstream, door):
    always(upstream, provider.cut_before_head)
    assert refuses(ask(chat, door), 502).error["type"] == "upstream_error"


@BOTH
def test_an_answer_cut_in_its_body_is_502(chat, upstream, door):
    always(upstream, provider.cut_in_body)
    refuses(ask(chat, door), 502)


@BOTH
@pytest.mark.parametrize("streaming", [False, True])
def test_a_silent_upstream_is_504(impatient, upstream, door, streaming):
    always(upstream, provider.hang)
    response = refuses(ask(impatient.client(), door, stream=streaming), 504)
    assert response.error["type"] == "upstream_error"
    eventually(lambda: upstream.last.closed_at, "and the call is given up")


@BOTH
@pytest.mark.parametrize(
    "body, content_type",
    [
        ("<html>Bad Gateway</html>", "text/html"),
        ("not json", "application/json"),
        ("", "application/json"),
        ('{"id":', "application/json"),
    ],
)
def test_an_answer_that_is_no_json_is_502(chat, upstream, door, body, content_type):
    always(upstream, provider.raw(200, body, content_type))
    response = refuses(ask(chat, door), 502)
    assert "<html>" not in response.text


@pytest.mark.parametrize("document", [[], {}, {"choices": []}, "text", {"error": {"message": "no"}}], ids=str)
def test_an_answer_of_another_shape_is_502_on_chat(chat, upstream, document):
    always(upstream, provider.raw(200, json.dumps(document)))
    refuses(ask(chat, "chat"), 502)


@BOTH
@pytest.mark.parametrize("status", [400, 404, 413, 422, 429])
def test_a_clients_fault_passes_through_with_its_message(chat, upstream, door, status):
    always(upstream, provider.failure(status, f"provider says {status}", param="messages"))
    response = refuses(ask(chat, door), status, f"provider says {status}")
    assert response.headers["Content-Type"].startswith("application/json")


def test_retry_after_of_a_429_passes_through(chat, upstream):
    always(upstream, provider.failure(429, "provider is busy", headers=[("Retry-After", "2")]))
    assert ask(chat, "v1").headers["Retry-After"] == "2"


@BOTH
@pytest.mark.parametrize("status", [401, 403])
def test_a_credential_that_the_provider_refuses_is_ours_to_mend(chat, upstream, door, status):
    always(upstream, provider.failure(status, f"Incorrect API key provided: {FAKE_KEY}"))
    response = refuses(ask(chat, door), 502)
    assert response.error["code"] == "upstream_auth_failed"
    assert "Incorrect API key" not in response.text and FAKE_KEY not in response.text


@BOTH
@pytest.mark.parametrize("status", [500, 503, 529])
def test_a_providers_fault_is_502(chat, upstream, door, status):
    always(upstream, provider.failure(status, "internal trouble"))
    assert refuses(ask(chat, door), 502).error["type"] == "upstream_error"


@BOTH
def test_a_credential_in_a_message_is_masked(chat, upstream, door):
    always(upstream, provider.failure(400, f"bad request with {FAKE_KEY} inside"))
    response = refuses(ask(chat, door), 400)
    assert FAKE_KEY not in response.text


@BOTH
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(chat, upstream, door, status):
    always(upstream, provider.raw(status, "", headers=[("Location", f"http://127.0.0.1:{upstream.port}/elsewhere")]))
    refuses(ask(chat, door), 502)
    assert {call.target for call in upstream.calls} == {"/v1/chat/completions"}


# Streams ----------------------------------------------------------------------------------------------------------

CUTS = {"a reset": provider.stream_and_cut("one ", "two"), "an early end": provider.stream_and_stop("one ", "two")}


@pytest.mark.parametrize("cut", CUTS)
def test_a_truncated_stream_on_v1_ends_with_an_error_and_without_done(chat, upstream, cut):
    always(upstream, CUTS[cut])
    with open_stream(chat, "v1") as answer:
        events = list(answer.events())
    assert answer.status == 200 and answer.ended_well, "a well-formed body"
    assert events[-1].name == "error" or "error" in events[-1].json(), events
    assert events[-1].json()["error"]["type"] == "upstream_error"
    assert all(event.data != "[DONE]" for event in events)
    said = [e.json()["choices"][0]["delta"].get("content") for e in events[:-1] if e.json().get("choices")]
    assert "".join(filter(None, said)) == "one two", "what arrived is passed on"


@pytest.mark.parametrize("cut", CUTS)
def test_a_truncated_stream_on_chat_is_a_failed_turn(chat, upstream, cut):
    always(upstream, CUTS[cut])
    with open_stream(chat, "chat") as answer:
        events = list(answer.events())
    assert answer.ended_well
    assert [events[0].name, events[-1].name] == ["turn.started", "turn.failed"]
    assert events[-1].json()["error"]["type"] == "upstream_error"
    assert "turn.completed" not in [event.name for event in events]


@BOTH
def test_a_stream_that_is_no_stream(chat, upstream, door):
    """The provider answers a streaming request with a page."""
    always(upstream, provider.raw(200, "<html>hello</html>", "text/html"))
    with open_stream(chat, door) as answer:
        body = answer.body()
    assert answer.ended_well and b"<html>" not in body
    assert answer.status == 502 or b"error" in body, body
    assert b"[DONE]" not in body and b"turn.completed" not in body


def test_an_error_event_inside_a_stream_is_passed_on(chat, upstream):
    def behave(call):
        call.begin_stream()
        call.event(provider.delta("one"))
        call.event({"error": {"message": "provider overloaded", "type": "server_error"}})
        call.end_stream()

    always(upstream, behave)
    with open_stream(chat, "v1") as answer:
        events = list(answer.events())
    assert answer.ended_well and any("provider overloaded" in event.data for event in events)
    assert events[-1].data != "[DONE]"
    with open_stream(chat, "chat") as answer:
        events = list(answer.events())
    assert events[-1].name == "turn.failed", events


@BOTH
def test_a_stream_that_falls_silent_ends_in_an_error(impatient, upstream, door):
    always(upstream, provider.stream_and_hang("one"))
    with open_stream(impatient.client(), door) as answer:
        events = list(answer.events())
    assert answer.ended_well
    assert events[-1].name in ("turn.failed", "error") or "error" in events[-1].json()
    eventually(lambda: upstream.last.closed_at, "the call is given up")


def test_a_failing_upstream_harms_nobody_else(impatient, upstream):
    http = impatient.client()
    create(http, "echoing", runtime={"system_prompt": "p", "step_settings_patch": {"gateway": {"upstream": "echo"}}})
    always(upstream, provider.hang)
    waiting = [http.connect() for _ in range(30)]
    for connection in waiting:
        connection.send(http.message("POST", "/chat", json={"prompt": "hello"}))
    upstream.wait_for_call(10)
    assert http.post("/chat/echoing", {"prompt": "hello"}).status == 200
    for connection in waiting:
        assert connection.read_response("POST").status == 504
    always(upstream, provider.answer())
    assert ask(http, "chat").status == 200, "and it recovers"


def test_a_huge_answer_passes(chat, upstream):
    text = "wörd " * 400_000
    always(upstream, provider.answer(text))
    assert ask(chat, "chat").json()["output"] == text
    assert ask(chat, "v1").json()["choices"][0]["message"]["content"] == text


LEAK = f"bad key {FAKE_KEY} or sk-otherkey0123456"


@BOTH
@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(
    "document", [{"error": {"message": LEAK}}, {"error": LEAK}, {"error": {"code": 5, "detail": LEAK}}]
)
def test_an_error_document_in_a_200_is_502_and_masked(chatting, upstream, door, document, streaming):
    """Whether it comes as a document or as an event: never a success, and nobody's credential in answer or log."""

    def behave(call):
        if not call.json().get("stream"):
            return call.respond(200, document)
        call.begin_stream()
        call.event(provider.delta("one"))
        call.event(document)
        call.event("[DONE]")
        call.end_stream()

    always(upstream, behave)
    http = chatting.client()
    if streaming:
        with open_stream(http, door) as answer:
            events = list(answer.events())
        assert answer.ended_well and "one" in events[-2].data
        error = events[-1].json()["error"]
        assert events[-1].name == ("turn.failed" if door == "chat" else None)
    else:
        error = refuses(ask(http, door), 502).error
    assert error["message"] == "bad key *** or ***" and error["type"] == "upstream_error"
    chatting.stop()
    assert FAKE_KEY not in chatting.log() and "bad key" not in chatting.log()


def test_a_named_error_event_is_masked_too(chat, upstream):
    def behave(call):
        call.begin_stream()
        call.chunk(f"event: error\ndata: {LEAK}\n\n")
        call.end_stream()

    always(upstream, behave)
    with open_stream(chat, "v1") as answer:
        assert [event.json()["error"]["message"] for event in answer.events()] == ["bad key *** or ***"]


@BOTH
@pytest.mark.parametrize("streaming", [False, True])
def test_our_own_credential_in_an_answer_is_masked(chat, upstream, door, streaming):
    always(upstream, provider.answer(f"the key is {FAKE_KEY}, they say"))
    if streaming:
        with open_stream(chat, door) as answer:
            body = answer.body().decode()
    else:
        body = ask(chat, door).text
    assert FAKE_KEY not in body and "the key is ***, they say" in body


def test_a_fallback_stands_in_for_an_error_in_a_200(start, upstream):
    gateway = start(config=chat_config(upstream), environment={"FAKE_KEY": FAKE_KEY})
    http = gateway.client()
    always(upstream, provider.raw(200, {"error": {"message": "boom"}}))
    settings = {"gateway": {"upstream": "fake", "fallback-upstreams": ["echo"]}}
    create(http, "falling", runtime={"step_settings_patch": settings})
    assert http.post("/chat/falling", {"prompt": "hello"}).json()["upstream"] == "echo"
    assert len(upstream.calls) == 1


@BOTH
@pytest.mark.parametrize(
    "body", ["{not json}", '{"choices":[}', '{"a":1,}', '{"a":"\n"}', '{"a":1} {"b":2}', "{'a':1}"]
)
def test_an_answer_that_only_looks_like_json_is_502(chat, upstream, door, body):
    always(upstream, provider.raw(200, body))
    refuses(ask(chat, door), 502)


@pytest.mark.parametrize("inner", ['"a":1,"a":2', '"t":"half a pair: \\ud83d"', '"deep":' + "[" * 200 + "]" * 200])
def test_json_that_we_would_not_write_passes(chat, upstream, inner):
    body = '{"choices": [], %s}' % inner
    always(upstream, provider.raw(200, body))
    assert ask(chat, "v1").text == body


@BOTH
@pytest.mark.parametrize(
    "detail, message",
    [
        (
            [{"loc": ["body", "messages", 0], "msg": "field required", "input": "private"}],
            "body.messages.0: field required",
        ),
        ([{"msg": "one"}, {"msg": "two"}], "one; two"),
        (["plain words"], "plain words"),
    ],
)
def test_a_validation_error_as_fastapi_writes_it_passes(chat, upstream, door, detail, message):
    always(upstream, provider.raw(422, {"detail": detail}))
    response = refuses(ask(chat, door), 422)
    assert response.error["message"] == message


@pytest.mark.parametrize("streaming", [False, True])
def test_a_fallback_has_timeouts_of_its_own(start, upstream, streaming):
    """The first upstream's patience, or none, says nothing about the next one's."""
    config = chat_config(upstream)
    config["upstreams"]["gone"] = {"api": "openai", "base_url": unused_address()}
    config["upstreams"]["fake"]["timeouts"] = {"first_byte": "500ms", "total": "5s"}
    http = start(config=config, environment={"FAKE_KEY": FAKE_KEY}).client()
    settings = {"gateway": {"upstream": "gone", "fallback-upstreams": ["fake"], "max-retries": 0}}
    create(http, "falling", runtime={"step_settings_patch": settings})
    always(upstream, provider.hang)
    response = http.post("/chat/falling", {"prompt": "hello", "stream": streaming}, timeout=8)
    refuses(response, 504, "fake")
    create(
        http,
        "patient",
        runtime={"step_settings_patch": {"gateway": {**settings["gateway"], "first-byte-timeout-ms": 3000}}},
    )

    def slow(call):
        threading.Event().wait(1)
        provider.answer()(call)

    always(upstream, slow)
    assert http.post("/chat/patient", {"prompt": "hello", "stream": streaming}).status == 200


def log_lines(gateway, message):
    return [line for line in map(json.loads, gateway.log().splitlines()) if line.get("message") == message]


@BOTH
def test_a_stream_that_breaks_off_is_logged(chatting, upstream, door):
    always(upstream, provider.stream_and_cut("words-of-the-answer"))
    with open_stream(chatting.client(), door) as answer:
        answer.body()
    [line] = eventually(lambda: log_lines(chatting, "stream broke off"), "it is logged")
    assert line["level"] == "warning" and line["upstream"] == "fake" and line["tenant"] == "default"
    assert line["code"] == "upstream_truncated" and line["request.id"] == answer.headers["X-Request-Id"]
    assert "words-of-the-answer" not in chatting.log()


def test_a_stream_that_the_client_leaves_is_no_failure_of_the_upstream(chatting, upstream):
    always(upstream, provider.stream_and_hang("one"))
    with open_stream(chatting.client(), "v1") as answer:
        next(answer.pieces())
    eventually(lambda: upstream.last.closed_at, "the call is given up")
    chatting.stop()
    assert not log_lines(chatting, "stream broke off")


def test_the_first_choice_is_the_one_of_index_0(chat, upstream):
    def choice(index, text):
        return {"index": index, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}

    always(upstream, provider.answer(choices=[choice(1, "second"), choice(0, "first")]))
    assert ask(chat, "chat").json()["output"] == "first"
