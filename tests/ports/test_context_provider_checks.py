from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import msgspec
import pytest

from a3s_code import (
    ContextItem,
    ContextProvider,
    ContextQuery,
    FileSystemContextProvider,
    InMemoryVectorStore,
    VectorContextProvider,
)
from a3s_code.kernel.retrieval import Place
from a3s_code.testing import (
    CONTEXT_PROVIDER_CHECKS,
    Provided,
    ProviderCheck,
    ProviderFactory,
    WordEmbedding,
)
from a3s_code.testing import provider_conformance as suite
from a3s_code.workspace.local import LocalFiles
from a3s_code.workspace.processes import LocalProcesses
from a3s_code.workspace.search import LocalSearch

QUESTION = "retries pause backoff"


def place(root: Path) -> Place:
    files = LocalFiles(root)
    search = LocalSearch(files, LocalProcesses(root))
    return Place(str(root), files, search, lambda _: True, lambda text: text, lambda *_: None)


def workspace(root: Path) -> Place:
    for number in range(4):
        lines = "\n".join(f"retry_{at} = pause(backoff)  # {number}" for at in range(60))
        (root / f"retries_{number}.py").write_text(lines)
    return place(root)


def of_files(root: Path) -> ProviderFactory:
    async def made() -> Provided:
        return Provided(FileSystemContextProvider().within(workspace(root)), QUESTION)

    return made


def of_vectors(root: Path) -> ProviderFactory:
    async def made() -> Provided:
        provider = VectorContextProvider(WordEmbedding(), InMemoryVectorStore(), ".")
        return Provided(provider.within(workspace(root)), QUESTION)

    return made


def of_texts(_: Path) -> ProviderFactory:
    async def made() -> Provided:
        provider = VectorContextProvider(WordEmbedding(), InMemoryVectorStore())
        await provider.index({f"docs://{at}": f"retries pause backoff {at}\n" * 40 for at in "ab"})
        return Provided(provider, QUESTION)

    return made


@pytest.mark.parametrize("kind", [of_files, of_vectors, of_texts])
@pytest.mark.parametrize("check", CONTEXT_PROVIDER_CHECKS, ids=lambda check: check.__name__)
async def test_our_providers_keep_their_promises(
    check: ProviderCheck, kind: Callable[[Path], ProviderFactory], tmp_path: Path
) -> None:
    await check(kind(tmp_path))


@pytest.mark.parametrize("check", CONTEXT_PROVIDER_CHECKS, ids=lambda check: check.__name__)
async def test_every_check_notices_a_provider_that_breaks_its_promise(
    check: ProviderCheck,
) -> None:
    broken = BROKEN[check]()

    async def made() -> Provided:
        return Provided(broken, QUESTION)

    with pytest.raises(AssertionError):
        await check(made)


@dataclass
class Shelf:
    """A provider that keeps every promise."""

    name: str = "shelf"

    async def query(self, query: ContextQuery) -> Sequence[ContextItem]:
        if query.context_types or not query.query.strip(" \n\0"):
            return ()
        room = min(query.max_tokens * 4, 200)
        items = [
            ContextItem(source=f"book://{at}", content="x" * (room // 2), why="it is a book")
            for at in range(2)
        ]
        return items[: query.max_results]


@dataclass
class Changing(Shelf):
    """Changes each item in the way that is given."""

    changes: Mapping[str, object] | None = None
    numbers: count[int] | None = None

    async def query(self, query: ContextQuery) -> Sequence[ContextItem]:
        items = await super().query(query)
        changes = dict(self.changes or {})
        if self.numbers is not None:
            changes["why"] = f"asked {next(self.numbers)} times"
        return [msgspec.structs.replace(item, **changes) for item in items]


class FullShelf(Shelf):
    async def query(self, query: ContextQuery) -> Sequence[ContextItem]:
        return await super().query(msgspec.structs.replace(query, max_results=10))


class HeavyShelf(Shelf):
    async def query(self, query: ContextQuery) -> Sequence[ContextItem]:
        return await super().query(msgspec.structs.replace(query, max_tokens=1_000))


class AnyShelf(Shelf):
    async def query(self, query: ContextQuery) -> Sequence[ContextItem]:
        return await super().query(msgspec.structs.replace(query, context_types=()))


class PickyShelf(Shelf):
    async def query(self, query: ContextQuery) -> Sequence[ContextItem]:
        return [(await super().query(query))[0]]


BROKEN: Mapping[ProviderCheck, Callable[[], ContextProvider]] = {
    suite.it_has_a_name: lambda: Shelf(" "),
    suite.it_gives_items_for_what_it_has: lambda: Changing(changes={"content": ""}),
    suite.every_item_says_where_it_comes_from: lambda: Changing(changes={"source": "book://"}),
    suite.its_figures_are_shares: lambda: Changing(changes={"relevance": 12.5}),
    suite.metadata_are_plain_json: lambda: Changing(changes={"metadata": {"path": Path("/")}}),
    suite.it_gives_no_more_items_than_are_wanted: FullShelf,
    suite.it_gives_no_more_tokens_than_are_wanted: HeavyShelf,
    suite.an_abstract_is_short: lambda: Changing(changes={"content": "x" * 5_000}),
    suite.other_kinds_are_not_given: AnyShelf,
    suite.empty_words_are_no_error: PickyShelf,
    suite.the_same_question_has_the_same_answer: lambda: Changing(numbers=count()),
}


@pytest.mark.parametrize("check", CONTEXT_PROVIDER_CHECKS, ids=lambda check: check.__name__)
async def test_what_the_broken_ones_are_made_of_keeps_every_promise(check: ProviderCheck) -> None:
    async def made() -> Provided:
        return Provided(Shelf(), QUESTION)

    await check(made)
