"""
The gate: the one place where an action is allowed, denied, or put to somebody.

A direct call carries the host's authority and is allowed. Otherwise an explicit policy
decides; without one, `default_policy`. A shell command is decided for every simple command
that it could run and every file that it would write, and the strictest of all counts. What
a text does not tell is a subject of its own, which only a rule for everything can allow.
What publishes (`shell.releases`) is asked for unless a rule names it or all is permitted.

A protected place (`.git`, settings of agents, editors and shells; `shell.protected`) is never
written on the word of a default or of a rule with a wildcard, nor on that of a lane, a timeout
or an inheritance that says yes. Only a rule that names it, also a granted one, an answer, or
the policy that allows everything (`PermissionPolicy.permissive()`), grants that.

The mode of the session (`modes`) is laid over the policy: it may spare questions, and never
lifts a denial.

Several tasks are decided agent by agent, and whom a rule denies or asks about for `task` is so
there too. A rule against an agent holds by whichever of its names it is called.

A search is decided by its pattern and the directory it starts in. That it would come across
a file that a rule denies is not decided here: a rule cannot say it.

Source:
    DESIGN 5 and 6; INVARIANTS 4.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from a3s_code.errors import InvalidValue
from a3s_code.harness.advice import candidates
from a3s_code.harness.agent_names import other_names
from a3s_code.harness.default_policy import by_default, guard, guarded_by
from a3s_code.harness.modes import Mode, policy_in, refusal_in_plan
from a3s_code.harness.patterns import Kind
from a3s_code.harness.policy import CompiledPolicy, strictest
from a3s_code.harness.sandbox_rules import rules_for_sandbox
from a3s_code.harness.shell.analysis import Analysis, SimpleCommand, analyse
from a3s_code.harness.shell.outside import MOVES, inside, reach
from a3s_code.harness.shell.protected import entered, written
from a3s_code.harness.shell.releases import release_among
from a3s_code.harness.shell.words import UNKNOWN, has_hole
from a3s_code.harness.subjects import Subject, printable
from a3s_code.harness.tool_names import (
    SANDBOX_TOOL,
    SHELL_TOOL,
    SHELL_TOOLS,
    TASK_TOOL,
    TASKS_TOOL,
    WRITE_TOOL,
)
from a3s_code.kernel.ports import Action, Allow, Ask, Authority, Decision, Deny
from a3s_code.kernel.tool import Effect

_MAY_LIE_OUTSIDE = "may lie outside the workspace"

_EMPTY = CompiledPolicy((), (), (), "ask")
HOST_AUTHORITY, NO_POLICY = "host authority", "no policy"
"""What decides in place of a rule; see `kernel.ports.Allow`."""

MAX_ADVISED_CHARS = 2_000
MAX_MATCHED_CHARS = 16 * 1024
"""Of a text that cannot be analysed; more is no command that rules are written for."""
MAX_ALTERNATIVES = 128  # as many as a glob may have
_UPWARDS = re.compile(r"\A(?:\.\./)+")
_BRACES = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class PolicyGate:
    """
    Decides by a policy, or by the default rules when there is none.

    Attributes:
        root: The workspace as an absolute path, so that absolute paths in commands and
            rules can be told to be inside it; empty when there is none.
        mode: Of the session.
        sandbox: The level at which programs of the model are held.
        copied: The workspace that `root` is a copy of, as an absolute path: a rule that names a
            place there means that of the copy too. Empty when it is none.
    """

    policy: CompiledPolicy | None = None
    root: str = ""
    mode: Mode = Mode.DEFAULT
    sandbox: str = "none"
    copied: str = ""
    _rules: CompiledPolicy | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_rules", policy_in(self.mode, self.policy))

    @property
    def policy_version(self) -> str:
        """Give the digest of the policy, or `default`, and the mode where it is another."""
        version = self.policy.version if self.policy is not None else "default"
        return version if self.mode is Mode.DEFAULT else f"{version}+{self.mode.value}"

    def decide(self, action: Action) -> Decision:
        """
        Decide one action. Pure: the same action gets the same decision.

        What is not allowed says with which rules it would be, where there are any.
        """
        refusal = self._refusal(action)
        if refusal is not None:
            return refusal
        parts = tuple(self._each(action, self._rules))
        decision = _all_of(parts)
        if isinstance(decision, Allow):
            return decision
        return replace(decision, reason=f"{decision.reason}{self._way_out(action, parts)}")

    def parts(self, action: Action) -> tuple[Decision, ...]:
        """
        Give what is decided on each command, file and target of an action by itself.

        The strictest of them is what `decide` gives, which has more to say in its reason.
        """
        refusal = self._refusal(action)
        return (refusal,) if refusal is not None else tuple(self._each(action, self._rules))

    def rules_for(self, action: Action) -> tuple[str, ...]:
        """
        Give rules that make this gate allow an action when its policy allows them too.

        The narrowest: one for the action as it is, else one for each part of a command,
        else one for the whole tool. Empty when none of these would do.
        """
        return self._advised(action, tuple(self._each(action, self._rules)))

    def _advised(self, action: Action, parts: Sequence[Decision]) -> tuple[str, ...]:
        refused = frozenset(part.part for part in parts if not isinstance(part, Allow))
        narrowest_first = candidates(action, refused if self._rules is not None else None)
        rules = next((each for each in narrowest_first if self._suffice(each, action)), ())
        for rule in rules if len(rules) > 1 else ():
            others = tuple(each for each in rules if each != rule)
            rules = others if self._suffice(others, action) else rules
        return rules

    def _suffice(self, rules: tuple[str, ...], action: Action) -> bool:
        try:
            policy = (self._rules or _EMPTY).allowing(rules)
        except InvalidValue:  # not every text can stand in a rule
            return False
        return all(isinstance(each, Allow) for each in self._each(action, policy))

    def _way_out(self, action: Action, parts: Sequence[Decision]) -> str:
        if len(action.subject) > MAX_ADVISED_CHARS:
            return ""  # to look for rules would cost more than it helps
        rules = self._advised(action, parts)
        if rules and self._rules is None:
            return f" The user can allow it with PermissionPolicy(allow={list(rules)})."
        if rules:
            return f" The user can allow it with {' and '.join(map(_named, rules))}."
        if self._rules is None or not self._rules.deny:
            return " Only PermissionPolicy.permissive() allows it."
        return ""

    def _decided(self, action: Action, policy: CompiledPolicy | None) -> Decision:
        return _all_of(tuple(self._each(action, policy)))

    def _refusal(self, action: Action) -> Deny | None:
        """Give the denial of the mode, or that of a rule, which says more, where there is one."""
        if self.mode is not Mode.PLAN or action.authority is Authority.HOST:
            return None
        refusal = refusal_in_plan(action)
        if refusal is None:
            return None
        decision = self._decided(action, self._rules)
        return decision if isinstance(decision, Deny) else refusal

    def _each(self, action: Action, policy: CompiledPolicy | None) -> Iterator[Decision]:
        name = action.tool.name
        if self.root and action.root not in ("", self.root):
            there = replace(self, root=action.root, copied=self.copied or self.root)
            yield from there._each(action, policy)  # noqa: SLF001 - of the same class
        elif action.authority is Authority.HOST:
            yield Allow("called directly by the host", rule=HOST_AUTHORITY)
        elif policy is None:
            yield from self._by_default(action)
        elif name == SHELL_TOOL:
            yield from self._shell(policy, action.subject)
        elif name == SANDBOX_TOOL:
            yield from self._shell(rules_for_sandbox(policy, SHELL_TOOL), action.subject)
        elif name == TASK_TOOL:
            yield policy.one(name, _agent(action.subject))
        elif name == TASKS_TOOL:
            yield from _each_agent(policy, action.subject)
        else:
            for subject in self._subjects(action):
                yield self._target(policy, action, subject)

    def _target(self, policy: CompiledPolicy, action: Action, subject: Subject) -> Decision:
        """Decide one spelling of what a call is about; in `accept_edits` without its question."""
        name = action.tool.name
        decision = policy.one(name, subject)
        edits = action.effect is Effect.WRITE and action.target is not None
        accepts = self.mode is Mode.ACCEPT_EDITS and edits and isinstance(decision, Ask)
        if not accepts or subject.guarded or policy.asks_for_some(name, subject):
            return decision
        return _accepted(policy, name, subject) or decision

    def _by_default(self, action: Action) -> Iterator[Decision]:
        decision = by_default(action, self.sandbox)
        part = Subject(action.subject, Kind.TEXT).about()
        yield replace(decision, rule=decision.rule or NO_POLICY, part=part)
        if action.tool.name in SHELL_TOOLS:
            for simple in analyse(action.subject).commands:
                if simple.release:
                    part = Subject(simple.text, Kind.COMMAND, release=simple.release)
                    yield _EMPTY.guard(SHELL_TOOL, part, Allow(""))

    def _subjects(self, action: Action) -> Iterator[Subject]:
        target, tool = action.target, action.tool
        if target is None or tool.path is None:
            yield Subject(action.subject, Kind.TEXT)
            return
        within = "" if action.effect is Effect.READ else guarded_by(target)
        is_path = action.subject == str(getattr(action.args, tool.path) or "")
        for spelling in dict.fromkeys((target.path, target.spelled)):
            guarded = "" if action.effect is Effect.READ else guard(spelling) or within
            if is_path:
                yield self._path(spelling, guarded)
                continue
            args = msgspec.structs.replace(action.args, **{tool.path: spelling})
            text = tool.subject_of(args)
            also = (spelling, *_alternatives(text))
            yield Subject(text, Kind.TEXT, (action.subject,), also, guarded=guarded)

    def _path(self, path: str, guarded: str = "") -> Subject:
        roots = (root for root in (self.root, self.copied) if root)
        absolute = (posixpath.join(root, path) for root in roots)
        same = tuple(each for each in absolute if each != path)
        return Subject(path, Kind.PATH, same=same, guarded=guarded)

    def _original(self, path: str) -> tuple[str, ...]:
        """Give a path that leads out of a copy into its workspace as rules there have it."""
        whole = posixpath.normpath(posixpath.join(self.root, path))
        return (posixpath.relpath(whole, self.copied),) if inside(whole, self.copied) else ()

    # Shell commands

    def _shell(self, policy: CompiledPolicy, command: str) -> Iterator[Decision]:
        analysis = analyse(command)
        moves = [simple.words for simple in analysis.commands if simple.words[0] in MOVES]
        place = next((word for words in moves if (word := entered(words))), "")
        whole = self._whole(policy, command, analysis)
        if whole is not None:
            yield whole
        for simple in dict.fromkeys(analysis.commands):
            yield from self._simple(policy, simple, analysis.reads, place)
        for path in dict.fromkeys(analysis.writes):
            yield self._write(policy, path, moved=bool(moves), place=place)

    @staticmethod
    def _whole(policy: CompiledPolicy, command: str, analysis: Analysis) -> Decision | None:
        """Decide the text as a whole: what deny rules say of it, and what it leaves open."""
        text = command.strip()
        if analysis.unresolved:
            unresolved = Subject(
                UNKNOWN,
                Kind.COMMAND,
                also=(text[:MAX_MATCHED_CHARS], *analysis.suspects),
                shown=f"this command is not statically known ({analysis.unresolved}): it",
                release=release_among(analysis.suspects),
                part=text,
            )
            return policy.one(SHELL_TOOL, unresolved)
        subject = Subject(text, Kind.COMMAND)
        if not analysis.commands and not analysis.writes:
            return policy.one(SHELL_TOOL, subject)
        return policy.denied(SHELL_TOOL, subject)

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
            guarded=guard(word) or (guard(place) if word else ""),
            release=simple.release,
        )
        yield policy.one(SHELL_TOOL, subject)
        if simple.unknown and not policy.names_literally(SHELL_TOOL, subject):
            shown = f"{simple.unknown} in {subject.named()}"
            unknown = Subject(UNKNOWN, Kind.COMMAND, shown=shown, part=simple.text)
            yield policy.one(SHELL_TOOL, unknown)

    def _write(self, policy: CompiledPolicy, path: str, *, moved: bool, place: str) -> Decision:
        """Decide a redirection as the write that it is."""
        known = not has_hole(path)
        part = posixpath.normpath(path)
        if known and inside(path, self.root):
            path = posixpath.relpath(path, self.root)
        path = posixpath.normpath(path) if known else path
        absolute = path.startswith("/")
        leaves = not known or path.startswith(("/", "~", "..")) or moved
        below = _UPWARDS.sub("", path)
        subject = Subject(
            path if not moved or absolute else f"{UNKNOWN}/{below}",
            Kind.PATH,
            same=self._path(path).same if known and not leaves else (),
            also=self._original(path) if known else (),
            beyond=f"it {_MAY_LIE_OUTSIDE}" if leaves else "",
            shown=f"the redirection to `{printable(path)}`",
            guarded=guard(path) or ("" if absolute else guard(place)),
            part=part,
        )
        ruled = policy.ruled(WRITE_TOOL, subject)
        if ruled is None or (leaves and isinstance(ruled, Allow)):
            ruled = policy.by_default(subject)
            blanket = policy.blanket(SHELL_TOOL)
            if blanket:
                reason = f"{subject.named()} is allowed with {SHELL_TOOL}"
                ruled = Allow(reason, rule=blanket, part=subject.about())
        decision = policy.guard(WRITE_TOOL, subject, ruled)
        return strictest((decision, *_there(policy, below, subject))) if moved else decision


def _all_of(decisions: Sequence[Decision]) -> Decision:
    """Give the strictest decision; when all allow, one that names the rules of all."""
    worst = strictest(decisions)
    if not isinstance(worst, Allow) or len(decisions) == 1:
        return worst
    if all(each.part == worst.part for each in decisions):
        return worst
    rules = dict.fromkeys(each.rule for each in decisions)
    return Allow("every part of it is allowed", rule="; ".join(rules))


def _accepted(policy: CompiledPolicy, tool: str, subject: Subject) -> Decision | None:
    """Decide as if all edits by `tool` were allowed, which still does what deny rules may."""
    try:
        decision = policy.allowing((tool,)).one(tool, subject)
    except InvalidValue:  # not every name can stand in a rule
        return None
    if not isinstance(decision, Allow):
        return decision
    mode = f"permission_mode={Mode.ACCEPT_EDITS.value}"
    return Allow(f"{subject.named()} is allowed by {mode}.", rule=mode, part=subject.about())


def _there(policy: CompiledPolicy, below: str, subject: Subject) -> Iterator[Decision]:
    """Ask for what a rule denies, or asks for, when a command has gone to where it is meant."""
    ruled = policy.ruled(WRITE_TOOL, Subject(below, Kind.PATH))
    if isinstance(ruled, Ask | Deny):
        reason = f"{subject.named()} may be what the rule {ruled.rule} is about."
        yield Ask(reason, ruled.rule, subject.about())


def _named(rule: str) -> str:
    return f"the rule {rule}"


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


def _each_agent(policy: CompiledPolicy, agents: str) -> Iterator[Decision]:
    for name in agents.split("\n"):
        agent = _agent(name)
        yield policy.one(TASKS_TOOL, agent)
        alone = policy.ruled(TASK_TOOL, agent)
        if isinstance(alone, Ask | Deny):
            yield alone


def _agent(name: str) -> Subject:
    """An agent under one of its names; what a rule forbids by another one is forbidden."""
    return Subject(name, Kind.TEXT, also=other_names(name))
