"""Fixtures of the black-box suite, and the count of passing cases at its end.

The binary is `PROFILE_GATEWAY_BIN`, else the debug build of this repository. Every test gets processes, ports and
directories of its own; a failing test shows the log of each gateway it started.
"""

import pytest

from harness.cases import Tally, ids_of
from harness.gateway import OPERATOR_KEY, Gateway
from harness.promises import Promises
from harness.upstream import FAKE_KEY, Upstream, chat_config
from harness.waiting import PROMISED

TALLY = Tally()
PROMISES = Promises()


@pytest.fixture(scope="session")
def promises():
    return PROMISES


@pytest.fixture
def start(tmp_path, request):
    """Makes gateways, started unless `started=False`; they are killed at the end of the test."""
    made = []
    request.node.gateways = made

    def make(started=True, directory=None, **options):
        place = directory or tmp_path / f"gateway-{len(made)}"
        gateway = Gateway(place, observer=PROMISES.observe, **options)
        made.append(gateway)
        return gateway.start() if started else gateway

    yield make
    for gateway in made:
        gateway.kill()


@pytest.fixture
def fresh(start):
    """A gateway on an empty data directory, without a key: the tenant `default` as bootstrapped."""
    return start()


@pytest.fixture
def http(fresh):
    """A client of `fresh`."""
    return fresh.client()


@pytest.fixture(scope="module")
def lasting_gateway(tmp_path_factory):
    gateway = Gateway(tmp_path_factory.mktemp("lasting"), observer=PROMISES.observe)
    yield gateway
    gateway.kill()


@pytest.fixture
def lasting(lasting_gateway, request):
    """A client of one gateway for a whole file, for tests that change nothing. It must outlive each of them."""
    request.node.gateways = [lasting_gateway]
    if not lasting_gateway.alive:
        lasting_gateway.start()
    yield lasting_gateway.client()
    assert lasting_gateway.alive, "the process never dies"


@pytest.fixture
def guarded(start):
    """A gateway with an operator key, and the tenants `acme` and `beta` beside `default`."""
    return start(operator_key=OPERATOR_KEY, config={"tenants": {"acme": {}, "beta": {}}})


@pytest.fixture
def upstream():
    provider = Upstream()
    yield provider
    provider.close()


@pytest.fixture
def chatting(start, upstream):
    """A gateway whose only upstream besides `echo` is the scripted one, which is also the default."""
    return start(config=chat_config(upstream), environment={"FAKE_KEY": FAKE_KEY})


@pytest.fixture
def chat(chatting):
    return chatting.client()


# Reporting --------------------------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        for gateway in getattr(item, "gateways", []):
            log = gateway.log()
            state = "alive" if gateway.alive else f"exit {gateway.process.returncode if gateway.process else None}"
            report.sections.append((f"log of the gateway in {gateway.directory} ({state})", log[-6000:] or "(empty)"))
    if report.skipped or report.failed or report.when == "call":
        TALLY.record(ids_of(item), report.outcome)
    return report


def pytest_collection_modifyitems(items):
    """What is asked of every answer is judged when all answers are in."""
    items.sort(key=lambda item: item.path.name == "test_every_answer.py")


def pytest_terminal_summary(terminalreporter):
    if PROMISED:
        seconds, what = max(PROMISED)
        late = sum(1 for seconds, _ in PROMISED if seconds > 1)
        terminalreporter.section("promised within one second")
        terminalreporter.write_line(f"{len(PROMISED)} times, {late} took longer; the slowest {seconds:.2f} s: {what}")
    lines = list(TALLY.lines())
    if lines:
        terminalreporter.section("cases of the origin, by id")
        for line in lines:
            terminalreporter.write_line(line)
