"""Whatever hooks say, nothing runs that the policy does not allow."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_code.capabilities.tools import CORE_TOOLS
from a3s_code.harness.hooks.firing import Firing
from a3s_code.harness.hooks.registry import HookRegistry
from a3s_code.harness.hooks.tool_hooks import ToolHooks
from a3s_code.harness.policy import PermissionPolicy
from harness.hooks.hooking import answers
from kernel.bench import Bench, call, files

PATHS = ("a", "b", "c")

_LISTS = st.lists(st.sampled_from([f"write({path})" for path in PATHS]), unique=True)
_POLICIES = st.builds(
    PermissionPolicy, _LISTS, _LISTS, _LISTS, st.sampled_from(["allow", "ask", "deny"])
)
_ARGS = st.builds(lambda path: {"file_path": path, "content": "x"}, st.sampled_from(PATHS))
_ANSWERS = st.one_of(
    st.sampled_from(
        [
            None,
            {"action": "continue"},
            {"action": "skip"},
            {"action": "block"},
            {"action": "allow"},
            {"action": "approve", "decision": "allow"},
            {"decision": "allow"},
            True,
        ]
    ),
    st.builds(lambda args: {"action": "modify", "data": args}, _ARGS),
)
_HOOKS = st.lists(
    st.tuples(
        st.sampled_from(["pre_tool_use", "permission_request", "on_confirmation"]),
        st.sampled_from([1, 100]),
        _ANSWERS,
    ),
    max_size=4,
)


def runs(policy: PermissionPolicy, hooks: list[tuple[str, int, Any]], path: str) -> set[str]:
    """Give the files that one call to write `path` leaves."""
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(Path(directory), CORE_TOOLS, policy)
        registry = HookRegistry()
        for at, (event, priority, answer) in enumerate(hooks):
            registry.register(f"h{at}", event, None, {"priority": priority}, answers(answer))
        bench.executor.hooks = ToolHooks(Firing(registry, "s"), directory)
        asyncio.run(_execute(bench, path))
        return set(files(Path(directory)))


async def _execute(bench: Bench, path: str) -> None:
    await bench.execute(call("write", file_path=path, content="x"))


@settings(max_examples=60, deadline=None)
@given(_POLICIES, _HOOKS, st.sampled_from(PATHS))
def test_what_runs_under_hooks_is_allowed_without_them(
    policy: PermissionPolicy, hooks: list[tuple[str, int, Any]], path: str
) -> None:
    for written in runs(policy, hooks, path):
        assert runs(policy, [], written) == {written}
