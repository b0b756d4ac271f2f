"""Tools and prompt variables (gateway.md §7 and §8)."""

import json
import time

import pytest

from harness.profiles import PROFILES, create, prompted, read, refuses
from harness.resolution import COMPLETIONS, OPEN, RESOLVE, USER, chat_with, complete, effective, resolve, stacked
from harness.upstream import FAKE_KEY, chat_config

PARAMETERS = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}


def tool(name, **more):
    return {"type": "function", "function": {"name": name, **more}}


def offered(upstream):
    """The names of the tools that went up; None when there was no list at all."""
    tools = upstream.last.json().get("tools")
    return None if tools is None else [item["function"]["name"] for item in tools]


@pytest.fixture
def tools(start, upstream):
    """A client of a gateway whose operator knows `calculator` and `search`."""
    catalogue = {
        "calculator": {"description": "Evaluates arithmetic", "parameters": PARAMETERS},
        "search": {"description": "Searches", "parameters": PARAMETERS},
    }
    config = chat_config(upstream, tools=catalogue)
    return start(config=config, environment={"FAKE_KEY": FAKE_KEY}).client()


# The profile's list -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "listed, expected",
    [
        (None, ["calculator", "search"]),
        ([], None),
        (["search"], ["search"]),
        (["search", "calculator"], ["search", "calculator"]),
        (["elsewhere"], None),
        (["elsewhere", "search"], ["search"]),
    ],
    ids=str,
)
def test_D51_absent_is_no_restriction_and_an_empty_list_is_none(tools, upstream, listed, expected):
    """`POST /chat` offers the operator's tools, as far as the profile lists them."""
    create(tools, "x", runtime={} if listed is None else {"tools": listed})
    chat_with(tools, "x")
    assert offered(upstream) == expected
    assert read(tools, "x")["runtime"].get("tools") == listed
    assert effective(tools, "x")["tools"] == listed


def test_a_definition_goes_up_as_the_operator_wrote_it(tools, upstream):
    create(tools, "x", runtime={"tools": ["search"]})
    chat_with(tools, "x")
    expected = [tool("search", description="Searches", parameters=PARAMETERS)]
    assert upstream.last.json()["tools"] == expected


@pytest.mark.parametrize(
    "listed, given, expected",
    [
        (None, ["a", "b"], ["a", "b"]),
        (None, None, None),
        ([], ["a", "b"], None),
        ([], None, None),
        (["a"], ["a", "b"], ["a"]),
        (["a", "search"], ["b", "a"], ["a", "search"]),
        (["search"], None, ["search"]),
        (["search"], ["search"], ["search"]),
        (["c"], ["a", "b"], None),
        (["A"], ["a"], None),
    ],
    ids=str,
)
def test_the_clients_tools_are_filtered_and_the_operators_added(tools, upstream, listed, given, expected):
    create(tools, "x", runtime={} if listed is None else {"tools": listed})
    body = {} if given is None else {"tools": [tool(name, description="the client's") for name in given]}
    complete(tools, "x", **body)
    assert offered(upstream) == expected
    for item in upstream.last.json().get("tools", []):
        own = given is not None and item["function"]["name"] in given
        assert (item["function"]["description"] == "the client's") is own, "the client's definition stands"


def test_filtered_tools_are_byte_faithful(tools, upstream):
    create(tools, "x", runtime={"tools": ["a"]})
    body = (
        '{"model":"x","messages":[],"tools":[{"type":"function","function":{"name":"b"}},'
        ' {"type" : "function", "function":{"\\u006eame":"a","parameters":{"x":1.10}}}]}'
    )
    assert tools.post(COMPLETIONS, body=body, content_type="application/json").status == 200
    assert b'{"type" : "function", "function":{"\\u006eame":"a","parameters":{"x":1.10}}}' in upstream.last.body
    assert b'"b"' not in upstream.last.body


def test_legacy_functions_are_filtered(tools, upstream):
    create(tools, "x", runtime={"tools": ["a"]})
    complete(tools, "x", functions=[{"name": "a"}, {"name": "b"}], function_call="auto")
    sent = upstream.last.json()
    assert sent["functions"] == [{"name": "a"}] and sent["function_call"] == "auto"
    complete(tools, "x", functions=[{"name": "b"}], function_call="auto")
    assert not {"functions", "function_call"} & set(upstream.last.json())


@pytest.mark.parametrize("listed", [["a"], []], ids=str)
def test_a_choice_of_a_refused_tool_is_400(tools, upstream, listed):
    create(tools, "x", runtime={"tools": listed})
    body = {"tools": [tool("a"), tool("b")], "tool_choice": tool("b")}
    response = refuses(complete(tools, "x", 400, **body), 400, '"b"', param="tool_choice")
    assert response.error["type"] == "invalid_request_error" and upstream.calls == []


@pytest.mark.parametrize("listed", [["a"], []], ids=str)
def test_a_legacy_choice_of_a_refused_function_is_400(tools, upstream, listed):
    create(tools, "x", runtime={"tools": listed})
    body = {"functions": [{"name": "a"}, {"name": "b"}], "function_call": {"name": "b"}}
    refuses(complete(tools, "x", 400, **body), 400, '"b"', param="function_call")
    assert upstream.calls == []


def test_choices_that_stand(tools, upstream):
    create(tools, "x", runtime={"tools": ["a"]})
    for choice in ("auto", "none", "required", tool("a")):
        complete(tools, "x", tools=[tool("a"), tool("b")], tool_choice=choice)
        assert upstream.last.json()["tool_choice"] == choice
    create(tools, "none", policy=OPEN, runtime={"tools": []})
    complete(tools, "none", tools=[tool("a")], tool_choice="auto", parallel_tool_calls=False)
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & set(upstream.last.json())


def test_overridden_tools(tools, upstream):
    create(tools, "x", policy=OPEN, runtime={"tools": ["calculator"]})
    chat_with(tools, "x", overrides={"tools": []})
    assert offered(upstream) is None
    chat_with(tools, "x", overrides={"tools": ["search"]})
    assert offered(upstream) == ["search"]
    complete(tools, "x", tools=[tool("a")], overrides={"tools": ["a"]})
    assert offered(upstream) == ["a"]


def test_a_stacks_tools(tools, upstream):
    """A leaf's list replaces; `[]` takes all away and null the restriction (D32)."""
    create(tools, "base", runtime={"tools": ["calculator"]})
    for slug, runtime, expected in (
        ("one", {}, ["calculator"]),
        ("two", {"tools": ["search"]}, ["search"]),
        ("three", {"tools": []}, None),
        ("four", {"tools": None}, ["calculator", "search"]),
    ):
        stacked(tools, slug, "base", runtime=runtime)
        chat_with(tools, slug)
        assert offered(upstream) == expected, slug


def test_tool_lists_of_ten_thousand(tools, upstream):
    names = [f"tool-{number}" for number in range(10_000)]
    begin = time.monotonic()
    document = create(tools, "x", runtime={"tools": names})
    assert document["runtime"]["tools"] == names
    complete(tools, "x", tools=[tool(name) for name in reversed(names)] + [tool("other")])
    assert offered(upstream) == names[::-1]
    complete(tools, "x", tools=[tool("other")] * 10_000)
    assert offered(upstream) is None
    assert len(effective(tools, "x")["tools"]) == 10_000
    stacked(tools, "leaf", "x")
    assert len(effective(tools, "leaf")["tools"]) == 10_000
    refuses(create(tools, "y", 400, runtime={"tools": [*names, " "]}), 400, param="runtime.tools[10000]")
    assert time.monotonic() - begin < 30, "nothing here costs the square of the list"


def test_a_name_listed_twice_is_offered_once(tools, upstream):
    create(tools, "x", runtime={"tools": ["search", "search"]})
    chat_with(tools, "x")
    assert offered(upstream) == ["search"]
    complete(tools, "x")
    assert offered(upstream) == ["search"]


@pytest.mark.parametrize("value", ["x", {}, 5], ids=str)
def test_tools_of_another_type(tools, upstream, value):
    create(tools, "x", runtime={"tools": ["a"]})
    refuses(complete(tools, "x", 400, tools=value), 400, param="tools")
    assert upstream.calls == []


@pytest.mark.parametrize("element", [5, None, [], {}, {"type": "function"}, {"function": {"name": 5}}], ids=str)
def test_malformed_tools_are_not_offered(tools, upstream, element):
    create(tools, "x", runtime={"tools": ["a"]})
    complete(tools, "x", tools=[element, tool("a")])
    assert upstream.last.json()["tools"] == [tool("a")]


def test_built_in_tools_of_a_provider_go_by_their_type(tools, upstream):
    create(tools, "x", runtime={"tools": ["web_search"]})
    complete(tools, "x", tools=[{"type": "web_search"}, {"type": "code_interpreter"}])
    assert upstream.last.json()["tools"] == [{"type": "web_search"}]


def custom(name):
    return {"type": "custom", "custom": {"name": name}}


def test_custom_tools_go_by_their_name(tools, upstream):
    create(tools, "x", runtime={"tools": ["a", "custom"]})
    complete(tools, "x", tools=[custom("a"), custom("b"), {"type": "custom", "name": "a"}])
    assert upstream.last.json()["tools"] == [custom("a"), {"type": "custom", "name": "a"}]


@pytest.mark.parametrize(
    "disguised",
    [
        {"type": "custom", "custom": {"name": "b"}, "function": {"name": "a"}},
        {"type": "function", "function": {"name": "b"}, "custom": {"name": "a"}, "name": "a"},
        {"type": "web_search", "function": {"name": "a"}},
        {"type": "web_search", "name": "a"},
    ],
    ids=str,
)
def test_a_refused_tool_cannot_be_disguised(tools, upstream, disguised):
    """Each has a listed name where its type does not look for one."""
    create(tools, "x", runtime={"tools": ["a"]})
    complete(tools, "x", tools=[disguised, tool("a")])
    assert upstream.last.json()["tools"] == [tool("a")]


@pytest.mark.parametrize("listed", [["a"], []], ids=str)
@pytest.mark.parametrize(
    "choice",
    [
        custom("b"),
        {"type": "function", "name": "b"},
        {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [tool("a"), tool("b")]}},
        {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "b"}]},
    ],
    ids=str,
)
def test_every_form_of_choosing_a_refused_tool_is_400(tools, upstream, listed, choice):
    create(tools, "x", runtime={"tools": listed})
    body = {"tools": [tool("a"), tool("b"), custom("b")], "tool_choice": choice}
    refuses(complete(tools, "x", 400, **body), 400, param="tool_choice")
    assert upstream.calls == []


def test_a_choice_among_listed_tools_stands(tools, upstream):
    create(tools, "x", runtime={"tools": ["a", "c"]})
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [tool("a"), custom("c")]}}
    complete(tools, "x", tools=[tool("a"), tool("b"), custom("c")], tool_choice=choice)
    assert upstream.last.json()["tool_choice"] == choice


# Prompt variables -------------------------------------------------------------------------------------------------

DECLARED = {
    "lang": {"type": "string", "required": True, "description": "The language."},
    "count": {"type": "integer", "default": 3},
    "ratio": {"type": "number", "default": 0.50},
    "loud": {"type": "boolean", "default": False},
    "name": {},
}
TEMPLATE = "Speak {{lang}}, {{ count }} times, {{ratio}} {{loud}} [{{name}}] {{other}} {{{lang}}}"


@pytest.fixture
def templated(chat):
    create(chat, "x", runtime={"system_prompt": TEMPLATE, "variables": DECLARED})
    return chat


def filled(lang="German", count="3", ratio="0.5", loud="false", name=""):
    return f"Speak {lang}, {count} times, {ratio} {loud} [{name}] {{{{other}}}} {{{lang}}}"


def ask(http, route, variables, expect=200):
    """Fills the prompt by one of the three routes; the response."""
    if route == "chat":
        response = http.post("/chat", {"prompt": "hi", "profile": "x", "variables": variables})
    elif route == "resolve":
        response = http.post(RESOLVE, {"profile": "x", "variables": variables})
    else:
        response = http.post(COMPLETIONS, {"messages": USER, "prompt": {"id": "x", "variables": variables}})
    assert response.status == expect, response
    return response


@pytest.mark.parametrize("route", ["chat", "resolve", "completions"])
@pytest.mark.parametrize(
    "variables, expected",
    [
        ({"lang": "German"}, filled()),
        ({"lang": ""}, filled(lang="")),
        ({"lang": "a", "count": 7, "ratio": 1.25, "loud": True, "name": "n"}, filled("a", "7", "1.25", "true", "n")),
        ({"lang": "a", "count": None}, filled("a")),
        (
            {"lang": "{{count}} {{lang}} {{name}}", "name": "{{lang}}"},
            filled("{{count}} {{lang}} {{name}}", name="{{lang}}"),
        ),
        ({"lang": "{{", "name": "lang}}"}, filled("{{", name="lang}}")),
        ({"lang": '"\\\n\u0000é😀'}, filled('"\\\n\u0000é😀')),
    ],
    ids=str,
)
def test_variables_are_substituted_once(templated, upstream, route, variables, expected):
    """On all routes alike; a value is never looked at again."""
    response = ask(templated, route, variables)
    if route == "resolve":
        assert response.json()["effective"]["system_prompt"] == expected
        assert response.json()["upstream"]["body"]["messages"][0]["content"] == expected
    else:
        assert upstream.last.system == [expected]
        assert "variables" not in upstream.last.json() and "prompt" not in upstream.last.json()


@pytest.mark.parametrize("route", ["chat", "resolve", "completions"])
@pytest.mark.parametrize(
    "variables, name, phrase",
    [
        ({}, "lang", "required"),
        ({"lang": None}, "lang", "required"),
        ({"lang": "x", "unknown": 1}, "unknown", "declares no such variable"),
        ({"lang": "x", "other": "y"}, "other", "declares no such variable"),
        ({"lang": "x", "nope": None}, "nope", "declares no such variable"),
        ({"lang": 5}, "lang", "must be of type string"),
        ({"lang": ["x"]}, "lang", "must be of type string"),
        ({"lang": "x", "count": 1.5}, "count", "must be of type integer"),
        ({"lang": "x", "count": "1"}, "count", "must be of type integer"),
        ({"lang": "x", "loud": "true"}, "loud", "must be of type boolean"),
        ({"lang": "x", "ratio": "1"}, "ratio", "must be of type number"),
    ],
    ids=str,
)
def test_wrong_variables_are_400(templated, upstream, route, variables, name, phrase):
    path = f"prompt.variables.{name}" if route == "completions" else f"variables.{name}"
    refuses(ask(templated, route, variables, 400), 400, phrase, param=path)
    assert upstream.calls == []


def test_missing_altogether(templated, upstream):
    refuses(chat_with(templated, "x", expect=400), 400, "required", param="variables.lang")
    # What a client of /v1 has to send, although it sent no prompt at all.
    refuses(complete(templated, "x", 400), 400, "required", param="prompt.variables.lang")
    refuses(templated.post("/chat", {"prompt": "x", "profile": "x", "variables": []}), 400, param="variables")
    assert upstream.calls == []


def test_a_prompt_object_selects(templated, upstream):
    """`prompt: {id, version, variables}` of an OpenAI client."""
    for prompt in (
        {"id": "default/x", "variables": {"lang": "a"}},
        {"id": "x", "version": "1", "variables": {"lang": "a"}},
    ):
        response = templated.post(COMPLETIONS, {"model": "gpt-4o", "messages": USER, "prompt": prompt})
        assert response.status == 200 and response.headers["X-Profile"] == "default/x", response
        assert upstream.last.system == [filled("a")]
    for prompt, status in (
        ({"id": "x", "version": "99", "variables": {"lang": "a"}}, 404),
        ({"id": "missing"}, 404),
        ({"id": ""}, 400),
        ({"variables": {}}, 400),
        ({"id": 5}, 400),
        ({"id": "x", "variables": []}, 400),
        ({"id": "x", "more": 1}, 400),
        ("x", 400),
        ([], 400),
    ):
        assert templated.post(COMPLETIONS, {"messages": USER, "prompt": prompt}).status == status, prompt
    assert len(upstream.calls) == 2


def test_a_prompt_and_a_profile_that_disagree(templated):
    body = {"messages": USER, "profile": "agent", "prompt": {"id": "x", "variables": {"lang": "a"}}}
    assert templated.post(COMPLETIONS, body).status == 400


def test_variables_are_filled_after_the_stack_and_the_overrides(chat, upstream):
    create(
        chat,
        "base",
        runtime={
            "system_prompt": "{{a}} {{b}}",
            "variables": {"a": {"required": True}, "b": {"default": 1, "type": "integer"}},
        },
    )
    stacked(chat, "leaf", "base", policy=OPEN, runtime={"variables": {"b": {"default": 2, "type": "integer"}, "c": {}}})
    chat_with(chat, "leaf", variables={"a": "A"})
    assert upstream.last.system == ["A 2"]
    chat_with(chat, "leaf", variables={"a": "A", "c": "C"}, overrides={"system_prompt": "<{{c}}>"})
    assert upstream.last.system == ["<C>"]
    stacked(chat, "top", "leaf", runtime={"variables": {"a": None}})
    chat_with(chat, "top")
    assert upstream.last.system == ["{{a}} 2"], "what is no longer declared is text"
    stacked(chat, "bare", "leaf", runtime={"variables": None})
    chat_with(chat, "bare")
    assert upstream.last.system == ["{{a}} {{b}}"]


@pytest.mark.parametrize(
    "variables, param",
    [
        ({"1a": {}}, "runtime.variables.1a"),
        ({"": {}}, "runtime.variables"),
        ({"a b": {}}, "runtime.variables.a b"),
        ({"a" * 65: {}}, "runtime.variables."),
        ({"a": {"type": "list"}}, "runtime.variables.a.type"),
        ({"a": {"type": "integer", "default": "x"}}, "runtime.variables.a.default"),
        ({"a": {"required": "yes"}}, "runtime.variables.a.required"),
        ({"a": {"more": 1}}, "runtime.variables.a.more"),
        ({"a": "x"}, "runtime.variables.a"),
        ([], "runtime.variables"),
    ],
    ids=str,
)
def test_wrong_declarations_are_400(lasting, variables, param):
    response = create(lasting, "x", 400, runtime={"system_prompt": "{{a}}", "variables": variables})
    assert response.error["param"].startswith(param), response


def test_declarations_read_back(http):
    document = create(http, "x", runtime={"system_prompt": TEMPLATE, "variables": DECLARED})
    assert document["runtime"]["variables"]["lang"] == {
        "type": "string",
        "required": True,
        "description": "The language.",
    }
    assert document["runtime"]["variables"]["count"] == {"type": "integer", "default": 3}
    assert document["runtime"]["system_prompt"] == TEMPLATE


def test_a_prompt_without_declarations_is_left_alone(chat, upstream):
    create(chat, "x", **prompted("{{lang}} {% if x %} ${a} {{#each}}"))
    chat_with(chat, "x")
    assert upstream.last.system == ["{{lang}} {% if x %} ${a} {{#each}}"]
    refuses(chat_with(chat, "x", expect=400, variables={"lang": "a"}), 400, "declares no such variable")


def test_variables_change_the_fingerprint(templated):
    def fingerprint(lang):
        return ask(templated, "resolve", {"lang": lang}).json()["fingerprint"]

    assert fingerprint("a") == fingerprint("a") != fingerprint("b")


def test_the_clients_own_messages_are_not_templates(templated, upstream):
    messages = [{"role": "system", "content": "{{lang}}"}, {"role": "user", "content": "{{lang}}"}]
    response = templated.post(COMPLETIONS, {"messages": messages, "prompt": {"id": "x", "variables": {"lang": "a"}}})
    assert response.status == 200 and upstream.last.messages[1:] == messages


def test_a_large_template(chat, upstream):
    """Half a megabyte of open braces costs its length, not its square; so does a large value used often."""
    create(chat, "x", runtime={"system_prompt": "{{" * 250_000 + "{{a}}", "variables": {"a": {}}})
    begin = time.monotonic()
    chat_with(chat, "x", variables={"a": "A"})
    assert upstream.last.system == ["{{" * 250_000 + "A"]
    create(chat, "y", runtime={"system_prompt": "{{a}}" * 20, "variables": {"a": {}}})
    chat_with(chat, "y", variables={"a": "v" * 100_000})
    assert len(upstream.last.system[0]) == 2_000_000
    assert time.monotonic() - begin < 10


def test_a_small_request_cannot_ask_for_a_giant_prompt(chat, upstream):
    """100,000 placeholders and a value of a megabyte would be 100 GB."""
    create(chat, "x", runtime={"system_prompt": "{{a}}" * 100_000, "variables": {"a": {}}})
    response = chat.post("/chat", {"prompt": "x", "profile": "x", "variables": {"a": "v" * 1_000_000}})
    refuses(response, 400, "would be longer than", param="variables")
    refuses(resolve(chat, "x", 400, variables={"a": "v" * 1000}), 400, "would be longer than")
    assert upstream.calls == [] and chat_with(chat, "default")


def test_patching_only_the_variables(http):
    create(http, "x", runtime={"system_prompt": "{{a}}", "variables": {"a": {"default": "1"}}})
    body = json.dumps({"runtime": {"variables": {"a": {"default": "2"}}}}).encode()
    http.patch(f"{PROFILES}/x", body=body, content_type="application/merge-patch+json")
    assert effective(http, "x")["system_prompt"] == "2"
    assert resolve(http, "x")["version"] == 2
