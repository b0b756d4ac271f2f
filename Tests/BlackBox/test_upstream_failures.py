"""An upstream that refuses, hangs, cuts or answers nonsense (gateway.md §4, §8): a clear error, and nobody else's."""

import json

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
