"""What becomes of a question when nobody is there to answer it."""

from __future__ import annotations

from a3s_code.kernel.ports import Action, Ask, Deny


class Unattended:
    """Denies whatever would have been asked; the question says how it could be allowed."""

    async def approve(self, action: Action, ask: Ask) -> Deny:  # noqa: ARG002 - the port
        return Deny(unanswered(ask, "nobody is there to confirm it"))


def unanswered(ask: Ask, why: str) -> str:
    """Say what was asked, and why nobody answered."""
    asked = ask.reason.rstrip(".; ")
    return f"{asked}. It needs confirmation, and {why}."
