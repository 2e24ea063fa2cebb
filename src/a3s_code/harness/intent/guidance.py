"""The guidance of a style, as a source of context for one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from a3s_code.harness.intent.styles import Style
from a3s_code.harness.prompt import text
from a3s_code.kernel.context import ContextItem, ContextQuery

SOURCE = "style://"
KIND = "style"
"""The type of its item, which holds for the words right behind it and for no others."""


@dataclass(frozen=True, slots=True)
class Guidance:
    """
    Meets `kernel.context.ContextProvider`.

    Attributes:
        why: What said that the run has this style.
    """

    style: Style
    why: str

    @property
    def name(self) -> str:
        return KIND

    async def query(self, query: ContextQuery) -> Sequence[ContextItem]:  # noqa: ARG002 - the port
        """
        Raises:
            PackageUnreadable: as `harness.prompt.text`.
        """
        item = ContextItem(
            source=f"{SOURCE}{self.style.agent}",
            content=text(f"style_{self.style.agent}"),
            trust="host",
            type=KIND,
            why=self.why,
            relevance=1.0,
            priority=1.0,
            freshness=1.0,
        )
        return (item,)
