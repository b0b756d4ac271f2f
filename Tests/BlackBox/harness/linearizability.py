"""Records what concurrent clients asked and were answered, and judges whether one order of it explains everything.

A profile is a versioned register: its state is (version, token), token None when it does not exist, and every change
counts the version on, a deletion too. Per key, the events of a history are followed in time; a configuration is a state
and the operations under way that have already taken effect. When an operation ends, every configuration in which it has
not taken effect is dropped, after all orders of those under way were tried. None left: no order explains the answers.
(Wing and Gong's search in the just-in-time form; versions leave few configurations alive.)
"""

import dataclasses
import math

ABSENT = (0, None)


@dataclasses.dataclass
class Operation:
    """One request on one key, from before it was sent until after it was answered."""

    kind: str  # read, patch, create or delete
    key: str
    begin: float
    end: float = math.inf
    expected: int | None = None  # the version a patch or delete demands; None demands nothing
    token: str | None = None  # what a patch or create writes
    outcome: str = "unknown"  # done, conflict, missing; unknown: it has taken effect before `end`, or never will
    version: int | None = None  # what the answer says the version is
    seen: str | None = None  # the token a read was given

    def effects(self, state):
        """The states that the operation may leave, taking effect on `state`; none when its answer contradicts it."""
        version, token = state
        if self.kind == "read":
            fits = token is None if self.outcome == "missing" else state == (self.version, self.seen)
            return [state] if fits else []
        exists = token is not None
        if self.outcome == "missing":
            return [] if exists else [state]
        if self.outcome == "conflict":
            disagrees = self.kind == "create" or (self.expected is not None and self.expected != version)
            return [state] if exists and version == self.version and disagrees else []
        applies = not exists if self.kind == "create" else exists and self.expected in (None, version)
        after = (version + 1, None if self.kind == "delete" else self.token)
        if self.outcome == "unknown":
            return [state, after] if applies else [state]
        return [after] if applies and (self.kind == "delete" or self.version == after[0]) else []


class Violation(AssertionError):
    """No order explains the answers up to this one."""


def check(operations, start=ABSENT):
    """Raises `Violation` when the history of some key has no explanation; returns how many operations were judged."""
    keys = {}
    for operation in operations:
        keys.setdefault(operation.key, []).append(operation)
    for key, history in keys.items():
        check_key(key, history, start)
    return len(operations)


def check_key(key, history, start):
    events = []
    for number, operation in enumerate(history):
        assert operation.begin <= operation.end, operation
        events.append((operation.begin, 0, number))
        events.append((operation.end, 1, number))
    # At equal times what begins comes first: then the two overlap, and less is claimed.
    events.sort()
    pending = set()
    configurations = {(start, frozenset())}
    for _, is_end, number in events:
        if not is_end:
            pending.add(number)
            continue
        reached = _until(history, configurations, pending, number)
        pending.discard(number)
        if not reached:
            raise Violation(_explain(key, history, number, configurations))
        configurations = {(state, done - {number}) for state, done in reached}


def _until(history, configurations, pending, number):
    """The configurations in which `number` has taken effect, after any of those under way."""
    reached, seen, work = set(), set(configurations), list(configurations)
    while work:
        state, done = work.pop()
        if number in done:
            reached.add((state, done))
            continue
        for other in pending - done:
            for after in history[other].effects(state):
                configuration = (after, done | {other})
                if configuration not in seen:
                    seen.add(configuration)
                    work.append(configuration)
    return reached


def _explain(key, history, number, configurations):
    failed = history[number]
    around = [op for op in history if op.begin <= failed.end and op.end >= failed.begin - 0.05]
    states = sorted({state for state, _ in configurations}, key=str)
    lines = [f"key {key}: no order explains {failed}", f"possible states before it: {states[:10]}", "around it:"]
    return "\n".join(lines + [f"  {op}" for op in sorted(around, key=lambda op: op.begin)[-40:]])
