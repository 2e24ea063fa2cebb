"""
Signs that a text from outside wants to give orders to the model.

Advice, never a decision: what runs is decided by the gate, whatever a text says. The words
are those of SPEC 6.5 and of what is published about such attacks; docs/security.md says how
often they are right.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_CHARS = 256 * 1024
"""Of a text that is looked at: its beginning."""

THRESHOLD = 1.0


@dataclass(frozen=True, slots=True)
class Sign:
    name: str
    weight: float
    pattern: re.Pattern[str]


def _sign(name: str, weight: float, *patterns: str) -> Sign:
    return Sign(name, weight, re.compile("|".join(patterns), re.IGNORECASE))


_SECRETS = (
    r"\.env\b|id_rsa|\.ssh/|\.aws/|credentials?\b|api[ _-]?keys?|secrets?\b|environment variables?"
    r"|session log|system prompt|passwords?|tokens?\b"
)
_GIVES = r"print|send|post|upload|e-?mail|forward|pass|exfiltrate|list|share|copy|leak|output"
_ACTS = (
    r"run|execute|call|open|read|send|forward|e-?mail|post|upload|print|delete|push|add|set|create"
    r"|write|remember|store|install|join|use|approve|include|always|first"
)

SIGNS = (
    _sign("hidden_characters", 1.0, r"[\U000E0020-\U000E007E]{4,}"),
    _sign("hidden_characters", 1.0, r"(?:\w[\u200b\u200c\u2060\ufeff]){4,}"),
    _sign("hidden_characters", 1.0, r"[\ufe00-\ufe0f\U000E0100-\U000E01EF]{4,}"),
    _sign("terminal_control", 1.0, r"\x1b\[(?:[0-9;]{0,8};)?8m", r"\x1b\][0-9]{1,3};"),
    _sign("terminal_control", 1.0, r"\x1b\[[0-9]{0,4}[ABEFHfJKSTsu]"),
    _sign("role_marker", 1.0, r"<\|(?:im_start|im_end|system|user|assistant|endoftext)\|>"),
    _sign("role_marker", 1.0, r"\[/?INST\]", r"<</?SYS>>", r"</?(?:tool_result|function_results)>"),
    _sign("role_marker", 1.0, r"</?system-reminder>", r"</?(?:IMPORTANT|system_prompt)>"),
    _sign("role_marker", 1.0, r"\"role\"\s{0,4}:\s{0,4}\"(?:system|developer)\""),
    _sign(
        "role_marker",
        1.0,
        r"(?:\n|\\n){2}(?:Human|Assistant|User|System): ",
        rf"(?:^|[\n#\"'>]|\\n|: )[ \t]{{0,4}}(?:SYSTEM|User|Human|Assistant|Admin): "
        rf"[^\n]{{0,80}}\b(?:{_ACTS}|must|now|new|policy)\b",
    ),
    _sign(
        "override",
        1.0,
        r"\b(?:ignore|disregard|forget|override|bypass)s?\b[^.\n]{0,30}\b(?:previous|prior"
        r"|above|earlier|all|any|the|your)\b[^.\n]{0,20}\b(?:instructions?|rules|prompts?"
        r"|task|user|context|guidelines|directions|goal)\b",
        r"\bignorier\w*\b[^.\n]{0,40}\banweisung",
        r"игнориру\w*[^.\n]{0,40}(?:инструкци|указани)",
        r"(?:忽略|无视)[^。\n]{0,12}(?:指令|指示|说明|用户)",
        r"\bignor\w+\b[^.\n]{0,30}\b(?:instrucciones|instructions pr|istruzioni)",
        r"\byou are now (?:in )?(?:developer|admin|debug|dan|root|unrestricted)",
        r"\bnew instructions?\s{0,3}:",
        r"\bsystem prompt override",
        r"\boverrides? the (?:user|system)\b",
        r"\b(?:your|the) (?:real|actual|true|new) (?:task|goal|objective|instructions?)\b",
    ),
    _sign(
        "addressed",
        0.6,
        r"\bAI (?:agents?|assistants?|models?)\b",
        r"\bAI: ",
        r"\bif you are an (?:AI|agent|assistant|LLM)",
        r"\b(?:coding|automated|autonomous|LLM) agents?\b",
        r"\b(?:agents?|assistants?)(?: must|:|,) ?(?:join|run|call|forward|send|e-?mail|first)",
        r"\bfor (?:AI )?(?:agents|assistants)\b",
        r"\blanguage models?\b",
        r"\bassistant, (?:please )?\w+",
    ),
    _sign(
        "orders",
        0.4,
        rf"\b(?:please|must|should|first|now|and|then|to|not watching,|agent:|assistants?,"
        rf"|agents?:?|AI:?)\s(?:{_ACTS})\b",
    ),
    _sign(
        "secrecy",
        0.7,
        r"\b(?:do not|don't|never|without) (?:tell|show|inform|mention|notify|ask|alert)\w*"
        r"[^.\n]{0,20}\b(?:user|again|it|human|anyone|confirmation)",
        r"\bsay nothing\b",
        r"\buser is not (?:watching|looking)",
        r"\bsilently\b",
        r"display:\s?none|font-size:\s?0|visibility:\s?hidden",
    ),
    _sign(
        "approval",
        0.7,
        r"\b(?:user|admin\w*|owner) (?:has |have |already )*(?:approved|authori[sz]ed|allowed"
        r"|granted)\b",
        r"\b(?:approve (?:the )?next|(?:may|can) run (?:any|all|every)) commands?",
        r"\"allow\"\s?:\s?\[\s?\\?\"(?:bash|\*)",
        r"\bbash\(\*\)",
    ),
    _sign("takes_secrets", 0.6, rf"\b(?:{_GIVES})\b[^.\n]{{0,60}}(?:{_SECRETS})"),
    _sign(
        "takes_secrets",
        1.0,
        rf"!\[[^\]]{{0,80}}\]\([^)\n]{{0,200}}[?&=]<?[^)\n]{{0,40}}(?:{_SECRETS})",
    ),
    _sign(
        "fetched_program",
        1.0,
        r"\b(?:curl|wget)\b[^\n|]{0,200}\|\s{0,4}(?:ba|z|da)?sh\b",
        r"\|\s{0,4}nc\s",
    ),
    _sign(
        "decode_and_obey",
        1.0,
        r"\b(?:decode|rot13|base64|hex|decrypt)\b[^\n]{0,40}\b(?:follow|obey|do what|execute"
        r"|run|comply)",
    ),
    _sign(
        "redirects",
        0.7,
        r"\b(?:set|change|export)\b[^\n]{0,40}\b\w*(?:BASE_URL|ENDPOINT|PROXY|REGISTRY"
        r"|remote)\b[^\n]{0,40}(?:https?://|@)",
    ),
    _sign(
        "outlives",
        0.7,
        r"\b(?:remember|memori[sz]e|save|store|add)\b[^.\n]{0,50}\b(?:from now on|always"
        r"|for (?:all )?future|every session|to (?:your )?memory|permanently)\b",
        r"\b(?:from now on|in (?:all )?future sessions)\b[^.\n]{0,60}\b(?:always|never|must"
        r"|use|run)\b",
    ),
    _sign(
        "leads_away",
        0.3,
        r"\bto fix this (?:error|problem|issue)\b",
        r"\bso that the build works\b",
        r"\bfor speed\b",
    ),
)
"""Each counts once; a text whose weights reach `THRESHOLD` is labelled."""

_QUOTED = re.compile(
    r"\b(?:such as|means|called|printed|detect\w*|assert|example|e\.g\.)\W{0,12}"
    r"['\"“][^'\"”\n]{0,200}['\"”]"
)


@dataclass(frozen=True, slots=True)
class Suspicion:
    """`score` of 0 and more, and the names of the signs that were found."""

    score: float
    signs: tuple[str, ...]

    @property
    def is_labelled(self) -> bool:
        return self.score >= THRESHOLD


def suspicion(text: str) -> Suspicion:
    """Say how much a text from outside looks like orders to a model. Time is linear in it."""
    looked_at = _QUOTED.sub(" ", text[:MAX_CHARS])
    found: dict[str, float] = {}
    for sign in SIGNS:
        if sign.pattern.search(looked_at):
            found[sign.name] = max(sign.weight, found.get(sign.name, 0.0))
    return Suspicion(round(sum(found.values()), 2), tuple(found))
