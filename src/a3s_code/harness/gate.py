"""
The gate: the one place where an action is allowed, denied, or put to somebody.

A direct call carries the host's authority and is allowed. Otherwise an explicit policy
decides; without one, the default below. A shell command is decided for every simple command
that it could run and every file that it would write, and the strictest of all counts. What
a text does not tell is a subject of its own, which only a rule for everything can allow.

Source:
    DESIGN 5 and 6.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

from a3s_code.harness.patterns import Kind
from a3s_code.harness.policy import CompiledPolicy, Subject, printable, strictest
from a3s_code.harness.shell.analysis import Analysis, SimpleCommand, analyse
from a3s_code.harness.shell.words import UNKNOWN, VALUE, has_hole
from a3s_code.kernel.ports import Action, Allow, Ask, Authority, Decision, Deny
from a3s_code.kernel.tool import Effect

SHELL_TOOL = "bash"
WRITE_TOOL = "write"
MCP_PREFIX = "mcp__"

# Programs whose arguments are no files, and those whose first one is a pattern or a script.
_WITHOUT_FILES = frozenset({"echo", "printf", "true", "false", ":", "exit", "return", "sleep"})
_PATTERN_FIRST = frozenset({"grep", "egrep", "fgrep", "rg", "sed", "awk", "gawk", "mawk"})
_PATTERN_OPTIONS = ("-e", "-f", "--regexp", "--file", "--expression")
_HARMLESS_DEVICES = ("/dev/null", "/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/fd/")
_PLACE = re.compile(r"(?:^|[=:,@]|^-{1,2}[A-Za-z]+)([/~].*)", re.DOTALL)
_MOVES = frozenset({"cd", "pushd", "popd"})


@dataclass(frozen=True, slots=True)
class PolicyGate:
    """
    Decides by a policy, or by the default rules when there is none.

    Attributes:
        root: The workspace as an absolute path, so that absolute paths in commands and
            rules can be told to be inside it; empty when there is none.
    """

    policy: CompiledPolicy | None = None
    root: str = ""

    def decide(self, action: Action) -> Decision:
        """Decide one action. Pure: the same action gets the same decision."""
        if action.authority is Authority.HOST:
            return Allow("called directly by the host")
        if self.policy is None:
            return _by_effect(action)
        if action.tool.name == SHELL_TOOL:
            return self._shell(self.policy, action.subject)
        return self.policy.decide(action.tool.name, list(self._subjects(action)))

    def _subjects(self, action: Action) -> Iterator[Subject]:
        target, text = action.target, action.subject
        if target is None:
            yield Subject(text, Kind.TEXT)
            return
        path = str(getattr(action.args, action.tool.path or "", "") or "")
        if text != path:
            yield Subject(text, Kind.TEXT, also=(target.path, target.spelled))
            return
        for spelling in dict.fromkeys((target.path, target.spelled)):
            yield self._path(spelling)

    def _path(self, path: str) -> Subject:
        absolute = posixpath.join(self.root, path) if self.root else ""
        same = (absolute,) if absolute and absolute != path else ()
        return Subject(path, Kind.PATH, same=same)

    # Shell commands

    def _shell(self, policy: CompiledPolicy, command: str) -> Decision:
        analysis = analyse(command)
        decisions = [self._whole(policy, command, analysis)]
        for simple in analysis.commands:
            decisions.extend(self._simple(policy, simple, analysis))
        moved = any(simple.words[0] in _MOVES for simple in analysis.commands)
        decisions.extend(self._write(policy, path, moved=moved) for path in analysis.writes)
        return strictest(decisions)

    @staticmethod
    def _whole(policy: CompiledPolicy, command: str, analysis: Analysis) -> Decision:
        """Decide the text as a whole: what deny rules say of it, and what it leaves open."""
        if analysis.unresolved:
            return policy.one(
                SHELL_TOOL,
                Subject(
                    UNKNOWN,
                    Kind.COMMAND,
                    also=(command.strip(), *analysis.suspects),
                    shown=f"this command is not statically known ({analysis.unresolved}): it",
                ),
            )
        text = Subject(command.strip(), Kind.COMMAND)
        if not analysis.commands and not analysis.writes:
            return policy.one(SHELL_TOOL, text)
        decision = policy.ruled(SHELL_TOOL, text)
        return decision if isinstance(decision, Deny) else Allow("every part of it is allowed")

    def _simple(
        self, policy: CompiledPolicy, simple: SimpleCommand, analysis: Analysis
    ) -> Iterator[Decision]:
        subject = Subject(
            simple.text,
            Kind.COMMAND,
            also=simple.also,
            beyond=simple.beyond or self._reach(simple, analysis),
        )
        yield policy.one(SHELL_TOOL, subject)
        if simple.unknown and not policy.names_literally(SHELL_TOOL, subject):
            shown = f"{simple.unknown} in {subject.named()}"
            yield policy.one(SHELL_TOOL, Subject(UNKNOWN, Kind.COMMAND, shown=shown))

    def _reach(self, simple: SimpleCommand, analysis: Analysis) -> str:
        """Say which file outside the workspace a command names."""
        name, *args = simple.words
        if name in _MOVES and (not args or args[0].startswith(("-", "+", "~"))):
            return "it leaves the workspace"
        if name in _PATTERN_FIRST and not any(word.startswith(_PATTERN_OPTIONS) for word in args):
            first = next((at for at, word in enumerate(args) if not word.startswith("-")), None)
            args = [word for at, word in enumerate(args) if at != first]
        words = () if name in _WITHOUT_FILES else args
        for word in (*words, *analysis.reads):
            if self._leaves(word):
                return f"{printable(word)} may lie outside the workspace"
        return ""

    def _leaves(self, word: str) -> bool:
        found = _PLACE.search(word)
        path = found[1] if found else word
        if path.startswith(_HARMLESS_DEVICES):
            return False
        if UNKNOWN in word or VALUE in word:
            return True
        if path.startswith("/"):
            return not self._inside(path)
        return path.startswith("~") or posixpath.normpath(path).startswith("..")

    def _inside(self, path: str) -> bool:
        normal = posixpath.normpath(path)
        return bool(self.root) and (normal + "/").startswith(self.root.rstrip("/") + "/")

    def _write(self, policy: CompiledPolicy, path: str, *, moved: bool) -> Decision:
        """Decide a redirection as the write that it is."""
        known = not has_hole(path)
        if known and self._inside(path):
            path = posixpath.relpath(path, self.root)
        path = posixpath.normpath(path) if known else path
        leaves = not known or path.startswith(("/", "~", "..")) or moved
        subject = Subject(
            path if not moved or path.startswith("/") else f"{UNKNOWN}/{path}",
            Kind.PATH,
            same=self._path(path).same if known and not leaves else (),
            beyond="it may lie outside the workspace" if leaves else "",
            shown=f"the redirection to `{printable(path)}`",
        )
        ruled = policy.ruled(WRITE_TOOL, subject)
        outside = leaves and isinstance(ruled, Allow)
        if ruled is not None and not outside:
            return ruled
        if policy.grants_all(SHELL_TOOL):
            return Allow(f"{subject.named()} is allowed with {SHELL_TOOL}")
        return policy.by_default(WRITE_TOOL, subject)


def _by_effect(action: Action) -> Decision:
    """The default with no policy: what stays in the workspace and can be seen runs."""
    name, effect = action.tool.name, action.effect
    if name.lower().startswith(MCP_PREFIX):
        return Ask(f"{name} belongs to a server; {_allowing(name)}")
    if name == SHELL_TOOL:  # also when it would only read: nothing confines what it reads
        return Ask(f"{name} runs programs that no sandbox confines; {_allowing(name)}")
    if effect in (Effect.READ, Effect.CONTAINER):
        return Allow(f"{name} is allowed by default")
    if effect is Effect.WRITE and action.target is not None:
        return Allow(f"{name} inside the workspace is allowed by default")
    doing = {
        Effect.WRITE: "changes more than one file of the workspace",
        Effect.EXECUTE: "runs programs",
        Effect.NETWORK: "reaches the network",
    }[effect]
    return Ask(f"{name} {doing}; {_allowing(name)}")


def _allowing(name: str) -> str:
    return f"the user can allow it with PermissionPolicy(allow=['{name}'])"
