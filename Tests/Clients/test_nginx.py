"""deploy/nginx in front of the real binary, and in front of a server that shows what nginx really sends on."""

import subprocess
import threading

import httpx2
import openai
import pytest
from harness import upstream as scripted
from harness.gateway import OPERATOR_KEY
from nginx import TOKENS, Nginx


@pytest.fixture
def nginx(tmp_path):
    """Starts nginx in front of a port."""
    made = []

    def make(port):
        made.append(Nginx(tmp_path / f"nginx-{len(made)}", port))
        return made[-1].start()

    yield make
    for proxy in made:
        proxy.stop()


def client_of(proxy, tenant="acme", headers=None):
    """An HTTP client with the token that nginx knows for `tenant`."""
    authorization = {"Authorization": f"Bearer {TOKENS[tenant]}"}
    return httpx2.Client(
        base_url=proxy.url, verify=proxy.tls(), headers={**authorization, **(headers or {})}, timeout=20
    )


@pytest.fixture
def proxy(nginx, behind_proxy):
    return nginx(behind_proxy.port)


@pytest.fixture
def recorder(nginx, provider):
    """nginx in front of the recording server, which answers whatever it is asked."""
    provider.default = scripted.raw(200, "[]")
    return nginx(provider.port)


def test_nginx_finds_no_fault_with_the_file(proxy):
    done = subprocess.run(proxy.command("-t"), capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr


def test_serves_each_tenant_by_its_path_with_the_operator_key(proxy):
    with client_of(proxy, "acme") as acme, client_of(proxy, "beta") as beta:
        made = acme.post("/t/acme/api/chat/profiles", json={"slug": "analyst", "display_name": "Acme's"})
        assert made.status_code == 201
        assert acme.get("/t/acme/api/chat/profiles/analyst").json()["display_name"] == "Acme's"
        assert beta.get("/t/beta/api/chat/profiles/analyst").status_code == 404
        changed = acme.patch("/t/acme/api/chat/profiles/analyst", json={"display_name": "Again", "expected_version": 1})
        assert changed.json()["metadata"]["version"] == 2
        stale = acme.patch("/t/acme/api/chat/profiles/analyst", json={"display_name": "No", "expected_version": 1})
        assert stale.status_code == 409
        assert acme.delete("/t/acme/api/chat/profiles/analyst").status_code == 204


def test_a_token_opens_its_own_tenant_only(proxy):
    with client_of(proxy, "acme") as acme:
        foreign = acme.get("/t/beta/api/chat/profiles")
        assert foreign.status_code == 401
        assert foreign.headers["WWW-Authenticate"] == "Bearer"
        assert foreign.json()["error"]["type"] == "authentication_error"
        for headers in (
            {"Authorization": "Bearer wrong"},
            {"Authorization": ""},
            {"Authorization": f"Bearer {OPERATOR_KEY}"},
        ):
            assert acme.get("/t/acme/api/chat/profiles", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "target",
    [
        "/t/beta/api/chat/../../../acme/api/chat/profiles",
        "/t/beta/api/%2e%2e/%2e%2e/acme/api/chat/profiles",
        "/t/beta%2fapi/../../acme/api/chat/profiles",
        "/t/acme/api/chat/../../../beta/api/chat/profiles",
    ],
)
def test_no_spelling_of_the_path_reaches_another_tenant(proxy, behind_proxy, target):
    operator = {"Authorization": f"Bearer {OPERATOR_KEY}"}
    made = behind_proxy.client().post("/t/beta/api/chat/profiles", json={"slug": "secret-of-beta"}, headers=operator)
    assert made.status == 201, made
    # curl sends the target as it is; httpx2 would put it in order first.
    done = subprocess.run(
        [
            "curl",
            "--silent",
            "--path-as-is",
            "--cacert",
            proxy.certificate,
            "--write-out",
            "\n%{http_code}",
            "--header",
            f"Authorization: Bearer {TOKENS['acme']}",
            proxy.url + target,
        ],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=True,
    )
    body, _, status = done.stdout.rpartition("\n")
    assert status in {"400", "401", "404"}
    assert "secret-of-beta" not in body


@pytest.mark.parametrize(
    "path", ["/", "/admin/tenants", "/metrics", "/api/chat/profiles", "/v1/models", "/t/acme/admin/tenants", "/t/acme"]
)
def test_everything_that_is_not_a_tenants_stays_inside(proxy, path):
    with client_of(proxy) as acme:
        answer = acme.get(path)
        assert answer.status_code == 404
        assert answer.json()["error"]["type"] == "invalid_request_error"


def test_the_clients_own_tenant_header_is_stripped(proxy):
    # The gateway trusts this proxy: a header that named another tenant than the path would be answered 400.
    with client_of(proxy, headers={"X-Tenant": "beta"}) as acme:
        assert acme.get("/t/acme/api/chat/profiles").status_code == 200


def test_what_the_client_says_about_itself_goes_no_further(recorder, provider):
    lies = {
        "X-Tenant": "beta",
        "X-Forwarded-For": "6.6.6.6",
        "X-Forwarded-Proto": "gopher",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Port": "666",
        "X-Forwarded-Server": "evil.example",
        "X-Forwarded-Prefix": "/evil",
        "Forwarded": "for=6.6.6.6",
        "X-Real-IP": "6.6.6.6",
        "X-Api-Key": "mine",
    }
    with client_of(recorder, headers=lies) as acme:
        assert acme.get("/t/acme/api/chat/profiles?limit=2").status_code == 200
    call = provider.last
    assert call.target == "/t/acme/api/chat/profiles?limit=2"
    assert call.headers.all("Authorization") == [f"Bearer {OPERATOR_KEY}"]
    assert call.headers.all("X-Forwarded-For") == ["127.0.0.1"]
    assert call.headers.all("X-Forwarded-Proto") == ["https"]
    assert call.headers.all("X-Forwarded-Host") == ["127.0.0.1"]
    for name in (
        "X-Tenant",
        "Forwarded",
        "X-Real-IP",
        "X-Api-Key",
        "X-Forwarded-Port",
        "X-Forwarded-Server",
        "X-Forwarded-Prefix",
    ):
        assert name not in call.headers
    assert TOKENS["acme"] not in repr(call.headers)


def test_the_gateway_knows_that_the_client_came_over_tls(proxy):
    with client_of(proxy) as acme:
        answer = acme.post("/t/acme/api/chat/profile", json={"slug": "agent"})
        assert answer.status_code == 200
        assert "secure" in answer.headers["Set-Cookie"].lower()
        assert "path=/t/acme/" in answer.headers["Set-Cookie"].lower()


def test_connections_to_the_gateway_are_kept(recorder, provider):
    for _ in range(10):
        with client_of(recorder) as acme:
            acme.get("/t/acme/api/chat/profiles")
    assert len(provider.calls) == 10
    assert len({call.connection for call in provider.calls}) == 1
    assert provider.last.headers.get("Connection") != "close"


def streams_word_by_word(front, provider):
    go_on = threading.Event()

    def one_word_then_wait(call):
        call.begin_stream()
        call.event(scripted.delta("first"))
        assert go_on.wait(20), "the first word never arrived"
        call.event(scripted.delta("second", "stop"))
        call.event("[DONE]")
        call.end_stream()

    provider.next(one_word_then_wait)
    body = {"model": "agent", "stream": True, "messages": [{"role": "user", "content": "Go."}]}
    with client_of(front) as acme, acme.stream("POST", "/t/acme/v1/chat/completions", json=body) as answer:
        assert answer.status_code == 200
        lines = (line for line in answer.iter_lines() if line.startswith("data:"))
        assert "first" in next(lines)  # while the provider still waits
        go_on.set()
        assert "second" in "".join(lines)


def test_a_streamed_answer_of_the_gateway_leaves_word_by_word(proxy, provider):
    streams_word_by_word(proxy, provider)


def test_nginx_buffers_no_answer_whatever_the_server_says_about_it(recorder, provider):
    streams_word_by_word(recorder, provider)


def test_the_openai_package_chats_through_nginx(proxy, provider):
    provider.next(scripted.answer("A fox."))
    with httpx2.Client(verify=proxy.tls()) as transport:
        client = openai.OpenAI(
            base_url=f"{proxy.url}/t/acme/v1", api_key=TOKENS["acme"], http_client=transport, max_retries=0
        )
        answer = client.chat.completions.create(model="agent", messages=[{"role": "user", "content": "Say fox."}])
    assert answer.choices[0].message.content == "A fox."


def test_a_gateway_that_is_down_is_an_error_in_the_gateways_shape(proxy, behind_proxy):
    behind_proxy.stop()
    with client_of(proxy) as acme:
        answer = acme.get("/t/acme/api/chat/profiles")
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "1"
        assert answer.json()["error"]["type"] == "unavailable_error"
