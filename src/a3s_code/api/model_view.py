"""What a model sees of a conversation: the same without secrets, and its own signed thoughts."""

from __future__ import annotations

from a3s_code.kernel.log import Log
from a3s_code.kernel.messages import Conversation, Message


class ModelView:
    """
    Of one run.

    The conversation of a session comes from its log and has no secrets, so it is seen as it
    is; a history of the caller's own is redacted here, message by message, once each.
    """

    __slots__ = ("_is_own", "_log", "_seen", "_source")

    def __init__(self, log: Log, *, is_own: bool) -> None:
        self._log, self._is_own = log, is_own
        self._source: list[Message] = []
        self._seen = Conversation()

    def of(self, conversation: Conversation) -> Conversation:
        screen = self._log.screen
        if screen is None or (self._is_own and not screen.thoughts):
            return conversation
        messages = conversation.messages
        known = len(self._source)
        if len(messages) < known or any(
            a is not b for a, b in zip(self._source, messages, strict=False)
        ):
            self._source, self._seen, known = [], Conversation(), 0
        for message in messages[known:]:
            self._source.append(message)
            self._seen.append(screen.message(message))
        return self._seen
