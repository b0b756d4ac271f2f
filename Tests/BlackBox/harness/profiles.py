"""Small sentences about profiles, so that tests say what they mean."""

PROFILES = "/api/chat/profiles"
REGISTRIES = "/api/chat/registries"


def create(http, slug, expect=201, **fields):
    """Creates a profile and returns its document, or the answer when another status is expected."""
    response = http.post(PROFILES, {"slug": slug, **fields})
    assert response.status == expect, response
    return response.json() if expect == 201 else response


def read(http, slug, registry=None):
    response = http.get(f"{PROFILES}/{slug}" + (f"?registry={registry}" if registry else ""))
    assert response.status == 200, response
    return response.json()


def listed(http, query=""):
    response = http.get(PROFILES + query)
    assert response.status == 200, response
    return response.json()


def slugs(http, query=""):
    return [item["slug"] for item in listed(http, query)]


def version(document):
    return document["metadata"]["version"]


def create_registry(http, slug, **fields):
    response = http.post(REGISTRIES, {"slug": slug, **fields})
    assert response.status == 201, response
    return response.json()


def prompted(prompt, **policy):
    """The fields of a profile that only has a system prompt."""
    return {"runtime": {"system_prompt": prompt}, "policy": {"allow_overrides": False, "read_only": False, **policy}}


def refuses(response, status, *phrases, param=None):
    """The answer is this refusal: its status, every phrase in its message, its param if one is given."""
    assert response.status == status, response
    message = response.error["message"]
    for phrase in phrases:
        assert phrase in message, f"{phrase!r} is not in {message!r}"
    if param is not None:
        assert response.error["param"] == param, response
    return response
