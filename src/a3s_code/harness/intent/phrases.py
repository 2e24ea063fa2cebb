"""
What a request begins with that asks for a style: the text of a clause in lower case.

Source:
    SPEC 1.8 for what says a style with high confidence; the other rows are ours.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from a3s_code.harness.intent.styles import CODE_REVIEW, EXPLORE, PLAN, VERIFICATION, Style

Confidence: TypeAlias = Literal["high", "medium", "low"]

# Fragments, each written once: what stands before a noun, verbs of doing, what may follow.
_THING = r"(?:the |this |that |these |those |my |our |your |its |an? )"
_DO = r"(?:do|run|perform|conduct|make|carry out|give (?:me|us|it|this)|(?:i|we) (?:need|want))"
_STATES = r"(?!.*\b(?:is|are|was|were|has|have|does|did|isn't|aren't|doesn't|fails?|failed)\b)"
_ENDS = (
    r"(?= *$| (?:about|against|and|as|before|covering|first|for|from|here|how|in|instead|of|on|"
    r"only|please|showing|so|that|to|today|using|what|where|which|with|without)\b)"
)
_KIND = (
    r"(?:(?:brief|careful|clear|complete|concrete|detailed|full|good|high-level|implementation|"
    r"migration|phased|project|quick|refactoring|rollout|rough|short|simple|step-by-step|technical|"
    r"upgrade|work) )*"
)
_DEEP = r"(?:(?:careful|complete|deep|detailed|full|proper|quick|short|strict|thorough) )*"
_HOLES = r"security (?:bugs|flaws|holes|issues|problems|risks|weaknesses)|vulnerabilit(?:y|ies)"
_PLACED = (
    r"(?:called|checked|come from|configured|created|declared|defined|handled|happen|"
    r"implemented|initiali[sz]ed|live|loaded|parsed|raised|registered|set|stored|thrown|used|"
    r"validated)"
)
_CHANGE = (
    r"(?:branch|changes?|class|code|commits?|diff|files?|fix|function|implementation|it|"
    r"merge request|migration|module|patch|prs?|pull requests?|refactoring)"
)

PHRASES: tuple[tuple[Style, Confidence, str], ...] = (
    (VERIFICATION, "high", r"try (?:hard )?to break\b(?!.*\b(?:apart|down|into|out|up)\b)"),
    (
        VERIFICATION,
        "high",
        (
            r"(?:find|hunt for|identify|look for|search for)"
            r" (?:all |any |more |possible |potential |security |the )*vulnerabilit(?:y|ies)\b"
        ),
    ),
    (VERIFICATION, "high", rf"{_DO} an? {_DEEP}security audit{_ENDS}"),
    (VERIFICATION, "high", rf"{_DEEP}security audit (?:for|of|on)\b{_STATES}"),
    (
        VERIFICATION,
        "high",
        (
            rf"(?:{_DO} an? {_DEEP})?adversarial (?:analysis|audit|check|pass|review|test|testing|"
            rf"verification){_ENDS}{_STATES}"
        ),
    ),
    (VERIFICATION, "high", r"be adversarial\b"),
    (
        VERIFICATION,
        "high",
        r"(?:attack|check|examine|probe|review|test|verify) .{0,80}\badversarially\b",
    ),
    (PLAN, "high", r"help (?:me|us) (?:to )?(?:design|plan)\b"),
    (
        PLAN,
        "high",
        (
            r"(?:(?:come up with|create|develop|devise|draft|give|make|outline|prepare|produce|"
            r"propose|put together|show|sketch|suggest|work out|write)(?: me| us)?"
            rf"|(?:i|we)(?:'d like| would like| need| want)) (?:an? |the |your )?{_KIND}plan{_ENDS}"
        ),
    ),
    (PLAN, "high", rf"(?:an? )?{_KIND}(?:implementation|step-by-step) plan (?:for|to)\b{_STATES}"),
    (EXPLORE, "high", r"find (?:all|every)(?: (?:of )?the)? files?\b"),
    (EXPLORE, "high", r"(?:locate|search for) all\b"),
    (
        PLAN,
        "medium",
        r"plan (?:how|out|what) |plan (?:a(?! (?:corto|largo|medio)\b)|an|our|the|this) \S+",
    ),
    (VERIFICATION, "medium", rf"audit (?:[\w-]+ ){{0,5}}?(?:security\b|for (?:{_HOLES}))"),
    (
        VERIFICATION,
        "medium",
        rf"(?:check|look|search) (?:[\w-]+ ){{0,5}}?for (?:any )?(?:{_HOLES})",
    ),
    (VERIFICATION, "medium", r"poke holes in\b|pentest\b|penetration[- ]test\b"),
    (
        VERIFICATION,
        "medium",
        (
            rf"verify (?:that |whether )?{_THING}(?:[\w-]+ ){{0,3}}?"
            r"(?:changes?|claims?|fix|implementation|migration|patch|refactoring|solution)\b"
        ),
    ),
    (
        EXPLORE,
        "medium",
        (
            rf"explore {_THING}(?:[\w-]+ ){{0,3}}?(?:architecture|code|codebase|directory|module|"
            r"package|project|repo|repository|source)\b"
        ),
    ),
    (EXPLORE, "medium", r"(?:figure out|find(?: out)?|look up|show me|tell me) where\b"),
    (EXPLORE, "medium", rf"where (?:are|did|do|does|is) .{{1,120}}\b{_PLACED}\b"),
    (EXPLORE, "medium", r"trace (?:how|where|the (?:call|flow|path))\b"),
    (
        EXPLORE,
        "medium",
        rf"map (?:out )?{_THING}(?:[\w-]+ ){{0,2}}?(?:architecture|codebase|repo|repository)\b",
    ),
    (
        CODE_REVIEW,
        "medium",
        rf"review (?:it\b|(?:{_THING}|all )(?:[\w-]+ ){{0,3}}?{_CHANGE}\b(?! reviews?\b))",
    ),
    (CODE_REVIEW, "medium", rf"{_DO} an? {_DEEP}(?:code )?review{_ENDS}"),
    (CODE_REVIEW, "medium", rf"code review (?:for|of|on)\b{_STATES}"),
)
"""Style, confidence and regular expression; the first that fits a clause counts."""
