"""A version of a profile as a chat's model: `slug@version`, `prompt.version` (gateway.md §8)."""

import pytest

from harness.profiles import PROFILES, create, create_registry, prompted, refuses
from harness.resolution import COMPLETIONS, OPEN, USER, complete, lineage, on, resolve, stacked, streamed, traced
from harness.upstream import FAKE_KEY, chat_config


def prompt(http, text, slug="x"):
    response = http.patch(f"{PROFILES}/{slug}", {"runtime": {"system_prompt": text}})
    assert response.status == 200, response


@pytest.fixture
def x(chat):
    """A profile with the prompts one, two and three."""
    create(chat, "x", **prompted("one"))
    prompt(chat, "two")
    prompt(chat, "three")
    return chat


def test_each_version_answers_with_its_own_document(x, upstream):
    for number, text in ((1, "one"), (2, "two"), (3, "three"), (1, "one")):
        answer = complete(x, f"x@{number}")
        assert upstream.last.system == [text]
        assert answer.headers["X-Profile"] == "default/x"
        assert answer.headers["X-Profile-Version"] == str(number)
    assert complete(x, "x").headers["X-Profile-Version"] == "3"
    complete(x, "default/x@2")
    assert upstream.last.system == ["two"]


def test_streamed_too(x, upstream):
    streamed(x, "x@1")
    assert upstream.last.system == ["one"]


def test_a_version_has_the_fingerprint_it_had(chat):
    create(chat, "x", **prompted("one"))
    before = complete(chat, "x").headers["X-Runtime-Fingerprint"]
    prompt(chat, "two")
    assert complete(chat, "x").headers["X-Runtime-Fingerprint"] != before
    assert complete(chat, "x@1").headers["X-Runtime-Fingerprint"] == before


def test_what_is_changed_later_does_not_reach_a_version(x, upstream):
    complete(x, "x@2")
    prompt(x, "four")
    complete(x, "x@2")
    assert upstream.last.system == ["two"]
    complete(x, "x")
    assert upstream.last.system == ["four"]
    complete(x, "x@4")
    assert upstream.last.system == ["four"]


def test_layers_under_a_version_are_live(chat, upstream):
    create(chat, "base", runtime={"system_prompt": "base one", "tools": ["t"]})
    stacked(chat, "leaf", "base", display_name="first")
    chat.patch(f"{PROFILES}/leaf", {"display_name": "second", "stack": []})
    complete(chat, "leaf@1")
    assert upstream.last.system == ["base one"]
    prompt(chat, "base two", "base")
    complete(chat, "leaf@1")
    assert upstream.last.system == ["base two"], "remembered, but not for longer than its layers"
    complete(chat, "leaf@2")
    assert upstream.last.system == []


def test_resolve_says_which_version_each_layer_has(chat):
    create(chat, "base", runtime={"system_prompt": "base"})
    stacked(chat, "leaf", "base", runtime={"tools": ["old"]})
    prompt(chat, "base again", "base")
    chat.patch(f"{PROFILES}/leaf", {"runtime": {"tools": ["new"]}})
    document = resolve(chat, "leaf", version=1)
    assert document["version"] == 1
    assert [(layer["profile_slug"], layer["version"]) for layer in document["lineage"]] == [("base", 2), ("leaf", 1)]
    assert lineage(document) == ["default/base", "default/leaf"]
    assert traced(document, "/runtime/tools") == (["old"], [("default/leaf@1", ["old"])])
    assert document["effective"]["tools"] == ["old"]
    assert document["fingerprint"] == complete(chat, "leaf@1").headers["X-Runtime-Fingerprint"]
    assert resolve(chat, "leaf", version=2)["version"] == 2
    refuses(chat.post("/api/chat/resolve", {"profile": "leaf", "version": 3}), 404, "leaf@3", param="version")
    refuses(chat.post("/api/chat/resolve", {"profile": "leaf", "version": "1"}), 400, param="version")
    refuses(chat.post("/chat", {"prompt": "hi", "profile": "leaf", "version": 1}), 400, "version")


def test_the_policy_of_the_version_judges(chat, upstream):
    create(chat, "x", **prompted("one", allow_overrides=True))
    chat.patch(f"{PROFILES}/x", {"policy": {"allow_overrides": False}})
    complete(chat, "x@1", overrides={"system_prompt": "mine"})
    assert upstream.last.system == ["mine"]
    refuses(complete(chat, "x", 403, overrides={"system_prompt": "mine"}), 403)


def test_a_stack_that_no_longer_resolves_is_said(chat):
    create(chat, "base")
    stacked(chat, "leaf", "base")
    chat.patch(f"{PROFILES}/leaf", {"stack": []})
    assert chat.delete(f"{PROFILES}/base").status == 204
    refuses(complete(chat, "leaf@1", 409), 409, "stack")
    create(chat, "base", stack=on("leaf"))
    refuses(complete(chat, "leaf@1", 409), 409, "stack")
    complete(chat, "leaf")


def test_a_prompt_object_names_a_version(x, upstream):
    for number, text in (("1", "one"), ("3", "three")):
        body = {"model": "gpt-4o", "messages": USER, "prompt": {"id": "default/x", "version": number}}
        response = x.post(COMPLETIONS, body)
        assert response.status == 200 and response.headers["X-Profile-Version"] == number, response
        assert upstream.last.system == [text]


@pytest.mark.parametrize("given", ["0", "9", str(2**63), str(2**64 - 1)])
def test_a_prompt_version_that_there_is_not(x, upstream, given):
    body = {"messages": USER, "prompt": {"id": "x", "version": given}}
    refuses(x.post(COMPLETIONS, body), 404, "profile not found", param="prompt.version")
    assert upstream.calls == []


@pytest.mark.parametrize("given", ["", "x", "-1", "1.0", str(2**64)])
def test_a_prompt_version_that_is_no_number(x, upstream, given):
    body = {"messages": USER, "prompt": {"id": "x", "version": given}}
    refuses(x.post(COMPLETIONS, body), 404, "profile not found")
    refuses(x.post(COMPLETIONS, {"messages": USER, "prompt": {"id": "x", "version": 1}}), 400)
    assert upstream.calls == []


@pytest.mark.parametrize("given", ["0", "4", str(2**63 - 1), str(2**63), str(2**64 - 1)])
def test_a_version_that_there_is_not(x, upstream, given):
    answer = refuses(complete(x, f"x@{given}", 404), 404, "profile not found", "the current version is 3")
    assert (answer.error["code"], answer.error["param"]) == ("version_not_found", "model")
    refuses(x.get(f"/v1/models/x@{given}"), 404)
    assert upstream.calls == []


@pytest.mark.parametrize("given", ["x@", "x@@1", "x@x", "x@-1", "x@1.0", f"x@{2**64}", "@1", "none@1", "none/x@1"])
def test_a_model_that_is_none(x, upstream, given):
    refuses(complete(x, given, 404), 404, "not found")
    assert upstream.calls == []


def test_versions_of_another_profile_are_not_its_own(x):
    create(x, "y", **prompted("y"))
    refuses(complete(x, "y@2", 404), 404)
    create_registry(x, "team")
    create(x, "x", registry="team", **prompted("theirs"))
    refuses(complete(x, "team/x@2", 404), 404)
    assert complete(x, "team/x@1").headers["X-Profile"] == "team/x"


def test_a_deleted_profile_answers_in_no_version(x, upstream):
    complete(x, "x@1")
    x.delete(f"{PROFILES}/x")
    refuses(complete(x, "x@1", 404), 404, "profile not found")
    create(x, "x", **prompted("again"))
    complete(x, "x@1")
    assert upstream.last.system == ["one"]
    refuses(complete(x, "x@4", 404), 404, "deletion")
    assert complete(x, "x@5").headers["X-Profile-Version"] == "5"


def test_an_alias_may_name_a_version(start, upstream):
    config = chat_config(upstream)
    config["tenants"] = {"default": {"model_aliases": {"gpt-4o": "x@1"}}}
    http = start(config=config, environment={"FAKE_KEY": FAKE_KEY}).client()
    create(http, "x", **prompted("one"))
    prompt(http, "two")
    complete(http, "gpt-4o")
    assert upstream.last.system == ["one"]


def test_the_model_list_knows_versions_by_name(x):
    assert x.get("/v1/models/x@1").json()["id"] == "x@1"
    assert x.get("/v1/models/default/x@3").json()["id"] == "x"
    assert "x@1" not in [model["id"] for model in x.get("/v1/models").json()["data"]]


def test_versions_after_a_restart_and_of_an_idle_file(start, upstream):
    gateway = start(config=chat_config(upstream), environment={"FAKE_KEY": FAKE_KEY})
    create(gateway.client(), "x", **prompted("one"))
    prompt(gateway.client(), "two")
    gateway.restart()
    complete(gateway.client(), "x@1")
    assert upstream.last.system == ["one"]


def test_a_version_takes_overrides_of_a_request(chat, upstream):
    create(chat, "x", runtime={"system_prompt": "one"}, policy=OPEN)
    prompt(chat, "two")
    complete(chat, "x@1", temperature=0.5)
    assert upstream.last.system == ["one"] and upstream.last.json()["temperature"] == 0.5
