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
