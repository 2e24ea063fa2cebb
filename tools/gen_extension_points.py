"""
Write `docs/extension-points.md`; `--check` says if it is stale.

Every name in a row is looked up before it is written: a type, a default or an option that
does not exist, or an option that takes another type, fails the generation. The test that
replaces the default must exist too.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import a3s_code
from a3s_code import AsyncSession, AsyncWorkflow, SessionOptions, SkillRegistry

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "docs/extension-points.md"
METHOD = "session."
REGISTRY = "SkillRegistry."
WORKFLOW = "Workflow."
TESTS = ROOT / "tests/api/test_extension_points.py"


@dataclass(frozen=True)
class Row:
    """
    One extension point, those of the documents first; `option` is empty while it is still to come.

    Attributes:
        takes: What the option is given: a Protocol, or a class to make one of.
        default: Empty when there is none.
    """

    point: str
    purpose: str
    takes: str = ""
    default: str = ""
    option: str = ""
    test: str = ""


ROWS = (
    Row(
        "SecurityProvider",
        "Input taint, output sanitization",
        "kernel.ports.SecurityProvider",
        "harness.security.provider.DefaultSecurityProvider",
        "security_provider",
        "test_a_security_provider_of_the_user_redacts",
    ),
    Row(
        "PermissionChecker",
        "Tool access control",
        "harness.policy.PermissionPolicy",
        "harness.gate.PolicyGate",
        "permission_policy",
        "test_a_policy_of_the_user_replaces_the_default_one",
    ),
    Row(
        "ConfirmationProvider",
        "Human confirmation",
        "kernel.ports.Approver",
        "kernel.approval.unanswered",
        "confirmation_manager",
        "test_an_approver_of_the_user_settles_what_is_asked",
    ),
    Row(
        "ContextProvider",
        "RAG retrieval",
        "kernel.context.ContextProvider",
        "capabilities.retrieval.file_context.FileSystemContextProvider",
        "context_provider",
        "test_a_provider_of_the_user_is_asked_for_context",
    ),
    Row(
        "EmbeddingProvider",
        "Vector embeddings for semantic search",
        "kernel.retrieval.EmbeddingProvider",
        "llm.embeddings.OpenAiEmbeddingProvider",
        "VectorContextProvider",
        "test_an_embedding_of_the_user_is_asked_for_vectors",
    ),
    Row(
        "VectorStore",
        "Embedding storage and similarity search",
        "kernel.retrieval.VectorStore",
        "capabilities.retrieval.in_memory_vectors.InMemoryVectorStore",
        "VectorContextProvider",
        "test_a_store_of_the_user_is_searched_by_vectors",
    ),
    Row(
        "SessionStore",
        "Session persistence",
        "kernel.store.Store",
        "persistence.memory.MemorySessionStore",
        "session_store",
        "test_a_store_of_the_user_keeps_the_session",
    ),
    Row(
        "MemoryStore",
        "Long-term memory backend",
        "kernel.memory.MemoryStore",
        "persistence.memories.in_process.InMemoryStore",
        "memory_store",
        "test_a_memory_store_of_the_user_is_recalled_from",
    ),
    Row(
        "Tool",
        "Custom tools",
        "kernel.tool.Tool",
        "capabilities.tools.CORE_TOOLS",
        "tools",
        "test_a_function_of_the_user_becomes_a_tool",
    ),
    Row(
        "Planner",
        "Task decomposition",
        "harness.planning.planner.Planner",
        "harness.planning.planner.LlmPlanner",
        "planner",
        "test_a_planner_of_the_user_takes_requests_apart",
    ),
    Row(
        "HookHandler",
        "Event handling",
        "harness.hooks.handler.HookHandler",
        "",
        "session.register_hook",
        "test_a_handler_of_the_user_hears_of_events",
    ),
    Row(
        "HookExecutor",
        "Event execution",
        "kernel.ports.HookExecutor",
        "harness.hooks.engine.HookEngine",
        "hook_engine",
        "test_an_executor_of_the_user_decides_about_events",
    ),
    Row("McpTransport", "MCP protocol"),
    Row("HttpClient", "HTTP requests"),
    Row("SessionCommand", "Queue tasks"),
    Row(
        "LlmClient",
        "LLM interface",
        "kernel.ports.Model",
        "llm.openai.OpenAIModel",
        "llm_client",
        "test_a_model_of_the_user_answers",
    ),
    Row(
        "BashSandbox",
        "Shell execution isolation",
        "kernel.bash_sandbox.BashSandbox",
        "workspace.sandbox.sandbox.Sandbox",
        "sandbox",
        "test_a_sandbox_of_the_user_runs_the_commands",
    ),
    Row(
        "SkillValidator",
        "Skill activation logic",
        "capabilities.skills.validator.SkillValidator",
        "capabilities.skills.validator.DefaultSkillValidator",
        "SkillRegistry.validator",
        "test_a_validator_of_the_user_decides_about_skills",
    ),
    Row(
        "SkillScorer",
        "Skill relevance ranking",
        "capabilities.skills.scorer.SkillScorer",
        "capabilities.skills.scorer.DefaultSkillScorer",
        "SkillRegistry.scorer",
        "test_a_scorer_of_the_user_says_which_skills_are_found",
    ),
    Row(
        "BudgetGuard",
        "What requests and calls may still be made",
        "kernel.budget.BudgetGuard",
        option="budget_guard",
        test="test_a_guard_of_the_user_says_what_may_still_be_called",
    ),
    Row(
        "AgentExecutor",
        "Where the steps of workflows run",
        "delegation.step_executor.AgentExecutor",
        "api.step_calls.AsyncSessionExecutor",
        "Workflow.builder",
        "test_an_executor_of_the_user_runs_the_steps_of_a_workflow",
    ),
)

HEAD = """<!-- GENERATED by tools/gen_extension_points.py. Do not edit. -->
# Extension points

What can be replaced, by what, and how. What stands in `ports` is a Protocol: implement its
methods, no inheritance needed. Other types are made as their docstrings say. Options are
names of `SessionOptions`, methods of a session or of `Workflow`, or public classes that take it,
with the name of the argument where that is not the only one.

| Point | Purpose | Takes | Default | Option |
|---|---|---|---|---|
"""


def main() -> int:
    text = HEAD + "".join(map(_line, ROWS))
    if "--check" in sys.argv:
        if TARGET.exists() and TARGET.read_text(encoding="utf-8") == text:
            return 0
        print("docs/extension-points.md is stale: run python tools/gen_extension_points.py")
        return 1
    TARGET.write_text(text, encoding="utf-8")
    return 0


def _line(row: Row) -> str:
    if not row.option:
        return f"| {row.point} | {row.purpose} | still to come | | |\n"
    for name in filter(None, (row.takes, row.default)):
        _look_up(name)
    taken = _taken(row.option)
    if row.takes.rpartition(".")[2] not in re.findall(r"\w+", taken):
        raise SystemExit(f"{row.point}: {row.option} of SessionOptions takes no {row.takes}")
    if f"def {row.test}" not in TESTS.read_text(encoding="utf-8"):
        raise SystemExit(f"{row.point}: {TESTS.name} has no {row.test}")
    takes, default = (f"`a3s_code.{name}`" if name else "" for name in (row.takes, row.default))
    return f"| {row.point} | {row.purpose} | {takes} | {default} | `{row.option}` |\n"


def _taken(option: str) -> str:
    """Give the types that an option takes, or a method of a session, or a public class."""
    if option.startswith(REGISTRY):
        return SkillRegistry.__init__.__annotations__.get(option.removeprefix(REGISTRY), "")
    if option.startswith(WORKFLOW):
        made = getattr(AsyncWorkflow, option.removeprefix(WORKFLOW))
        return " ".join(map(str, made.__annotations__.values()))
    if option[0].isupper():
        return " ".join(map(str, getattr(a3s_code, option).__init__.__annotations__.values()))
    if option.startswith(METHOD):
        method = getattr(AsyncSession, option.removeprefix(METHOD))
        return " ".join(map(str, method.__annotations__.values()))
    return SessionOptions.__annotations__.get(option, "")


def _look_up(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    if not hasattr(import_module(f"a3s_code.{module}"), attribute):
        raise SystemExit(f"a3s_code.{name} does not exist")


if __name__ == "__main__":
    raise SystemExit(main())
