"""The one error body, methods, request ids, paging (gateway.md §4)."""

import re

import pytest

from harness.profiles import PROFILES, REGISTRIES, create, slugs

ROUTES = [
    ("/api/chat/profiles", {"GET", "HEAD", "POST"}),
    ("/api/chat/profiles/agent", {"GET", "HEAD", "PATCH", "PUT", "DELETE"}),
    ("/api/chat/profiles/agent/default", {"POST"}),
    ("/api/chat/registries", {"GET", "HEAD", "POST"}),
    ("/api/chat/registries/default", {"GET", "HEAD", "PATCH", "DELETE"}),
    ("/api/chat/profile", {"GET", "HEAD", "POST"}),
    ("/chat", {"POST"}),
    ("/chat/agent", {"POST"}),
    ("/api/chat", {"POST"}),
    ("/v1/chat/completions", {"POST"}),
    ("/v1/models", {"GET", "HEAD"}),
    ("/v1/models/agent", {"GET", "HEAD"}),
    ("/healthz", {"GET", "HEAD"}),
]


@pytest.mark.parametrize("target, allowed", ROUTES, ids=[target for target, _ in ROUTES])
def test_a_wrong_method_is_405_with_allow(lasting, target, allowed):
    for method in sorted({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} - allowed):
        response = lasting.request(method, target)
        assert response.status == 405, response
        named = {name.strip() for name in response.headers["Allow"].split(",")}
        assert allowed <= named | {"HEAD"} and method not in named, response
        if method != "HEAD":
            assert response.error["type"] == "invalid_request_error"
            assert "method not allowed" in response.error["message"].lower()


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "FOO", "get"])
def test_an_unknown_method_is_refused(lasting, method):
    with lasting.connect() as connection:
        connection.send(lasting.message(method, PROFILES))
        assert connection.read_response(method).status in (400, 405, 501)


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/index.html",
        "/api",
        "/v1",
        "/chatx",
        "/api/chatx/profiles",
        "/favicon.ico",
        "/t",
        "/t/",
        "/t/default",
        "/t/default/",
    ],
)
def test_an_unknown_path_is_404_and_never_a_page(lasting, target):
    response = lasting.get(target)
    assert response.status == 404, response
    assert response.error["type"] == "invalid_request_error"


def test_the_error_object_is_complete(http):
    error = http.get(f"{PROFILES}/none").error
    assert set(error) >= {"message", "type", "code", "param"}
    assert error["type"] == "invalid_request_error"
    assert "profile not found" in error["message"]


def test_errors_are_json_also_for_text_plain(http):
    assert http.get(f"{PROFILES}/none", headers={"Accept": "text/plain"}).error["message"]


@pytest.mark.parametrize(
    "target",
    [PROFILES, f"{PROFILES}/agent", REGISTRIES, f"{REGISTRIES}/default", "/v1/models", "/api/chat/profile", "/healthz"],
)
def test_head_is_get_without_the_body(lasting, target):
    got, headed = lasting.get(target), lasting.head(target)
    assert (got.status, headed.status) == (200, 200)
    assert headed.body == b""
    assert headed.headers["Content-Type"] == got.headers["Content-Type"]
    assert headed.headers["Content-Length"] == got.headers["Content-Length"] == str(len(got.body))
    assert headed.headers.get("ETag") == got.headers.get("ETag")


def test_head_of_something_missing(lasting):
    response = lasting.head(f"{PROFILES}/none")
    assert response.status == 404 and response.body == b""


# Request ids ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["a", "abc-123_X.y", "A" * 128])
def test_a_good_request_id_is_echoed(lasting, given):
    assert lasting.get(PROFILES, headers={"X-Request-Id": given}).headers["X-Request-Id"] == given
    assert lasting.get(f"{PROFILES}/none", headers={"X-Request-Id": given}).headers["X-Request-Id"] == given


@pytest.mark.parametrize("given", ["", "a" * 129, "a b", "a/b", "ä", "a\tb", "<script>", "a,b"])
def test_another_request_id_is_made(lasting, given):
    answered = lasting.get(PROFILES, headers={"X-Request-Id": given}).headers["X-Request-Id"]
    assert answered != given and re.fullmatch(r"[A-Za-z0-9._-]{1,128}", answered)


def test_made_request_ids_differ(http):
    assert len({http.get(PROFILES).headers["X-Request-Id"] for _ in range(20)}) == 20


def test_each_header_is_sent_once(http):
    response = http.get(f"{PROFILES}/agent")
    for name in (
        "X-Request-Id",
        "Content-Type",
        "Content-Length",
        "ETag",
        "Cache-Control",
        "Date",
        "X-Content-Type-Options",
    ):
        assert len(response.headers.all(name)) == 1, (name, response)


# Keep-alive -------------------------------------------------------------------------------------------------------


def test_many_requests_share_one_connection(http):
    with http.connect() as connection:
        for number in range(30):
            connection.send(http.message("GET", f"{PROFILES}/agent", close=False))
            assert connection.read_response().status == 200
            connection.send(http.message("POST", PROFILES, json={"slug": f"p{number}"}, close=False))
            assert connection.read_response("POST").status == 201
            connection.send(http.message("GET", f"{PROFILES}/none", close=False))
            assert connection.read_response().status == 404
    assert len(slugs(http)) == 32


def test_pipelined_requests_are_answered_in_order(http):
    with http.connect() as connection:
        connection.send(
            b"".join(
                [
                    http.message("GET", f"{PROFILES}/agent", close=False),
                    http.message("POST", PROFILES, json={"slug": "x"}, close=False),
                    http.message("GET", f"{PROFILES}/x", close=False),
                    http.message("GET", "/none", close=False),
                    http.message("GET", f"{PROFILES}/default"),
                ]
            )
        )
        answers = [connection.read_response() for _ in range(5)]
    assert [answer.status for answer in answers] == [200, 201, 200, 404, 200]
    assert [answer.json().get("slug") for answer in answers] == ["agent", "x", "x", None, "default"]


# Paging -----------------------------------------------------------------------------------------------------------


def pages(http, target):
    """Follows Link: rel=next, and says how many pages there were."""
    items, count = [], 0
    while target:
        response = http.get(target)
        assert response.status == 200, response
        items, count = items + response.json(), count + 1
        assert count < 100, "the links go round in a circle"
        link = response.headers.get("Link")
        found = link and re.fullmatch(r'<([^>]*)>; rel="next"', link)
        assert bool(link) == bool(found), link
        target = found and re.sub(r"^https?://[^/]*", "", found.group(1))
    return items, count


def test_a_list_is_paged_with_links(http):
    for number in range(23):
        create(http, f"p{number:02}")
    whole = http.get(PROFILES)
    assert "Link" not in whole.headers
    items, count = pages(http, f"{PROFILES}?limit=10")
    assert items == whole.json() and count == 3
    items, count = pages(http, f"{PROFILES}?limit=25")
    assert items == whole.json() and count == 1, "no empty last page"


def test_the_link_of_a_tenant_and_a_registry_leads_there(start):
    gateway = start(config={"tenants": {"acme": {}}})
    acme = gateway.client("acme")
    for slug in ("a", "b", "c"):
        create(acme, slug)
    link = acme.get(f"{PROFILES}?limit=2&registry=default").headers["Link"]
    target = re.sub(r"^https?://[^/]*", "", re.match("<([^>]*)>", link).group(1))
    assert target.startswith("/t/acme/api/chat/profiles?") and "registry=default" in target
    assert [i["slug"] for i in gateway.client().get(target).json()] == ["b", "c"]


def test_after_need_not_exist(http):
    assert slugs(http, "?after=b") == ["default"]
    assert slugs(http, "?after=default") == []


def test_the_registries_are_paged_too(http):
    for slug in ("a", "b", "c"):
        http.post(REGISTRIES, {"slug": slug})
    items, count = pages(http, f"{REGISTRIES}?limit=2")
    assert [i["slug"] for i in items] == ["a", "b", "c", "default"] and count == 2


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=abc", "limit=", "limit=1.5", "after=-bad-"])
def test_malformed_paging_is_400(lasting, query):
    assert lasting.get(f"{PROFILES}?{query}").status == 400


def test_filters(http):
    create(http, "alpha", display_name="First Analyst", metadata={"tags": ["red", "blue"]})
    create(http, "analyst-2", metadata={"tags": ["red"]})
    assert slugs(http, "?q=analyst") == ["alpha", "analyst-2"]
    assert slugs(http, "?tag=red") == ["alpha", "analyst-2"]
    assert slugs(http, "?tag=blue") == ["alpha"]
    assert slugs(http, "?q=analyst&tag=blue") == ["alpha"]
    assert slugs(http, "?q=nothing-like-it") == []
