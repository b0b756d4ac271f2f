"""Fixtures of the tests with real clients and proxies; processes and raw HTTP are the black-box suite's harness."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "BlackBox"))

from harness.gateway import OPERATOR_KEY, Gateway  # noqa: E402
from harness.upstream import Upstream  # noqa: E402

FAKE_KEY = "sk-fake-0123456789"


@pytest.fixture
def start(tmp_path, request):
    """Starts gateways, each in a directory of its own; they are killed at the end of the test."""
    made = []
    request.node.gateways = made

    def make(**options):
        gateway = Gateway(tmp_path / f"gateway-{len(made)}", **options)
        made.append(gateway)
        return gateway.start()

    yield make
    for gateway in made:
        gateway.kill()


@pytest.fixture
def provider():
    """A second OpenAI-compatible server, which records what reaches it."""
    upstream = Upstream()
    yield upstream
    upstream.close()


@pytest.fixture
def through(start, provider):
    """A keyless gateway whose default upstream is `provider`."""
    return start(
        config={
            "upstreams": {
                "second": {"api": "openai", "base_url": provider.base_url, "api_key": "env:SECOND_KEY"},
                "echo": {"api": "echo"},
            },
            "default_upstream": "second",
        },
        environment={"SECOND_KEY": FAKE_KEY},
    )


@pytest.fixture
def behind_proxy(start, provider):
    """A gateway with an operator key, the tenants acme and beta, and trust in a proxy on this machine."""
    return start(
        operator_key=OPERATOR_KEY,
        config={
            "trusted_proxies": ["127.0.0.1/32"],
            "tenants": {"acme": {}, "beta": {}},
            "upstreams": {"second": {"api": "openai", "base_url": provider.base_url}, "echo": {"api": "echo"}},
            "default_upstream": "second",
        },
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        for gateway in getattr(item, "gateways", []):
            report.sections.append((f"log of the gateway in {gateway.directory}", gateway.log()[-6000:] or "(empty)"))
    return report
