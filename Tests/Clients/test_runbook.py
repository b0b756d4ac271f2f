"""docs/runbook.md, typed line by line into a fresh directory: every line answers what the guide says it answers."""

from harness.gateway import REPOSITORY
from transcript import Session, play, settled


def test_every_line_of_the_runbook_answers_as_written(tmp_path):
    place = tmp_path / "fresh"
    place.mkdir()
    session = Session(place)
    try:
        _, exchanges = play((REPOSITORY / "docs/runbook.md").read_text(), session)
    finally:
        session.close()
    assert len(exchanges) >= 15
    wrong = [
        f"$ {command}\n--- the guide says\n{documented}\n--- it answers\n{actual}"
        for command, documented, actual in exchanges
        if settled(documented) != settled(actual)
    ]
    assert not wrong, "\n\n".join(wrong)
