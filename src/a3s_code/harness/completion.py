"""
When a text-only answer is the end, and when it only announces more.

An empty answer, one that the length limit cut, or one that says what it will do next and
then does nothing is asked to go on, at most `max_turns` times in a run, and never twice
for the same text. SPEC 2.8.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from a3s_code.kernel.messages import Conversation, Message, user
from a3s_code.kernel.ports import Reply

GO_ON = "Go on with the task. If it is finished, say what you did and how you checked it."
CUT = "Your answer was cut off by the length limit. Go on exactly where it stopped."
NOTHING = "Your answer was empty. Go on with the task, or say that it is finished."

SHORT_CHARS = 80
_OPEN_ENDS = (":", "...", "…", ",")
_ENDS = ".!?:… "
_BETWEEN = re.compile(r"[.!?]\s")
_ANNOUNCES = re.compile(
    r"(?:now |next,? |first,? )?"
    r"(?:(?:i'll|i will|i'm going to|i need to|i should) (?!{closing})"
    r"|let me (?!know|{closing})|let's (?:start|begin))".replace(
        "{closing}",
        r"(?:not|never|leave|let|wait|stop|gladly|be (?:happy|glad|here|available|ready))\b",
    ),
    re.IGNORECASE,
)
"""How a sentence begins that says what comes next, and not what is left to others."""


@dataclass(slots=True)
class Completion:
    """The review of one run."""

    enabled: bool = True
    max_turns: int = 3
    _asked: set[str] = field(default_factory=set[str])

    async def __call__(self, conversation: Conversation, reply: Reply) -> Message | None:  # noqa: ARG002 - the port
        text = reply.message.text
        note = _onward(reply.stop, text)
        if note is None or not self.enabled or len(self._asked) >= self.max_turns:
            return None
        if text in self._asked:
            return None
        self._asked.add(text)
        return user(note)


def _onward(stop: str, text: str) -> str | None:
    """Say how to ask for more, or None when the answer stands."""
    if stop in {"refusal", "content_filter"}:
        return None
    if stop == "length":
        return CUT
    if not text.strip():
        return NOTHING
    return GO_ON if _unfinished(text.strip()) else None


def _unfinished(text: str) -> bool:
    if len(text) < SHORT_CHARS and "\n" not in text and text.endswith(_OPEN_ENDS):
        return True
    last_line = text.rpartition("\n")[2].rstrip(_ENDS)
    last_sentence = _BETWEEN.split(last_line)[-1].lstrip()
    return _ANNOUNCES.match(last_sentence) is not None
