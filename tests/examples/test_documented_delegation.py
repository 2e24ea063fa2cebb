"""Delegation as the documents of the SDK write it runs as written."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import a3s_code
from a3s_code import Agent, Session
from a3s_code.testing import says
from api.house import House

HELPERS = """
# Delegation helpers (wrappers around task / parallel_task)
session.task({
    "agent": "explore",
    "description": "Find auth entry points",
    "prompt": "Inspect the repository and summarize the auth-related files.",
})
session.tasks([
    {"agent": "explore", "description": "Find tests", "prompt": "Locate auth tests."},
    {"agent": "verification", "description": "Check risk", "prompt": "Review auth edge cases."},
])
"""
AUTOMATIC = """
# Automatic subagent delegation controls
opts = SessionOptions()
opts.auto_delegation = AutoDelegationConfig(enabled=True, max_tasks=4)
opts.max_parallel_tasks = 8
opts.auto_parallel = False  # disables automatic fan-out; manual session.tasks(...) still works
session = agent.session("/my-project", opts)
"""
WORKERS = """
# Disposable worker agents (cattle mode)
opts = SessionOptions()
frontend = WorkerAgentSpec.implementer("frontend-cow", "Small verified frontend fixes")
frontend.model = "openai/gpt-4o"
frontend.max_steps = 24
frontend.prompt = "Keep patches focused and run the narrowest relevant check."
frontend.confirmation_inheritance = "auto_approve"  # child runs auto-approve Ask decisions
opts.add_worker_agent(frontend)
session = agent.session("/my-project", opts)
session.task({
    "agent": "frontend-cow",
    "description": "Fix admin chat loading state",
    "prompt": "Find and fix the loading-state regression, then summarize verification.",
})

restricted = WorkerAgentSpec("restricted-writer", "Write files with parent confirmation", "implementer")
restricted.confirmation_inheritance = "inherit_parent"  # requires parent approval
opts.add_worker_agent(restricted)
"""  # noqa: E501 - as it is written
DIRECT = """
# Object-shaped direct tools
session.git({"command": "status"})
session.git({"command": "worktree", "subcommand": "list"})
"""
LIVE = """
# Live registration and top-level worker sessions are also supported.
session.register_worker_agent(WorkerAgentSpec.verifier("verify-cow", "Run focused checks"))
worker_session = agent.session_for_worker(
    "/my-project",
    WorkerAgentSpec.reviewer("review-cow", "Adversarial code review"),
)
"""
RELEASE = """
session = agent.session("/repo", planning_mode="enabled")
session.task({
    "agent": "verification",
    "description": "Check release risk",
    "prompt": "Validate the current changes and summarize blockers.",
})
session.tool_definitions()
session.git({"command": "status"})
"""
OLDER = """
result = session.tool("git_worktree", {"command": "list"})
raw = session.tool("task", {"agent": "explore", "description": "d", "prompt": "p"})
"""
IN_ORDER = (HELPERS, AUTOMATIC, WORKERS, DIRECT, LIVE, OLDER, RELEASE)


class Pages:
    """Runs blocks one after the other, in a workspace that is a repository."""

    def __init__(self, house: House) -> None:
        self.house = house
        subprocess.run(["git", "init", "-q", "."], cwd=house.root, check=True)
        server = house.serve(default=says("Nothing is wrong."))
        self.agent = Agent.create(server.acl("openai", model="gpt-4o"))
        names = ("SessionOptions", "AutoDelegationConfig", "WorkerAgentSpec")
        self.names: dict[str, Any] = {name: getattr(a3s_code, name) for name in names}
        self.names |= {"agent": self.agent, "session": self.agent.session(house.root)}

    @property
    def session(self) -> Session:
        return self.names["session"]

    def run(self, block: str) -> None:
        for place in ("/my-project", "/repo"):
            block = block.replace(f'"{place}"', repr(str(self.house.root)))
        exec(block, self.names)

    def ran(self) -> list[tuple[str, str, bool]]:
        """Whose child runs the session has had, what for, and how they ended."""
        rows = self.session.subagent_tasks()
        return [(row["agent"], row["description"], row["success"]) for row in rows]


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Pages]:
    (tmp_path / "work").mkdir()
    house = House(tmp_path / "work")
    made = Pages(house)
    yield made
    made.agent.close()
    house.close()


def test_the_helpers_run_one_task_and_several(pages: Pages) -> None:
    pages.run(HELPERS)

    assert pages.ran() == [
        ("explore", "Find auth entry points", True),
        ("explore", "Find tests", True),
        ("verification", "Check risk", True),
    ]
    assert len(pages.house.bodies) == 3, "one request for a plain answer"


def test_the_controls_of_automatic_delegation_leave_tasks_of_the_host_alone(pages: Pages) -> None:
    pages.run(AUTOMATIC)
    pages.run(HELPERS)

    assert len(pages.ran()) == 3
    assert pages.session.init_warning is None


def test_a_worker_is_made_given_to_a_session_and_handed_a_task(pages: Pages) -> None:
    pages.run(WORKERS)

    assert pages.ran() == [("frontend-cow", "Fix admin chat loading state", True)]
    (body,) = pages.house.bodies
    assert body["model"] == "gpt-4o"
    assert "Keep patches focused" in body["messages"][0]["content"]


def test_options_that_are_filled_after_a_session_was_made_are_for_the_next_one(
    pages: Pages,
) -> None:
    pages.run(WORKERS)
    later = pages.agent.session(pages.house.root, pages.names["opts"])

    answer = later.task({"agent": "restricted-writer", "description": "d", "prompt": "p"})
    assert answer.metadata["success"] is True
    with pytest.raises(ValueError, match="restricted-writer"):
        pages.session.task({"agent": "restricted-writer", "description": "d", "prompt": "p"})


def test_a_worker_can_be_registered_later_and_have_a_session_of_its_own(pages: Pages) -> None:
    pages.run(LIVE)

    made = pages.session.task({"agent": "verify-cow", "description": "d", "prompt": "p"})
    assert made.metadata["agent"] == "verify-cow"
    assert pages.names["worker_session"].send("Is it right?").text == "Nothing is wrong."


def test_worktrees_are_listed_by_either_name(pages: Pages) -> None:
    pages.run(DIRECT)
    pages.run(OLDER)

    listed = pages.session.git({"command": "worktree", "subcommand": "list"})
    assert str(pages.house.root) in listed.output
    assert pages.names["result"].output == listed.output
    assert pages.names["raw"].output == "Nothing is wrong."


def test_all_of_it_runs_in_the_order_of_the_documents(pages: Pages) -> None:
    for block in IN_ORDER:
        pages.run(block)

    assert pages.ran() == [("verification", "Check release risk", True)]
