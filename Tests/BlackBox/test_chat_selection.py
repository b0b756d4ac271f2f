"""Which profile answers (origin §4.1, gateway.md §7; cases CH and RS), judged by what the upstream received."""

import pytest

from harness.profiles import PROFILES, create, create_registry, prompted, refuses
from harness.upstream import FAKE_KEY, answer, chat_config, stream

COOKIE = {"Cookie": "chat_profile=default/cookie"}


@pytest.fixture
def six(chat):
    """Profiles named after the place that selects them, each with its own prompt."""
    for slug in ("path", "body", "header", "query", "runtime", "cookie"):
        create(chat, slug, **prompted(f"prompt of {slug}"))
    return chat


def used(upstream, http, target="/chat", body=None, headers=None):
    """The system text that reached the upstream."""
    response = http.post(target, {"prompt": "hello", **(body or {})}, headers=headers)
    assert response.status == 200, response
    (system,) = upstream.last.system
    assert response.headers["X-Profile"] == response.json()["runtime_key"]
    return system


def test_CH_1_the_path_wins_over_everything(six, upstream):
    target = "/chat/path?profile=query&runtime=runtime"
    headers = {**COOKIE, "X-Profile": "header"}
    assert used(upstream, six, target, {"profile": "body"}, headers) == "prompt of path"


def test_CH_2_the_body_wins_over_header_query_and_cookie(six, upstream):
    headers = {**COOKIE, "X-Profile": "header"}
    assert used(upstream, six, "/chat?profile=query", {"profile": "body"}, headers) == "prompt of body"


def test_the_header_wins_over_query_and_cookie(six, upstream):
    assert used(upstream, six, "/chat?profile=query", None, {**COOKIE, "X-Profile": "header"}) == "prompt of header"
    assert used(upstream, six, headers={"X-Profile": "default/header"}) == "prompt of header"


def test_CH_3_the_query_wins_over_runtime_and_cookie(six, upstream):
    assert used(upstream, six, "/chat?profile=query&runtime=runtime", None, COOKIE) == "prompt of query"


def test_CH_4_the_runtime_query_wins_over_the_cookie(six, upstream):
    assert used(upstream, six, "/chat?runtime=runtime", None, COOKIE) == "prompt of runtime"


def test_the_cookie_wins_over_the_default(six, upstream):
    assert used(upstream, six, headers=COOKIE) == "prompt of cookie"
    assert used(upstream, six, headers={"Cookie": "chat_profile=cookie"}) == "prompt of cookie"


def test_CH_6_without_a_selection_the_default(six, upstream):
    assert used(upstream, six) == "You are an assistant"
    six.post(f"{PROFILES}/path/default")
    assert used(upstream, six) == "prompt of path"


def test_blank_sources_are_absent(six, upstream):
    assert used(upstream, six, "/chat?profile=query", {"profile": "  "}) == "prompt of query"
    assert used(upstream, six, "/chat/", {"profile": "body"}) == "prompt of body"


def test_the_first_source_is_final(six, upstream):
    """No falling through from a selection that is wrong to the next one."""
    refuses(six.post("/chat?profile=query", {"prompt": "x", "profile": "missing"}), 404, "profile not found: missing")
    refuses(
        six.post("/chat?profile=query", {"prompt": "x", "profile": "not valid!"}), 400, "invalid profile: not valid!"
    )
    refuses(six.post("/chat", {"prompt": "x"}, headers={"X-Profile": "missing"}), 404, "profile not found")
    assert six.post("/chat", {"prompt": "x"}, headers={"X-Profile": "a/b/c"}).status in (400, 404)
    assert upstream.calls == []


def test_selection_ignores_case_and_blanks_around(six, upstream):
    assert used(upstream, six, "/chat/PATH") == "prompt of path"
    assert used(upstream, six, body={"profile": " Body "}) == "prompt of body"


@pytest.fixture
def team(chat):
    create_registry(chat, "team")
    create(chat, "analyst", registry="team", **prompted("team analyst 1"))
    for number in range(2, 8):
        chat.patch(f"{PROFILES}/analyst?registry=team", {"runtime": {"system_prompt": f"team analyst {number}"}})
    return chat


def test_CH_7_a_profile_of_a_registry(team, upstream):
    response = team.post("/chat", {"prompt": "x", "registry": "team", "profile": "analyst"})
    assert upstream.last.system == ["team analyst 7"]
    assert response.json()["profile"] == {"registry": "team", "slug": "analyst", "version": 7}
    assert response.json()["runtime_key"] == "team/analyst"
    assert response.headers["X-Profile-Version"] == "7"


def test_a_registrys_own_default(team, upstream):
    assert used(upstream, team, body={"registry": "team"}) == "team analyst 7"


def test_CH_8_the_registry_of_the_body_wins_over_the_query(team, upstream):
    assert (
        used(upstream, team, "/chat?registry=default", {"registry": "team", "profile": "analyst"}) == "team analyst 7"
    )
    assert used(upstream, team, "/chat?registry=team", {"profile": "analyst"}) == "team analyst 7"


def test_CH_9_bad_registries(chat, upstream):
    refuses(chat.post("/chat", {"prompt": "x", "registry": "invalid registry!"}), 400, "invalid registry")
    refuses(chat.post("/chat?registry=missing", {"prompt": "x"}), 404, "registry not found")
    assert upstream.calls == []


@pytest.mark.case("RS-2")
def test_RS_2_unknown_names_are_404(team):
    refuses(team.post("/chat", {"prompt": "x", "registry": "missing"}), 404, "registry not found")
    refuses(team.post("/chat", {"prompt": "x", "profile": "missing"}), 404, "profile not found: missing")
    refuses(team.post("/chat/missing", {"prompt": "x"}), 404, "profile not found: missing")
    refuses(team.post("/chat", {"prompt": "x", "profile": "analyst"}), 404, "profile not found: analyst")


def test_the_second_generations_names_are_aliases(team, upstream):
    """R07: `runtime_key` and `registry_slug` came later; a pair that disagrees is refused."""
    assert used(upstream, team, body={"registry_slug": "team", "runtime_key": "analyst"}) == "team analyst 7"
    refuses(team.post("/chat", {"prompt": "x", "profile": "agent", "runtime_key": "default"}), 400)
    refuses(team.post("/chat", {"prompt": "x", "registry": "team", "registry_slug": "default"}), 400)


# Overrides and policy ---------------------------------------------------------------------------------------------


@pytest.mark.case("RS-6")
def test_CH_11_a_profile_that_forbids_overrides(chat, upstream):
    """403 by gateway.md §11, where the origin said 400."""
    response = refuses(
        chat.post("/chat/default", {"prompt": "x", "overrides": {"system_prompt": "mine"}}), 403, "overrides"
    )
    assert response.error["code"] == "policy_violation"
    refuses(chat.post("/chat/default", {"prompt": "x", "overrides": {"tools": []}}), 403)
    assert upstream.calls == []


@pytest.mark.case("RS-14")
def test_RS_14_empty_overrides_are_no_overrides(chat, upstream):
    assert used(upstream, chat, "/chat/default", {"overrides": {}}) == "You are an assistant"


def test_overrides_of_another_type_are_400(chat):
    for value in ([], "x", 5):
        refuses(chat.post("/chat/default", {"prompt": "x", "overrides": value}), 400)


# What the profile sets --------------------------------------------------------------------------------------------


def test_CH_18_the_profiles_model_goes_upstream(chat, upstream):
    create(chat, "x", runtime={"step_settings_patch": {"ai-chat": {"ai-engine": "model-of-the-profile"}}})
    for target, body in (
        ("/chat/x", {"prompt": "hello"}),
        ("/v1/chat/completions", {"model": "x", "messages": [{"role": "user", "content": "hello"}]}),
    ):
        response = chat.post(target, body)
        assert response.status == 200, response
        assert upstream.last.json()["model"] == "model-of-the-profile"


def test_the_operators_base_layer_is_under_every_profile(start, upstream):
    gateway = start(
        config=chat_config(upstream, step_settings={"ai-chat": {"ai-engine": "model-of-the-house"}}),
        environment={"FAKE_KEY": FAKE_KEY},
    )
    http = gateway.client()
    http.post("/chat", {"prompt": "hello"})
    assert upstream.last.json()["model"] == "model-of-the-house"


def test_CH_19_only_the_profiles_tools_are_offered(start, upstream):
    schema = {"type": "object", "properties": {}}
    tools = {
        "calculator": {"description": "Evaluates arithmetic", "parameters": schema},
        "search": {"description": "Searches", "parameters": schema},
    }
    gateway = start(config=chat_config(upstream, tools=tools), environment={"FAKE_KEY": FAKE_KEY})
    http = gateway.client()
    create(http, "x", runtime={"tools": ["calculator"]})
    assert http.post("/chat/x", {"prompt": "hello"}).status == 200
    assert [tool["function"]["name"] for tool in upstream.last.json()["tools"]] == ["calculator"]


def test_a_profiles_upstream(start, upstream):
    gateway = start(config=chat_config(upstream, default_upstream="echo"), environment={"FAKE_KEY": FAKE_KEY})
    http = gateway.client()
    assert http.post("/chat", {"prompt": "hello"}).json()["upstream"] == "echo"
    create(http, "named", runtime={"step_settings_patch": {"gateway": {"upstream": "fake"}}})
    create(http, "typed", runtime={"step_settings_patch": {"ai-chat": {"ai-api-type": "openai"}}})
    create(http, "placed", runtime={"step_settings_patch": {"openai-chat": {"openai-base-url": upstream.base_url}}})
    for slug in ("named", "typed", "placed"):
        assert http.post(f"/chat/{slug}", {"prompt": "hello"}).json()["upstream"] == "fake", slug
    assert len(upstream.calls) == 3


def test_a_base_url_that_the_operator_did_not_configure_is_refused(chat, upstream):
    """D24: the origin sent the server's key wherever a profile pointed."""
    body = {
        "slug": "thief",
        "runtime": {"step_settings_patch": {"openai-chat": {"openai-base-url": "http://evil.example/v1"}}},
    }
    response = chat.post(PROFILES, body)
    if response.status == 201:
        response = chat.post("/chat/thief", {"prompt": "hello"})
    assert 400 <= response.status < 500, response
    assert upstream.calls == []


# Versions and fingerprints ----------------------------------------------------------------------------------------


def test_CH_15_a_conversation_follows_its_selection(chat, upstream):
    """In our form: the answer says which profile ran, instead of a websocket's greeting."""
    body = {"prompt": "hi", "conv_id": "conv-15"}
    keys = [
        chat.post("/chat", body, headers={"Cookie": f"chat_profile={slug}"}).json() for slug in ("default", "agent")
    ]
    assert [k["runtime_key"] for k in keys] == ["default/default", "default/agent"]
    assert {k["conv_id"] for k in keys} == {"conv-15"}
    assert upstream.calls[0].system == ["You are an assistant"]
    assert upstream.calls[1].system[0].startswith("You are a helpful assistant. Be concise.")


@pytest.mark.case("FP-4")
def test_CH_21_a_patched_profile_is_used_at_once(chat, upstream):
    create(chat, "x", **prompted("first"))
    one = chat.post("/chat/x", {"prompt": "hi", "conv_id": "conv-21"}).json()
    again = chat.post("/chat/x", {"prompt": "hi", "conv_id": "conv-21"}).json()
    assert one["runtime_fingerprint"] == again["runtime_fingerprint"]
    chat.patch(f"{PROFILES}/x", {"runtime": {"system_prompt": "second"}})
    two = chat.post("/chat/x", {"prompt": "hi", "conv_id": "conv-21"}).json()
    assert upstream.last.system == ["second"]
    assert two["runtime_fingerprint"] != one["runtime_fingerprint"] and two["profile"]["version"] == 2


def test_fingerprints_survive_a_restart(chatting, upstream):
    http = chatting.client()
    before = http.post("/chat", {"prompt": "hi"}).json()["runtime_fingerprint"]
    chatting.restart()
    assert http.post("/chat", {"prompt": "hi"}).json()["runtime_fingerprint"] == before


def test_the_same_slug_in_two_registries_has_two_fingerprints(team):
    create(team, "analyst", **prompted("team analyst 7"))
    one = team.post("/chat", {"prompt": "hi", "profile": "analyst"}).json()
    two = team.post("/chat", {"prompt": "hi", "profile": "analyst", "registry": "team"}).json()
    assert one["runtime_fingerprint"] != two["runtime_fingerprint"]


def test_CH_22_a_credential_is_nowhere_to_be_seen(chatting, upstream):
    http = chatting.client()
    upstream.next(answer(), answer("it is " + FAKE_KEY[:3]))
    seen = [
        http.post("/chat", {"prompt": "hi"}),
        http.post("/chat", {"prompt": "hi", "stream": True}),
        http.get(PROFILES),
        http.get(f"{PROFILES}/default"),
        http.get("/v1/models"),
    ]
    assert upstream.calls[0].headers["Authorization"] == f"Bearer {FAKE_KEY}"
    for response in seen:
        assert FAKE_KEY not in response.text and FAKE_KEY not in repr(response.headers)
    assert FAKE_KEY not in chatting.log()


# Who is at fault --------------------------------------------------------------------------------------------------


def test_an_unknown_registry_is_named_with_the_member_that_named_it(chat):
    refuses(chat.post("/chat", {"prompt": "x", "registry": "missing"}), 404, "not found: missing", param="registry")
    by_header = chat.post("/chat", {"prompt": "x"}, headers={"X-Profile": "missing/agent"})
    refuses(by_header, 404, "registry not found: missing", param="profile")
    refuses(chat.get(f"{PROFILES}?registry=missing"), 404, "registry not found: missing", param="registry")


# Streaming --------------------------------------------------------------------------------------------------------

EVENTS = "text/event-stream"


@pytest.mark.parametrize(
    "accept, streams",
    [
        (EVENTS, True),
        ("Text/Event-Stream", True),
        (f"{EVENTS}, */*", True),
        (f"{EVENTS}, application/json;q=0.9", True),
        (f"application/json;q=0.5, {EVENTS};q=0.8", True),
        (f"*/*;q=0.1,{EVENTS}", True),
        (f"{EVENTS};charset=utf-8, application/json", True),
        (f"application/json, {EVENTS}", False),
        (f"{EVENTS};q=0.5, application/json", False),
        (f"{EVENTS};q=0", False),
        ("*/*", False),
        ("text/*", False),
        ("application/json", False),
    ],
)
def test_a_stream_is_what_accept_prefers(chat, upstream, accept, streams):
    upstream.next(stream(["a"]) if streams else answer("a"))
    response = chat.post("/chat", {"prompt": "x"}, headers={"Accept": accept})
    assert response.status == 200, response
    assert (response.headers["Content-Type"].startswith(EVENTS)) == streams, response
    upstream.next(answer("a"))
    response = chat.post("/chat", {"prompt": "x", "stream": False}, headers={"Accept": accept})
    assert response.headers["Content-Type"].startswith("application/json"), "the member decides before the header"
