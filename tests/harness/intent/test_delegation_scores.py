"""Which agents a prompt is handed to unasked; most prompts to none."""

from __future__ import annotations

import pytest

from a3s_code.delegation.builtin_agents import builtin_agents
from a3s_code.harness.agent_names import ALIASES
from a3s_code.harness.intent.delegation_scores import Candidate, candidates
from a3s_code.kernel.children import AgentRole
from harness.intent.prompts import ORDINARY, SHOWN, STYLED

LEAST = 0.72


def role(name: str, description: str) -> AgentRole:
    return AgentRole(name=name, description=description, role="r")


OWN = (
    role("frontend-cow", "Small verified frontend fixes in React components"),
    role("db_expert", "Answers questions about database migrations and indexes"),
    role("test-runner", "Use proactively to run pytest on the touched package"),
)


def scored(prompt: str, *own: AgentRole) -> list[Candidate]:
    return candidates(prompt, (*builtin_agents(), *own), ALIASES)


def chosen(prompt: str, *own: AgentRole) -> dict[str, float]:
    return {each.agent.name: each.score for each in scored(prompt, *own) if each.score >= LEAST}


MENTIONED = (
    ("explore", "Use the explore agent to find where auth is configured."),
    ("explore", "Please use the explore subagent for this"),
    ("explore", "@explore where are the timeouts set?"),
    ("explore", "Where are the timeouts set? Let the explore agent look first."),
    ("explore", "Delegate to explore: find every caller of parse"),
    ("explore", "delegate the search for callers to the explore sub-agent"),
    ("explore", "Ask explore to list the entry points"),
    ("explore", "Find the entry points using the explore agent"),
    ("review", "Fix the bug in the parser and then have the review agent check it"),
    ("review", "ask the reviewer agent whether the lock is right"),
    ("review", "Run agent-review on the diff"),
    ("review", "Could you use the code-review agent on src/a3s_code/api/run.py?"),
    ("general", "Use the general-purpose agent to rename the module"),
    ("general", "Hand the renaming over to the general agent, please"),
    ("plan", "I want you to ask the plan agent how to split the module"),
    ("verification", "@verification, try the new lock"),
    ("explore", "使用 explore 代理查看认证代码"),
    ("explore", "请用explore子代理找出入口"),
    ("review", "先修改解析器，然后让 review 智能体检查"),
    ("review", "把这次检查委派给 review"),
)
"""The agent, and a prompt that names it as who is to do something."""


@pytest.mark.parametrize(("name", "prompt"), MENTIONED)
def test_an_agent_that_is_named_for_something_is_chosen(name: str, prompt: str) -> None:
    assert chosen(prompt).get(name) == 0.96


ASKED = (
    *((agent, prompt) for agent, _, prompt in STYLED if agent in {"plan", "verification"}),
    *((agent, prompt) for agent, _, prompt in STYLED if agent in {"explore", "review"}),
    ("review", "审查一下最近的代码改动"),
    ("review", "请帮我做一次代码审查"),
    ("plan", "帮我制定一个迁移计划"),
    ("plan", "设计一个缓存方案"),
    ("verification", "查找登录模块的漏洞"),
    ("verification", "对支付模块进行安全审计"),
    ("explore", "找出所有打开套接字的文件"),
    ("explore", "梳理这个项目的代码架构"),
    ("explore", "认证错误在哪里处理？"),
)
"""The agent, and a prompt that asks for what it is there for."""

SCORES = {"explore": 0.84, "plan": 0.82, "verification": 0.88, "review": 0.86}


@pytest.mark.parametrize(("name", "prompt"), ASKED)
def test_work_that_a_built_in_agent_is_for_goes_to_it(name: str, prompt: str) -> None:
    assert chosen(prompt) == {name: SCORES[name]}


QUIET = (
    # Code, quotations and paths
    "Fix `@explore` in the decorator table",
    "Why does this fail?\n```python\n@review\ndef use_the_review_agent(): ...\n```",
    "> use the review agent\n\nWhat does this line of the README mean?",
    'Print "delegate to explore" when the flag is set',
    "Rename src/agents/explore.py to src/agents/scout.py",
    "Open src/review/agent-plan.py and fix the import",
    "Add @explore/core to package.json",
    "Send the report to me@review.example.com",
    "The variable explore is never used in src/explore/plan.ts; remove it",
    "Set plan = review or general in config.py",
    # Said of agents, and not to one
    "Fix the bug in the plan agent",
    "The review agent crashed yesterday, why?",
    "Rename the explore agent to scout",
    "Add tests for the code that starts the verification agent",
    "Run the plan agent tests",
    "Use the review agent's output format in the report",
    "Why does the explore agent need 20 steps?",
    "What does the review agent do?",
    "There is a problem with the explore agent",
    # Words of every day
    "ask general questions about the design in the FAQ page",
    "Make the proxy delegate to plan.run()",
    "The wrapper should delegate to general handlers",
    "Add a plan column and a review column",
    "Explore tab is broken",
    "Ask the reviewer to look at my pull request, and merge it",
    # Not wanted
    "Do not use the review agent. Where is the lock?",
    "Don't use the explore agent, just read src/a.py",
    "Answer without the explore agent: what does run.py do?",
    "Never ask explore. Fix the test",
    "Do not explore; fix the failing test",
    "Do not review anything, only format the file",
    "Find all files that open a socket, but do not use any agents",
    "Review my changes yourself, no subagents",
    "Review my changes. Do not delegate.",
    "不要使用 review 代理，直接修复",
    "别用 explore，直接看 run.py",
    "找出所有打开套接字的文件，不要使用子代理",
    "不要审查代码",
    # A change as well: the run looks for itself
    "Find all files that import requests and replace it with httpx",
    "审查代码并修复错误",
    "找出所有 TODO，然后删除",
    # Other languages
    "Explora el código y dime dónde está el error",
    "Plan a largo plazo para la base de datos",
    "Der Plan ist gut, setze ihn um",
    "Revue de code demain, prépare le tableau",
    "コードレビューのコメントに対応してください",
    # Too much
    f"Fix this: {'x' * 70_000} use the explore agent",
)
"""Prompts in which nobody is told to do anything that is for an agent."""


@pytest.mark.parametrize("prompt", [*QUIET, *SHOWN])
def test_a_prompt_that_hands_nothing_on_goes_to_nobody(prompt: str) -> None:
    assert chosen(prompt) == {}


CHINESE_WORK = ("帮我制定一个计划", "搜索所有文件并解释架构")
"""Of no style, since styles know English; agents are asked in Chinese as well."""


@pytest.mark.parametrize("prompt", [each for each in ORDINARY if each not in CHINESE_WORK])
def test_an_ordinary_prompt_goes_to_nobody(prompt: str) -> None:
    assert chosen(prompt) == {}


def test_several_agents_are_chosen_the_surest_first() -> None:
    prompt = "Review my changes. Where are authentication errors handled? Use the plan agent."
    assert [each.agent.name for each in scored(prompt)] == ["plan", "review", "explore"]


def test_agents_in_a_row_are_all_named() -> None:
    assert set(chosen("Use the explore and review agents to check the lock")) == {
        "explore",
        "review",
    }


def test_general_is_taken_by_its_name_alone() -> None:
    assert chosen("Carry out this piece of work of several steps in general") == {}


def test_a_reason_has_the_words_that_said_it() -> None:
    (found,) = scored("Hello! Use the explore agent to find the lock")
    assert found.reason == "the prompt says: use the explore agent"
    (found,) = scored("Please find all files that open a socket")
    assert found.reason == "the prompt says: find all files"


# Agents of the host


@pytest.mark.parametrize(
    ("prompt", "scores"),
    [
        ("The login button has a wrong margin", {}),
        ("Is the frontend there?", {"frontend-cow": 0.62}),
        ("Fix the React button on the frontend", {"frontend-cow": 0.74}),
        ("Mend the frontend: React components flicker", {"frontend-cow": 0.80}),
        ("Which database indexes do the migrations make?", {"db_expert": 0.80}),
        ("Use the db_expert agent for this", {"db_expert": 0.96}),
        ("@frontend-cow look at the menu", {"frontend-cow": 0.96}),
        ("Don't use @frontend-cow: fix the React components of the frontend", {}),
        ("What does pytest print?", {"test-runner": 0.62}),
        ("Fix the import, pytest fails", {"test-runner": 0.78}),
        ("Fix the package so that pytest passes", {"test-runner": 0.90}),
        ('Fix the typo in "frontend React components"', {}),
        ("Open src/frontend/react/components.ts", {}),
    ],
)
def test_an_agent_of_the_host_is_scored_by_its_description(
    prompt: str, scores: dict[str, float]
) -> None:
    found = {each.agent.name: each.score for each in candidates(prompt, OWN)}
    assert found == scores


def test_an_own_agent_of_a_built_in_name_has_no_keywords() -> None:
    own = role("explore", "Walks the dog")
    assert candidates("Find all files that open a socket", [own]) == []
