"""RFC 6902, as a client applies it."""

import copy


def applied(document, patch):
    """The document with the patch applied; fails where the patch does not fit."""
    document = copy.deepcopy(document)
    for operation in patch:
        tokens = [token.replace("~1", "/").replace("~0", "~") for token in operation["path"].split("/")[1:]]
        if not tokens:
            assert operation["op"] == "replace", operation
            document = copy.deepcopy(operation["value"])
            continue
        place = document
        for token in tokens[:-1]:
            place = place[int(token) if isinstance(place, list) else token]
        _change(place, tokens[-1], operation)
    return document


def _change(place, token, operation):
    if isinstance(place, list):
        index = int(token)
        if operation["op"] == "add":
            place.insert(index, operation["value"])
        elif operation["op"] == "remove":
            del place[index]
        else:
            place[index] = operation["value"]
    elif operation["op"] == "remove":
        del place[token]
    else:
        assert (token in place) == (operation["op"] == "replace"), operation
        place[token] = operation["value"]
