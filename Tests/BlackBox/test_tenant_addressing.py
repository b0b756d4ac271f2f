"""Whose tenant a request is for, and who may ask (gateway.md §2, §3, §9)."""

import pytest

from harness.gateway import OPERATOR_KEY
from harness.profiles import PROFILES, create, prompted, refuses, slugs
from harness.wire import Client

PROXY = {"trusted_proxies": ["127.0.0.1/32"]}
TENANTS = {"tenants": {"acme": {}, "beta": {}}}


def get(client, **headers):
    return client.get(PROFILES, headers={name.replace("_", "-"): value for name, value in headers.items()})


# The path ---------------------------------------------------------------------------------------------------------


def test_tenants_see_nothing_of_each_other(start):
    gateway = start(config=TENANTS)
    create(gateway.client("acme"), "secret-plan", **prompted("for acme only"))
    assert slugs(gateway.client("acme")) == ["agent", "default", "secret-plan"]
    for other in (gateway.client("beta"), gateway.client()):
        assert slugs(other) == ["agent", "default"]
        assert other.get(f"{PROFILES}/secret-plan").status == 404
    gateway.restart()
    assert slugs(gateway.client("beta")) == ["agent", "default"]
    assert slugs(gateway.client("acme")) == ["agent", "default", "secret-plan"]


@pytest.mark.parametrize(
    "method, target, body",
    [
        ("GET", "/api/chat/profiles", None),
        ("GET", "/api/chat/profiles/agent", None),
        ("GET", "/api/chat/registries", None),
        ("GET", "/api/chat/profile", None),
        ("POST", "/chat", {"prompt": "hi"}),
        ("POST", "/chat/agent", {"prompt": "hi"}),
        ("POST", "/api/chat", {"prompt": "hi"}),
        ("GET", "/v1/models", None),
        ("POST", "/v1/chat/completions", {"model": "agent", "messages": [{"role": "user", "content": "hi"}]}),
    ],
)
def test_every_route_of_a_tenant_is_also_under_its_path(start, method, target, body):
    gateway = start(config=TENANTS)
    more = {} if body is None else {"json": body}
    assert gateway.client("acme").request(method, target, **more).status == 200
    assert gateway.client().request(method, target, **more).status == 200


@pytest.mark.parametrize("target", ["/healthz", "/readyz", "/metrics", "/version", "/admin/tenants"])
def test_the_process_wide_routes_do_not_exist_under_a_tenant(start, target):
    assert start(config=TENANTS).client("acme").get(target).status == 404


def test_an_unknown_tenant_is_404_and_is_not_made(start):
    gateway = start(config=TENANTS)
    response = gateway.client("nobody").get(PROFILES)
    refuses(response, 404, "tenant")
    assert gateway.client("nobody").post(PROFILES, {"slug": "x"}).status == 404
    assert not gateway.tenant_directory("nobody").exists()


@pytest.mark.parametrize(
    "tenant", ["UPPER", "a_b", "-a", "a-", "a.b", "..", ".", "%2e%2e", "a%2fb", "a%00", "a" * 64, "%C3%A4", ""]
)
def test_a_malformed_tenant_reaches_no_file(start, tenant):
    gateway = start(config=TENANTS)
    before = sorted(path.name for path in gateway.data.rglob("*"))
    response = gateway.client().get(f"/t/{tenant}{PROFILES}")
    assert response.status in (400, 404), response
    assert sorted(path.name for path in gateway.data.rglob("*")) == before


def test_a_tenant_of_63_characters(start):
    name = "a" * 63
    gateway = start(config={"tenants": {name: {}}})
    assert slugs(gateway.client(name)) == ["agent", "default"]


# Header and host --------------------------------------------------------------------------------------------------


def test_the_header_counts_from_a_trusted_proxy_only(start):
    behind = start(config={**TENANTS, **PROXY}, operator_key=OPERATOR_KEY)
    create(behind.client("acme", OPERATOR_KEY), "mine")
    key = f"Bearer {OPERATOR_KEY}"
    assert "mine" in [i["slug"] for i in get(behind.client(), X_Tenant="acme", Authorization=key).json()]
    direct = start(config=TENANTS)
    create(direct.client("acme"), "mine")
    assert "mine" not in [i["slug"] for i in get(direct.client(), X_Tenant="acme").json()]


def test_the_hosts_label_names_the_tenant(start):
    gateway = start(config={**TENANTS, "tenant_host_suffix": "gw.example"}, operator_key=OPERATOR_KEY)
    create(gateway.client("acme", OPERATOR_KEY), "mine")
    key = f"Bearer {OPERATOR_KEY}"
    client = gateway.client()
    for host in ("acme.gw.example", "ACME.GW.EXAMPLE", "acme.gw.example:8080"):
        response = get(client, Host=host, Authorization=key)
        assert response.status == 200 and "mine" in response.text, response
    assert "mine" not in get(client, Host="beta.gw.example", Authorization=key).text
    assert get(client, Host="nobody.gw.example", Authorization=key).status == 404


def test_sources_that_name_different_tenants_are_400(start):
    gateway = start(config={**TENANTS, **PROXY, "tenant_host_suffix": "gw.example"}, operator_key=OPERATOR_KEY)
    key = f"Bearer {OPERATOR_KEY}"
    acme = gateway.client("acme")
    refuses(get(acme, X_Tenant="beta", Authorization=key), 400)
    refuses(get(acme, Host="beta.gw.example", Authorization=key), 400)
    refuses(get(gateway.client(), Host="beta.gw.example", X_Tenant="acme", Authorization=key), 400)
    assert get(acme, X_Tenant="acme", Host="acme.gw.example", Authorization=key).status == 200


# The operator's key -----------------------------------------------------------------------------------------------


def test_without_the_key_every_tenant_is_401_whether_it_exists_or_not(guarded):
    answers = []
    for tenant in ("acme", "nobody", None):
        for key in (None, "wrong", OPERATOR_KEY[:-1], OPERATOR_KEY + "x", OPERATOR_KEY.upper()):
            response = refuses(guarded.client(tenant, key).get(PROFILES), 401)
            assert response.headers["WWW-Authenticate"].startswith("Bearer")
            if key == "wrong":
                answers.append(response.error)
    assert answers[0] == answers[1], "the same body, whether the tenant exists or not"


def test_the_key_opens_the_tenant_that_is_addressed(guarded):
    acme = guarded.client("acme", OPERATOR_KEY)
    create(acme, "x")
    assert slugs(acme) == ["agent", "default", "x"]
    assert slugs(guarded.client("beta", OPERATOR_KEY)) == ["agent", "default"]


def test_the_key_is_also_taken_from_x_api_key(guarded):
    assert guarded.client("acme").get(PROFILES, headers={"X-Api-Key": OPERATOR_KEY}).status == 200
    assert guarded.client("acme").get(PROFILES, headers={"X-Api-Key": "wrong"}).status == 401


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic b3A6cHc=", "bearer", f"Token {OPERATOR_KEY}"])
def test_malformed_authorization_is_401(guarded, value):
    refuses(guarded.client("acme").get(PROFILES, headers={"Authorization": value}), 401)


def test_the_scheme_is_not_case_sensitive(guarded):
    assert guarded.client("acme").get(PROFILES, headers={"Authorization": f"bearer {OPERATOR_KEY}"}).status == 200


def test_an_unknown_tenant_with_the_key_is_404(guarded):
    refuses(guarded.client("nobody", OPERATOR_KEY).get(PROFILES), 404)


def test_the_key_needs_an_explicit_tenant(guarded):
    response = guarded.client(key=OPERATOR_KEY).get(PROFILES)
    assert response.status in (400, 404), response
    assert "tenant" in response.error["message"]


def test_a_wrong_key_is_refused_before_the_body_is_read(guarded):
    client = guarded.client("acme", "wrong")
    with client.connect() as connection:
        head = client.message(
            "POST", PROFILES, headers={"Content-Length": "500000", "Content-Type": "application/json"}
        )
        connection.send(head)
        assert connection.read_response("POST").status == 401


# Without any key --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host, status",
    [
        ("127.0.0.1", 200),
        ("localhost", 200),
        ("localhost:8080", 200),
        ("LOCALHOST", 200),
        ("[::1]:8080", 200),
        ("127.0.0.1:1", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost.evil.example", 403),
        ("192.168.0.7", 403),
        ("0.0.0.0", 403),
        ("evil.example:8080", 403),
    ],
)
def test_the_host_must_be_a_loopback_name(lasting, host, status):
    response = lasting.get(PROFILES, headers={"Host": host})
    assert response.status == status, response


@pytest.mark.parametrize(
    "origin, status",
    [("https://evil.example", 403), ("null", 403), ("http://localhost.evil.example", 403), ("file://", 403)],
)
def test_a_foreign_origin_is_refused(lasting, origin, status):
    """D23: a page that the operator visits could write profiles."""
    response = lasting.post(PROFILES, {"slug": "x"}, headers={"Origin": origin})
    assert response.status == status, response
    assert slugs(lasting) == ["agent", "default"]


def test_an_origin_of_our_own_is_fine(fresh):
    client = fresh.client()
    for origin in (f"http://localhost:{fresh.port}", f"http://127.0.0.1:{fresh.port}"):
        assert client.get(PROFILES, headers={"Origin": origin, "Host": origin[7:]}).status == 200


@pytest.mark.parametrize(
    "name, value",
    [
        ("Forwarded", "for=1.2.3.4"),
        ("X-Forwarded-For", "1.2.3.4"),
        ("X-Forwarded-Host", "x"),
        ("X-Forwarded-Proto", "https"),
        ("X-Real-IP", "1.2.3.4"),
        ("Via", "1.1 proxy"),
        ("x-forwarded-for", "127.0.0.1"),
    ],
)
def test_a_proxy_that_nobody_told_us_of_is_refused(lasting, name, value):
    refuses(lasting.get(PROFILES, headers={name: value}), 403)
    refuses(lasting.post("/chat", {"prompt": "hi"}, headers={name: value}), 403)


def test_a_trusted_proxy_is_not_loopback_unless_its_client_is(start):
    """The proxy of this test is 127.0.0.2; its client may be anybody."""
    gateway = start(config={"trusted_proxies": ["127.0.0.2/32"]})
    proxy = Client(gateway.address, source="127.0.0.2")
    assert proxy.get(PROFILES).status == 403, "a trusted proxy that forwards no address is not loopback"
    assert proxy.get(PROFILES, headers={"X-Forwarded-For": "203.0.113.9"}).status == 403
    assert proxy.get(PROFILES, headers={"X-Forwarded-For": "127.0.0.1, 203.0.113.9"}).status == 403
    assert proxy.get(PROFILES, headers={"X-Forwarded-For": "127.0.0.1"}).status == 200
    assert gateway.client().get(PROFILES).status == 200


def test_with_a_key_a_proxy_may_stand_in_front(guarded):
    client = guarded.client("acme", OPERATOR_KEY)
    assert client.get(PROFILES, headers={"X-Forwarded-For": "1.2.3.4", "Host": "gw.example"}).status == 200
