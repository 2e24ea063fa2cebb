"""
An inverted index over memories, in memory: which items hold which words.

Items that are gone keep their number until they are many; then `is_worn` says that a new index
is due. How a question of several words is answered stands in `question.py`.
"""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

from a3s_code.kernel.memory import Pruning, Relevance
from a3s_code.kernel.words import WHOLE_CHARS, folded, words
from a3s_code.persistence.memories.order import Order
from a3s_code.persistence.memories.vocabulary import Vocabulary

K = TypeVar("K", bound=Hashable)

MAX_WORDS_HOLDING = 1_024
"""A text that more words than these hold is no rare one."""
MAX_LOOKED_AT = 8_192
"""Items that are looked at one by one."""
MAX_RANKED = 2_048
"""Items that are ranked one by one."""
MAX_STEPS = 4_096
"""Items that are gone through by rank before all are looked at."""
_WORN = 1_024


class Wanted(NamedTuple):
    """How many items, and how they are ranked."""

    limit: int
    relevance: Relevance
    now_ns: int


class Index(Generic[K]):
    """
    Used by one thread at a time. Keys are what its owner calls items; numbers are its own.

    Attributes:
        texts: Of each item by its number, folded; empty for one that is gone.
    """

    __slots__ = (
        "_importance",
        "_keys",
        "_numbers",
        "_order",
        "_postings",
        "_stamps",
        "_tag_sets",
        "_tagged",
        "_tags",
        "_vocabulary",
        "texts",
    )

    def __init__(self) -> None:
        self._numbers: dict[K, int] = {}
        self._keys: list[K | None] = []
        self.texts: list[str] = []
        self._importance, self._stamps = array("d"), array("q")
        self._tags: list[frozenset[str]] = []
        self._tag_sets: dict[frozenset[str], frozenset[str]] = {}
        self._tagged: dict[str, array[int]] = {}
        self._vocabulary = Vocabulary()
        self._postings: list[int | array[int]] = []
        self._order = Order(self._importance, self._stamps)

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def is_worn(self) -> bool:
        """More numbers are of items that are gone than of items that are there."""
        gone = len(self._keys) - len(self._numbers)
        return gone > _WORN and gone > len(self._numbers)

    # What is there

    def add(
        self, key: K, content: str, importance: float, timestamp_ns: int, tags: Iterable[str]
    ) -> None:
        """Take an item, in place of the one of its key."""
        self.discard(key)
        number = self._numbers[key] = len(self._keys)
        text = folded(content)
        self._keys.append(key)
        self.texts.append(text)
        self._importance.append(importance)
        self._stamps.append(timestamp_ns)
        tag_set = frozenset(tags)
        self._tags.append(self._tag_sets.setdefault(tag_set, tag_set))
        for tag in tag_set:
            self._tagged.setdefault(tag, array("I")).append(number)
        for word in set(words(text)):
            self._post(self._vocabulary.add(word), number)
        self._order.add(number)

    def _post(self, word: int, number: int) -> None:
        postings = self._postings
        if word == len(postings):
            postings.append(number)
            return
        held = postings[word]
        if isinstance(held, int):
            postings[word] = array("I", (held, number))
        else:
            held.append(number)

    def discard(self, key: K) -> bool:
        """Forget an item; False when there is none of this key."""
        number = self._numbers.pop(key, None)
        if number is None:
            return False
        self._keys[number], self.texts[number], self._tags[number] = None, "", frozenset()
        return True

    # What is asked for

    def named(self, numbers: Iterable[int]) -> list[K]:
        """Give the keys of items; those that are gone are left out."""
        return [key for key in map(self._keys.__getitem__, numbers) if key is not None]

    def by_tags(self, tags: Sequence[str], wanted: Wanted) -> list[K]:
        """Give what has one of `tags`, by rank."""
        rows = [self._tagged[tag] for tag in dict.fromkeys(tags) if tag in self._tagged]
        if sum(map(len, rows)) <= MAX_RANKED:
            return self.named(self.best({n for row in rows for n in row}, wanted))
        asked, has = frozenset(tags), self._tags
        return self.named(self.first(lambda n: not asked.isdisjoint(has[n]), wanted))

    def recent(self, limit: int) -> list[K]:
        """Give the newest, newest first."""
        keys = (self._keys[number] for number in self._order.by_time())
        return list(islice((key for key in keys if key is not None), max(0, limit)))

    def important(self, threshold: float, limit: int) -> list[K]:
        """Give what is at least as important, the most important first, then the newest."""
        there = (n for n in self._order.by_importance() if self._keys[n] is not None)
        found = islice(there, max(0, limit))
        return self.named(number for number in found if self._importance[number] >= threshold)

    def prunable(self, pruning: Pruning, relevance: Relevance, now_ns: int) -> list[K]:
        """Give what `pruning` lets go."""
        before_ns, below = pruning.oldest_ns(now_ns), pruning.min_importance_to_keep
        importance, stamps = self._importance, self._stamps
        numbers = self._numbers.values()
        gone = [n for n in numbers if stamps[n] < before_ns and importance[n] < below]
        more = len(numbers) - len(gone) - pruning.max_items
        if pruning.max_items and more > 0:
            wanted, going = Wanted(more, relevance, now_ns), frozenset(gone)
            left = (n for n in numbers if n not in going)
            gone += heapq.nsmallest(more, left, key=lambda n: self.rank(n, wanted))
        return self.named(gone)

    # What a question is made of

    def frequency(self, word: str) -> tuple[int, int]:
        """Guess how many items hold a word: those that have exactly it; of others a long one."""
        number = self._vocabulary.find(word)
        if number is None:
            return 0, -len(word)
        held = self._postings[number]
        return 1 if isinstance(held, int) else len(held), -len(word)

    def holding(self, word: str) -> list[int] | None:
        """Give the items that hold a word, inside others too; None when they are many."""
        if self.frequency(word)[0] > MAX_LOOKED_AT:
            return None
        known = self._vocabulary.holding(word[:WHOLE_CHARS], MAX_WORDS_HOLDING)
        if known is None:
            return None
        numbers: set[int] = set()
        for each in known:
            held = self._postings[each]
            if isinstance(held, int):
                numbers.add(held)
            elif len(held) <= MAX_LOOKED_AT:
                numbers.update(held)
            else:
                return None
        if len(numbers) > MAX_LOOKED_AT:
            return None
        texts = self.texts
        return [number for number in numbers if word in texts[number]]

    def holding_itself(self, word: str) -> list[int] | None:
        """Give the items that hold exactly a word; None when they are many, or none does."""
        number = self._vocabulary.find(word)
        if number is None or self.frequency(word)[0] > MAX_LOOKED_AT:
            return None
        held = self._postings[number]
        there = (held,) if isinstance(held, int) else held
        return [each for each in there if self._keys[each] is not None]

    def rank(self, number: int, wanted: Wanted) -> tuple[float, int, int]:
        """Give what items are ordered by, the last one highest."""
        stamp = self._stamps[number]
        score = wanted.relevance.score(self._importance[number], stamp, wanted.now_ns)
        return score, stamp, number

    def best(self, numbers: Collection[int], wanted: Wanted) -> list[int]:
        """Give the highest ranks of `numbers`."""
        if len(numbers) > MAX_RANKED:
            found = self._early(frozenset(numbers).__contains__, wanted)
            if len(found) >= wanted.limit:
                return found
        there = (number for number in numbers if self._keys[number] is not None)
        return heapq.nlargest(wanted.limit, there, key=lambda n: self.rank(n, wanted))

    def first(self, fits: Callable[[int], bool], wanted: Wanted) -> list[int]:
        """Give the highest ranks of all that fits."""
        found = self._early(fits, wanted)
        if len(found) >= wanted.limit or len(self._keys) <= MAX_STEPS:
            return found
        there = (number for number in self._numbers.values() if fits(number))
        return heapq.nlargest(wanted.limit, there, key=lambda n: self.rank(n, wanted))

    def _early(self, fits: Callable[[int], bool], wanted: Wanted) -> list[int]:
        """Go through the highest ranks until enough of them fit, or `MAX_STEPS` were seen."""
        return list(islice(self._fitting(fits, wanted), max(0, wanted.limit)))

    def _fitting(self, fits: Callable[[int], bool], wanted: Wanted) -> Iterator[int]:
        """Give an item when nothing that is still to come can rank higher."""
        waiting: list[tuple[float, int, int]] = []
        by_rank = self._order.by_rank(wanted.relevance, wanted.now_ns)
        for bound, number in islice(by_rank, MAX_STEPS):
            while waiting and -waiting[0][0] > bound:
                yield -heapq.heappop(waiting)[2]
            if self._keys[number] is not None and fits(number):
                score, stamp, _ = self.rank(number, wanted)
                heapq.heappush(waiting, (-score, -stamp, -number))
        if len(self._keys) <= MAX_STEPS:
            while waiting:
                yield -heapq.heappop(waiting)[2]
