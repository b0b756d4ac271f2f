"""Stacks: expansion, merge, and what is refused when it is written (origin §5, gateway.md §7; cases SK and MG)."""

import json

import pytest

from harness import database
from harness.profiles import PROFILES, REGISTRIES, create, create_registry, prompted, read, refuses, version
from harness.resolution import OPEN, chat_with, effective, lineage, on, patch, resolve, restack, stacked
from harness.waiting import eventually


def chain(http, count, prefix="p"):
    """`p1` … `pn`, each layered on the one before; the names of all."""
    names = [f"{prefix}{number}" for number in range(1, count + 1)]
    for name, base in zip(names, [None, *names[:-1]], strict=True):
        create(http, name, **({"stack": on(base)} if base else {}))
    return names


# Expansion --------------------------------------------------------------------------------------------------------


def test_SK_1_base_before_leaf(http):
    create(http, "provider")
    stacked(http, "model", "provider")
    stacked(http, "leaf", "model")
    assert lineage(resolve(http, "leaf")) == ["default/provider", "default/model", "default/leaf"]


def test_SK_2_a_profile_reached_twice_keeps_its_first_place(http):
    create(http, "provider")
    stacked(http, "model-a", "provider")
    stacked(http, "model-b", "provider")
    stacked(http, "leaf", "model-a", "model-b", "provider")
    names = ["provider", "model-a", "model-b", "leaf"]
    assert lineage(resolve(http, "leaf")) == [f"default/{name}" for name in names]


def test_a_reference_without_a_registry_means_that_of_its_holder(http, upstream):
    create_registry(http, "shared")
    create(http, "root", registry="shared", **prompted("root of shared"))
    create(http, "root", **prompted("root of default"))
    stacked(http, "base", "root", registry="shared")
    stacked(http, "leaf", "shared/base")
    document = resolve(http, "leaf")
    assert lineage(document) == ["shared/root", "shared/base", "default/leaf"]
    assert document["effective"]["system_prompt"] == "root of shared"


def test_the_stack_reads_back_and_is_patched(http):
    create(http, "one")
    create(http, "two")
    document = stacked(http, "leaf", "one", "default/two")
    assert document["stack"] == [{"profile_slug": "one"}, {"registry_slug": "default", "profile_slug": "two"}]
    assert restack(http, "leaf", "two").json()["stack"] == [{"profile_slug": "two"}]
    assert "stack" not in http.patch(f"{PROFILES}/leaf", {"stack": []}).json()
    document = http.put(f"{PROFILES}/leaf", {"stack": on("one")}).json()
    assert document["stack"] == [{"profile_slug": "one"}]
    response = http.patch(f"{PROFILES}/leaf", body=b'{"stack":null}', content_type="application/merge-patch+json")
    assert response.status == 200 and "stack" not in response.json()


def test_a_chat_uses_the_whole_stack(chat, upstream):
    create(chat, "base", **{"runtime": {"system_prompt": "of the base", **patch(**{"ai-chat": {"ai-engine": "m-1"}})}})
    stacked(chat, "leaf", "base", runtime=patch(**{"ai-chat": {"ai-temperature": 0.25}}))
    chat_with(chat, "leaf")
    assert upstream.last.system == ["of the base"]
    assert (upstream.last.json()["model"], upstream.last.json()["temperature"]) == ("m-1", 0.25)
    chat.patch(f"{PROFILES}/base", {"runtime": {"system_prompt": "changed below"}})
    chat_with(chat, "leaf")
    assert upstream.last.system == ["changed below"], "a commit in a lower layer is seen at once"


# Refused when written ---------------------------------------------------------------------------------------------


def test_SK_4_cycles_are_refused_by_name(http):
    """Of length 1, 2 and 3; nothing is written."""
    create(http, "a")
    stacked(http, "b", "a")
    stacked(http, "c", "b")
    refuses(
        restack(http, "a", "a"),
        400,
        "stack cycle detected: default/a -> default/a",
        param="registry.profiles[a].stack[0]",
    )
    refuses(
        restack(http, "a", "b"),
        400,
        "stack cycle detected: default/a -> default/b -> default/a",
        param="registry.profiles[b].stack[0]",
    )
    refuses(restack(http, "a", "c"), 400, "default/a -> default/c -> default/b -> default/a")
    refuses(stacked(http, "self", "self", expect=400), 400, "default/self -> default/self")
    assert version(read(http, "a")) == 1 and "stack" not in read(http, "a")


def test_a_cycle_across_registries_is_refused(http):
    create_registry(http, "shared")
    create(http, "base", registry="shared")
    stacked(http, "leaf", "shared/base")
    response = http.patch(f"{PROFILES}/base?registry=shared", {"stack": on("default/leaf")})
    refuses(response, 400, "stack cycle detected: shared/base -> default/leaf -> shared/base")


def test_a_put_and_a_merge_patch_are_judged_alike(http):
    create(http, "a")
    stacked(http, "b", "a")
    refuses(http.put(f"{PROFILES}/a", {"stack": on("b")}), 400, "stack cycle detected")
    body = json.dumps({"stack": on("b")}).encode()
    response = http.patch(f"{PROFILES}/a", body=body, content_type="application/merge-patch+json")
    refuses(response, 400, "stack cycle detected")
    refuses(http.put(f"{PROFILES}/new", {"stack": on("missing")}), 400, "not found")


def test_SK_5_missing_targets_are_named(http):
    refuses(
        stacked(http, "leaf", "missing/base", expect=400),
        400,
        'referenced registry "missing" not found',
        param="registry.profiles[leaf].stack[0]",
    )
    create(http, "one")
    refuses(
        stacked(http, "leaf", "one", "provider-openai", expect=400),
        400,
        'referenced profile "provider-openai" not found in registry "default"',
        param="registry.profiles[leaf].stack[1]",
    )


@pytest.mark.parametrize(
    "reference, field",
    [
        ({"profile_slug": ""}, "profile_slug"),
        ({"profile_slug": "  "}, "profile_slug"),
        ({}, "profile_slug"),
        ({"profile_slug": "not valid!"}, "profile_slug"),
        ({"profile_slug": 5}, "profile_slug"),
        ({"registry_slug": "not valid!", "profile_slug": "default"}, "registry_slug"),
        ({"registry_slug": [], "profile_slug": "default"}, "registry_slug"),
        ({"profile_slug": "default", "version": 3}, "version"),
    ],
    ids=str,
)
def test_SK_7_malformed_references_are_named(lasting, reference, field):
    response = create(lasting, "leaf", 400, stack=[reference])
    refuses(response, 400, param=f"profile.stack[0].{field}")


@pytest.mark.parametrize("stack", ["default", {}, [[]], ["default"], [None], 5], ids=str)
def test_a_stack_of_another_shape_is_400(lasting, stack):
    assert create(lasting, "leaf", 400, stack=stack).error["param"].startswith(("stack", "profile.stack"))


def test_SK_8_no_unresolved_reference_is_tolerated(http):
    """Here everything a profile can name is in the validated set; a reference to the own registry is like any other."""
    refuses(
        stacked(http, "leaf", "default/missing", expect=400), 400, 'profile "missing" not found in registry "default"'
    )
    refuses(stacked(http, "leaf", "elsewhere/x", expect=400), 400, 'referenced registry "elsewhere" not found')


def test_D35_32_layers_on_a_path_are_fine_and_33_are_not(http):
    """Measured on the longest path, also where it goes through a profile that was seen before on a shorter one."""
    chain(http, 32)
    assert len(resolve(http, "p32")["lineage"]) == 32
    response = stacked(http, "p33", "p32", expect=400)
    refuses(response, 400, "stack depth exceeds max_depth=32 while traversing default/p33 -> default/p32")
    refuses(stacked(http, "z", "p1", "p2", "p32", expect=400), 400, "stack depth exceeds max_depth=32")
    assert restack(http, "p1", "p32").status == 400, "a cycle of 32"
    create(http, "below")
    refuses(restack(http, "p1", "below"), 400, "stack depth exceeds max_depth=32"), "also when it grows at its foot"


def test_D33_a_base_in_use_cannot_be_deleted(http):
    """409 that lists the users; afterwards everything still resolves."""
    create_registry(http, "team")
    create(http, "base", **prompted("of the base"))
    stacked(http, "one", "base")
    stacked(http, "two", "default/base", registry="team")
    response = refuses(http.delete(f"{PROFILES}/base"), 409, "default/one", "team/two")
    assert response.error["type"] == "conflict_error"
    assert read(http, "base") and effective(http, "one")["system_prompt"] == "of the base"
    assert http.delete(f"{PROFILES}/one").status == 204
    refuses(http.delete(f"{PROFILES}/base"), 409, "team/two")
    assert http.delete(f"{PROFILES}/two?registry=team").status == 204
    assert http.delete(f"{PROFILES}/base").status == 204


def test_D33_a_registry_in_use_cannot_be_deleted_even_by_force(http):
    """Unless its users go with it."""
    create_registry(http, "shared")
    create(http, "base", registry="shared")
    stacked(http, "inner", "base", registry="shared")
    stacked(http, "leaf", "shared/inner")
    refuses(http.delete(f"{REGISTRIES}/shared"), 409)
    refuses(http.delete(f"{REGISTRIES}/shared?force=true"), 409, "default/leaf")
    assert http.delete(f"{PROFILES}/leaf").status == 204
    assert http.delete(f"{REGISTRIES}/shared?force=true").status == 204


def test_D33_a_stack_survives_a_restart(fresh):
    http = fresh.client()
    create(http, "base", **prompted("of the base"))
    stacked(http, "leaf", "base")
    fresh.restart()
    assert effective(http, "leaf")["system_prompt"] == "of the base"


def test_D33_the_stack_field_is_in_create_and_patch(http):
    assert stacked(http, "leaf", "agent")["stack"] == [{"profile_slug": "agent"}]
    assert restack(http, "leaf", "default").status == 200


# A file edited by hand --------------------------------------------------------------------------------------------


def edit(gateway, slug, stack, registry="default"):
    database.shell(
        gateway.database(),
        f"UPDATE profiles SET document_json = json_set(document_json, '$.stack', json('{json.dumps(stack)}'))"
        f" WHERE registry_slug='{registry}' AND slug='{slug}'",
    )


def broken(http, slug):
    response = http.post("/api/chat/resolve", {"profile": slug})
    return response if response.status != 200 else None


@pytest.mark.parametrize("length", [1, 2, 33])
def test_a_cycle_made_by_hand_breaks_only_the_profiles_on_it(fresh, length):
    http = fresh.client()
    names = [f"p{number}" for number in range(1, length + 1)]
    for name in names:
        create(http, name)
    create(http, "fine", **prompted("fine"))
    for name, base in zip(names, [names[-1], *names[:-1]], strict=True):
        edit(fresh, name, on(base))
    for _ in ("seen while running", "and after a restart"):
        for name in (names[0], names[-1]):
            response = eventually(lambda name=name: broken(http, name), "the edited file is seen")
            assert response.status in (409, 500), response
            assert response.error["param"].startswith("registry.profiles[p") and ".stack[0]" in response.error["param"]
            assert chat_with(http, name, expect=response.status).error["param"] == response.error["param"]
        assert effective(http, "fine")["system_prompt"] == "fine"
        assert chat_with(http, "fine") and effective(http, "default")
        assert read(http, names[0])["stack"], "it can still be read"
        fresh.restart()
    for name in names:
        assert restack(http, name).status == 200, "and be mended"
    assert resolve(http, names[0])


def test_a_dangling_reference_made_by_hand(fresh):
    http = fresh.client()
    create(http, "leaf")
    edit(fresh, "leaf", on("missing"))
    response = eventually(lambda: broken(http, "leaf"), "the edited file is seen")
    refuses(response, 409, 'profile "missing" not found', param="registry.profiles[leaf].stack[0]")
    assert effective(http, "default")


def test_a_profile_broken_by_hand_keeps_nobody_from_writing_its_base(fresh):
    http = fresh.client()
    create(http, "base")
    stacked(http, "leaf", "base")
    edit(fresh, "leaf", on("base", "missing"))
    eventually(lambda: broken(http, "leaf"), "the edited file is seen")
    assert http.patch(f"{PROFILES}/base", {"display_name": "Base"}).status == 200
    refuses(http.patch(f"{PROFILES}/leaf", {"display_name": "Leaf"}), 400, 'profile "missing" not found')
    assert restack(http, "leaf", "base").status == 200


def test_a_depth_of_33_made_by_hand(fresh):
    http = fresh.client()
    chain(http, 32)
    create(http, "top")
    edit(fresh, "top", on("p32"))
    response = eventually(lambda: broken(http, "top"), "the edited file is seen")
    refuses(response, 409, "stack depth exceeds max_depth=32")
    assert len(resolve(http, "p32")["lineage"]) == 32


# Merging ----------------------------------------------------------------------------------------------------------


def appending(text, **use):
    return {"name": "prompt-append", "config": {"text": text}, **use}


def texts(document):
    """(id, text) of the effective `prompt-append` uses."""
    return [(use.get("id"), use["config"]["text"]) for use in document["middlewares"]]


def test_MG_1_parts_merge_by_their_rules(http):
    create(
        http,
        "base",
        runtime={
            "system_prompt": "base prompt",
            "tools": ["calculator"],
            "middlewares": [
                {"name": "agentmode", "id": "planner", "config": {"default_mode": "plan"}},
                appending("info", id="logger"),
            ],
            **patch(**{"ai-chat": {"ai-engine": "m-1", "ai-temperature": 0.2}}),
        },
        extensions={"app.note@v1": {"a": {"x": 1, "y": [1, 2]}, "kept": True}},
    )
    stacked(
        http,
        "leaf",
        "base",
        runtime={
            "system_prompt": "  ",
            "tools": ["search"],
            "middlewares": [
                {"name": "agentmode", "id": "planner", "config": {"default_mode": "act"}},
                appending("debug", id="logger"),
                {"name": "input-limit", "id": "trace", "config": {"max_messages": 9}},
            ],
            **patch(**{"ai-chat": {"ai-temperature": 0.8}, "ai-inference": {"inference-seed": 7}}),
        },
        extensions={"app.note@v1": {"a": {"x": 2, "y": [3]}}, "app.more@v1": 5},
    )
    document = effective(http, "leaf")
    assert document["step_settings"]["ai-chat"] == {"ai-engine": "m-1", "ai-temperature": 0.8}
    assert document["step_settings"]["ai-inference"] == {"inference-seed": 7}
    assert document["system_prompt"] == "base prompt" and document["tools"] == ["search"]
    assert [(use["name"], use["id"], use["config"]) for use in document["middlewares"]] == [
        ("agentmode", "planner", {"default_mode": "act"}),
        ("prompt-append", "logger", {"text": "debug"}),
        ("input-limit", "trace", {"max_messages": 9}),
    ]
    assert document["extensions"] == {"app.note@v1": {"a": {"x": 2, "y": [3]}, "kept": True}, "app.more@v1": 5}


@pytest.mark.parametrize(
    "runtime, key, expected",
    [
        ({"system_prompt": None}, "system_prompt", None),
        ({"tools": None}, "tools", None),
        ({"tools": []}, "tools", []),
        ({"middlewares": None}, "middlewares", []),
        ({"middlewares": []}, "middlewares", []),
        (patch(**{"ai-chat": {"ai-temperature": None}}), "step_settings", {"ai-chat": {"ai-engine": "m"}}),
        (patch(**{"ai-chat": None}), "step_settings", {}),
        ({"step_settings_patch": None}, "step_settings", {}),
    ],
    ids=str,
)
def test_D32_null_and_an_empty_list_clear_what_a_base_says(http, runtime, key, expected):
    base = {
        "system_prompt": "prompt",
        "tools": ["calculator"],
        "middlewares": [appending("text")],
        **patch(**{"ai-chat": {"ai-engine": "m", "ai-temperature": 0.5}}),
    }
    create(http, "base", runtime=base)
    create(http, "other", runtime=base)
    document = stacked(http, "leaf", "base", runtime=runtime)
    assert effective(http, "leaf")[key] == expected
    assert document["runtime"] == read(http, "leaf")["runtime"], "the clearing is kept as written"
    http.patch(f"{PROFILES}/leaf", {"display_name": "renamed"})
    assert effective(http, "leaf")[key] == expected
    untouched = {name: value for name, value in effective(http, "other").items() if name != key}
    assert {name: value for name, value in effective(http, "leaf").items() if name != key} == untouched


def test_D32_what_was_cleared_is_not_sent(chat, upstream):
    create(chat, "base", runtime={"system_prompt": "p", **patch(**{"ai-chat": {"ai-temperature": 0.5}})})
    stacked(chat, "leaf", "base", runtime={"system_prompt": None, **patch(**{"ai-chat": {"ai-temperature": None}})})
    chat_with(chat, "leaf")
    assert upstream.last.system == [] and "temperature" not in upstream.last.json()


def test_an_extension_is_cleared_by_null(http):
    create(http, "base", extensions={"app.note@v1": {"a": 1}, "app.kept@v1": 2})
    stacked(http, "leaf", "base", extensions={"app.note@v1": None})
    assert effective(http, "leaf")["extensions"] == {"app.kept@v1": 2}


def test_D34_a_middleware_without_an_id_merges_by_its_name_wherever_it_stands(http):
    create(http, "base", runtime={"middlewares": [appending("base"), {"name": "agentmode"}]})
    stacked(
        http,
        "leaf",
        "base",
        runtime={"middlewares": [{"name": "agentmode", "config": {"default_mode": "act"}}, appending("leaf")]},
    )
    document = effective(http, "leaf")
    assert [use["name"] for use in document["middlewares"]] == ["prompt-append", "agentmode"]
    assert document["middlewares"][0]["config"] == {"text": "leaf"}
    assert document["middlewares"][1]["config"] == {"default_mode": "act"}


def test_D34_the_traces_paths_are_those_of_the_result(http):
    create(http, "base", runtime={"middlewares": [appending("base")]})
    stacked(http, "leaf", "base", runtime={"middlewares": [{"name": "agentmode"}, appending("leaf")]})
    document = resolve(http, "leaf")
    paths = [entry["path"] for entry in document["trace"] if entry["path"].startswith("/runtime/middlewares/")]
    assert paths == ["/runtime/middlewares/agentmode", "/runtime/middlewares/prompt-append"]


def test_D34_slots_follow_their_middlewares(http):
    """The un-named use moves; its configuration goes with it, and that of a removed one goes away."""
    create(
        http,
        "leaf",
        runtime={"middlewares": [appending("text"), {"name": "agentmode", "config": {"default_mode": "x"}}]},
    )
    http.patch(f"{PROFILES}/leaf", {"runtime": {"middlewares": [{"name": "agentmode"}, {"name": "prompt-append"}]}})
    assert [use["config"] for use in effective(http, "leaf")["middlewares"]] == [
        {"default_mode": "x"},
        {"text": "text"},
    ]
    http.patch(f"{PROFILES}/leaf", {"runtime": {"middlewares": [{"name": "prompt-append"}]}})
    document = read(http, "leaf")
    assert document["extensions"] == {
        "middleware.prompt-append_config@v1": {"instances": {"index:0": {"text": "text"}}}
    }


def test_D34_two_uses_without_ids_cannot_be_merged(http):
    """Fine in a profile of its own, refused where a stack would have to merge them (gateway.md §7)."""
    create(http, "base", runtime={"middlewares": [appending("one"), appending("two")]})
    assert texts(effective(http, "base")) == [(None, "one"), (None, "two")]
    stacked(http, "pass", "base")
    assert texts(effective(http, "pass")) == [(None, "one"), (None, "two")]
    response = stacked(http, "leaf", "base", expect=400, runtime={"middlewares": [appending("mine")]})
    refuses(response, 400, "used more than once in the stack", param="runtime.middlewares[0].id")
    create(http, "single", runtime={"middlewares": [appending("one")]})
    stacked(http, "user", "single", runtime={"middlewares": [appending("mine")]})
    response = http.patch(f"{PROFILES}/single", {"runtime": {"middlewares": [appending("a"), appending("b")]}})
    refuses(response, 400, "used more than once in the stack")


def test_a_disabled_use_above_switches_off_the_one_below(chat, upstream):
    create(chat, "base", runtime={"system_prompt": "p", "middlewares": [appending("added", id="x")]})
    stacked(chat, "leaf", "base", runtime={"middlewares": [appending("added", id="x", enabled=False)]})
    chat_with(chat, "base")
    assert upstream.last.system == ["p\n\nadded"]
    chat_with(chat, "leaf")
    assert upstream.last.system == ["p"]


# Policies ---------------------------------------------------------------------------------------------------------


def policies(http, *layers):
    """Profiles `l1` … `ln`, one on the other, with these policies; the name of the top one."""
    for number, policy in enumerate(layers, 1):
        stack = {"stack": on(f"l{number - 1}")} if number > 1 else {}
        create(http, f"l{number}", policy=policy, **stack)
    return f"l{len(layers)}"


def allowed(http, profile, key):
    """Whether the profile lets a request override the key."""
    value = {"system_prompt": "mine", "tools": [], "middlewares": [], "step_settings_patch": {}}[key]
    response = http.post("/api/chat/resolve", {"profile": profile, "overrides": {key: value}})
    assert response.status in (200, 403), response
    return response.status == 200


KEYS = ["middlewares", "step_settings_patch", "system_prompt", "tools"]


def test_MG_3_policies_merge_to_the_narrowest(http):
    """The origin's lists, but nothing may be overridden where nothing is left (D31)."""
    top = policies(
        http,
        {**OPEN, "allowed_override_keys": ["system_prompt", "tools"], "denied_override_keys": ["middlewares"]},
        {
            **OPEN,
            "allowed_override_keys": ["tools", "step_settings_patch"],
            "denied_override_keys": ["middlewares"],
            "read_only": True,
        },
        {**OPEN, "denied_override_keys": ["tools"]},
    )
    merged = effective(http, top)["policy"]
    assert merged["allow_overrides"] is True and merged["read_only"] is True
    assert merged["allowed_override_keys"] == [] and merged["denied_override_keys"] == ["middlewares", "tools"]
    assert [key for key in KEYS if allowed(http, top, key)] == []


def test_MG_5_deny_beats_allow_across_layers(http):
    top = policies(
        http,
        {**OPEN, "allowed_override_keys": ["tools", "system_prompt"]},
        {**OPEN, "allowed_override_keys": ["system_prompt"], "denied_override_keys": ["tools"]},
    )
    assert [key for key in KEYS if allowed(http, top, key)] == ["system_prompt"]
    refuses(resolve(http, top, 403, overrides={"tools": []}), 403, 'override key "tools" is denied')
    refuses(
        resolve(http, top, 403, overrides={"step_settings_patch": {}}),
        403,
        'override key "step_settings_patch" is not allowed',
    )


def test_D31_an_empty_intersection_allows_nothing(http):
    top = policies(
        http, {**OPEN, "allowed_override_keys": ["tools"]}, {**OPEN, "allowed_override_keys": ["system_prompt"]}
    )
    assert [key for key in KEYS if allowed(http, top, key)] == []
    assert [key for key in KEYS if allowed(http, "l1", key)] == ["tools"]


def test_D31_an_empty_list_allows_nothing_and_no_list_everything(http):
    create(http, "nothing", policy={**OPEN, "allowed_override_keys": []})
    create(http, "everything", policy=OPEN)
    assert [key for key in KEYS if allowed(http, "nothing", key)] == []
    assert [key for key in KEYS if allowed(http, "everything", key)] == KEYS
    assert read(http, "nothing")["policy"]["allowed_override_keys"] == []


def test_D31_a_layer_that_says_nothing_does_not_forbid(http):
    """A base without a policy has no opinion; one that says `false` has."""
    create(http, "silent")
    stacked(http, "open", "silent", policy=OPEN)
    assert allowed(http, "open", "tools")
    create(http, "closed", policy={"allow_overrides": False})
    stacked(http, "shut", "closed", policy=OPEN)
    assert not allowed(http, "shut", "tools")
    stacked(http, "above", "open")
    assert allowed(http, "above", "tools"), "a leaf without a policy inherits"


def test_limits_narrow_over_a_stack(http):
    top = policies(
        http,
        {
            **OPEN,
            "limits": {
                "ai-chat.ai-temperature": {"min": 0.1, "max": 1.0},
                "ai-chat.ai-engine": {"enum": ["m-1", "m-2"]},
                "ai-chat.ai-max-response-tokens": {"max": 100},
            },
        },
        {
            **OPEN,
            "limits": {
                "ai-chat.ai-temperature": {"min": 0, "max": 0.5},
                "ai-chat.ai-engine": {"enum": ["m-2", "m-3"]},
                "ai-inference.inference-seed": {"min": 5},
            },
        },
    )
    assert effective(http, top)["policy"]["limits"] == {
        "ai-chat.ai-engine": {"enum": ["m-2"]},
        "ai-chat.ai-max-response-tokens": {"max": 100},
        "ai-chat.ai-temperature": {"min": 0.1, "max": 0.5},
        "ai-inference.inference-seed": {"min": 5},
    }

    def says(section, field, value):
        body = {"profile": top, "overrides": {"step_settings_patch": {section: {field: value}}}}
        return http.post("/api/chat/resolve", body).status

    assert says("ai-chat", "ai-temperature", 0.5) == 200 and says("ai-chat", "ai-temperature", 0.6) == 403
    assert says("ai-chat", "ai-temperature", 0.05) == 403
    assert says("ai-chat", "ai-engine", "m-2") == 200
    assert says("ai-chat", "ai-engine", "m-1") == 403 and says("ai-chat", "ai-engine", "m-3") == 403
    assert says("ai-inference", "inference-seed", 4) == 403


def test_an_empty_intersection_of_choices_allows_no_value(http):
    top = policies(
        http,
        {**OPEN, "limits": {"ai-chat.ai-engine": {"enum": ["m-1"]}}},
        {**OPEN, "limits": {"ai-chat.ai-engine": {"enum": ["m-2"]}}},
    )
    for engine in ("m-1", "m-2", "m-3"):
        resolve(http, top, 403, overrides={"step_settings_patch": {"ai-chat": {"ai-engine": engine}}})


def test_MG_6_the_request_comes_last_under_the_merged_policy(chat, upstream):
    create(chat, "provider", runtime={"system_prompt": "of the provider", **patch(**{"ai-chat": {"ai-engine": "m-1"}})})
    stacked(
        chat,
        "leaf",
        "provider",
        runtime={"tools": ["calculator"], **patch(**{"ai-chat": {"ai-temperature": 0.3}})},
        policy={**OPEN, "denied_override_keys": ["middlewares"]},
    )
    document = effective(chat, "leaf", overrides={"tools": ["search"]})
    assert document["system_prompt"] == "of the provider" and document["tools"] == ["search"]
    assert document["step_settings"] == {"ai-chat": {"ai-engine": "m-1", "ai-temperature": 0.3}}
    chat_with(chat, "leaf", overrides={"tools": ["search"]})
    assert upstream.last.system == ["of the provider"] and upstream.last.json()["model"] == "m-1"
    refuses(chat_with(chat, "leaf", expect=403, overrides={"middlewares": []}), 403, 'key "middlewares" is denied')
    assert len(upstream.calls) == 1
