"""gateway.md §4: what holds for every answer, over all answers that this run received. Runs last."""


def test_every_answer_kept_the_promises_of_every_answer(http, promises):
    for target in ("/api/chat/profiles", "/api/chat/profiles/default", "/api/chat/profiles/none", "/no/such/path"):
        http.get(target)
    http.delete("/healthz")
    assert promises.answers >= 5
    report = [f"{promise} ({len(broken)} times), first: {broken[0]}" for promise, broken in promises.broken.items()]
    assert not report, "\n".join(report)
