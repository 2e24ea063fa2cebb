"""
The gate: the one place where an action is allowed, denied, or put to somebody.

A direct call carries the host's authority and is allowed. Otherwise an explicit policy
decides; without one, the default below. A shell command is decided for every simple command
that it could run and every file that it would write, and the strictest of all counts. What
a text does not tell is a subject of its own, which only a rule for everything can allow.

A protected place (`.git`, settings of agents, editors and shells; `shell.protected`) is never
written on the word of a default or of a rule with a wildcard. Only a rule that names it, or
the policy that allows everything (`PermissionPolicy.permissive()`), grants that.

A search is decided by its pattern and the directory it starts in. That it would come across
a file that a rule denies is not decided here: a rule cannot say it.

Source:
    DESIGN 5 and 6; INVARIANTS 4.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import msgspec

from a3s_code.errors import InvalidValue
from a3s_code.harness.patterns import MCP_PREFIX, Kind
from a3s_code.harness.policy import (
    MAX_SHOWN_CHARS,
    CompiledPolicy,
    Subject,
    printable,
    strictest,
)
from a3s_code.harness.sandbox_rules import SANDBOX_TOOL, rules_for_sandbox
from a3s_code.harness.shell.analysis import Analysis, SimpleCommand, analyse
from a3s_code.harness.shell.outside import MOVES, inside, reach
from a3s_code.harness.shell.protected import entered, protected, written
from a3s_code.harness.shell.words import UNKNOWN, has_hole
from a3s_code.kernel.confinement import CONFINING
from a3s_code.kernel.ports import Action, Allow, Ask, Authority, Decision, Deny
from a3s_code.kernel.tool import Effect
from a3s_code.kernel.workspace import Resolved

SHELL_TOOL = "bash"
SHELL_TOOLS = frozenset({SHELL_TOOL, SANDBOX_TOOL})
WRITE_TOOL = "write"
_MAY_LIE_OUTSIDE = "may lie outside the workspace"

_EMPTY = CompiledPolicy((), (), (), "ask")

MAX_NAMED_RULES = 4
MAX_ALTERNATIVES = 128  # as many as a glob may have
_BRACES = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class PolicyGate:
    """
    Decides by a policy, or by the default rules when there is none.

    Attributes:
        root: The workspace as an absolute path, so that absolute paths in commands and
            rules can be told to be inside it; empty when there is none.
        sandbox: The level at which programs of the model are held.
    """

    policy: CompiledPolicy | None = None
    root: str = ""
    sandbox: str = "none"

    @property
    def policy_version(self) -> str:
        """Give the digest of the policy; `default` for the default rules."""
        return self.policy.version if self.policy is not None else "default"

    def decide(self, action: Action) -> Decision:
        """
        Decide one action. Pure: the same action gets the same decision.

        What is not allowed says with which rules it would be, where there are any.
        """
        decision = self._decided(action, self.policy)
        if isinstance(decision, Allow):
            return decision
        return replace(decision, reason=f"{decision.reason}{self._way_out(action)}")

    def rules_for(self, action: Action) -> tuple[str, ...]:
        """
        Give rules that make this gate allow an action when its policy allows them too.

        The narrowest: one for the action as it is, else one for each part of a command,
        else one for the whole tool. Empty when none of these would do.
        """
        rules = next((each for each in _candidates(action) if self._suffice(each, action)), ())
        for rule in rules:
            others = tuple(each for each in rules if each != rule)
            rules = others if self._suffice(others, action) else rules
        return rules

    def _suffice(self, rules: tuple[str, ...], action: Action) -> bool:
        try:
            policy = (self.policy or _EMPTY).allowing(rules)
        except InvalidValue:  # not every text can stand in a rule
            return False
        return isinstance(self._decided(action, policy), Allow)

    def _way_out(self, action: Action) -> str:
        rules = self.rules_for(action)
        if rules and self.policy is None:
            return f" The user can allow it with PermissionPolicy(allow={list(rules)})."
        if rules:
            return f" The user can allow it with {' and '.join(map(_named, rules))}."
        if self.policy is None or not self.policy.deny:
            return " Only PermissionPolicy.permissive() allows it."
        return ""

    def _decided(self, action: Action, policy: CompiledPolicy | None) -> Decision:
        if action.authority is Authority.HOST:
            return Allow("called directly by the host")
        if policy is None:
            return _by_effect(action, self.sandbox)
        if action.tool.name == SHELL_TOOL:
            return self._shell(policy, action.subject)
        if action.tool.name == SANDBOX_TOOL:
            return self._shell(rules_for_sandbox(policy, SHELL_TOOL), action.subject)
        return policy.decide(action.tool.name, list(self._subjects(action)))

    def _subjects(self, action: Action) -> Iterator[Subject]:
        target, tool = action.target, action.tool
        if target is None or tool.path is None:
            yield Subject(action.subject, Kind.TEXT)
            return
        is_path = action.subject == str(getattr(action.args, tool.path) or "")
        for spelling in dict.fromkeys((target.path, target.spelled)):
            guarded = "" if action.effect is Effect.READ else _guard(spelling)
            if is_path:
                yield self._path(spelling, guarded)
                continue
            args = msgspec.structs.replace(action.args, **{tool.path: spelling})
            text = tool.subject_of(args)
            also = (spelling, *_alternatives(text))
            yield Subject(text, Kind.TEXT, (action.subject,), also, guarded=guarded)

    def _path(self, path: str, guarded: str = "") -> Subject:
        absolute = posixpath.join(self.root, path) if self.root else ""
        same = (absolute,) if absolute and absolute != path else ()
        return Subject(path, Kind.PATH, same=same, guarded=guarded)

    # Shell commands

    def _shell(self, policy: CompiledPolicy, command: str) -> Decision:
        analysis = analyse(command)
        moves = [simple.words for simple in analysis.commands if simple.words[0] in MOVES]
        place = next((word for words in moves if (word := entered(words))), "")
        decisions = [self._whole(policy, command, analysis)]
        for simple in analysis.commands:
            decisions.extend(self._simple(policy, simple, analysis.reads, place))
        decisions.extend(
            self._write(policy, path, moved=bool(moves), place=place) for path in analysis.writes
        )
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
        self, policy: CompiledPolicy, simple: SimpleCommand, reads: tuple[str, ...], place: str
    ) -> Iterator[Decision]:
        outside = "" if simple.beyond else reach(simple.words, reads, self.root)
        word = written(simple.words, within=bool(place))
        subject = Subject(
            simple.text,
            Kind.COMMAND,
            also=simple.also,
            beyond=simple.beyond or (outside and f"{printable(outside)} {_MAY_LIE_OUTSIDE}"),
            guarded=_guard(word) or (_guard(place) if word else ""),
        )
        yield policy.one(SHELL_TOOL, subject)
        if simple.unknown and not policy.names_literally(SHELL_TOOL, subject):
            shown = f"{simple.unknown} in {subject.named()}"
            yield policy.one(SHELL_TOOL, Subject(UNKNOWN, Kind.COMMAND, shown=shown))

    def _write(self, policy: CompiledPolicy, path: str, *, moved: bool, place: str) -> Decision:
        """Decide a redirection as the write that it is."""
        known = not has_hole(path)
        if known and inside(path, self.root):
            path = posixpath.relpath(path, self.root)
        path = posixpath.normpath(path) if known else path
        absolute = path.startswith("/")
        leaves = not known or path.startswith(("/", "~", "..")) or moved
        subject = Subject(
            path if not moved or absolute else f"{UNKNOWN}/{path}",
            Kind.PATH,
            same=self._path(path).same if known and not leaves else (),
            beyond=f"it {_MAY_LIE_OUTSIDE}" if leaves else "",
            shown=f"the redirection to `{printable(path)}`",
            guarded=_guard(path) or ("" if absolute else _guard(place)),
        )
        ruled = policy.ruled(WRITE_TOOL, subject)
        if ruled is None or (leaves and isinstance(ruled, Allow)):
            ruled = policy.by_default(subject)
            if policy.grants_all(SHELL_TOOL):
                ruled = Allow(f"{subject.named()} is allowed with {SHELL_TOOL}")
        return policy.guard(WRITE_TOOL, subject, ruled)


def _candidates(action: Action) -> Iterator[tuple[str, ...]]:
    """Give sets of rules that might allow an action, the narrowest first."""
    name, subject = action.tool.name, action.subject
    if subject and _sayable(subject):
        yield (f"{name}({subject})",)
    if name in SHELL_TOOLS:
        analysis = analyse(subject)
        commands = [(name, simple.text) for simple in analysis.commands]
        parts = dict.fromkeys((*commands, *((WRITE_TOOL, path) for path in analysis.writes)))
        if len(parts) <= MAX_NAMED_RULES and all(_sayable(text) for _, text in parts):
            yield tuple(f"{tool}({text})" for tool, text in parts)
    yield (name,)


def _sayable(text: str) -> bool:
    """Whether somebody could copy a rule with this text from a message."""
    return text.isprintable() and len(text) <= MAX_SHOWN_CHARS and not has_hole(text)


def _named(rule: str) -> str:
    return f"the rule {rule}"


def _guard(path: str) -> str:
    name = protected(path)
    return f"{printable(name)} is protected" if name else ""


def _alternatives(text: str) -> list[str]:
    """Write the `{a,b}` of a pattern out, for rules that forbid one of them; at most so many."""
    done: list[str] = []
    waiting = [text]
    while waiting and len(done) + len(waiting) <= MAX_ALTERNATIVES:
        one = waiting.pop()
        group = _BRACES.search(one)
        if group is None:
            done.append(one)
        else:
            choices = group[1].split(",")
            waiting += [one[: group.start()] + choice + one[group.end() :] for choice in choices]
    return [*done, *waiting]


def _by_effect(action: Action, sandbox: str) -> Decision:
    """The default with no policy: what stays in the workspace and can be seen runs."""
    name, effect = action.tool.name, action.effect
    if name.lower().startswith(MCP_PREFIX):
        return Ask(f"{name} belongs to a server.")
    if name in SHELL_TOOLS:  # also when it would only read: nothing else confines what it reads
        return _programs_by_default(name, sandbox)
    if effect in (Effect.READ, Effect.CONTAINER):
        return Allow(f"{name} is allowed by default")
    if effect is Effect.HOST:
        return Allow(f"{name} was given by the embedding program")
    if effect is Effect.WRITE and action.target is not None:
        return _write_by_default(name, action.target)
    doing = {
        Effect.WRITE: "changes more than one file of the workspace",
        Effect.EXECUTE: "runs programs",
        Effect.NETWORK: "reaches the network",
    }[effect]
    return Ask(f"{name} {doing}.")


def _programs_by_default(name: str, sandbox: str) -> Decision:
    if sandbox in CONFINING:
        return Allow(f"the sandbox confines what {name} runs (level {sandbox})")
    return Ask(f"{name} runs programs that no sandbox confines (level {sandbox}).")


def _write_by_default(name: str, target: Resolved) -> Decision:
    for path in (target.path, target.spelled):
        if protected(path):
            return Ask(f"{_guard(path)}.")
    return Allow(f"{name} inside the workspace is allowed by default")
