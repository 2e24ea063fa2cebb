"""What is written down of every request before it leaves, whoever makes it."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from a3s_code.api.prefixes import Prefixes
from a3s_code.api.receipts import Receipts, Shown
from a3s_code.kernel.measured import measure_of
from a3s_code.kernel.ports import Model, ModelRequest, Sink


@dataclass(frozen=True, slots=True)
class Account:
    """
    Of the requests of one run, or of one child.

    Attributes:
        lane: The name of their conversation; see `Lane.name`.
    """

    receipts: Receipts
    prefixes: Prefixes
    model: Model
    sink: Sink
    lane: str

    def write(self, request: ModelRequest, shown: Shown, turn: int) -> None:
        """Write the receipt of a request, and tell when its prefix is not that of the last one."""
        measure, ref = measure_of(self.model, request), self.model.ref
        prefix, changed = self.prefixes.look(measure, request, ref, self.lane)
        if changed is not None:
            self.sink.emit(changed)
        receipt = self.receipts.write(measure, request, shown, turn, ref)
        self.sink.emit(replace(receipt, prefix=prefix))
