"""
Secrets that are known by their shape: what providers put in front of their keys.

Each shape begins with a literal that `str.find` looks for, so a text without it costs next
to nothing. What follows is a run of one class of characters, and whatever is longer than
the shortest key belongs to it: a shape never fails far from where it began, so the time is
linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from a3s_code.harness.redaction.spans import Span

_ALNUM = "[A-Za-z0-9]"
_WORD = "[A-Za-z0-9_-]"
_HEX = "[0-9a-f]"


@dataclass(frozen=True, slots=True)
class Shape:
    """
    Attributes:
        literals: One of them stands `back` characters after the beginning.
        pattern: Matched from the beginning; its group 1 is the secret, or else all of it.
            Without its group it is none, and nothing begins in what it matched.
        needs_digit: Words with dashes are no keys.
    """

    label: str
    literals: tuple[str, ...]
    pattern: re.Pattern[str]
    back: int = 0
    needs_digit: bool = False


class _Places(Protocol):
    def __call__(self, text: str, start: int, /) -> re.Match[str] | None: ...


def _after(label: str, prefixes: str, rest: str, *, needs_digit: bool = False) -> Shape:
    """Make the shape of keys that begin with one of `prefixes`, parted by blanks."""
    literals = tuple(prefixes.split())
    any_of = "|".join(map(re.escape, literals))
    return Shape(label, literals, re.compile(f"(?:{any_of}){rest}"), needs_digit=needs_digit)


SHAPES = (
    _after("API_KEY", "sk- sk_ pk- pk_ rk_", _WORD + "{20,}", needs_digit=True),
    _after("AWS_KEY", "AKIA ASIA ABIA ACCA", "[A-Z0-9]{16,}"),
    _after("GITHUB_TOKEN", "ghp_ gho_ ghu_ ghs_ ghr_", _ALNUM + "{36,}"),
    _after("GITHUB_TOKEN", "github_pat_", "[A-Za-z0-9_]{22,}"),
    _after(
        "GITLAB_TOKEN",
        "glpat- gldt- glrt- glft- glsoat- glcbt- glptt- glimt- glagent- gloas- glffct-",
        _WORD + "{20,}",
    ),
    _after("SLACK_TOKEN", "xoxb- xoxp- xoxa- xoxr- xoxs- xoxe- xoxe.", "[A-Za-z0-9.-]{10,}"),
    _after("SLACK_TOKEN", "xapp-", "[A-Za-z0-9-]{10,}", needs_digit=True),
    _after("GOOGLE_KEY", "AIza", _WORD + "{35,}"),
    _after("GOOGLE_KEY", "GOCSPX-", _WORD + "{20,}"),
    _after("GOOGLE_KEY", "ya29.", _WORD + "{20,}"),
    _after("GOOGLE_KEY", "1//0", _WORD + "{30,}"),
    _after("GOOGLE_KEY", "AAAA", _WORD + "{7}:" + _WORD + "{100,}"),
    _after("STRIPE_KEY", "whsec_", "[A-Za-z0-9+/=]{20,}"),
    Shape(
        "JWT",
        ("eyJ",),
        re.compile(
            rf"(eyJ{_WORD}{{8,}}+\.eyJ{_WORD}{{4,}}+(?:\.{_WORD}*+){{1,3}})|eyJ{_WORD}*+",
        ),
    ),
    _after("API_KEY", "gsk_ xai- pplx- fw_ fw- r8_ csk- jina_", _ALNUM + "{24,}", needs_digit=True),
    _after("API_KEY", "hf_ api_org_", _ALNUM + "{30,}"),
    _after("API_KEY", "lsv2_pt_ lsv2_sk_", "[A-Za-z0-9_]{32,}"),
    _after("API_KEY", "nvapi-", _WORD + "{30,}"),
    _after("API_KEY", "tvly- fc- exa_ e2b_ wandb_v1_", _WORD + "{24,}", needs_digit=True),
    _after("API_KEY", "SG.", _WORD + r"{16,}\." + _WORD + "{20,}"),
    _after("API_KEY", "key-", _HEX + "{32,}"),
    _after("API_KEY", "xkeysib- xsmtpsib-", _WORD + "{40,}"),
    _after("API_KEY", "re_", _ALNUM + "{8}_" + _ALNUM + "{20,}"),
    _after("API_KEY", "PMAK-", "[a-f0-9]{24}-[a-f0-9]{34,}"),
    _after("API_KEY", "NRAK- NRJS- NRII-", "[A-Za-z0-9_-]{19,}"),
    _after("PACKAGE_TOKEN", "npm_", _ALNUM + "{36,}"),
    _after("PACKAGE_TOKEN", "pypi-AgE", _WORD + "{50,}"),
    Shape(
        "PACKAGE_TOKEN",
        ("rubygems",),
        re.compile("rubygems(?:[\"']?[:=] ?[\"']?rubygems)?_" + _HEX + "{40,}"),
    ),
    _after("PACKAGE_TOKEN", "oy2", "[a-z0-9]{43}(?![A-Za-z0-9])"),
    _after("PACKAGE_TOKEN", "dckr_pat_ dckr_oat_", _WORD + "{20,}"),
    _after("PACKAGE_TOKEN", "cio", _ALNUM + "{32}(?![A-Za-z0-9])", needs_digit=True),
    _after("PACKAGE_TOKEN", "CLOJARS_", "[a-z0-9]{40,}"),
    _after("PACKAGE_TOKEN", "AKCp", _ALNUM + "{60,}"),
    _after("CLOUD_TOKEN", "dop_v1_ doo_v1_ dor_v1_", _HEX + "{40,}"),
    _after("CLOUD_TOKEN", "HRKU- heroku_", _WORD + "{30,}", needs_digit=True),
    _after("CLOUD_TOKEN", "nfp_ nfo_ nfc_ nfu_ nfb_", _ALNUM + "{30,}"),
    _after("CLOUD_TOKEN", "vcp_ vci_ vca_ vcr_ vck_", _ALNUM + "{20,}", needs_digit=True),
    _after("CLOUD_TOKEN", "rnd_ railway_", _ALNUM + "{24,}", needs_digit=True),
    _after("CLOUD_TOKEN", "fo1_ fm1_ fm2_ FlyV1", "[A-Za-z0-9_+/=,-]{30,}"),
    _after("CLOUD_TOKEN", "sbp_ sb_secret_", "[A-Za-z0-9_]{24,}", needs_digit=True),
    _after("CLOUD_TOKEN", "pscale_tkn_ pscale_pw_ pscale_oauth_", "[A-Za-z0-9_.=-]{30,}"),
    _after("CLOUD_TOKEN", "napi_", _ALNUM + "{40,}"),
    _after("CLOUD_TOKEN", "dapi dkea dose dsapi", _HEX + "{32,}(?:-[0-9])?"),
    _after("CLOUD_TOKEN", "LTAI", _ALNUM + "{17,}", needs_digit=True),
    _after("CLOUD_TOKEN", "AKID", _ALNUM + "{30,}", needs_digit=True),
    _after("CLOUD_TOKEN", "glsa_ glc_", "[A-Za-z0-9_+/=]{32,}"),
    _after("CLOUD_TOKEN", "sntrys_ sntryu_", "[A-Za-z0-9_+/=]{40,}"),
    _after("CLOUD_TOKEN", "pul-", _HEX + "{40,}"),
    _after("CLOUD_TOKEN", "hvs. hvb. hvr.", _WORD + "{20,}"),
    _after("CLOUD_TOKEN", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.", "[A-Za-z0-9._-]{30,}"),
    _after("CLOUD_TOKEN", "squ_ sqp_ sqa_", _HEX + "{40,}"),
    _after("CLOUD_TOKEN", "tskey-", "[A-Za-z0-9-]{20,}", needs_digit=True),
    _after("CLOUD_TOKEN", "bkua_ CCIPAT_ CCIPRJ_", "[A-Za-z0-9_]{30,}"),
    _after("CLOUD_TOKEN", "ops_eyJ ico- sdk- api- mob-", _WORD + "{32,}", needs_digit=True),
    _after("CLOUD_TOKEN", "ATATT3 ATCTT3 ATBB", "[A-Za-z0-9_=-]{24,}", needs_digit=True),
    _after("APP_TOKEN", "shpat_ shpca_ shppa_ shpss_", "[A-Za-z0-9]{32,}"),
    _after("APP_TOKEN", "sq0atp- sq0csp- EAAAE", _WORD + "{20,}"),
    _after("APP_TOKEN", "EAA", _ALNUM + "{80,}"),
    _after("APP_TOKEN", "CFPAT-", _WORD + "{40,}"),
    _after("APP_TOKEN", "tfp_", _WORD + "{40,}"),
    _after("APP_TOKEN", "rdme_", "[a-z0-9]{60,}"),
    _after("APP_TOKEN", "shippo_live_ shippo_test_", _HEX + "{40,}"),
    _after("APP_TOKEN", "fio-u-", _WORD + "{50,}"),
    _after("APP_TOKEN", "duffel_live_ duffel_test_", "[A-Za-z0-9_=-]{40,}"),
    _after("APP_TOKEN", "FLWSECK-", "[A-Za-z0-9-]{20,}"),
    _after("APP_TOKEN", "FLWSECK_TEST- FLWPUBK_TEST-", "[A-Za-z0-9-]{12,}"),
    _after("APP_TOKEN", "figd_ figo_", _WORD + "{36,}"),
    _after("APP_TOKEN", "lin_api_ lin_oauth_", _ALNUM + "{32,}"),
    _after("APP_TOKEN", "ntn_", _ALNUM + "{40,}"),
    _after("APP_TOKEN", "secret_", _ALNUM + "{40,}", needs_digit=True),
    _after("APP_TOKEN", "pat", _ALNUM + r"{14}\.[a-f0-9]{64,}"),
    _after("APP_TOKEN", "EZAK EZTK", _ALNUM + "{54,}"),
    _after("APP_TOKEN", "access-sandbox- access-production- access-development-", "[0-9a-f-]{30,}"),
    _after("APP_TOKEN", "sl. sl.u.", _WORD + "{60,}"),
    _after("APP_TOKEN", "live_ test_", "[a-f0-9]{35,}"),
    _after("APP_TOKEN", "patC_ ctkn_ p8e- pnu_ pat_ phc_ phx_", _WORD + "{30,}", needs_digit=True),
    _after("APP_TOKEN", "AGE-SECRET-KEY-1", "[A-Z0-9]{50,}"),
    _after(
        "APP_TOKEN",
        "https://hooks.slack.com/",
        r"(?:services|workflows|triggers)/([A-Za-z0-9/_+-]{20,})",
    ),
    _after(
        "APP_TOKEN",
        "discord.com/api/webhooks/ discordapp.com/api/webhooks/",
        "[0-9]{10,22}/([A-Za-z0-9_-]{40,})",
    ),
    _after("APP_TOKEN", "webhook.office.com/webhookb2/", "([A-Za-z0-9@/_-]{40,})"),
    _after(
        "PASSWORD_HASH",
        "$2a$ $2b$ $2x$ $2y$ $1$ $5$ $6$ $y$ $7$ $apr1$ $argon2 $scrypt$ $pbkdf2",
        r"[A-Za-z0-9./+=$,_-]{20,}",
    ),
    Shape(
        "CLOUD_TOKEN", (".atlasv1.",), re.compile(_ALNUM + r"{14}\.atlasv1\." + _WORD + "{40,}"), 14
    ),
    Shape("API_KEY", ("-us",), re.compile(_HEX + "{32}-us[0-9]{1,2}(?![A-Za-z0-9])"), 32),
    Shape("APP_TOKEN", (":A",), re.compile("[0-9]{8,10}:A" + _WORD + "{33,}"), 10),
    Shape("APP_TOKEN", (":A",), re.compile("[0-9]{9}:A" + _WORD + "{33,}"), 9),
    Shape("APP_TOKEN", (":A",), re.compile("[0-9]{8}:A" + _WORD + "{33,}"), 8),
)
"""Prefixes as the providers document them; what follows is at least as long as a key is."""


_GUARDS = {
    literal: re.compile(f"{re.escape(literal)}(?<![A-Za-z0-9]{re.escape(literal)})")
    for shape in SHAPES
    for literal in shape.literals
}
"""Each literal where no word goes on; asked where a text has no escapes."""


_SIGNS = "_-.$:/"
_NEEDS = {literal: frozenset(_SIGNS) & frozenset(literal) for literal in _GUARDS}
_RUN = re.compile(r"[A-Za-z0-9_.:/+=$,@%-]{14,}")
"""No key is shorter; only in such runs are literals looked for."""


def tokens(text: str, start: int = 0) -> Iterator[Span]:
    """Find every key of a known shape that begins at `start` or later."""
    runs = "\n".join(_RUN.findall(text, start))
    if not runs:
        return
    has_escapes = "\\" in text or "\x1b" in text or "%" in text
    signs = frozenset(sign for sign in _SIGNS if sign in runs)
    for shape in SHAPES:
        for literal in shape.literals:
            if _NEEDS[literal] <= signs and literal in runs:
                is_plain = has_escapes or shape.back or literal[0] == "$"
                places = _all(literal) if is_plain else _GUARDS[literal].search
                yield from _each(shape, len(literal), text, start, places)


def _all(literal: str) -> _Places:
    return re.compile(re.escape(literal)).search


def _each(shape: Shape, size: int, text: str, start: int, places: _Places) -> Iterator[Span]:
    match, back = shape.pattern.match, shape.back
    place = places(text, start)
    while place is not None:
        begin, onward = place.start() - back, place.start() + size
        if begin >= start and _begins(text, begin):
            found = match(text, begin)
            if found is not None:
                first, last = found.span(found.re.groups)
                onward = max(onward, found.end())
                is_one = first >= 0
                if is_one and (not shape.needs_digit or _has_digit(text, first + size, last)):
                    yield Span(first, last, shape.label)
        place = places(text, onward)


def _begins(text: str, at: int) -> bool:
    """Say that no word goes on at `at`; an escape that ends in a letter is none."""
    if text[at] == "$":
        return True
    before = text[at - 1] if at else ""
    if not (before.isascii() and before.isalnum()):
        return True
    near = text[max(0, at - 16) : at]
    return ("\\" in near or "\x1b" in near or "%" in near) and bool(_ESCAPE.search(near))


_ESCAPE = re.compile(
    r"(?:(?:\x1b|\\u001b|\\x1b|\\033|\\e)\[[0-9;]{0,10}[A-Za-z]"
    r"|\\+[nrtbfv0]|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|%[0-9A-F]{2})\Z"
)
_DIGIT = re.compile("[0-9]")


def _has_digit(text: str, first: int, last: int) -> bool:
    return _DIGIT.search(text, first, last) is not None


def unfinished_name(text: str, start: int) -> int:
    """Give where a name stands that goes with the key after it, which has not ended; else -1."""
    found = _NAMED.search(text, max(start, len(text) - 256))
    return found.start() if found is not None else -1


_NAMED = re.compile(r"rubygems[\"']?(?:[:=] ?(?:[\"']?(?:r[a-z]{0,7}(?:_[0-9a-f]*)?)?)?)?\Z")
