"""What becomes of a question when nobody is there to answer it."""

from __future__ import annotations

from a3s_code.kernel.ports import Action, Ask, Deny


class Unattended:
    """Denies whatever would have been asked, and says how it could be allowed."""

    async def approve(self, action: Action, ask: Ask) -> Deny:
        rule = f"{action.tool.name}({action.subject})"
        return Deny(
            f"{ask.reason}; it needs confirmation, and nobody is there to confirm it. "
            f"The user can allow it with the permission rule {rule!r}."
        )
