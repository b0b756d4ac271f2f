"""The official `openai` package, pointed at the gateway.

It lists models, chats and streams, once with the built-in echo and once through the gateway to a second
OpenAI-compatible server.
"""

import openai
import pytest
from harness import upstream as scripted

MODELS = ["agent", "default/default"]
PROMPTS = {"agent": "You are a helpful assistant. Be concise.", "default/default": "You are an assistant"}
FAKE_KEY = "sk-fake-0123456789"


def client_of(gateway, key="not-needed-on-loopback"):
    return openai.OpenAI(base_url=f"http://127.0.0.1:{gateway.port}/v1", api_key=key, max_retries=0, timeout=20)


@pytest.fixture
def echo(start):
    """A client of a gateway as it comes: nothing configured, so the only upstream is the built-in echo."""
    return client_of(start())


@pytest.fixture
def client(through):
    return client_of(through)


def ask(client, model, text="Say fox.", **more):
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}], **more)


def test_lists_the_profiles_as_models(echo):
    names = [model.id for model in echo.models.list()]
    assert {"agent", "default"} <= {name.rpartition("/")[2] for name in names}
    for name in names:
        assert echo.models.retrieve(name).id == name


def test_retrieves_a_model_of_another_registry(start):
    """The client sends `/v1/models/team%2Fanalyst`: an id is one segment to it."""
    gateway = start()
    gateway.client().post("/api/chat/registries", {"slug": "team"})
    gateway.client().post("/api/chat/profiles", {"registry": "team", "slug": "analyst"})
    client = client_of(gateway)
    names = [model.id for model in client.models.list()]
    assert "team/analyst" in names
    for name in names:
        assert client.models.retrieve(name).id == name
    assert client.models.retrieve("team/analyst@1").id == "team/analyst"
    assert client.models.retrieve("default/agent").id == "agent"
    for name in ("team/nobody", "openai/gpt-4o", "team%2Fanalyst", "a/b/c"):
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve(name)


@pytest.mark.parametrize("model", MODELS)
def test_chats_with_the_echo(echo, model):
    answer = ask(echo, model, "The quick brown fox.")
    assert "The quick brown fox." in answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"


@pytest.mark.parametrize("model", MODELS)
def test_streams_from_the_echo_in_several_pieces(echo, model):
    pieces = [
        chunk.choices[0].delta.content
        for chunk in ask(echo, model, "The quick brown fox.", stream=True)
        if chunk.choices and chunk.choices[0].delta.content
    ]
    assert len(pieces) > 1
    assert "The quick brown fox." in "".join(pieces)


@pytest.mark.parametrize("model", MODELS)
def test_chats_through_the_gateway_with_a_second_server(client, provider, model):
    provider.next(scripted.answer("A fox it is."))
    answer = ask(client, model)
    assert answer.choices[0].message.content == "A fox it is."
    assert answer.usage.total_tokens == 32

    call = provider.last
    assert (call.method, call.target) == ("POST", "/v1/chat/completions")
    assert PROMPTS[model] in call.system[0]
    assert call.messages[-1] == {"role": "user", "content": "Say fox."}


@pytest.mark.parametrize("model", MODELS)
def test_streams_through_the_gateway_from_a_second_server(client, provider, model):
    provider.next(scripted.stream(["A ", "fox ", "it ", "is."]))
    chunks = list(ask(client, model, stream=True, stream_options={"include_usage": True}))
    text = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert text == ["A ", "fox ", "it ", "is."]
    assert chunks[-1].usage.total_tokens == 32

    sent = provider.last.json()
    assert sent["stream"] is True
    assert sent["stream_options"] == {"include_usage": True}
    assert PROMPTS[model] in provider.last.system[0]


def test_the_second_server_gets_its_own_key_and_not_the_clients(through, provider):
    ask(client_of(through, key="the-clients-own-key"), "agent")
    assert provider.last.headers.get("Authorization") == f"Bearer {FAKE_KEY}"
    assert "the-clients-own-key" not in repr(provider.last.headers)


def test_tells_which_profile_answered(client, provider):
    answer = client.chat.completions.with_raw_response.create(
        model="agent", messages=[{"role": "user", "content": "Say fox."}]
    )
    assert answer.headers["X-Profile"] == "default/agent"
    assert answer.headers["X-Profile-Version"] == "1"
    assert answer.headers["X-Runtime-Fingerprint"].startswith("sha256:")


def test_a_model_that_is_no_profile_is_the_packages_not_found_error(client):
    with pytest.raises(openai.NotFoundError) as caught:
        ask(client, "no-such-profile")
    assert "no-such-profile" in caught.value.body["message"]


def test_a_failing_second_server_is_the_packages_server_error(client, provider):
    provider.default = scripted.failure(500, "out of order")
    with pytest.raises(openai.InternalServerError) as caught:
        ask(client, "agent")
    assert caught.value.status_code == 502
    assert caught.value.body["type"] == "upstream_error"


def test_a_stream_that_is_cut_is_an_error_and_not_a_short_answer(client, provider):
    provider.next(scripted.stream_and_cut("A ", "fox "))
    with pytest.raises(openai.APIError):
        list(ask(client, "agent", stream=True))
