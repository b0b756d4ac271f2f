"""What the origin's later versions lost or got wrong and that belongs to no other file (origin §9.5)."""

from harness.profiles import PROFILES, create, create_registry, listed, read, refuses, slugs


def test_D64_profiles_are_written_selected_and_listed_as_they_are(http):
    """The origin's HEAD had become read-only, chose without the cookie, answered 400 for unknown and listed a fake."""
    create(http, "mine", description="mine")
    assert http.patch(f"{PROFILES}/mine", {"description": "changed", "expected_version": 1}).status == 200
    refuses(http.patch(f"{PROFILES}/mine", {"description": "again", "expected_version": 1}), 409, "version conflict")
    assert slugs(http) == ["agent", "default", "mine"], "no profile that nobody made"
    refuses(http.post("/chat", {"prompt": "x", "profile": "nobody"}), 404, "profile not found: nobody")
    by_cookie = http.post("/chat", {"prompt": "x"}, headers={"Cookie": "chat_profile=default/mine"})
    assert by_cookie.status == 200 and by_cookie.json()["runtime_key"] == "default/mine", by_cookie
    stale = http.get("/api/chat/profile", headers={"Cookie": "chat_profile=default/nobody"})
    assert stale.json()["profile"] == "default" and "chat_profile=" in stale.headers["Set-Cookie"]
    assert http.get(f"{PROFILES}/mine/default").status == 405, "the default is set by POST; GET is no document"
    schemas = [schema["key"] for schema in http.get("/api/chat/schemas/extensions").json()]
    assert "middleware.agentmode_config@v1" in schemas


def test_D64_bare_names_work_in_registries_other_than_the_default(http):
    create_registry(http, "team")
    create(http, "mine", registry="team")
    answer = http.post("/chat", {"prompt": "x", "profile": "mine", "registry": "team"})
    assert answer.status == 200 and answer.json()["runtime_key"] == "team/mine", answer
    assert [item["slug"] for item in listed(http, "?registry=team")] == ["mine"]
    assert read(http, "mine", "team")["registry"] == "team"


def test_D05_registries_can_be_made_listed_filled_and_deleted(http):
    create_registry(http, "team", display_name="Team")
    create(http, "analyst", registry="team")
    assert [item["slug"] for item in http.get("/api/chat/registries").json()] == ["default", "team"]
    assert http.post("/chat", {"prompt": "x", "registry": "team"}).json()["runtime_key"] == "team/analyst"
    refuses(http.delete("/api/chat/registries/team"), 409)
    assert http.delete("/api/chat/registries/team?force=true").status == 204
    refuses(http.post("/chat", {"prompt": "x", "registry": "team"}), 404, "registry not found")


def test_D08_no_sequence_of_deletions_leaves_a_default_that_is_not_there(start):
    gateway = start()
    http = gateway.client()
    refuses(http.delete(f"{PROFILES}/default"), 409)
    assert http.delete(f"{PROFILES}/default?new_default=agent").status == 204
    assert http.get("/api/chat/profile").json()["profile"] == "agent"
    assert http.post("/chat", {"prompt": "x"}).json()["runtime_key"] == "default/agent"
    assert http.delete(f"{PROFILES}/agent").status == 204, "the only one may go"
    gateway.restart()
    assert slugs(gateway.client()) == [], "and nothing comes back by itself"
    create(gateway.client(), "first")
    assert gateway.client().post("/chat", {"prompt": "x"}).json()["runtime_key"] == "default/first"


def test_D11_a_create_that_cannot_become_the_default_creates_nothing(http):
    before = http.get("/api/chat/registries/default").json()
    refused = http.post(PROFILES, {"slug": "mine", "set_default": True, "expected_version": 7})
    assert refused.status == 409, refused
    assert slugs(http) == ["agent", "default"] and http.get("/api/chat/registries/default").json() == before
    made = http.post(PROFILES, {"slug": "mine", "set_default": True})
    assert made.status == 201 and made.json()["is_default"] is True
    assert http.get("/api/chat/registries/default").json()["default_profile_slug"] == "mine"


def test_D17_the_registrys_version_is_shown_where_it_is_asked_for(http):
    number = http.get("/api/chat/registries/default").json()["version"]
    refuses(http.post(f"{PROFILES}/agent/default", {"expected_version": number + 100}), 409, "version conflict")
    assert http.post(f"{PROFILES}/agent/default", {"expected_version": number}).status == 200
    assert http.get("/api/chat/registries/default").json()["version"] > number
