"""
The `a3s-code` command.

Exit status: 0 answered, 1 the run failed, 2 wrong use or configuration, 130 interrupted.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from a3s_code.errors import A3SError, CapabilityMissing, ConfigError, UsageError
from a3s_code.kernel.visible import on_one_line, visible

if TYPE_CHECKING:  # the command without a prompt needs no session
    from a3s_code.api.sync import Session

FAILED, WRONG_USE, INTERRUPTED = 1, 2, 130
ALLOWED_BY_DEFAULT = (
    "read",
    "ls",
    "glob",
    "grep",
    "write",
    "edit",
    "patch",
    "generate_object",
    "search_skills",
    "Skill",
    "batch",
    "update_plan",
    "program",
    "task",
    "parallel_task",
)

HELP = """examples:
  a3s-code "What files handle authentication?"
  a3s-code -m openai/gpt-4o --allow 'bash(pytest:*)' "Fix the failing test"
  a3s-code --sandbox auto "Run the tests, and say which fail"
  a3s-code --skills ./skills "Review the last change"
  a3s-code --json "Explain the auth module" | jq .
  a3s-code demo
  a3s-code trust .
  a3s-code verify sessions/
  a3s-code import old-sessions/ --store sessions/
  a3s-code runs --store sessions/
  a3s-code context RUN --store sessions/
  a3s-code evidence RUN --store sessions/
  a3s-code export RUN --store sessions/ -o run.a3s
  a3s-code replay run.a3s
  a3s-code policy lint policy.acl

Reading, searching and changing files inside the workspace is allowed. Everything else,
such as running commands, is asked for at the terminal; without one it is denied unless
--allow, --policy, --mode or --permissive says otherwise. A policy of a file replaces all of this,
and with --mode plan nothing is changed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; what it prints goes to standard output, notes to standard error."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        return _command(given)
    except A3SError as error:
        sys.stderr.write(f"a3s-code: {visible(str(error))}\n")
        wrong_use = isinstance(error, ConfigError | UsageError | CapabilityMissing)
        return WRONG_USE if wrong_use else FAILED
    except BrokenPipeError:  # who reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        sys.stderr.write("\na3s-code: interrupted\n")
        return INTERRUPTED


def _command(given: list[str]) -> int:
    match given[:1]:
        case ["demo"]:
            from a3s_code.cli.demo import main as command
        case ["context" | "evidence" | "runs" as name]:
            return _look(name, given[1:])
        case ["export"]:
            from a3s_code.cli.bundles import export as command
        case ["replay"]:
            from a3s_code.cli.bundles import main as command
        case ["policy"]:
            from a3s_code.cli.policies import main as command
        case ["import"]:
            from a3s_code.cli.importing import main as command
        case ["trust"]:
            from a3s_code.cli.trust import main as command
        case ["verify"]:
            from a3s_code.persistence.verify import main as verify

            return verify(given[1:], prog="a3s-code verify")
        case _:
            return _prompt(_parser().parse_args(given))
    return command(given[1:])


def _look(name: str, arguments: list[str]) -> int:
    """Show what a store has of its runs."""
    match name:
        case "context":
            from a3s_code.cli.context import main as command
        case "evidence":
            from a3s_code.cli.evidence import main as command
        case _:
            from a3s_code.cli.runs import main as command
    return command(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="a3s-code",
        description="Let a coding agent work in a directory.",
        epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("prompt", nargs="?", default="", help="what is to be done; or: demo")
    parser.add_argument("-c", "--config", metavar="FILE", help="configuration file")
    parser.add_argument("-m", "--model", metavar="PROVIDER/MODEL", help="model that answers")
    parser.add_argument("-C", "--workspace", metavar="DIR", default=".", help="where it works")
    parser.add_argument("--json", action="store_true", help="print one event per line as JSON")
    parser.add_argument(
        "--skills",
        metavar="DIR",
        action="append",
        default=[],
        help="skills that it may find and run; may be repeated",
    )
    parser.add_argument(
        "--agents",
        metavar="DIR",
        action="append",
        default=[],
        help="agents that it may delegate to, beside those of ~/.a3s/agents; may be repeated",
    )
    parser.add_argument(
        "--auto-compact",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="make room when the model's window fills (default: yes)",
    )
    parser.add_argument(
        "--allow",
        metavar="RULE",
        action="append",
        default=[],
        help="allow more, such as 'bash(pytest:*)'; may be repeated",
    )
    parser.add_argument("--policy", metavar="FILE", help="what it may do; --allow adds to it")
    parser.add_argument(
        "--sandbox",
        metavar="LEVEL",
        default="hygiene",
        help="hold commands at this level, unasked where it confines them: auto, bwrap, landlock",
    )
    parser.add_argument("--permissive", action="store_true", help="allow everything")
    parser.add_argument(
        "--mode",
        metavar="MODE",
        help="plan (only read), default, accept_edits or permissive",
    )
    return parser


def _wrong_use(given: argparse.Namespace) -> str:
    """Say what cannot be meant; empty when all can."""
    if not given.prompt.strip():
        return f"say what is to be done, or try the demo\n\n{HELP}"
    for directory in (given.workspace, *given.skills, *given.agents):
        if not Path(directory).is_dir():
            return f"{visible(directory)} is no directory"
    if given.policy and given.permissive:
        return "--policy and --permissive were both given; choose one"
    return ""


def _name_skipped(warning: str | None) -> None:
    """Name what is not there as an agent, which is known behind the first run."""
    from a3s_code.api.staff import SKIPPED_AGENTS

    _, found, said = (warning or "").partition(SKIPPED_AGENTS)
    if found:
        sys.stderr.write(f"a3s-code: {visible(found + said)}\n")


def _name_stopped(session: Session) -> None:
    """Name what goes on in the background: this command ends with its run, and so does that."""
    for task in session.pending_subagent_tasks():
        what = on_one_line(f"{task['agent']}: {task['description']}")
        sys.stderr.write(f"a3s-code: stopped with the run, though not done: {what}\n")


def _agent_dirs(named: Sequence[str], home: Path) -> list[str]:
    """Give the directories of agents: the user's own, which counts least, and those named."""
    own = home / ".a3s/agents"
    return [*([str(own)] if own.is_dir() else []), *named]


def _prompt(given: argparse.Namespace) -> int:
    from a3s_code.api.options import SessionOptions
    from a3s_code.api.sync import Agent
    from a3s_code.cli.approval import approver
    from a3s_code.cli.configuration import configuration
    from a3s_code.cli.transcript import show, show_json
    from a3s_code.harness.policy import PermissionPolicy

    wrong = _wrong_use(given)
    if wrong:
        sys.stderr.write(f"a3s-code: {wrong}\n")
        return WRONG_USE
    policy = PermissionPolicy(allow=[*ALLOWED_BY_DEFAULT, *given.allow], default_decision="ask")
    if given.policy:
        from a3s_code.cli.policies import policy_for

        policy = policy_for(given.policy, given.workspace, given.allow)
    own = policy if (given.allow or given.policy) and not given.permissive else None
    agent = Agent(configuration(given.config, os.environ, Path.cwd(), Path.home()))
    try:
        options = SessionOptions(
            confirmation_manager=approver(policy, own, given.workspace),
            model=given.model,
            sandbox=given.sandbox,
            permission_policy=own,
            permission_mode=given.mode,
            auto_compact=given.auto_compact,
        )
        if given.skills:
            options.skill_dirs = given.skills
        options.agent_dirs = _agent_dirs(given.agents, Path.home()) or None
        if given.permissive:
            options.permissive = True
        session = agent.session(given.workspace, options)
        if session.init_warning:
            sys.stderr.write(f"a3s-code: {visible(session.init_warning)}\n")
        events = session.stream(given.prompt)
        status = show_json(events) if given.json else show(events)
        _name_skipped(session.init_warning)
        _name_stopped(session)
        return status
    finally:
        agent.close()


if __name__ == "__main__":
    raise SystemExit(main())
