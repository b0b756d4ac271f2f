"""What lies in config/ is what the program really reads."""

import json
import re

from harness.database import write_origin_file
from harness.gateway import REPOSITORY, Gateway

SHIPPED = REPOSITORY / "config/gateway.yaml"
SECRETS = {"GATEWAY_KEY": "operator-key-0123456789abcdef", "OPENAI_API_KEY": "sk-1", "ACME_OPENAI_KEY": "sk-2"}


def checked(directory, text):
    directory.mkdir(exist_ok=True)
    file = directory / "shipped.yaml"
    file.write_text(text)
    return Gateway(directory, arguments=["config", "check", "--config", file], environment=SECRETS).run()


def test_the_shipped_configuration_is_all_comments():
    assert all(line.startswith("#") or not line for line in SHIPPED.read_text().splitlines())


def test_every_setting_it_shows_is_accepted(tmp_path):
    settings = re.sub(r"^#(?! |$)", "", re.sub(r"^#  ", "  ", SHIPPED.read_text(), flags=re.M), flags=re.M)
    assert "\nlisten:" in settings and "\nlog:" in settings
    status, output = checked(tmp_path, settings)
    assert status == 0, output
    # So that the test cannot pass because nothing was read.
    status, output = checked(tmp_path, settings.replace("\nbusy_timeout:", "\nbusy_timeuot:"))
    assert status != 0
    assert "busy_timeuot" in output


def test_the_example_registry_opens_and_chats(tmp_path, start):
    document = json.loads((REPOSITORY / "config/registries/team.json").read_text())
    write_origin_file(tmp_path / "gateway-0/data/tenants/default/profiles.db", {"team": document})
    (tmp_path / "gateway-0/data").chmod(0o700)
    (tmp_path / "gateway-0/data/tenants").chmod(0o700)
    client = start().client()
    listed = client.get("/api/chat/profiles?registry=team").json()
    assert [profile["slug"] for profile in listed] == ["analyst", "sandbox", "writer"]
    assert [profile["slug"] for profile in listed if profile.get("is_default")] == ["writer"]
    answer = client.post("/chat", json={"prompt": "Say fox.", "registry": "team", "profile": "analyst"})
    assert answer.status == 200, answer
    assert answer.json()["runtime_key"] == "team/analyst"
