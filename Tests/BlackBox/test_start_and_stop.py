"""Starting, refusing to start, and stopping (gateway.md §2)."""

import signal
import socket
import threading
import time

import pytest

from harness import upstream as provider
from harness.gateway import OPERATOR_KEY, command_line
from harness.profiles import PROFILES, create, slugs
from harness.upstream import FAKE_KEY, chat_config
from harness.waiting import eventually
from harness.wire import Client


def side_files(directory):
    return [p.name for p in directory.rglob("*") if p.name.endswith(("-wal", "-shm", "-journal"))]


def test_serve_without_anything_answers_on_the_default_port(start):
    """Only where 8080 is free: the port is the promise."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 8080)) == 0:
            pytest.skip("something else listens on 8080")
    gateway = start(started=False, arguments=["serve"])
    gateway.listen, gateway.port = "127.0.0.1:8080", 8080
    gateway.start()
    assert slugs(gateway.client()) == ["agent", "default"]
    assert gateway.database().exists()


def test_web_chat_is_serve_under_another_name(start):
    gateway = start(started=False)
    gateway.arguments = ["web-chat", "--addr", gateway.listen]
    gateway.start()
    assert slugs(gateway.client()) == ["agent", "default"]


def test_the_registry_flag_is_the_default_tenants_file_only(start):
    gateway = start(started=False)
    gateway.config = {"tenants": {"acme": {}}}
    gateway.write_config()
    gateway.arguments = [
        "web-chat",
        "--listen",
        gateway.listen,
        "--config",
        gateway.config_file,
        "--profile-registry-db",
        "./elsewhere/my.db",
    ]
    gateway.start()
    create(gateway.client(), "x")
    assert (gateway.directory / "elsewhere/my.db").exists()
    assert not gateway.database().exists()
    assert slugs(gateway.client("acme")) == ["agent", "default"]
    assert gateway.database("acme").exists()


def test_the_dsn_of_the_runbook_survives_a_change_to_the_path_form(start):
    gateway = start(started=False)
    dsn = "file:./data/profiles.db?_journal_mode=WAL&_busy_timeout=5000&_foreign_keys=on"
    gateway.arguments = ["web-chat", "--listen", gateway.listen, "--profile-registry-dsn", dsn]
    gateway.start()
    create(gateway.client(), "x")
    gateway.stop()
    gateway.arguments = ["web-chat", "--listen", gateway.listen, "--profile-registry-db", "./data/profiles.db"]
    gateway.start()
    assert slugs(gateway.client()) == ["agent", "default", "x"]


@pytest.mark.parametrize("name", ["prof#1.db", "prof%41.db", "prof?x.db", "pröf 1.db"])
def test_the_path_form_opens_the_file_that_is_named(start, name):
    """D43: the origin built a DSN by formatting, and `#` cut the name."""
    gateway = start(started=False)
    gateway.arguments = ["web-chat", "--listen", gateway.listen, "--profile-registry-db", f"./{name}"]
    gateway.start()
    assert (gateway.directory / name).exists()


@pytest.mark.parametrize(
    "option",
    [
        "_journal=WAL",
        "_timeout=1000",
        "_fk=1",
        "_fk=yes",
        "_foreign_keys=true",
        "_synchronous=FULL",
        "_sync=2",
        "_txlock=immediate",
        "_secure_delete=on",
        "_cache_size=-2000",
        "mode=rwc",
        "_auto_vacuum=none",
        "_vacuum=0",
        "_locking_mode=NORMAL",
        "_locking=NORMAL",
        "_query_only=off",
        "cache=private",
    ],
)
def test_the_drivers_dsn_options_are_known(start, option):
    gateway = start(started=False)
    gateway.arguments = ["web-chat", "--listen", gateway.listen, "--profile-registry-dsn", f"file:./p.db?{option}"]
    gateway.start()
    assert slugs(gateway.client()) == ["agent", "default"]


@pytest.mark.parametrize(
    "dsn, phrase",
    [
        ("file:./p.db?_unknown_option=1", "_unknown_option"),
        ("file:./p.db?_busy_timeout=soon", "_busy_timeout"),
        ("file:./p.db?_journal_mode=SIDEWAYS", "_journal_mode"),
        ("file:./p.db?_foreign_keys=maybe", "_foreign_keys"),
        ("file::memory:", "memory"),
        (":memory:", "memory"),
    ],
)
def test_a_dsn_that_cannot_be_honoured_is_refused(start, dsn, phrase):
    gateway = start(started=False)
    gateway.arguments = ["web-chat", "--listen", gateway.listen, "--profile-registry-dsn", dsn]
    code, output = gateway.run()
    assert code != 0 and phrase in output, output
    assert not (gateway.directory / "p.db").exists(), "refused before anything is opened"


def test_both_registry_flags_are_an_error(start):
    gateway = start(started=False)
    gateway.arguments = [
        "web-chat",
        "--listen",
        gateway.listen,
        "--profile-registry-db",
        "./a.db",
        "--profile-registry-dsn",
        "file:./b.db",
    ]
    code, output = gateway.run()
    assert code != 0
    assert "profile-registry-db" in output and "profile-registry-dsn" in output
    assert not (gateway.directory / "a.db").exists() and not (gateway.directory / "b.db").exists()


def test_both_registry_flags_are_in_the_help():
    code, output, _ = command_line("web-chat", "--help")
    assert code == 0
    assert "--profile-registry-db" in output and "--profile-registry-dsn" in output


def test_an_unknown_flag_is_a_usage_error():
    code, output, errors = command_line("serve", "--no-such-flag")
    assert code not in (0, None) and "no-such-flag" in output + errors


def test_a_second_process_on_the_data_directory_names_the_owner(start):
    first = start()
    second = start(started=False)
    second.arguments = ["serve", "--listen", second.listen, "--data-dir", first.data]
    code, output = second.run()
    assert code != 0 and str(first.process.pid) in output, output
    create(first.client(), "still-mine")


def test_a_second_process_on_the_registry_file_is_refused(start):
    first = start(started=False)
    first.arguments = ["web-chat", "--listen", first.listen, "--profile-registry-db", "./p.db"]
    first.start()
    second = start(started=False)
    second.arguments = [
        "web-chat",
        "--listen",
        second.listen,
        "--data-dir",
        "./other",
        "--profile-registry-db",
        first.directory / "p.db",
    ]
    code, output = second.run()
    assert code != 0 and str(first.process.pid) in output, output


def test_the_lock_is_free_again_after_a_kill(start):
    gateway = start()
    gateway.kill()
    gateway.start()
    assert slugs(gateway.client()) == ["agent", "default"]


def test_the_lock_file_is_private(start):
    gateway = start()
    lock = gateway.data / "lock"
    assert oct(lock.stat().st_mode & 0o777) == "0o600"
    assert str(gateway.process.pid) in lock.read_text()


def test_an_address_in_use_ends_the_start_at_once(start):
    """D65: the origin stayed alive, deaf, holding the database."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        gateway = start(started=False, listen=f"127.0.0.1:{port}")
        code, output = gateway.run()
    assert code != 0 and str(port) in output, output
    assert side_files(gateway.directory) == []


@pytest.mark.parametrize("listen", ["127.0.0.1:99999", "127.0.0.1", "nonsense:80:80", "256.1.1.1:80", "unix:"])
def test_a_malformed_listen_address_is_refused(start, listen):
    gateway = start(started=False)
    gateway.arguments = ["serve", "--listen", listen, "--data-dir", gateway.data]
    code, output = gateway.run()
    assert code != 0 and "listen" in output, output


@pytest.mark.parametrize("listen", ["0.0.0.0", "[::]"])
def test_a_listen_address_beyond_loopback_needs_authentication(start, listen):
    gateway = start(started=False)
    gateway.arguments = ["serve", "--listen", f"{listen}:{gateway.port}", "--data-dir", gateway.data]
    code, output = gateway.run()
    assert code != 0 and "operator" in output.lower(), output


def test_a_listen_address_beyond_loopback_with_an_operator_key(start):
    gateway = start(started=False, operator_key=OPERATOR_KEY)
    gateway.arguments = ["serve", "--listen", f"0.0.0.0:{gateway.port}", "--data-dir", gateway.data]
    gateway.start()
    assert slugs(gateway.client("default", OPERATOR_KEY)) == ["agent", "default"]


def test_several_listen_addresses(start):
    gateway = start(started=False)
    socket_path = gateway.directory / "gateway.sock"
    gateway.config = {"listen": [gateway.listen, f"[::1]:{gateway.port}", f"unix:{socket_path}"]}
    gateway.write_config()
    gateway.arguments = ["serve", "--config", gateway.config_file, "--data-dir", gateway.data]
    gateway.start()
    assert slugs(Client(("::1", gateway.port), host=f"[::1]:{gateway.port}")) == ["agent", "default"]
    assert slugs(Client(str(socket_path))) == ["agent", "default"]


def test_a_unix_socket_alone(start):
    gateway = start(started=False)
    gateway.listen = f"unix:{gateway.directory / 'only.sock'}"
    gateway.start()
    assert slugs(gateway.client()) == ["agent", "default"]
    gateway.kill()
    gateway.start()
    assert slugs(gateway.client()) == ["agent", "default"], "a stale socket file does not stop the start"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_with_exit_0_and_leaves_no_side_files(start, number):
    gateway = start()
    create(gateway.client(), "x")
    gateway.signal(number)
    assert gateway.wait() == 0, gateway.log()
    assert side_files(gateway.data) == []


def test_a_stop_right_after_the_start_is_clean(start):
    for _ in range(3):
        gateway = start()
        assert gateway.stop() == 0, gateway.log()


def test_a_request_in_flight_is_finished(start, upstream):
    gateway = start(config=chat_config(upstream), environment={"FAKE_KEY": FAKE_KEY})
    go = threading.Event()
    upstream.next(lambda call: (go.wait(30), provider.answer("late")(call)))
    client = gateway.client()
    with client.connect() as connection:
        connection.send(client.message("POST", "/chat", json={"prompt": "hello"}))
        upstream.wait_for_call()
        gateway.signal(signal.SIGTERM)
        eventually(lambda: refuses_connections(gateway), "new connections are refused", within=10)
        assert gateway.alive, "it waits for the request"
        go.set()
        answer = connection.read_response("POST")
    assert answer.status == 200 and answer.json()["output"] == "late", answer
    assert gateway.wait() == 0


def refuses_connections(gateway):
    try:
        with gateway.client().connect(timeout=1):
            return False
    except OSError:
        return True


def test_an_accepted_connection_is_still_served_while_stopping(start, upstream):
    gateway = start(config=chat_config(upstream), environment={"FAKE_KEY": FAKE_KEY})
    go = threading.Event()
    upstream.next(lambda call: (go.wait(30), provider.answer("late")(call)))
    client = gateway.client()
    with client.connect() as busy, client.connect() as idle:
        idle.send(client.message("GET", PROFILES, close=False))
        assert idle.read_response().keeps_alive
        busy.send(client.message("POST", "/chat", json={"prompt": "hello"}))
        upstream.wait_for_call()
        gateway.signal(signal.SIGTERM)
        eventually(lambda: refuses_connections(gateway), "new connections are refused", within=10)
        idle.send(client.message("GET", PROFILES, close=False))
        answer = idle.read_response()
        assert answer.status == 200 and answer.headers.get("Connection", "").lower() == "close", answer
        go.set()
        assert busy.read_response("POST").status == 200
    assert gateway.wait() == 0


@pytest.mark.slow
def test_streams_end_with_an_error_event_when_the_grace_is_over(start, upstream):
    gateway = start(config=chat_config(upstream, shutdown_grace="1s"), environment={"FAKE_KEY": FAKE_KEY})
    upstream.next(provider.stream_and_hang("one"), provider.hang)
    client = gateway.client()
    with client.stream("POST", "/chat", json={"prompt": "hello", "stream": True}) as stream:
        events = stream.events()
        while next(events).name != "turn.delta":
            pass
        with client.connect() as waiting:
            waiting.send(client.message("POST", "/chat", json={"prompt": "hello"}))
            upstream.wait_for_call(2)
            gateway.signal(signal.SIGTERM)
            assert [event.name for event in events][-1] == "turn.failed"
            assert stream.ended_well
            assert waiting.read_response("POST").status == 503
    assert gateway.wait() == 0, gateway.log()
    assert side_files(gateway.data) == []


def test_an_idle_keep_alive_connection_does_not_hold_up_the_stop(start):
    gateway = start()
    client = gateway.client()
    with client.connect() as connection:
        connection.send(client.message("GET", PROFILES, close=False))
        assert connection.read_response().keeps_alive
        begin = time.monotonic()
        assert gateway.stop() == 0
        assert time.monotonic() - begin < 20


def test_health_is_answered_without_a_key(start):
    gateway = start(operator_key=OPERATOR_KEY)
    for target in ("/healthz", "/readyz", "/version"):
        response = gateway.client().get(target)
        assert response.status == 200, response
        assert response.headers["Content-Type"].startswith("application/json"), response


@pytest.mark.parametrize("option", ["_query_only=1", "mode=ro"])
@pytest.mark.parametrize("is_there", [False, True], ids=["missing", "empty"])
def test_a_new_file_cannot_be_made_read_only(start, option, is_there):
    """And nothing is made on the way."""
    gateway = start(started=False)
    file = gateway.directory / "new" / "q.db"
    file.parent.mkdir(mode=0o700)
    if is_there:
        file.touch(mode=0o600)
    dsn = f"file:{file}?{option}"
    gateway.arguments = ["web-chat", "--listen", gateway.listen, "--profile-registry-dsn", dsn]
    gateway.start()
    response = gateway.client().get(PROFILES)
    assert response.status == 503 and response.error["code"] == "tenant_quarantined", response
    assert "start once without that option" in response.error["message"]
    assert "gateway_meta" not in gateway.log()
    gateway.stop()
    assert sorted(path.name for path in file.parent.iterdir()) == ["q.db"] * is_there + ["q.db.lock"]

    gateway.arguments[-1] = f"file:{file}"
    gateway.start()
    assert gateway.client().get(PROFILES).status == 200
    gateway.stop()
    gateway.arguments[-1] = dsn
    gateway.start()
    assert gateway.client().get(PROFILES).status == 200
