"""The file of instructions that counts in a directory, as items of context."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from a3s_code.harness.agents_md.document import Denied, Document, Unusable, read_document
from a3s_code.harness.agents_md.includes import Expansion
from a3s_code.harness.context import MAX_ITEM_CHARS
from a3s_code.kernel.context import ContextItem, Trust
from a3s_code.kernel.workspace import Files, shown_name

AGENTS_FILE, CLAUDE_FILE = "AGENTS.md", "CLAUDE.md"


class ProjectDocs(msgspec.Struct, frozen=True):
    """
    Which files are instructions.

    Attributes:
        names: By preference; in each directory the first one that is there counts.
        max_bytes: Of one with what it includes; 0 = none is read. By default as many as the
            characters of one item may have.
    """

    names: tuple[str, ...] = (AGENTS_FILE, CLAUDE_FILE)
    max_bytes: int = 4 * MAX_ITEM_CHARS

    @classmethod
    def of(cls, fallbacks: Sequence[str], max_bytes: int | None) -> ProjectDocs:
        """Take more names, which come before CLAUDE.md unless they say where that comes."""
        names = tuple(dict.fromkeys((AGENTS_FILE, *fallbacks, CLAUDE_FILE)))
        return cls(names) if max_bytes is None else cls(names, max_bytes)


@dataclass(frozen=True, slots=True)
class Directories:
    """
    Directories below one root.

    Attributes:
        scheme: Of the sources, such as `file` in `file://src/AGENTS.md`.
        denied: What else forbids reading a file of them.
    """

    files: Files
    docs: ProjectDocs
    scheme: str = "file"
    trust: Trust = "workspace"
    denied: Denied | None = None

    async def items(self, directory: str, why: str) -> Sequence[ContextItem]:
        """
        Give what counts in a directory; nothing when there is no such file.

        The first item is the file, with its includes in place. One without content says in its
        `why` why it is left out; so do those behind it, which were to be included.

        Args:
            directory: Below the root; empty for the root itself.
            why: Why it is shown.
        """
        # Asked at the start of every run, mostly in vain; not all kinds of `Files` can tell.
        lacks: Callable[[str], bool] = getattr(self.files, "lacks", _unsure)
        for name in self.docs.names:
            path = f"{directory}/{name}" if directory else name
            found = () if lacks(path) else await self.read(path, why)
            if found:
                return found
        return ()

    async def read(self, path: str, why: str) -> Sequence[ContextItem]:
        """Give what one file says, as `items` does."""
        limit = self.docs.max_bytes
        found = await read_document(self.files, path, limit, self.denied)
        if found is None:
            return ()
        if isinstance(found, Unusable):
            return (self._item(path, "", found.why),)
        expansion = Expansion(self.files, limit, self.denied)
        text = await expansion.of(found)
        return (self._shown(path, found, text, expansion, why), *self._left_out(path, expansion))

    def _shown(
        self, path: str, found: Document, text: str, expansion: Expansion, why: str
    ) -> ContextItem:
        if not text:
            return self._item(path, "", "it is empty")
        names = ", ".join(map(shown_name, expansion.included))
        return self._item(path, text, f"{why}; with {names}" if names else why, found.partial)

    def _left_out(self, path: str, expansion: Expansion) -> Iterator[ContextItem]:
        for left in expansion.left_out:
            yield self._item(left.path, "", f"{shown_name(path)} includes it: {left.why}")

    def _item(self, path: str, text: str, why: str, partial: bool = False) -> ContextItem:
        return ContextItem(
            source=f"{self.scheme}://{shown_name(path)}",
            content=text,
            trust=self.trust,
            type="instructions",
            why=shown_name(why),
            partial=partial,
            priority=1.0,
        )


def _unsure(_path: str) -> bool:
    return False
