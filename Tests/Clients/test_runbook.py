"""The guides, typed line by line into a fresh directory: every line answers what the guide says it answers."""

import pytest

from harness.gateway import REPOSITORY
from transcript import Session, play, settled


@pytest.mark.parametrize("guide, least", [("docs/runbook.md", 15), ("docs/cli.md", 20), ("docs/resolution.md", 12)])
def test_every_line_of_the_guide_answers_as_written(tmp_path, guide, least):
    place = tmp_path / "fresh"
    place.mkdir()
    session = Session(place)
    try:
        _, exchanges = play((REPOSITORY / guide).read_text(), session)
    finally:
        session.close()
    assert len(exchanges) >= least
    wrong = [
        f"$ {command}\n--- the guide says\n{documented}\n--- it answers\n{actual}"
        for command, documented, actual in exchanges
        if settled(documented) != settled(actual)
    ]
    assert not wrong, "\n\n".join(wrong)
