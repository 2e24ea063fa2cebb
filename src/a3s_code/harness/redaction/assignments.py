"""
Secrets that are known by what stands before them: names, flags, headers, addresses.

Only the value goes; the name that told of it stays. A value that is plainly none stays too:
a word, a reference to a variable, a call, a path, a sample such as `<your-key>`. Every
expression is anchored at a literal and bounded, so the time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from a3s_code.harness.redaction.spans import Span

REACH = 160
"""No expression here looks further back from a value than this."""

MAX_VALUE = 512
"""No expression here reads more of a value."""

_QUOTE = r"(?:\\{0,3}[\"'`])?"
_GAP = r"[ \t]{0,8}"
_QUOTED = r"(?<=[\"'`])(?:[^\"'`\\\s]|\\(?![\"'`])){4,256}(?=\\{0,3}[\"'`])"
_BARE = r"[^\s\"'`<>,;&|(){}\[\]\\]{4,256}"
_VALUE = f"({_QUOTED}|{_BARE})"
_BLOCK = r"[|>][+-]?[ \t]{0,8}\n[ \t]{1,16}"
_SEPARATOR = rf"(?::=|=>|={{1,3}}(?!=)|:(?!:)){_GAP}(?:{_BLOCK})?{_QUOTE}"
_NUMBER = r"(?:_?[0-9]{1,3}|_value|_prod|_dev|_test|_live)?"
_NAME_END = rf"{_NUMBER}(?![A-Za-z0-9_-]){_QUOTE}"


@dataclass(frozen=True, slots=True)
class Clue:
    """
    Attributes:
        patterns: Each begins with its literal, which is in lower case, and so is what it is
            asked for; its group 1 is the value.
        fits: Says that a value is one.
    """

    label: str
    patterns: tuple[tuple[str, re.Pattern[str]], ...]
    fits: Callable[[str, str, int], bool]


def _is_value(value: str, text: str, end: int) -> bool:
    """Say that what was assigned is no word, reference, call, path or sample."""
    if not _is_mixed(value) or _SAMPLE.match(value) or _REFERENCE.fullmatch(value):
        return False
    return text[end : end + 1] not in ("(", "[")


def _is_password(value: str, text: str, end: int) -> bool:
    return _is_value(value, text, end) or (value.isdigit() and len(value) >= MIN_DIGITS)


def _is_strong(value: str, *_: object) -> bool:
    """Say that a value is one although nothing but a blank parts it from its name."""
    kinds = (_LOWER, _UPPER, _DIGIT, _SIGN)
    return len(value) >= MIN_STRONG and sum(bool(kind.search(value)) for kind in kinds) >= KINDS


def _is_mixed(value: str) -> bool:
    has_letter, has_sign = _LETTER.search(value), _SIGN.search(value)
    return bool((has_sign and has_letter) or ((has_letter or has_sign) and _DIGIT.search(value)))


def _is_opaque(value: str, *_: object) -> bool:
    return bool(_DIGIT.search(value) and _LETTER.search(value))


def _is_given(value: str, *_: object) -> bool:
    """Say that a part of an address is no sample."""
    return not _SAMPLE.match(value) and value.lower() not in _SAMPLE_PASSWORDS


MIN_DIGITS, MIN_STRONG, KINDS = 6, 8, 3
_LOWER, _UPPER, _DIGIT = re.compile("[a-z]"), re.compile("[A-Z]"), re.compile("[0-9]")
_SIGN, _LETTER = re.compile("[!@#$%^&*+=?~]"), re.compile("[^\\W\\d_]")
_SAMPLE = re.compile(
    r"<|\$|\{|%[({A-Z]|\[|\*{3}|x{4}|X{4}|\.\.\.|(?i:your|example|sample|placeholder|insert|todo"
    r"|change|replace|redacted|none|null|undefined|true|false|process\.env|os\.environ|env[.(]"
    r"|getenv|secrets\.|vars\.|var\.|sha[0-9]+[:-]|[a-z][a-z0-9+.-]{1,16}://)"
)
_REFERENCE = re.compile(
    r"[A-Za-z_$][A-Za-z0-9_]{0,64}(?:(?:\.|->|::|\?\.)[A-Za-z_$][A-Za-z0-9_]{0,64}){1,8}"
    r"|[~.]{0,2}/[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)+|[a-z]+(?:[_-][a-z]+)*[_-]?[0-9]{0,2}"
    r"|v?[0-9]+(?:\.[0-9]+)+|[0-9]+(?:e-?[0-9]+|[kmgKMG][bB]?|ms|s|px|em|%)?"
)
_SAMPLE_PASSWORDS = frozenset({"pass", "password", "passwd", "pwd", "secret", "token"})

_KEY_NAME = re.compile(
    r"(?:(?:api|access|account|app|application|auth|client|consumer|encryption|license|master"
    r"|private|secret|service|shared|signing|subscription)[_ -]?|sharedaccess)key\Z",
    re.IGNORECASE,
)
_NO_NAME = re.compile(
    r"(?:public|primary|foreign|sort|cache|partition|max|min|num|n|per|next|prev)[_-]?\Z",
    re.IGNORECASE,
)
_USER = re.compile(r"://[^\s/?#@\"'<>]*\Z")


def _clue(
    label: str, literals: str, rest: str, fits: Callable[[str, str, int], bool] = _is_value
) -> Clue:
    """Make a clue of literals that are parted by `|`, and of what follows each of them."""
    each = ((literal, re.compile(re.escape(literal) + rest)) for literal in literals.split("|"))
    return Clue(label, tuple(each), fits)


_ASSIGNED = rf"{_NAME_END}{_GAP}{_SEPARATOR}{_VALUE}"
_NEXT = rf"[ \t]{{1,4}}{_QUOTE}{_VALUE}"

CLUES = (
    _clue("PASSWORD", "pass|pwd", rf"(?:word|wd|phrase|wort)?{_ASSIGNED}", _is_password),
    _clue("SECRET", "secret|credential", rf"s?{_ASSIGNED}"),
    _clue("TOKEN", "token", _ASSIGNED),
    _clue("KEY", "key", _ASSIGNED),
    _clue(
        "AUTH",
        "auth",
        rf"{_NAME_END}{_GAP}{_SEPARATOR}([a-z0-9+/_=-]{{12,256}})",
        _is_opaque,
    ),
    _clue("PASSWORD", "password|passwd|passphrase|--pass", _NEXT, _is_strong),
    _clue("SECRET", "--token|--secret|--api-key|--apikey|--key|--auth-token", _NEXT),
    _clue("PASSWORD", " -p| -a ", rf"[ \t]?(?<![0-9][: ]){_QUOTE}{_VALUE}", _is_strong),
    _clue("PASSWORD", " -u| --user", rf"[ =]?{_QUOTE}[^\s:]{{1,64}}:{_VALUE}", _is_strong),
    _clue(
        "TOKEN",
        "bearer |basic |token ",
        r"[ \t]{0,4}([a-z0-9._~+/=-]{12,256})",
        _is_opaque,
    ),
    _clue(
        "PASSWORD",
        "<password>|<passwd>|<pwd>|<token>|<secret>|<apikey>|<api_key>",
        r"([^<>\s]{4,256})(?=</)",
        _is_given,
    ),
    _clue("PASSWORD", "://", r"[^\s/:@\"'<>]{0,128}:([^\s/@\"'<>]{3,512})@", _is_given),
    _clue("COOKIE", "cookie:", r"[ \t]{0,4}[a-z0-9_.-]{1,64}=([^\s;\"']{8,256})", _is_opaque),
    _clue("SIGNATURE", "sig=|x-amz-signature=|signature=", r"([a-z0-9%+/=_-]{20,256})", _is_opaque),
)
"""What stands before a value; letters in lower case stand for both."""


def assignments(text: str, lowered: str, start: int = 0) -> Iterator[Span]:
    """
    Find every value that is named a secret and begins at `start` or later.

    Args:
        lowered: `text` with ASCII letters in lower case; as long as it.
    """
    for clue in CLUES:
        for literal, pattern in clue.patterns:
            if literal in lowered:
                yield from _each(clue, literal, pattern, text, lowered, start)


def _each(
    clue: Clue, literal: str, pattern: re.Pattern[str], text: str, lowered: str, start: int
) -> Iterator[Span]:
    found = pattern.search(lowered, max(0, start - REACH))
    covered = start
    while found is not None:
        at, (first, last) = found.start(), found.span(1)
        is_one = first >= start and clue.fits(text[first:last], text, last)
        if is_one and _names_one(literal, text, at):
            covered = covered if last <= covered else _whole(text, last)
            yield Span(first, max(last, covered), clue.label)
        # What is named within a value that goes on for long is a part of it.
        found = pattern.search(lowered, max(at + len(literal), covered - REACH - MAX_VALUE))


def _whole(text: str, end: int) -> int:
    """Give where a value ends that is longer than what its expression reads of it."""
    found = _REST.match(text, end)
    return found.end() if found is not None else end


_REST = re.compile(r"[A-Za-z0-9+/=_.~%-]*")


def _names_one(literal: str, text: str, at: int) -> bool:
    """
    Say that a name tells of a secret; `key` alone does not, nor does `max_token`.

    What is the name of a user in an address is none: the value goes on after its end.
    """
    before = text[max(0, at - 64) : at]
    if literal[0].isalpha() and _USER.search(before):
        return False
    if literal == "key":
        return _KEY_NAME.search(before + "key") is not None
    return literal != "token" or _NO_NAME.search(before) is None
