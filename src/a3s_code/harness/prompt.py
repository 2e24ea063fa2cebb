"""
The system prompt: fixed parts of ours, with slots that a session may fill.

Order (SPEC 1.8): role or identity, core, guidelines, response format, extra. The core is
always kept. The texts are package data in `harness/prompts/`.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import msgspec

from a3s_code.errors import PackageUnreadable

_TEXTS = Path(__file__).with_name("prompts")


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


@lru_cache(maxsize=256)
def system_prompt(slots: SystemPromptSlots) -> str:
    """
    Render the prompt for `slots`; sessions with equal slots share one text.

    Raises:
        PackageUnreadable: as `text`.
    """
    style = slots.response_style or text("response_format")
    parts = [
        slots.role or text("identity"),
        text("core"),
        f"## Guidelines\n\n{slots.guidelines}" if slots.guidelines else "",
        f"## Response Format\n\n{style}",
        slots.extra or "",
    ]
    return "\n\n".join(part for part in parts if part)
