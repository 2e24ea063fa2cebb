"""
The sentences in which users say what must, must not or should be.

Found by words, in nine languages, and rather too many than too few: a rule that is lost costs
more than a sentence that is kept. What is no sentence (a table, a line of code) is kept by the
line; of one that is very long, what stands around the words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MAX_SENTENCE_CHARS = 600
AROUND_CHARS = 280
"""Of a longer sentence: what is kept on each side of a word that makes it a rule."""

_STRONG_WORDS = (
    # English
    r"must(?:n['’]?t)?|never|only|do(?:es)?\s+not|do(?:es)?n['’]?t|cannot|can['’]?t|can\s+not|"
    r"may\s+not|shall|shan['’]?t|should(?:n['’]?t)?|won['’]?t|always|keep(?:s|ing)?|kept|"
    r"avoid\w*|without|forb[ai]d\w*|prohibit\w*|bann?(?:ed)?|disallow\w*|requir\w+|mandatory|"
    r"needs?\s+to|ha(?:s|ve)\s+to|had\s+better|make\s+(?:sure|certain)|ensure\w*|insist\w*|"
    r"refrain|stick\s+(?:to|with)|no\s+circumstances?|no\s+(?:case|way)|by\s+no\s+means|"
    r"not\s+(?:be|to|even|ever|allowed|any|more|use|touch|change|under)|nothing|nobody|no\s+one|"
    r"no\s+\w+|exactly|at\s+(?:most|least)|maximum|minimum|limit(?:s|ed)?|unless|except\w*|"
    r"exclud\w+|preserv\w+|remain\w*|stays?|untouched|unchanged|as[- ]is|off[- ]limits|"
    r"hands\s+off|out\s+of\s+scope|read[- ]only|(?:dis)?allowed|permitted|permission|"
    r"ask\s+(?:me|us|first|before)|check\s+with|before\s+you|from\s+now\s+on|by\s+default|"
    r"rules?|policy|guidelines?|conventions?|constraints?|restrict\w*|leave\s|"
    # German
    r"muss|musst|müssen|müsst|darf|darfst|dürfen|dürft|nie|niemals|nicht|kein|keine[nmrs]?|"
    r"nur|ausschließlich|immer|stets|soll|sollen|sollst|sollte\w*|unbedingt|keinesfalls|"
    r"vermeide\w*|verboten|untersagt|erlaubt|behalt\w*|beibehalten|ohne|zwingend|verpflichtend|"
    r"sicherstellen|stelle?\s+sicher|achte\w*|höchstens|mindestens|maximal|lass\w*|bevor|außer|"
    r"nichts|niemand\w*|weder|lediglich|"
    # French
    r"doit|dois|doivent|devez|devons|devra\w*|jamais|pas|seulement|uniquement|toujours|"
    r"évite\w*|interdi\w+|garde[rz]?|conserve\w*|sans|obligatoire\w*|il\s+faut|impératif\w*|"
    r"impérativement|veille[rz]?|assure[rz]?|au\s+(?:plus|moins)|aucune?s?|rien|sauf|"
    r"exclusivement|autoris\w+|laisse[rz]?|avant\s+de|"
    # Spanish
    r"debe|deben|debes|debemos|deberá\w*|nunca|jamás|s[oó]lo|solamente|únicamente|siempre|"
    r"evit\w+|prohib\w+|mant[eé]n\w*|conserva\w*|sin|obligatori\w+|hay\s+que|tienes?\s+que|"
    r"asegúr\w+|asegur\w+|como\s+máximo|al\s+menos|ning[uú]n\w*|nada|salvo|excepto|antes\s+de|"
    r"dej[ae]\w*|exclusivamente|permiti\w+|no\s+se|"
    # Italian, Portuguese
    r"deve|devono|devi|mai|non|soltanto|sempre|vietat\w+|mantieni|senza|obbligator\w+|"
    r"não|apenas|somente|proibid\w+|mantenha|sem|devem|"
    # Russian
    r"нельзя|никогда|не|только|всегда|долж\w+|обязательно|запре\w+|избега\w+|сохран\w+|без|"
    r"нужно|надо|следует|кроме|оставь\w*"
)
_STRONG_SIGNS = (
    # Chinese, Japanese, Korean: no blanks between words
    "必须|必須|必需|不要|不得|不能|不可|不许|不許|不准|禁止|严禁|嚴禁|切勿|请勿|請勿|勿|千万|千萬|只能|"
    "只|仅|僅|始终|始終|总是|總是|一直|永远|永遠|从不|從不|绝不|絕不|决不|避免|保持|保留|务必|務必|一定|"
    "确保|確保|应该|應該|应当|應當|除非|除了|至少|最多|不超过|不超過|不应|不應|不再|别|別|必ず|決して|絶対|"
    "しないで|してはい|ないこと|のみ|だけ|常に|避け|べき|なければ|以外|반드시|절대|마세요|마십시오|말아|말 것|"
    "하지 마|금지|항상|오직|유지|피하|해야"
)
_WEAK_WORDS = (
    r"not|no|nor|use|using|prefer\w*|please|pls|want\w*|wish|like|expect\w*|instead|rather|"
    r"remember|important|note|careful\w*|need\w*|target\w*|support\w*|compatible|compatibility|"
    r"stop|leave|until|max|min|up\s+to|under|deadline|budget|style|format|follow\w*|stick|"
    r"tell\s+me|let\s+me\s+know|ask|"
    r"bitte|verwende\w*|benutz\w+|nutze|statt|bevorzug\w*|wichtig|frag\w*|"
    r"utilise[rz]?|préfér\w*|préfèr\w*|merci\s+de|plutôt|important\w*|"
    r"usa|use|utiliz\w+|utilice|prefier\w+|por\s+favor|importante|"
    r"usa\w*|preferi\w+|per\s+favore|используй\w*|пожалуйста|лучше|важно"
)
_WEAK_SIGNS = "请|請|使用|用|需要|优先|優先|ください|使って|주세요|사용"

_STRONG = re.compile(rf"(?<!\w)(?:{_STRONG_WORDS})(?!\w)|{_STRONG_SIGNS}", re.IGNORECASE)
_WEAK = re.compile(rf"(?<!\w)(?:{_WEAK_WORDS})(?!\w)|{_WEAK_SIGNS}", re.IGNORECASE)

_ITEM = re.compile(r"\s*(?:[-*+•·–—]|\(?\d{1,3}[.)、]|\(?[a-zA-Z][.)])\s+")
_FENCE = re.compile(r"\s*(?:```|~~~)")
_QUOTED = re.compile(r"\s*>\s?")
_HEADING = re.compile(r"\s*#{1,6}\s")
_INTRODUCES = re.compile(r"[:：]\s*[*_]*\s*$")
_ABBREVIATED = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|cf|approx|no|nr|bzw|z\.\s?b|d\.\s?h|u\.\s?a|ca|usw|p\.\s?ex|ej|mr|"
    r"mrs|dr|fig|sec)|\b[A-Z])\.$",
    re.IGNORECASE,
)
_END = re.compile(r"[.!?…]+[\"'”’»)\]*_`]*(?=\s+[^a-zà-öø-ÿа-я\s])|[。！？；…]+[”’」』）]*|;(?=\s)")
_CODE = re.compile(r"[{};]\s*$|^\s*[\w.\[\]]+\s*[-+*/|&]?=[^=]|\w\(.*\)\s*[:;{]?\s*$|=>|->|::|&&|\|\|")


@dataclass(frozen=True, slots=True)
class Constraint:
    """`weak` ones may go first when there is no room for all."""

    text: str
    weak: bool = False


def constraints_in(text: str) -> Iterator[Constraint]:
    """Find the rules in what a user said, in their order; time is linear in the text."""
    listed = False
    for block in _blocks(text):
        body = block.text
        if block.is_item and listed:
            yield Constraint(_shown(body))
            continue
        found = [each for sentence in sentences(body) for each in _ruled(sentence)]
        yield from found
        if _INTRODUCES.search(body):
            listed = bool(found)
        elif not block.is_item:
            listed = False


def sentences(text: str) -> list[str]:
    """Part a paragraph into sentences; one ends where the next does not go on in lower case."""
    parts: list[str] = []
    start = 0
    for end in _END.finditer(text):
        said = text[start : end.end()]
        if end.group()[0] == "." and _ABBREVIATED.search(said[-12:]):
            continue
        parts.append(said.strip())
        start = end.end()
    parts.append(text[start:].strip())
    return [part for part in parts if part]


def normalised(text: str) -> str:
    """Give what two sentences have in common that say the same."""
    return " ".join(text.casefold().split()).strip(" .!。！;；-*•\"'`")


def _ruled(sentence: str) -> Iterator[Constraint]:
    asks = sentence.rstrip("\"'”’)»").endswith(("?", "？"))
    strong = list(_STRONG.finditer(sentence))
    if not strong and (asks or not _WEAK.search(sentence)):
        return
    if len(sentence) <= MAX_SENTENCE_CHARS:
        yield Constraint(sentence, weak=not strong)
        return
    for first, last in _around(strong or list(_WEAK.finditer(sentence))):
        yield Constraint(sentence[first:last].strip(), weak=not strong)


def _around(marks: Iterable[re.Match[str]]) -> list[tuple[int, int]]:
    """Say which parts of a very long sentence stand around the words that make it a rule."""
    spans: list[tuple[int, int]] = []
    for mark in marks:
        first, last = max(0, mark.start() - AROUND_CHARS), mark.end() + AROUND_CHARS
        if spans and mark.end() <= spans[-1][0] + MAX_SENTENCE_CHARS and first <= spans[-1][1]:
            spans[-1] = (spans[-1][0], last)
        else:
            spans.append((first, last))
    return spans


def _shown(text: str) -> str:
    if len(text) <= 2 * MAX_SENTENCE_CHARS:
        return text
    return f"{text[:MAX_SENTENCE_CHARS]} […] {text[-MAX_SENTENCE_CHARS:]}"


@dataclass(frozen=True, slots=True)
class _Block:
    text: str
    is_item: bool


def _blocks(text: str) -> Iterator[_Block]:
    """Join the lines of each paragraph and of each item of a list; code is taken by the line."""
    lines: list[str] = []
    is_item = in_code = False
    for line in text.splitlines():
        if _FENCE.match(line):
            yield from _joined(lines, is_item=is_item)
            lines, is_item, in_code = [], False, not in_code
            continue
        plain = _QUOTED.sub("", line, count=1)
        begins = _ITEM.match(plain) is not None
        if in_code or begins or not plain.strip() or _HEADING.match(plain) or _is_code(plain):
            yield from _joined(lines, is_item=is_item)
            lines, is_item = [], begins
        if in_code and _is_code(plain):
            continue
        lines.append(_ITEM.sub("", plain, count=1) if begins else plain)
        if _INTRODUCES.search(plain):
            yield from _joined(lines, is_item=is_item)
            lines, is_item = [], False
    yield from _joined(lines, is_item=is_item)


def _joined(lines: list[str], *, is_item: bool) -> Iterator[_Block]:
    body = " ".join(line.strip() for line in lines).strip()
    if body:
        yield _Block(body, is_item)


def _is_code(line: str) -> bool:
    return _CODE.search(line) is not None
