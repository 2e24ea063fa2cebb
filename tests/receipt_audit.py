"""Every request that leaves, held to the receipt that was written of it."""

from __future__ import annotations

from typing import Any

import pytest

from a3s_code.api.receipts import Receipts
from a3s_code.kernel.ports import ModelRequest
from a3s_code.kernel.records import RequestReceipt
from a3s_code.llm.anthropic import AnthropicWire
from a3s_code.llm.body import Body
from a3s_code.llm.openai import OpenAIWire

FORM_BYTES = 600
"""What the form of a request takes beside its messages, at most."""
MESSAGE_FORM_BYTES = 400
"""What the form of one message takes, at most; results have marks, ids and a place each."""


class ReceiptAudit:
    """
    Args:
        every: A request without a receipt is a fault, too.

    Attributes:
        faults: What does not add up.
        seen: How many requests were held to a receipt.
    """

    def __init__(self, *, every: bool = True) -> None:
        self._every = every
        self.faults: list[str] = []
        self.seen = 0
        self._written: dict[int, tuple[ModelRequest, RequestReceipt]] = {}

    def listen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        write = Receipts.write

        def written(receipts: Receipts, *args: Any) -> RequestReceipt:
            receipt = write(receipts, *args)
            request: ModelRequest = args[1]
            self._check(receipt, len(request.conversation))
            self._written[id(request)] = request, receipt
            return receipt

        monkeypatch.setattr(Receipts, "write", written)
        for wire in (OpenAIWire, AnthropicWire):
            monkeypatch.setattr(wire, "body", self._sent(wire.body))

    def _sent(self, body: Any) -> Any:
        def sent(wire: Any, request: ModelRequest) -> Body:
            made: Body = body(wire, request)
            data = bytes(made)
            _, receipt = self._written.get(id(request), (None, None))
            if receipt is None and self._every:
                self.faults.append(f"{len(data)} bytes were sent without a receipt: {request}")
            if receipt is not None:
                self.seen += 1
                if receipt.bytes != len(data):
                    self.faults.append(f"{len(data)} bytes were sent, the receipt says {receipt}")
            return made

        return sent

    def _check(self, receipt: RequestReceipt, messages: int) -> None:
        if sum(part.bytes for part in receipt.parts) != receipt.bytes:
            self.faults.append(f"the bytes of the parts do not add up: {receipt}")
        if sum(part.tokens for part in receipt.parts) != receipt.tokens:
            self.faults.append(f"the tokens of the parts do not add up: {receipt}")
        form = sum(part.bytes for part in receipt.parts if part.kind == "joints")
        results = sum(part.kind in ("result", "image") for part in receipt.parts)
        most = FORM_BYTES + MESSAGE_FORM_BYTES * (min(messages, 64) + results) + messages
        if not 0 <= form <= most:
            self.faults.append(f"{form} bytes of form hide something: {receipt}")
