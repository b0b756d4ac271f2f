"""kill -9 at random moments, again and again: what was acknowledged is there, nothing is there by half.

PROFILE_GATEWAY_TEST_KILLS=2000 makes a long run; PROFILE_GATEWAY_TEST_SEED=n repeats one.
"""

import os
import random
import threading
import time

import pytest

from harness import activities, operations
from harness.backups import operator
from harness.ledger import Ledger, check_history, check_served
from harness.profiles import PROFILES

ROUNDS = int(os.environ.get("PROFILE_GATEWAY_TEST_KILLS", 200))
SEED = int(os.environ.get("PROFILE_GATEWAY_TEST_SEED", random.SystemRandom().randrange(10**6)))

# What goes on in a round, in turn; each list is an environment of its own.
PROGRAMMES = [
    [activities.Patches, activities.IdleCheckpoints],
    [activities.Crowd, activities.Comings],
    [activities.IdleCheckpoints, activities.Takeovers],
    [activities.Crowd, activities.FirstStarts],
    [activities.Takeovers, activities.FirstStarts, activities.Patches],
    [operations.Backups, activities.IdleCheckpoints],
    [operations.Restores, activities.Patches],
    [operations.Imports, activities.Patches],
    [operations.Restores, operations.Backups],
    [operations.Migrations, activities.Takeovers],
]


@pytest.mark.slow
def test_D02_to_D13_nothing_acknowledged_is_lost_and_nothing_is_half_there_after_kill_9(start):
    """Rounds of work and kill -9, each followed by a restart and a look at everything."""
    print(f"PROFILE_GATEWAY_TEST_SEED={SEED}")
    chance = random.Random(SEED)
    gateway = start(config={"tenants": {f"idle-{n}": {} for n in range(activities.IdleCheckpoints.tenants)}})
    ledger = Ledger()
    for number in range(ROUNDS):
        try:
            one_round(gateway, ledger, chance, number)
        except AssertionError as problem:
            raise AssertionError(f"round {number} of seed {SEED}: {problem}") from problem
    assert gateway.stop() == 0
    count = sum(check_history(gateway.database(tenant), ledger.of(tenant)) for tenant in ledger.tenants)
    print(f"{ROUNDS} rounds, {count} acknowledged writes found at the end")


def one_round(gateway, ledger, chance, number):
    work = [activity(gateway, ledger, chance) for activity in PROGRAMMES[number % len(PROGRAMMES)]]
    for activity in work:
        activity.begin(number)
    findings = []

    def life(activity, index):
        finding = activities.run(activity, index)
        if finding:
            findings.append(finding)

    threads = [threading.Thread(target=life, args=(a, index)) for a in work for index in range(a.threads)]
    for thread in threads:
        thread.start()
    time.sleep(chance.choice([chance.uniform(0.005, 0.1), chance.uniform(0.1, 0.7)]))
    gateway.kill()
    for activity in work:
        activity.stop.set()
    for thread in threads:
        thread.join(60)
    assert not findings, findings[0]
    if chance.random() < 0.25:
        # Once more, in the middle of the start that finds what the first kill left.
        gateway.spawn()
        time.sleep(chance.uniform(0, 0.15))
        gateway.kill()
    gateway.start()
    for activity in work:
        activity.check()
    for tenant in ledger.tenants:
        for profile in ledger.of(tenant):
            check_served(gateway, profile)
    # The files of all tenants every few rounds, those just written every time.
    touched = {"default"} | set(chance.sample(ledger.tenants, min(3, len(ledger.tenants))))
    for tenant in ledger.tenants if number % 20 == 19 else touched & set(ledger.tenants):
        check_history(gateway.database(tenant), ledger.of(tenant))
    assert gateway.client().get(PROFILES).status == 200
    verify(gateway, chance.choice(["default", *ledger.tenants]))


def verify(gateway, tenant):
    """What the product itself says of a tenant: nothing has failed, whatever it advises."""
    answer = operator(gateway).get(f"/admin/tenants/{tenant}/verify")
    assert answer.status == 200, answer
    failed = [check for check in answer.json()["checks"] if check["status"] == "failed"]
    assert failed == [], f"{tenant}: {failed}"
