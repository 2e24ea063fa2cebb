"""
Which agents of a session a prompt is handed to unasked, and how sure that is. Nothing is asked.

    @name, "use the review agent", "delegate this to explore"   0.96
    what a built-in agent is for, as a request of its own       explore 0.84, plan 0.82,
                                                                verification 0.88, review 0.86
    words of the description of an agent of the host            one 0.62, two 0.74, more 0.80
    such a description that says "proactive", and a prompt      0.16 more, 0.90 at most
    that asks for a change

`general` is only taken by its name. A prompt that asks for a change is no request for looking
something up first, so there only a name counts, and a description.

Source:
    SPEC 8, "Auto-delegation scoring"; the Chinese expressions are ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from a3s_code.harness.intent.agent_mentions import is_unwanted, mentions, wants_nobody
from a3s_code.harness.intent.detection import MAX_CHARS, requested
from a3s_code.harness.intent.own_words import own_words, spoken
from a3s_code.harness.intent.requests import changes, requests
from a3s_code.harness.tool_words import words
from a3s_code.kernel.children import AgentRole

MENTION = 0.96
KEYWORDS = {"explore": 0.84, "plan": 0.82, "verification": 0.88, "review": 0.86}
_OVERLAPS = (0.0, 0.62, 0.74, 0.80)
"""By the number of words of a description that a prompt has."""
_MORE, _MOST = 0.16, 0.90
"""For a description that says `proactive`, where the prompt asks for a change."""
MAX_PROMPT_CHARS = 64_000
"""A longer prompt is material."""

_SAID = """
    agent agents assistant change changed code codebase complex everything expert file fix focused
    folder general help helper help helping implement implementation job large make new old people
    proactive proactively project question quick quickly repo repository request run session simple
    single small specialist step subagent subagents task text thing user using work worker write
    writing
"""
_COMMON = frozenset(_SAID.split())
"""Words that every description has, and many prompts; they say nothing."""

_POLITE = (
    r"(?:请你?|帮我|麻烦你?|帮忙|先|然后|再|"
    r"可以|能否|现在|你|\s)*"
)
_CHINESE = {
    "explore": (
        r"(?:探索|梳理|浏览)\S{0,12}(?:代码|仓库|架构|"
        r"目录|项目)|(?:查找|找出|搜索|定位)\S{0,2}"
        r"(?:所有|全部)|\S{0,30}(?:在哪里|在哪个文件)"
    ),
    "plan": (
        r"(?:制定|制订|拟定|给出|设计|列出)\S{0,12}"
        r"(?:计划|方案)|规划"
    ),
    "verification": (
        r"(?:查找|找出|寻找|检查)\S{0,8}漏洞|"
        r"(?:做|进行)?\S{0,8}(?:安全审计|渗透测试)|"
        r"验证(?:一下)?\S{0,12}(?:修复|改动|修改|实现)"
    ),
    "review": (
        r"(?:审查|评审|审阅|review)\s*(?:一下)?\S{0,12}"
        r"(?:代码|改动|变更|修改|提交|合并请求)|"
        r"(?:做|进行)\S{0,6}代码(?:审查|评审)"
    ),
}
_CHINESE_CHANGE = re.compile(
    rf"{_POLITE}并?\s*(?:修复|修改|添加|增加|实现|"
    r"重构|删除|更新|替换|编写|写|创建|"
    r"重命名|迁移|优化|提交|改成|改为)"
)
_CHINESE_CLAUSE = re.compile(
    r"[\u3002\uff0c\uff1b\uff01\uff1f\u3001;,.!?\n]|然后|并且|(?<=\S)并|(?<=\S)再"
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """
    An agent that a prompt may be handed to.

    Attributes:
        score: 0 to 1.
        reason: What in the prompt says so, in a few words.
    """

    agent: AgentRole
    score: float
    reason: str


def candidates(
    prompt: str, agents: Sequence[AgentRole], others: Mapping[str, str] | None = None
) -> list[Candidate]:
    """
    Score the agents of a session; the surest come first, equals in the order of `agents`.

    Args:
        prompt: The words of the user, and nothing else.
        others: Other names that agents have, each with the name that it stands for.
    """
    if len(prompt) > MAX_PROMPT_CHARS:
        return []
    said = spoken(prompt).lower()
    if len(said) > MAX_CHARS or wants_nobody(said):
        return []
    named = [_names(agent, others or {}) for agent in agents]
    called = {found.agent: found.term for found in mentions(said, named)}
    asked = _asked(_without(prompt, called.values()), said)
    own = own_words(prompt)
    found: list[Candidate] = []
    for agent, names in zip(agents, named, strict=True):
        if is_unwanted(said, names):
            continue
        if agent.name in called:
            found.append(Candidate(agent, MENTION, f"the prompt says: {called[agent.name]}"))
        elif agent.native:
            term = asked.get(agent.name)
            if term:
                score = KEYWORDS[agent.name]
                found.append(Candidate(agent, score, f"the prompt says: {term}"))
        elif (shared := _shared(own, agent)) is not None:
            found.append(shared)
    return sorted(found, key=lambda each: -each.score)


def _names(agent: AgentRole, others: Mapping[str, str]) -> list[str]:
    return [agent.name, *(other for other, name in others.items() if name == agent.name)]


def _without(prompt: str, terms: Iterable[str]) -> str:
    """Leave out who is to do something: `use the plan agent` asks for no change."""
    for term in terms:
        prompt = re.sub(re.escape(term), "", prompt, flags=re.IGNORECASE)
    return prompt


def _asked(prompt: str, said: str) -> dict[str, str]:
    """Give the built-in agents whose work a prompt asks for, and the words that do."""
    english = {each.style.agent: each.term for each in reversed(requested(prompt))}
    return {name: english.get(name, "") for name in KEYWORDS} | _asked_in_chinese(said)


def _asked_in_chinese(said: str) -> dict[str, str]:
    if said.isascii():
        return {}
    clauses = [clause.strip() for clause in _CHINESE_CLAUSE.split(said)]
    if any(_CHINESE_CHANGE.match(clause) for clause in clauses):
        return {}
    found: dict[str, str] = {}
    for name, pattern in _CHINESE.items():
        for clause in clauses:
            term = re.match(rf"{_POLITE}(?P<term>{pattern})", clause)
            if term is not None and not term["term"].isascii():
                found[name] = term["term"]
                break
    return found


def _shared(own: str, agent: AgentRole) -> Candidate | None:
    """Score an agent of the host by the words that its name and description share with a prompt."""
    theirs = frozenset(words(f"{agent.name} {agent.description}")) - _COMMON
    shared = [word for word in dict.fromkeys(words(own)) if word in theirs]
    if not shared:
        return None
    score = _OVERLAPS[min(len(shared), len(_OVERLAPS) - 1)]
    reason = f"its description shares: {', '.join(shared[:8])}"
    if "proactive" in agent.description.lower() and any(map(changes, requests(own))):
        score = min(_MOST, score + _MORE)
        reason += ", and says that it acts of itself"
    return Candidate(agent, round(score, 2), reason)
