"""What becomes of a question when nobody is there to answer it."""

from __future__ import annotations

import re

from a3s_code.kernel.ports import Action, Ask, Deny

_COMPOUND = re.compile(r"[;&|<>$`(){}\n]|^\w+=")


class Unattended:
    """Denies whatever would have been asked, and says how it could be allowed."""

    async def approve(self, action: Action, ask: Ask) -> Deny:
        return Deny(
            f"{ask.reason}; it needs confirmation, and nobody is there to confirm it. "
            f"The permission rule {rule_for(action)!r} would allow it."
        )


def rule_for(action: Action) -> str:
    """
    Give a rule that allows this action, as narrow as can be said in one.

    A shell line of several parts is decided part by part, so only a rule for the whole
    tool allows it in one.
    """
    name, subject = action.tool.name, action.subject
    if not subject or (name == "bash" and _COMPOUND.search(subject)):
        return name
    return f"{name}({subject})"
