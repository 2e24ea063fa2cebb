"""
Questions to the model beside the conversation: a plan, an object, whether a goal is reached.

They are requests like all others: hooks are asked, a receipt is written, and what they cost is
booked under their purpose. They see what they are given and nothing else, and no tool runs of them.

Source:
    DESIGN 3, "Doors" (the session's one `Model`).
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from a3s_code.kernel.answer_form import AnswerForm
from a3s_code.kernel.messages import Message, Usage


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """
    Attributes:
        purpose: What it is for, a word such as `plan`; see `TokensSpent`.
        messages: What the model is shown, oldest first; the last one is no assistant's.
        form: None = it may answer in any way.
        timeout_s: After which no attempt goes on; None = the limit of the session.
    """

    purpose: str
    messages: tuple[Message, ...]
    system: str = ""
    form: AnswerForm | None = None
    temperature: float | None = None
    max_output_tokens: int | None = None
    timeout_s: float | None = None


class Said(msgspec.Struct, frozen=True):
    """
    A complete answer.

    Attributes:
        message: Its text, and what it gave as arguments of the tool of the form.
        stop: As in `Reply`.
    """

    message: Message
    usage: Usage
    stop: str = "end"


class SaidListener(Protocol):
    """Who watches an answer come in."""

    def piece(self, text: str, *, is_argument: bool) -> None:
        """Take the next piece: of the arguments of the tool, or of the text."""
        ...

    def again(self) -> None:
        """Forget the pieces so far: another attempt begins."""
        ...


class Asker(Protocol):
    """The model that answers whoever has this: that of the session, or of a child."""

    async def ask(self, question: Question, listener: SaidListener | None = None) -> Said:
        """
        Raises:
            HookBlocked: a hook says no; the model was not asked.
            ModelError: the model failed.
            StoreError: it could not be recorded.
        """
        ...
