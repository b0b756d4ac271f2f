"""The operator's own endpoints, /admin: who may use them, and the list of tenants (gateway.md §2, §9)."""

import json

import pytest

from harness.gateway import OPERATOR_KEY
from harness.profiles import PROFILES, refuses
from harness.wire import Client

TENANTS = "/admin/tenants"
CONFIG = {"tenants": {"acme": {"display_name": "Acme"}, "beta": {}}}


def token(gateway):
    return json.loads((gateway.data / "lock").read_text())["token"]


def by_slug(response):
    assert response.status == 200, response
    return {tenant["slug"]: tenant for tenant in response.json()}


@pytest.mark.parametrize("target", [TENANTS, f"{TENANTS}/acme", f"{TENANTS}/nobody", "/admin/nothing", "/admin"])
def test_nothing_of_it_is_told_without_the_operator_key(guarded, target):
    answers = set()
    for key in (None, "wrong", OPERATOR_KEY[:-1]):
        response = refuses(guarded.client(key=key).get(target), 401)
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        answers.add(response.error["code"])
    assert answers == {"missing_api_key", "invalid_api_key"}
    assert guarded.client().post(target, {}).status == 401


def test_the_operator_key_opens_it_without_a_tenant(guarded):
    client = guarded.client(key=OPERATOR_KEY)
    assert list(by_slug(client.get(TENANTS))) == ["acme", "beta", "default"]
    assert client.get(TENANTS, headers={"X-Forwarded-For": "203.0.113.9"}).status == 200


def test_the_token_of_the_lock_file_opens_it_with_and_without_an_operator_key(guarded, start):
    for gateway in (guarded, start(config=CONFIG)):
        local = gateway.client(key=token(gateway))
        assert local.get(TENANTS).status == 200
        assert gateway.client("acme", token(gateway)).get(PROFILES).status == 200


def test_the_lock_file_is_the_owners_alone_and_another_start_draws_another_token(start):
    gateway = start()
    assert (gateway.data / "lock").stat().st_mode & 0o777 == 0o600
    old = token(gateway)
    (gateway.data / "lock").chmod(0o644)
    gateway.restart()
    assert (gateway.data / "lock").stat().st_mode & 0o777 == 0o600
    assert token(gateway) != old
    refuses(gateway.client(key=old).get(TENANTS), 401)


def test_the_keyless_mode_opens_tenants_but_not_the_operators_endpoints(start):
    gateway = start(config=CONFIG)
    assert gateway.client("acme").get(PROFILES).status == 200
    for target in (TENANTS, f"{TENANTS}/acme", "/admin/nothing"):
        response = refuses(gateway.client().get(target), 401)
        assert response.error["code"] == "missing_api_key"
    refuses(gateway.client(key="anything").get(TENANTS), 401)


@pytest.mark.parametrize("header", [("X-Forwarded-For", "127.0.0.1"), ("Via", "1.1 x"), ("Forwarded", "for=127.0.0.1")])
def test_the_token_is_not_taken_from_a_proxy(guarded, header):
    name, value = header
    client = guarded.client(key=token(guarded))
    response = refuses(client.get(TENANTS, headers={name: value}), 403)
    assert response.error["code"] == "local_token_refused"
    refuses(guarded.client("acme", token(guarded)).get(PROFILES, headers={name: value}), 403)


def test_the_token_is_taken_where_this_machine_is_a_trusted_proxy(start):
    gateway = start(config={**CONFIG, "trusted_proxies": ["127.0.0.0/8"]})
    assert gateway.client(key=token(gateway)).get(TENANTS).status == 200
    # The proxy itself is nobody in particular.
    refuses(Client(gateway.address).get(TENANTS), 403)


def test_a_foreign_page_gets_nothing_of_it_even_with_the_token(start):
    gateway = start()
    client = gateway.client(key=token(gateway))
    refuses(client.get(TENANTS, headers={"Origin": "https://evil.example"}), 403)
    refuses(client.get(TENANTS, headers={"Host": "evil.example"}), 403)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("target", [TENANTS, f"{TENANTS}/acme"])
def test_it_does_not_exist_under_a_tenant(guarded, method, target):
    response = refuses(guarded.client("acme", OPERATOR_KEY).request(method, target), 404)
    assert response.error["code"] == "unknown_path"


def test_unknown_paths_methods_and_tenants_are_told_to_the_operator(guarded):
    client = guarded.client(key=OPERATOR_KEY)
    assert refuses(client.get("/admin/nothing"), 404).error["code"] == "unknown_path"
    for name in ("nobody", "UPPER_case", "-"):
        assert refuses(client.get(f"{TENANTS}/{name}"), 404).error["code"] == "tenant_not_found"
    response = refuses(client.request("PUT", f"{TENANTS}/acme"), 405)
    assert "GET" in response.headers["Allow"]


def test_the_list_says_how_each_tenant_is(start):
    gateway = start(config=CONFIG, operator_key=OPERATOR_KEY)
    gateway.stop()
    later = gateway.tenant_directory("later")
    later.mkdir(mode=0o700)
    later.joinpath("profiles.db").write_bytes(gateway.database("beta").read_bytes())
    gateway.database("beta").write_bytes(b"this is no database" * 100)
    later.joinpath("profiles.db").chmod(0o600)
    gateway.start()
    client = gateway.client(key=OPERATOR_KEY)

    tenants = by_slug(client.get(TENANTS))
    assert list(tenants) == ["acme", "beta", "default", "later"]
    assert tenants["acme"] == {
        "slug": "acme", "display_name": "Acme", "state": "serving", "reason": None, "open": True,
    }  # fmt: skip
    assert tenants["beta"]["state"] == "quarantined" and tenants["beta"]["open"]
    assert "database" in tenants["beta"]["reason"], tenants["beta"]
    # Listing opens nobody's file; asking for one tenant does.
    assert tenants["later"]["state"] == "closed" and not tenants["later"]["open"]
    one = client.get(f"{TENANTS}/later").json()
    assert one["state"] == "serving" and (one["registries"], one["profiles"]) == (1, 2), one
    assert by_slug(client.get(TENANTS))["later"]["state"] == "serving"
    assert client.get(f"{TENANTS}/beta").json()["state"] == "quarantined"


def test_a_tenant_that_cannot_be_opened_is_described_too(start):
    gateway = start(config=CONFIG, operator_key=OPERATOR_KEY)
    gateway.stop()
    gateway.database("beta").chmod(0o666)
    gateway.start()
    one = gateway.client(key=OPERATOR_KEY).get(f"{TENANTS}/beta").json()
    assert one["state"] == "quarantined" and one["reason"], one


def test_the_list_comes_in_pages(guarded):
    client = guarded.client(key=OPERATOR_KEY)
    first = client.get(f"{TENANTS}?limit=2")
    assert list(by_slug(first)) == ["acme", "beta"]
    link = first.headers["Link"]
    assert link.endswith('; rel="next"')
    second = client.get(link[1 : link.index(">")])
    assert list(by_slug(second)) == ["default"] and "Link" not in second.headers
    refuses(client.get(f"{TENANTS}?limit=0"), 400)
