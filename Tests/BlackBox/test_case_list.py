"""The list of cases is complete: each id has a test here, or a reason why not."""

import pytest

from harness.cases import ELSEWHERE, every_id, ids_of


@pytest.mark.parametrize("case", [case for case in every_id() if case in ELSEWHERE])
def test_case_left_to_other_work(case, request):
    request.node.add_marker(pytest.mark.case(case))
    pytest.skip(ELSEWHERE[case])


def test_each_case_is_tested_or_has_a_reason(request):
    if (
        request.config.option.keyword
        or request.config.option.markexpr
        or request.config.args != request.config.getini("testpaths")
        and not request.config.args[0].endswith("BlackBox")
    ):
        pytest.skip("only part of the suite was asked for")
    tested = {case for item in request.session.items if item.path != request.path for case in ids_of(item)}
    assert tested.isdisjoint(ELSEWHERE), "tested after all; remove them from ELSEWHERE"
    assert set(every_id()) - tested - set(ELSEWHERE) == set(), "neither tested nor explained"
