"""The forms that several demands have in a request; see `demands`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from a3s_code.kernel.words import UNSPACED

LEAST_ITEMS = 3
LEAST_STATEMENTS = 4
LEAST_PARTS = 4
MAX_LOOKED_CHARS = 20_000
"""Of a request; what many demands there are shows in its beginning."""

WIDE = 4
"""Characters that a sign of a script without spaces counts for."""
_WIDE = re.compile(f"[{UNSPACED}]")
_FENCE = re.compile(r"(?ms)^[ \t]*(```|~~~).*?(?:^[ \t]*\1|\Z)")
_QUOTED = re.compile(r"(?m)^(?:[ \t]*>| {4}|\t).*$")
_BULLET = r"[-*+\u2022\u2023\u2013\u2014\u30fb]"
_NUMERAL = r"\(?\d{1,2}[.):\u3001\uff0e\uff09]|\(?[a-zA-Z][.)]|[\u2460-\u2473]"
_HAN_NUMERAL = r"[\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d\u5341]{1,3}[\u3001.\uff0e]"
_LISTED = re.compile(rf"(?m)^[ \t]*(?:{_BULLET}|{_NUMERAL}|{_HAN_NUMERAL})[ \t]*(?=[^\s\d.])(.+)$")
_NUMBERED = re.compile(r"(?:(?<=\s)|^)\(?([1-9])[.)]\s+\w")
_END = re.compile(
    r"(?<=[.!?])[\"')\]]*\s+|[\u3002\uff01\uff1f\uff1b;\u0964\u061b\u061f]+|\n[ \t]*(?=\n)"
)
_QUESTION = re.compile(r"[?\uff1f\u061f\u037e]\W*$")
_ROW = re.compile(r"[,\uff0c\u3001\u060c]")
_WORD = re.compile(r"\w+")
_LEAST_WORDS, _MOST_WORDS = 2, 7


def are_several(prompt: str, least_chars: int) -> bool:
    """Say whether the demands of a request are several; what is shorter has none."""
    if _size(prompt, least_chars) < least_chars:
        return False
    own = _QUOTED.sub("", _FENCE.sub("\n", prompt[:MAX_LOOKED_CHARS]))
    if _size(own, least_chars) < least_chars:
        return False
    return _items(own) >= LEAST_ITEMS or _statements(own) >= LEAST_STATEMENTS or _has_row(own)


def _items(own: str) -> int:
    """Count the items of a list, on lines of their own or numbered within a line."""
    listed = sum(_weight(item) >= _LEAST_WORDS for item in _LISTED.findall(own))
    inline, wanted = 0, 1
    for number in _NUMBERED.findall(own):
        if int(number) == wanted:
            inline, wanted = inline + 1, wanted + 1
    return max(listed, inline)


def _statements(own: str) -> int:
    """Count the sentences that say something and ask nothing."""
    return sum(_weight(said) >= _LEAST_WORDS for said in _sentences(own))


def _has_row(own: str) -> bool:
    """Say whether a sentence is a row of short parts of like length."""
    for said in _sentences(own):
        parts = [_weight(part) for part in _ROW.split(said)]
        fitting = [size for size in parts if _LEAST_WORDS <= size <= _MOST_WORDS]
        if len(fitting) >= LEAST_PARTS and len(fitting) == len(parts):
            return True
    return False


def _sentences(own: str) -> Iterator[str]:
    at = 0
    for end in _END.finditer(own):
        said = own[at : end.end()].strip()
        at = end.end()
        if said and not _is_question(said):
            yield said
    if own[at:].strip() and not _is_question(own[at:]):
        yield own[at:]


def _is_question(said: str) -> bool:
    return _QUESTION.search(said.rstrip()[-4:]) is not None


def _weight(said: str) -> int:
    """Count words; where they are not parted by spaces, two signs are about one."""
    wide = len(_WIDE.findall(said))
    return len(_WORD.findall(_WIDE.sub(" ", said))) + wide // 2


def _size(said: str, enough: int) -> int:
    if len(said) >= enough or said.isascii():
        return len(said)
    return len(said) + (WIDE - 1) * len(_WIDE.findall(said))
