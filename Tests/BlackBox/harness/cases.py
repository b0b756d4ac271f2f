"""The case ids of the origin's test semantics, and which of them this suite leaves to other work."""

import re

ALL = {
    "SL": [1, 2, 3, 6, 7, 8],
    "EX": [1, 2, 3, 4, 6, 7, 8],
    "MX": [1, 3, 4, 5, 7, 8, 10],
    "VA": [1, 2, 3, 4, 5, 7, 8, 10, 11, 13],
    "ST": [1, 2, 4, 6, 7, 8],
    "SQ": [1, 2, 3, 5, 6, 7, 8, 11, 12],
    "YA": [1, 2, 4, 5, 6, 7, 8, 10, 11],
    "MI": [1, 2, 3, 5, 7],
    "RS": [1, 2, 3, 5, 6, 7, 8, 10, 11, 14],
    "AP": [1, 2, 3, 4, 5, 6, 7, 9, 10, 12, 13, 14, 15],
    "CH": [1, 2, 3, 4, 6, 7, 8, 9, 11, 12, 13, 15, 17, 18, 19, 21, 22],
    "QU": [1, 2, 4, 6, 7, 9, 10],
    "DB": [1, 2, 3, 5, 7, 9],
    "SK": [1, 2, 4, 5, 7, 8],
    "MG": [1, 3, 5, 6],
    "TR": [1, 3],
    "FP": [1, 3, 4],
    "SC": [1, 2, 3, 5],
    "CL": [1, 2],
    "LT": [1, 3, 4, 7],
}

# Why a case is not run here. A case that gains a test must leave this table (test_case_list.py).
ELSEWHERE = {}


def _leave(reason, *ids):
    for case in ids:
        ELSEWHERE[case] = reason


_leave("codecs are code, without an HTTP form: Tests/ProfilesTests/ExtensionTests.swift", "EX-8", "VA-13")
_leave("definitions are code, without an HTTP form: Tests/ProfilesTests/ProfileValidationTests.swift", "MX-10")
_leave("a library rule without an HTTP form; the Swift unit tests prove it", "VA-5", "ST-4", "ST-6", "ST-8")
_leave("entries of sources have no HTTP form: Tests/GatewayTests/Configuration/SourceEntryTests.swift", "SC-1", "SC-2")
_leave(
    "there is no websocket, timeline or debug route (gateway.md §11)",
    "CH-13",
    "DB-1",
    "DB-2",
    "DB-3",
    "DB-5",
    "DB-7",
    "DB-9",
)
_leave(
    "conversations, queueing and idempotency are work of their own",
    "QU-1",
    "QU-2",
    "QU-4",
    "QU-6",
    "QU-7",
    "QU-9",
    "QU-10",
)
_leave(
    "credentials in extensions and a store of them are work of their own",
    "LT-3",
    "LT-7",
)

_IN_NAME = re.compile(r"(?:^|_)(%s)_(\d+)(?=_|$|\[)" % "|".join(ALL))


def every_id():
    return [f"{family}-{number}" for family, numbers in ALL.items() for number in numbers]


def ids_of(item):
    """The case ids that a collected test proves: from its name, and from @pytest.mark.case."""
    name = item.originalname or item.name
    ids = [f"{family}-{number}" for family, number in _IN_NAME.findall(name)]
    for mark in item.iter_markers("case"):
        ids.extend(mark.args)
    return list(dict.fromkeys(ids))


class Tally:
    """How each case fared; a case passes when every test that names it passed."""

    def __init__(self):
        self.outcomes = {}

    def record(self, ids, outcome):
        for case in ids:
            self.outcomes.setdefault(case, []).append(outcome)

    def sorted(self, wanted):
        order = {case: index for index, case in enumerate(every_id())}
        return sorted(wanted, key=lambda case: order.get(case, len(order)))

    def lines(self):
        def verdict(outcomes):
            if "failed" in outcomes:
                return "failed"
            return "passed" if "passed" in outcomes else "skipped"

        grouped = {"passed": [], "failed": [], "skipped": []}
        for case, outcomes in self.outcomes.items():
            grouped[verdict(outcomes)].append(case)
        for name, cases in grouped.items():
            if cases:
                yield f"{len(cases):3} {name}: {' '.join(self.sorted(cases))}"
