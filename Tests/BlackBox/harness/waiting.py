"""Waiting for something to become true, by asking again; there are no fixed sleeps in this suite."""

import time

# Seconds and names of what was waited for by `within_a_second`.
PROMISED = []


def eventually(check, what, within=20.0, every=0.02):
    """Calls `check` until it returns something true, and returns that; fails naming `what` after `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s: {what}")
        time.sleep(every)


def within_a_second(check, what):
    """For what the contract promises "within one second": waited for longer, since a busy machine is no defect; how
    long each took is told at the end of the run."""
    begin = time.monotonic()
    found = eventually(check, what + " (promised within one second)", every=0.05)
    PROMISED.append((time.monotonic() - begin, what))
    return found


def stays(check, what, during=1.5, every=0.05):
    """Fails as soon as `check` is false within `during` seconds."""
    deadline = time.monotonic() + during
    while time.monotonic() < deadline:
        assert check(), f"did not stay: {what}"
        time.sleep(every)
