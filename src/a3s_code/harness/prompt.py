"""
The system prompt: fixed parts of ours, with slots that a session may fill.

Order (SPEC 1.8): role or identity, core, guidelines, response format, extra. The core is
always kept. The texts are package data in `harness/prompts/`.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import msgspec
from msgspec.structs import asdict, replace

from a3s_code.errors import PackageUnreadable
from a3s_code.kernel.context import Origin
from a3s_code.kernel.ports import Redactor

OURS = Origin("prompt://core")
"""The harness's own words."""

_TEXTS = Path(__file__).with_name("prompts")
_GAP = "\n\n"
_ROLE, _GUIDELINES = Origin("option://role"), Origin("option://guidelines")
_STYLE, _EXTRA = Origin("option://response_style"), Origin("option://extra")


class SystemPromptSlots(msgspec.Struct, frozen=True, kw_only=True):
    """
    Attributes:
        role: Takes the place of the identity, before the core.
        guidelines: A section of its own after the core.
        response_style: Takes the place of the section on the response format.
        extra: Free text at the end.

    Source:
        A3S Code README, "System Prompt Customization (Slot-Based)".
    """

    role: str | None = None
    guidelines: str | None = None
    response_style: str | None = None
    extra: str | None = None


def redacted(slots: SystemPromptSlots, redactor: Redactor | None) -> SystemPromptSlots:
    """Give slots without secrets; no log sees a system prompt before a provider does."""
    if redactor is None:
        return slots
    given = {name: text for name, text in asdict(slots).items() if text}
    return replace(slots, **{name: redactor.redact(text) for name, text in given.items()})


@lru_cache(maxsize=16)
def text(name: str) -> str:
    """
    Read one of our own prompt texts, such as `core`.

    Raises:
        PackageUnreadable: it is not there, or the process may open no more files.
    """
    try:
        return (_TEXTS / f"{name}.md").read_text(encoding="utf-8").strip()
    except OSError as error:
        raise PackageUnreadable(
            f"{error.filename}: {error.strerror}.",
            hint="let the process open more files, or install the package again",
        ) from error


class PromptPart(msgspec.Struct, frozen=True):
    """A part of a system prompt, and whose words it is."""

    text: str
    origin: Origin


@lru_cache(maxsize=256)
def system_prompt(slots: SystemPromptSlots) -> str:
    """
    Render the prompt for `slots`; sessions with equal slots share one text.

    Raises:
        PackageUnreadable: as `text`.
    """
    return _GAP.join(part.text for part in prompt_parts(slots))


@lru_cache(maxsize=256)
def prompt_parts(
    slots: SystemPromptSlots, role: Origin | None = None, style: Origin | None = None
) -> tuple[PromptPart, ...]:
    """
    Give what `system_prompt` is made of, in its order; what of ours stands together is one part.

    Args:
        role, style: Where the role and the response style come from; None for the options.

    Raises:
        PackageUnreadable: as `text`.
    """
    form = f"## Response Format\n\n{slots.response_style or text('response_format')}"
    rows = (
        (slots.role or text("identity"), (role or _ROLE) if slots.role else OURS),
        (text("core"), OURS),
        (slots.guidelines and f"## Guidelines\n\n{slots.guidelines}", _GUIDELINES),
        (form, (style or _STYLE) if slots.response_style else OURS),
        (slots.extra, _EXTRA),
    )
    parts: list[PromptPart] = []
    for words, origin in rows:
        if words and parts and parts[-1].origin == origin:
            parts[-1] = PromptPart(f"{parts[-1].text}{_GAP}{words}", origin)
        elif words:
            parts.append(PromptPart(words, origin))
    return tuple(parts)
