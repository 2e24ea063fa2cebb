"""Every request that leaves, held to what is said of its prefix; knows only bytes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from a3s_code.api.prefixes import Prefixes
from a3s_code.kernel.events import PrefixChanged
from a3s_code.kernel.ports import ModelRequest
from a3s_code.llm.anthropic import AnthropicWire
from a3s_code.llm.body import Body
from a3s_code.llm.openai import OpenAIWire

MARK = b',"cache_control":{"type":"ephemeral"}'
"""Says where a provider shall look for its cache; it moves, and is no part of what is cached."""
READ_FIRST = ("model", "thinking", "tools", "system")
MESSAGES = b',"messages":['


class Cached:
    """What a provider has of the last requests of one session, by model."""

    def __init__(self) -> None:
        self._heads: dict[str, bytes] = {}
        self._talks: dict[tuple[str, str], bytes] = {}

    def knows(self, model: str) -> bool:
        return model in self._heads

    def takes(self, body: bytes, model: str, lane: str) -> bool:
        """
        Say whether all that it has is still of use for a request, and take that up.

        Args:
            lane: Tells conversations apart; that of the session has the empty one.
        """
        plain = body.replace(MARK, b"")
        fields = msgspec.json.decode(plain)
        heads = [row for row in fields["messages"] if row["role"] == "system"]
        first = msgspec.json.encode([heads, *(fields.get(name) for name in READ_FIRST)])
        talk = plain.partition(MESSAGES)[2][: -len(b"]}")]
        talk = talk.removeprefix(b",".join(map(msgspec.json.encode, heads))).removeprefix(b",")
        had, said = self._heads.get(model, first), self._talks.get((model, lane), b"")
        self._heads[model], self._talks[model, lane] = first, talk
        return had == first and (not said or talk == said or talk.startswith(said + b","))


class PrefixAudit:
    """
    Attributes:
        faults: Changes that no event told, and events that told of none.
        seen: How many requests were compared.
    """

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.seen = 0
        self._looked: dict[int, tuple[ModelRequest, Prefixes, str, str, PrefixChanged | None]] = {}
        self._cached: dict[int, Cached] = {}

    def listen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        look = Prefixes.look

        def looked(prefixes: Prefixes, *args: Any) -> Any:
            given = look(prefixes, *args)
            _, request, model, lane = args
            self._looked[id(request)] = request, prefixes, model, lane, given[1]
            return given

        monkeypatch.setattr(Prefixes, "look", looked)
        for wire in (OpenAIWire, AnthropicWire):
            monkeypatch.setattr(wire, "body", self._sent(wire.body))

    def _sent(self, body: Any) -> Any:
        def sent(wire: Any, request: ModelRequest) -> Body:
            data: Body = body(wire, request)
            if id(request) in self._looked:
                _, prefixes, model, lane, event = self._looked[id(request)]
                self._compare(
                    bytes(data), self._cached.setdefault(id(prefixes), Cached()), model, lane, event
                )
            return data

        return sent

    def _compare(
        self, data: bytes, cached: Cached, model: str, lane: str, event: PrefixChanged | None
    ) -> None:
        self.seen += 1
        is_known = cached.knows(model)  # a session that was resumed knows more than this
        is_same = cached.takes(data, model, lane)
        if not is_same and event is None:
            self.faults.append(f"a prefix changed and nobody said so: {data[:2000]!r}")
        if is_known and is_same and event is not None and event.segment != "model":
            self.faults.append(f"nothing changed, and yet: {event}")
