"""
How many tokens a text will be, without the tokenizer of its model.

An estimate counts kinds of characters, each with the part of a token that it is on average. It
takes 5 ns a character and no memory to speak of.

Its error, measured on 290 texts of 200 to 15,000 tokens against four tokenizers (those of GPT-4,
GPT-4o, DeepSeek V3, and the one that was published for Claude). Against the mean of the four, 95 of
100 texts are within 14 %, and within 17 % where they had no part in setting the numbers. Against a
single one, code, English, JSON and logs are within 25 % (95 of 100) and all within 40 %; texts in
other languages are from a third too low to 72 % too high, since the tokenizers differ that much
among themselves there. Newer models may count up to a third more than these four. So what a
provider reports goes before an estimate wherever there is a report.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Sequence

from a3s_code.kernel.messages import (
    Attachment,
    Context,
    Conversation,
    Message,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from a3s_code.kernel.plain import canonical

PER_MESSAGE = 4
"""For the marks around a message, and around each call and each result in it."""
PER_IMAGE = 1_600
"""What the largest image costs that is not made smaller first."""


def _all_but(*ranges: range) -> bytes:
    kept = {value for each in ranges for value in each}
    return bytes(value for value in range(256) if value not in kept)


_LOWER = _all_but(range(ord("a"), ord("z") + 1))
_UPPER = _all_but(range(ord("A"), ord("Z") + 1))
_DIGIT = _all_but(range(ord("0"), ord("9") + 1))
_BREAK = _all_but(range(9, 14))
_SIGN = _all_but(range(33, 48), range(58, 65), range(91, 97), range(123, 127))
_WIDE = (
    (_all_but(range(0xC2, 0xCE)), 1.4),  # Latin letters with marks
    (_all_but(range(0xD0, 0xD4)), 0.4),  # Cyrillic
    (_all_but(range(0xCE, 0xD0), range(0xD4, 0xE0)), 0.75),  # Greek, Hebrew, Arabic
    (_all_but(range(0xE0, 0xE3)), 1.0),  # scripts of India, Vietnamese, typography
    (_all_but(range(0xE3, 0xEA)), 0.71),  # Chinese, Japanese
    (_all_but(range(0xEA, 0xF0)), 0.81),  # Korean
    (_all_but(range(0xF0, 0xF8)), 2.5),  # emoji
)
"""First bytes in UTF-8, by script, and the tokens that each character is."""
_BLOB = 12
"""Letters and digits for each other character from which on a text is no text: base64, hex."""
_BLOB_TOKENS = 0.7

SAMPLE_BYTES = 64 * 1024
_PIECE_BYTES = 512


def estimate(text: str | bytes) -> int:
    """
    Estimate the tokens of a text, or of a text in UTF-8.

    Returns:
        0 for an empty text, else 1 or more; the error stands at the top of this module.
    """
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if not data:
        return 0
    lower, upper = len(data.translate(None, _LOWER)), len(data.translate(None, _UPPER))
    digit, sign = len(data.translate(None, _DIGIT)), len(data.translate(None, _SIGN))
    blank, end = data.count(b" "), len(data.translate(None, _BREAK))
    if lower + upper + digit > max(_BLOB * (blank + end + sign), len(data) * 0.9, 100):
        return math.ceil((lower + upper + digit) * _BLOB_TOKENS)
    tokens = 0.19 * lower + 0.28 * upper + 0.77 * digit + 0.67 * sign + 0.54 * end
    tokens += 0.235 * blank - 0.3 * data.count(b"  ")
    if not data.isascii():
        tokens += sum(len(data.translate(None, each)) * share for each, share in _WIDE)
    return max(1, round(tokens))


def estimate_all(texts: Sequence[bytes]) -> int:
    """
    Estimate the tokens of many texts in UTF-8 together.

    Of more than `SAMPLE_BYTES` only so many are looked at, in pieces spread evenly over all of
    them; beside the error of an estimate that makes a few percent.
    """
    ends = list(itertools.accumulate(map(len, texts)))
    whole = ends[-1] if ends else 0
    if whole <= SAMPLE_BYTES:
        return sum(map(estimate, texts))
    step = whole // (SAMPLE_BYTES // _PIECE_BYTES)
    tokens = seen = 0
    for place in range(step // 2, whole, step):
        number = bisect.bisect_right(ends, place)
        text = texts[number]
        start = place - (ends[number] - len(text))
        piece = text[start : start + _PIECE_BYTES]
        tokens, seen = tokens + estimate(piece), seen + len(piece)
    return round(tokens * whole / seen)


def of_message(message: Message) -> int:
    """Estimate what a message adds to a request."""
    return PER_MESSAGE + sum(map(_of_block, message.blocks))


def of_conversation(conversation: Conversation) -> int:
    """Estimate what a conversation is in a request; each message is measured once."""
    return sum(conversation.measured(of_message))


def _of_block(block: object) -> int:
    match block:
        case Text() | Thinking() | Context():
            return estimate(block.text)
        case ToolCall(name=name, input=arguments):
            given = block.malformed or canonical(arguments)
            return 2 * PER_MESSAGE + estimate(name) + estimate(given)
        case ToolResult(content=content, images=images):
            return 2 * PER_MESSAGE + estimate(content) + PER_IMAGE * len(images)
        case Attachment():
            return PER_IMAGE
        case _:
            return 0
