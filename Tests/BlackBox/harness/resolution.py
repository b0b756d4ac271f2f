"""Asking for resolutions and chats, so that tests about them read as sentences."""

from .profiles import PROFILES, create

RESOLVE = "/api/chat/resolve"
COMPLETIONS = "/v1/chat/completions"
USER = [{"role": "user", "content": "hello"}]
OPEN = {"allow_overrides": True}


def resolve(http, profile=None, expect=200, **body):
    """The answer of `POST /api/chat/resolve` as a document, or as a response when another status is expected."""
    if profile is not None:
        body["profile"] = profile
    response = http.post(RESOLVE, {"prompt": "hello", **body})
    assert response.status == expect, response
    return response.json() if expect == 200 else response


def effective(http, profile=None, **body):
    return resolve(http, profile, **body)["effective"]


def lineage(document):
    """`registry/slug` of every layer, base first."""
    return [f"{layer['registry_slug']}/{layer['profile_slug']}" for layer in document["lineage"]]


def traced(document, path):
    """The trace's entry for a path, with its steps as (layer, value) pairs."""
    (entry,) = [entry for entry in document["trace"] if entry["path"] == path]
    return entry["value"], [(step["layer"], step["value"]) for step in entry["steps"]]


def setting(section, field, value):
    """A table of step settings with one of them."""
    return {section: {field: value}}


def patch(**fields):
    """`runtime.step_settings_patch` of a profile."""
    return {"step_settings_patch": fields}


def on(*bases):
    """A stack: each base is `slug` or `registry/slug`."""
    references = []
    for base in bases:
        registry, slash, slug = base.rpartition("/")
        references.append({"registry_slug": registry, "profile_slug": slug} if slash else {"profile_slug": slug})
    return references


def stacked(http, slug, *bases, expect=201, **fields):
    return create(http, slug, expect, stack=on(*bases), **fields)


def restack(http, slug, *bases):
    """The answer to a PATCH of a profile's stack."""
    return http.patch(f"{PROFILES}/{slug}", {"stack": on(*bases)})


def chat_with(http, profile, prompt="hello", expect=200, **body):
    """One prompt to a profile: the answer's document, or the response when another status is expected."""
    response = http.post("/chat", {"prompt": prompt, "profile": profile, **body})
    assert response.status == expect, response
    return response.json() if expect == 200 else response


def complete(http, model, expect=200, messages=USER, **body):
    """A chat completion: the response, whose status was checked."""
    response = http.post(COMPLETIONS, {"model": model, "messages": messages, **body})
    assert response.status == expect, response
    return response


def streamed(http, model, messages=USER, **body):
    """A streamed chat completion: the text of its deltas, and all events."""
    with http.stream(
        "POST", COMPLETIONS, json={"model": model, "messages": messages, "stream": True, **body}
    ) as answer:
        assert answer.status == 200, answer.body()
        events = list(answer.events())
    assert answer.ended_well, "the stream was cut"
    return text_of(events), events


def text_of(events):
    """What the deltas of `chat.completion.chunk` events say, put together."""
    chunks = [event.json() for event in events if event.data != "[DONE]"]
    assert not [c for c in chunks if "error" in c], chunks
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk.get("choices", []))
