"""Configuration: precedence, exact errors, what is shown (gateway.md §2)."""

import json

import pytest

from harness.gateway import OPERATOR_KEY, command_line, free_port
from harness.profiles import PROFILES, listed, slugs


def check(tmp_path, text, *arguments, environment=None):
    file = tmp_path / "gateway.yaml"
    file.write_text(text)
    code, output, errors = command_line(
        "config", "check", "--config", file, *arguments, directory=tmp_path, environment=environment
    )
    return code, output + errors


def test_an_empty_file_is_fine(tmp_path):
    code, output = check(tmp_path, "# nothing but comments\n")
    assert code == 0, output


GOOD = """\
listen: 127.0.0.1:8080
data_dir: ./data
default_tenant: default
trusted_proxies: ["10.0.0.0/8"]
tenant_host_suffix: gw.example
upstreams:
  openai: {api: openai, base_url: "https://api.openai.com/v1", api_key: "env:OPENAI_API_KEY"}
  local:  {api: openai, base_url: "http://127.0.0.1:11434/v1"}
  echo:   {api: echo}
default_upstream: echo
step_settings: {ai-chat: {ai-engine: gpt-4o-mini}}
tenants: {acme: {display_name: Acme}}
"""


def test_a_check_for_machines(tmp_path):
    file = tmp_path / "gateway.yaml"
    file.write_text("data_dir: ./data\nhistory: {keep: x}\nlistne: 1\n")
    status, output, errors = command_line("config", "check", "--config", file, "--format", "json", directory=tmp_path)
    found = json.loads(output)
    assert status == 1 and not found["ok"] and found["warnings"] == []
    assert [(problem["source"], problem["key"]) for problem in found["problems"]] == [
        (f"{file}:2:11", "history.keep"),
        (f"{file}:3:1", "listne"),
    ]
    assert all(problem["message"] in errors for problem in found["problems"])
    file.write_text("data_dir: ./data\n")
    status, output, errors = command_line("config", "check", "--config", file, "--format", "yaml", directory=tmp_path)
    assert status == 0 and errors == ""
    assert output.startswith("ok: true\n") and str(file) in output and output.endswith("problems: []\nwarnings: []\n")


def test_the_contracts_example_is_accepted(tmp_path):
    code, output = check(tmp_path, GOOD, environment={"OPENAI_API_KEY": "sk-1"})
    assert code == 0, output


@pytest.mark.parametrize(
    "text, line, phrases",
    [
        ("listen: 127.0.0.1:8080\nlissten: x\n", 2, ["lissten"]),
        ("data_dir: ./data\nupstreams:\n  a: {api: openai, base_ulr: x}\n", 3, ["base_ulr"]),
        ("upstreams:\n  a: {api: nonsense, base_url: 'http://x/v1'}\n", 2, ["api", "nonsense"]),
        ("trusted_proxies: ['10.0.0.0/99']\n", 1, ["trusted_proxies", "10.0.0.0/99"]),
        ("default_upstream: nobody\n", 1, ["default_upstream", "nobody"]),
        ("listen: 127.0.0.1:99999\n", 1, ["listen"]),
        ("tenants:\n  Not_Valid: {}\n", 2, ["Not_Valid"]),
        ("log:\n  level: info\n  level: debug\n", 2, ["level"]),
        ("operator_key: literal-secret-value\n", 1, ["operator_key"]),
        ("upstreams:\n  a:\n    api: openai\n    base_url: http://x/v1\n    api_key: sk-literal\n", 5, ["api_key"]),
        ("default_tenant: [a]\n", 1, ["default_tenant"]),
        ("listen: [\n", None, []),
        ("- a list\n", 1, []),
    ],
)
def test_an_error_names_file_line_and_key(tmp_path, text, line, phrases):
    code, output = check(tmp_path, text)
    assert code not in (0, None), output
    assert "gateway.yaml" in output, output
    if line is not None:
        assert f":{line}" in output or f"line {line}" in output, output
    for phrase in phrases:
        assert phrase in output, output
    assert "sk-literal" not in output and "literal-secret-value" not in output, "a secret is never shown"


CHECKED = {
    "upstreams.a.api": {"upstreams": {"a": {"api": "claude", "base_url": "https://api.anthropic.com"}}},
    "upstreams.g.api": {"upstreams": {"echo": {"api": "echo"}, "g": {"api": "gemini", "base_url": "https://x"}}},
    "agent_modes.": {"agent_modes": {"": "x"}},
    "step_settings.gateway.upstream": {"step_settings": {"gateway": {"upstream": "nope"}}},
    "step_settings.gateway.fallback-upstreams": {"step_settings": {"gateway": {"fallback-upstreams": ["nope"]}}},
    "step_settings.openai-chat.openai-base-url": {
        "step_settings": {"openai-chat": {"openai-base-url": "https://nope.example/v1"}}
    },
    "step_settings.openai-chat.openai-api-key": {"step_settings": {"openai-chat": {"openai-api-key": "secret:nope"}}},
}


@pytest.mark.parametrize("key", CHECKED)
def test_what_could_not_serve_is_refused_by_check_and_serve_alike(start, key):
    gateway = start(started=False, config=CHECKED[key])
    gateway.write_config()
    code, output, errors = command_line("config", "check", "--config", gateway.config_file)
    assert code == 1, output
    assert f"{gateway.config_file}:" in errors and f": {key}: " in errors, errors
    code, output = gateway.run()
    assert code == 1 and f": {key}: " in output, output
    assert not gateway.data.exists()


def test_every_error_is_told_at_once(tmp_path):
    _, output = check(tmp_path, "lissten: x\ndata_dirr: y\n")
    assert "lissten" in output and "data_dirr" in output


def test_serve_refuses_a_bad_file_before_it_opens_anything(start):
    gateway = start(started=False, config={"lissten": "x"})
    code, output = gateway.run()
    assert code != 0 and "lissten" in output
    assert not gateway.data.exists()


def test_a_missing_file_that_was_named_is_an_error(start):
    gateway = start(started=False)
    gateway.arguments = ["serve", "--listen", gateway.listen, "--config", "none.yaml"]
    code, output = gateway.run()
    assert code != 0 and "none.yaml" in output


def test_a_secret_from_an_environment_that_is_not_set(tmp_path):
    code, output = check(tmp_path, 'operator_key: "env:NO_SUCH_VARIABLE"\n')
    assert code != 0 and "NO_SUCH_VARIABLE" in output, output


def test_flag_beats_environment_beats_file_beats_default(start):
    ports = [free_port() for _ in range(3)]
    gateway = start(started=False, config={"listen": f"127.0.0.1:{ports[0]}", "data_dir": "./from-file"})
    gateway.write_config()
    for environment, flag, expected in (
        ({}, [], ports[0]),
        ({"PROFILE_GATEWAY_LISTEN": f"127.0.0.1:{ports[1]}"}, [], ports[1]),
        ({"PROFILE_GATEWAY_LISTEN": f"127.0.0.1:{ports[1]}"}, ["--listen", f"127.0.0.1:{ports[2]}"], ports[2]),
    ):
        gateway.environment = environment
        gateway.arguments = ["serve", "--config", gateway.config_file, *flag]
        gateway.listen, gateway.port = f"127.0.0.1:{expected}", expected
        gateway.start()
        assert slugs(gateway.client()) == ["agent", "default"]
        gateway.stop()
    assert (gateway.directory / "from-file/tenants/default/profiles.db").exists()


def test_config_gateway_yaml_is_read_when_it_is_there(start):
    gateway = start(started=False)
    (gateway.directory / "config").mkdir()
    (gateway.directory / "config/gateway.yaml").write_text(f"listen: {gateway.listen}\ndata_dir: ./found\n")
    gateway.arguments = ["serve"]
    gateway.start()
    assert (gateway.directory / "found/tenants/default/profiles.db").exists()


def test_show_says_where_each_value_came_from_and_masks_secrets(tmp_path):
    file = tmp_path / "gateway.yaml"
    file.write_text("data_dir: ./here\n")
    code, output, errors = command_line(
        "config",
        "show",
        "--config",
        file,
        "--listen",
        "127.0.0.1:1234",
        directory=tmp_path,
        environment={"PROFILE_GATEWAY_OPERATOR_KEY": OPERATOR_KEY, "PROFILE_GATEWAY_DEFAULT_UPSTREAM": "echo"},
    )
    assert code == 0, errors
    assert "here" in output and "127.0.0.1:1234" in output
    assert "gateway.yaml" in output and "PROFILE_GATEWAY_DEFAULT_UPSTREAM" in output
    assert OPERATOR_KEY not in output + errors


@pytest.mark.parametrize("bits, ends", [(0o600, False), (0o644, True)])
def test_an_operator_key_in_a_file_must_be_private(start, bits, ends):
    gateway = start(started=False)
    key = gateway.directory / "operator.key"
    key.write_text(OPERATOR_KEY + "\n")
    key.chmod(bits)
    gateway.config = {"operator_key": f"file:{key}"}
    if ends:
        code, output = gateway.run()
        assert code != 0 and "operator.key" in output, output
        assert OPERATOR_KEY not in output
    else:
        gateway.start()
        assert gateway.client("default").get(PROFILES).status == 401
        assert slugs(gateway.client("default", OPERATOR_KEY)) == ["agent", "default"]


def test_tenants_of_the_configuration_are_made_at_the_start(start):
    gateway = start(config={"tenants": {"acme": {"display_name": "Acme"}}})
    assert gateway.database("acme").exists() or slugs(gateway.client("acme")) == ["agent", "default"]
    assert [i["slug"] for i in listed(gateway.client("acme"))] == ["agent", "default"]


def test_tenants_whose_directories_are_there_are_served(start):
    first = start(config={"tenants": {"acme": {}}})
    first.client("acme").post(PROFILES, {"slug": "x"})
    first.stop()
    first.config = {}
    first.start()
    assert slugs(first.client("acme")) == ["agent", "default", "x"]


def test_no_default_tenant_means_nobody_answers_without_one(start):
    gateway = start(config={"default_tenant": None, "tenants": {"acme": {}}})
    assert gateway.client().get(PROFILES).status in (400, 404)
    assert slugs(gateway.client("acme")) == ["agent", "default"]


def test_no_secret_of_the_configuration_is_logged(start):
    gateway = start(operator_key=OPERATOR_KEY)
    gateway.client("default", OPERATOR_KEY).get(PROFILES)
    gateway.client("default", "wrong-key-value-of-a-guesser").get(PROFILES)
    gateway.stop()
    assert OPERATOR_KEY not in gateway.log() and "wrong-key-value-of-a-guesser" not in gateway.log()
