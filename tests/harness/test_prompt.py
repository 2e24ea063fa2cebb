"""The system prompt: a fixed core, and slots around it in a fixed order."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.harness.prompt import SystemPromptSlots, prompt_parts, system_prompt, text
from a3s_code.kernel.context import Origin

CORE, IDENTITY, FORMAT = text("core"), text("identity"), text("response_format")

slot = st.none() | st.text(max_size=20)


def test_the_parts_stand_in_the_order_of_the_documents() -> None:
    slots = SystemPromptSlots(
        role="ROLE", guidelines="GUIDELINES", response_style="STYLE", extra="EXTRA"
    )
    prompt = system_prompt(slots)
    places = [prompt.index(part) for part in ("ROLE", CORE, "GUIDELINES", "STYLE", "EXTRA")]

    assert all(before < after for before, after in pairwise(places))


def test_a_role_takes_the_place_of_the_identity_and_a_style_that_of_the_format() -> None:
    plain, filled = (
        system_prompt(slots)
        for slots in (SystemPromptSlots(), SystemPromptSlots(role="R", response_style="S"))
    )

    assert plain.startswith(IDENTITY)
    assert plain.endswith(FORMAT)
    assert IDENTITY not in filled
    assert FORMAT not in filled


def test_the_core_says_that_more_tools_are_there_than_are_listed_and_whose_words_win() -> None:
    assert re.search(r"git, the web, batches of calls and connected servers", CORE)
    assert re.search(r"AGENTS\.md.*nearest one wins.*user's words win over all", CORE)


def test_a_slot_that_is_not_filled_leaves_no_trace() -> None:
    prompt = system_prompt(SystemPromptSlots())

    assert "## Guidelines" not in prompt
    assert "\n\n\n" not in prompt
    assert prompt == system_prompt(SystemPromptSlots(role="", guidelines="", extra=""))


def sources(slots: SystemPromptSlots, role: Origin | None = None) -> list[tuple[str, str]]:
    return [(part.origin.source, part.origin.trust) for part in prompt_parts(slots, role)]


def test_each_part_says_whose_words_it_is() -> None:
    ours = ("prompt://core", "host")
    assert sources(SystemPromptSlots()) == [ours]
    assert sources(SystemPromptSlots(role="R", extra="E")) == [
        ("option://role", "host"),
        ours,
        ("option://extra", "host"),
    ]
    assert sources(SystemPromptSlots(guidelines="G", response_style="S")) == [
        ours,
        ("option://guidelines", "host"),
        ("option://response_style", "host"),
    ]
    skill = Origin("skill://reviewer", "external")
    assert sources(SystemPromptSlots(role="R"), skill) == [("skill://reviewer", "external"), ours]
    assert sources(SystemPromptSlots(), skill) == [ours]


@given(st.builds(SystemPromptSlots, role=slot, guidelines=slot, response_style=slot, extra=slot))
def test_the_parts_are_the_prompt(slots: SystemPromptSlots) -> None:
    assert "\n\n".join(part.text for part in prompt_parts(slots)) == system_prompt(slots)


@given(st.builds(SystemPromptSlots, role=slot, guidelines=slot, response_style=slot, extra=slot))
def test_no_slot_can_remove_the_core(slots: SystemPromptSlots) -> None:
    prompt = system_prompt(slots)

    assert CORE in prompt
    for filled in (slots.role, slots.guidelines, slots.response_style, slots.extra):
        assert (filled or "") in prompt


def test_equal_slots_share_one_text() -> None:
    one, two = (system_prompt(SystemPromptSlots(extra="same")) for _ in range(2))

    assert one is two


@pytest.mark.parametrize("name", ["core", "identity", "response_format", "summary"])
def test_our_own_texts_are_part_of_the_package(name: str) -> None:
    assert text(name) == text(name).strip() != ""
