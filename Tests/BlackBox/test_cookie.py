"""The current profile in a cookie (origin §3.7, gateway.md §5; cases AP-9, AP-10, LT-1)."""

import pytest

from harness.gateway import OPERATOR_KEY
from harness.profiles import PROFILES, create, create_registry, refuses

CURRENT = "/api/chat/profile"


def attributes(response):
    """The chat_profile cookie of an answer: its value and its attributes in lower case."""
    (line,) = [value for value in response.headers.all("Set-Cookie") if value.startswith("chat_profile=")]
    value, *rest = [part.strip() for part in line.split(";")]
    return value.split("=", 1)[1], {part.split("=")[0].lower(): part.partition("=")[2] for part in rest}


def current(http, cookie=None):
    response = http.get(CURRENT, headers={"Cookie": f"chat_profile={cookie}"} if cookie is not None else None)
    assert response.status == 200, response
    document = response.json()
    return document["registry"], document.get("profile") or document.get("slug")


def expired(response):
    _, found = attributes(response)
    return found.get("max-age") == "0" or "1970" in found.get("expires", "")


@pytest.mark.case("LT-1")
def test_AP_9_choose_and_read_back(http):
    response = http.post(CURRENT, {"slug": "agent"})
    assert response.status == 200, response
    assert (response.json().get("profile") or response.json().get("slug")) == "agent"
    value, found = attributes(response)
    assert value == "default/agent"
    assert "secure" in found and "httponly" in found, "Secure on a loopback host"
    assert found["samesite"].lower() == "lax" and found["path"] == "/"
    assert not {"max-age", "expires", "domain"} & set(found), "a session cookie"
    assert current(http, value) == ("default", "agent")
    assert current(http, "agent") == ("default", "agent"), "a bare value is still read"
    assert current(http) == ("default", "default")


def test_profile_is_an_alias_of_slug(http):
    assert attributes(http.post(CURRENT, {"profile": "agent"}))[0] == "default/agent"


def test_AP_10_bad_choices(http):
    refuses(http.post(CURRENT, {"slug": "not a valid slug!"}), 400)
    refuses(http.post(CURRENT, {"slug": "missing"}), 404, "profile not found")
    refuses(http.post(CURRENT, {"slug": "agent", "registry": "missing"}), 404, "registry not found")
    for body in (
        {},
        {"slug": ""},
        {"slug": "  "},
        {"slug": None},
        {"slug": 5},
        {"slug": "agent", "profile": "default"},
    ):
        refuses(http.post(CURRENT, body, headers={"Cookie": "chat_profile=agent", "X-Profile": "agent"}), 400)


def test_a_profile_of_another_registry(http):
    create_registry(http, "team")
    create(http, "analyst", registry="team")
    value, _ = attributes(http.post(CURRENT, {"slug": "analyst", "registry": "team"}))
    assert value == "team/analyst"
    assert current(http, value) == ("team", "analyst")
    refuses(http.post(CURRENT, {"slug": "analyst"}), 404)


@pytest.mark.parametrize(
    "cookie",
    ["missing", "team/agent", "default/missing", "not%20valid!", "", "/", "a/b/c", "%ff", '"agent', "x" * 4000],
)
def test_a_stale_or_malformed_cookie_is_ignored_and_expired(http, cookie):
    """D21: the origin's chat failed with it."""
    response = http.get(CURRENT, headers={"Cookie": f"chat_profile={cookie}"})
    assert response.status == 200, response
    assert (response.json().get("profile") or response.json().get("slug")) == "default"
    if cookie:
        assert expired(response), response


def test_chat_with_a_stale_cookie_uses_the_default_and_expires_it(http):
    create(http, "gone")
    http.delete(f"{PROFILES}/gone")
    response = http.post("/chat", {"prompt": "hi"}, headers={"Cookie": "chat_profile=default/gone"})
    assert response.status == 200 and response.json()["runtime_key"] == "default/default", response
    assert expired(response)


def test_the_cookie_of_a_tenant_in_the_path_stays_there(start):
    gateway = start(config={"tenants": {"acme": {}}})
    _, found = attributes(gateway.client("acme").post(CURRENT, {"slug": "agent"}))
    assert found["path"] == "/t/acme/"


def test_secure_only_over_tls_or_on_loopback(start):
    """D22: on plain http elsewhere a browser would not send a Secure cookie back."""
    gateway = start(config={"trusted_proxies": ["127.0.0.1/32"], "tenants": {"acme": {}}}, operator_key=OPERATOR_KEY)
    client = gateway.client("acme", OPERATOR_KEY)
    for proto, secure in (("https", True), ("http", False)):
        headers = {"Host": "gw.example", "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": proto}
        _, found = attributes(client.post(CURRENT, {"slug": "agent"}, headers=headers))
        assert ("secure" in found) == secure, (proto, found)


def test_other_cookies_are_left_alone(http):
    response = http.get(CURRENT, headers={"Cookie": "session=1; chat_profile=agent; other=chat_profile"})
    assert (response.json().get("profile") or response.json().get("slug")) == "agent"
    assert not response.headers.all("Set-Cookie")


def test_a_cookie_of_another_registry_is_left_alone(http):
    """It names a profile there is, so it is neither stale nor malformed: it says nothing about this registry."""
    create_registry(http, "team")
    create(http, "analyst", registry="team")
    good = {"Cookie": "chat_profile=default/agent"}
    for answer in (
        http.post("/chat", {"prompt": "x", "registry": "team"}, headers=good),
        http.post("/chat?registry=team", {"prompt": "x"}, headers=good),
        http.get(f"{CURRENT}?registry=team", headers=good),
    ):
        assert answer.status == 200, answer
        assert "Set-Cookie" not in answer.headers, answer
        assert (answer.headers.get("X-Profile") or "/".join(answer.json()[key] for key in ("registry", "slug"))) == (
            "team/analyst"
        )
    gone = {"Cookie": "chat_profile=default/gone"}
    assert expired(http.get(f"{CURRENT}?registry=team", headers=gone))
