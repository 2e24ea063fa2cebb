"""
A map as text: files by their paths, below each the definitions that were chosen, by their lines.

    src/till.py
      12 class Till
      20   def total(self) -> Money
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from a3s_code.capabilities.code_map.outline import Definition, Outline
from a3s_code.capabilities.code_map.ranking import Ranked
from a3s_code.harness.tokens import estimate

HEAD = "The most used definitions of this workspace, by file, each with its line.\n"
_SLACK = 0.97
"""Of the budget; lines that are estimated one by one come to a little more than together."""


def page(ranked: Sequence[Ranked], outlines: Mapping[str, Outline], max_tokens: int) -> str:
    """
    Write as much as fits, the best first; the order of what is shown is that of paths and lines.

    A definition that lies in another one brings it along.

    Returns:
        Empty when nothing fits.
    """
    chosen: dict[str, set[Definition]] = {}
    room = max_tokens * _SLACK - estimate(HEAD)
    for each in ranked:
        shown = chosen.get(each.path, set[Definition]())
        if each.definition in shown:
            continue
        new = [one for one in _with_outer(each, outlines) if one not in shown]
        cost = sum(estimate(_line(one)) for one in new)
        cost += 0 if shown else estimate(f"{each.path}\n")
        if cost > room:
            break
        room -= cost
        chosen.setdefault(each.path, set()).update(new)
    if not chosen:
        return ""
    return HEAD + "".join(_part(path, chosen[path]) for path in sorted(chosen))


def _with_outer(each: Ranked, outlines: Mapping[str, Outline]) -> list[Definition]:
    """Give a definition, and those it lies in, which stand before it."""
    found, depth = [each.definition], each.definition.depth
    all_of_it = outlines[each.path].definitions
    for one in reversed(all_of_it[: all_of_it.index(each.definition)] if depth else ()):
        if one.depth < depth:
            found.append(one)
            depth = one.depth
    return found


def _part(path: str, chosen: set[Definition]) -> str:
    ordered = sorted(chosen, key=lambda one: (one.line, one.depth, one.name))
    return f"{path}\n" + "".join(map(_line, ordered))


def _line(one: Definition) -> str:
    return f"{one.line:>5} {'  ' * one.depth}{one.signature}\n"


def rows_of(text: str) -> set[tuple[str, str]]:
    """Give what a page shows: path and signature of each definition, whatever its line."""
    found: set[tuple[str, str]] = set()
    path = ""
    for line in text.splitlines():
        if not line.startswith(" "):
            path = line
        else:
            found.add((path, line.lstrip(" 0123456789")))
    return found
