"""
Permission policies: what a user writes, and what decides.

`PermissionPolicy` holds the rules as they were given. `compile` checks them and gives a
`CompiledPolicy`, which is pure and shared: equal policies compile to the same object.

Within one policy, for one subject, the first list that matches decides: deny, allow, ask,
then the default decision. Over several subjects of one call the strictest decision counts.

Source:
    "Architecture: Security Layers" (the order); SPEC 6.1; DESIGN 5.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.harness.patterns import Kind, Rule, parse_rule
from a3s_code.harness.shell.words import ANY_HOLE, GLOB
from a3s_code.kernel.plain import canonical
from a3s_code.kernel.ports import Allow, Ask, Decision, Deny
from a3s_code.kernel.visible import on_one_line

RuleSource: TypeAlias = str | Mapping[str, str]

MAX_SHOWN_CHARS = 160
DECISIONS = ("allow", "deny", "ask")
_DECISION_HINT = f"use one of {', '.join(DECISIONS)}"


class PermissionPolicy:
    """
    Which tool calls of the model run, are refused, or are put to somebody.

    Attributes:
        allow, deny, ask: Rules as given, each a text or `{"rule": text}`; see `patterns`.
        default_decision: `allow`, `deny` or `ask`, for a call that no rule matches.
        enabled: False lets every call run.

    Rules are checked by `compile`, which creating a session does.

    Source:
        A3S Code README, "Configure explicit permissions"; Python SDK, "HITL Confirmations".
    """

    def __init__(
        self,
        allow: Iterable[RuleSource] | None = None,
        deny: Iterable[RuleSource] | None = None,
        ask: Iterable[RuleSource] | None = None,
        default_decision: str | None = None,
        enabled: bool = True,
    ) -> None:
        self.allow = _listed("allow", allow)
        self.deny = _listed("deny", deny)
        self.ask = _listed("ask", ask)
        self.default_decision = "ask" if default_decision is None else default_decision
        self.enabled = enabled

    @classmethod
    def permissive(cls) -> PermissionPolicy:
        """Make the policy that allows everything, protected places too."""
        return cls(allow=["*"], default_decision="allow")

    def compile(self) -> CompiledPolicy:
        """
        Check the policy and make what decides.

        Raises:
            InvalidValue: a rule or the default decision is wrong; names it and the column.
            InvalidType: a rule or the default decision is no text.
        """
        return _compiled(
            _texts("allow", self.allow),
            _texts("deny", self.deny),
            _texts("ask", self.ask),
            _decision(self.default_decision),
            bool(self.enabled),
        )

    def __repr__(self) -> str:
        return (
            f"PermissionPolicy(allow={self.allow!r}, deny={self.deny!r}, ask={self.ask!r}, "
            f"default_decision={self.default_decision!r}, enabled={self.enabled!r})"
        )


def _listed(name: str, rules: Iterable[RuleSource] | None) -> list[RuleSource]:
    if isinstance(rules, str | Mapping):
        raise InvalidType(f"`{name}` is a single rule.", hint=f"write {name}=[...]")
    return list(rules or ())


def _texts(name: str, rules: Sequence[RuleSource]) -> tuple[str, ...]:
    texts: list[str] = []
    for rule in rules:
        text: object = rule.get("rule") if isinstance(rule, Mapping) else rule
        if not isinstance(text, str):
            raise InvalidType(f"{rule!r} in `{name}` is no rule.", hint="write a text")
        texts.append(text)
    return tuple(texts)


def _decision(given: object) -> str:
    if not isinstance(given, str):
        raise InvalidType(f"{given!r} is no decision.", hint=_DECISION_HINT)
    return given


@functools.lru_cache(maxsize=256)
def _compiled(
    allow: tuple[str, ...],
    deny: tuple[str, ...],
    ask: tuple[str, ...],
    default: str,
    enabled: bool,
) -> CompiledPolicy:
    if default not in DECISIONS:
        raise InvalidValue(f"{default!r} is no decision.", hint=_DECISION_HINT)
    policy = CompiledPolicy(
        allow=tuple(map(parse_rule, allow)),
        deny=tuple(map(parse_rule, deny)),
        ask=tuple(map(parse_rule, ask)),
        default=default,
    )
    return policy if enabled else CompiledPolicy((parse_rule("*"),), (), (), "allow")


@dataclass(frozen=True, slots=True)
class Subject:
    """
    One text that rules are held against.

    Attributes:
        text: May have holes, `shell.words.UNKNOWN` and `shell.words.GLOB`.
        kind: How patterns match it.
        same: Other spellings of the same thing; any rule that matches one counts.
        also: Texts that only deny and ask rules are held against.
        beyond: Why an allow rule with a wildcard does not grant it; empty when it does.
        guarded: Why neither the default nor a rule with a wildcard grants it; empty when they do.
        shown: How reasons name it; `text` when empty.
    """

    text: str
    kind: Kind
    same: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    beyond: str = ""
    shown: str = ""
    guarded: str = ""

    def named(self) -> str:
        return self.shown or f"`{printable(self.text)}`"


@dataclass(frozen=True, slots=True)
class CompiledPolicy:
    """Rules that decide. Immutable and shared; every method is pure."""

    allow: tuple[Rule, ...]
    deny: tuple[Rule, ...]
    ask: tuple[Rule, ...]
    default: str

    @property
    def version(self) -> str:
        """Give a digest of the rules; equal policies have the same one."""
        rules = [[rule.source for rule in rules] for rules in (self.deny, self.allow, self.ask)]
        return hashlib.sha256(canonical([*rules, self.default])).hexdigest()

    def decide(
        self, tool: str, subjects: Sequence[str | Subject], kind: Kind = Kind.TEXT
    ) -> Decision:
        """
        Decide one call by its subjects; the strictest decision over them counts.

        Args:
            subjects: Texts of kind `kind`, or `Subject`s. None at all counts as one empty.
        """
        made = [text if isinstance(text, Subject) else Subject(text, kind) for text in subjects]
        return strictest(self.one(tool, subject) for subject in made or [Subject("", kind)])

    def one(self, tool: str, subject: Subject) -> Decision:
        """Decide one subject: deny, allow, ask, default."""
        decision = self.ruled(tool, subject) or self.by_default(subject)
        return self.guard(tool, subject, decision)

    def guard(self, tool: str, subject: Subject, decision: Decision) -> Decision:
        """Give `decision`, or Ask where it would allow a guarded subject that no rule names."""
        if not subject.guarded or not isinstance(decision, Allow):
            return decision
        if self.allows_everything or self.names_literally(tool, subject):
            return decision
        return Ask(f"{subject.named()} needs approval: {subject.guarded}.")

    def allowing(self, rules: Iterable[str]) -> CompiledPolicy:
        """
        Give the policy with these rules added to its allow list.

        Raises:
            InvalidValue: one of them is no rule.
        """
        return replace(self, allow=(*self.allow, *map(parse_rule, rules)))

    @property
    def allows_everything(self) -> bool:
        """Whether the user wrote that all is allowed: a rule `*`, and the default."""
        blanket = any(rule.source in ("*", "*(*)") for rule in self.allow)
        return blanket and self.default == "allow"

    def ruled(self, tool: str, subject: Subject) -> Decision | None:
        """Decide one subject by the rules alone; None when none of them matches."""
        spellings = (subject.text, *subject.same)
        broad = (*spellings, *subject.also)
        kind = subject.kind
        doubt = ""
        for rule in self._about(tool, self.deny):
            if any(rule.matches(text, kind) for text in broad):
                return Deny(
                    f"{subject.named()} is denied by the rule {rule.source}; the user can "
                    "allow it by removing that rule."
                )
            if not doubt and any(rule.may_match(text, kind) for text in broad):
                doubt = f"{subject.named()} may be what the rule {rule.source} denies"
        decision = self._allowed(tool, subject, spellings)
        if isinstance(decision, Allow) and doubt:
            return Ask(f"{doubt}, which is only known when it runs.")
        if decision is None:
            for rule in self._about(tool, self.ask):
                if any(rule.may_match(text, kind) for text in broad):
                    return Ask(f"{subject.named()} needs approval by the rule {rule.source}.")
        if decision is None and doubt and self.default != "deny":
            return Ask(f"{doubt}, which is only known when it runs.")
        return decision

    def _allowed(
        self, tool: str, subject: Subject, spellings: tuple[str, ...]
    ) -> Allow | Ask | None:
        """Find the allow rule for a subject; Ask when it grants less than what it does."""
        narrow = ""
        for rule in self._about(tool, self.allow):
            if any(rule.matches(text, subject.kind) for text in spellings):
                if not subject.beyond or rule.covers_all or rule.literal:
                    return Allow(f"{subject.named()} is allowed by the rule {rule.source}.")
                narrow = rule.source
        if narrow:
            return Ask(
                f"{subject.named()} is more than the rule {narrow} allows: {subject.beyond}."
            )
        return None

    def by_default(self, subject: Subject) -> Decision:
        made = {"allow": Allow, "deny": Deny, "ask": Ask}[self.default]
        return made(
            f"{subject.named()} matches no rule, and the default decision is {self.default}."
        )

    def grants_all(self, tool: str) -> bool:
        """Whether what no rule names is allowed for `tool`, by a blanket rule or by default."""
        blanket = any(rule.covers_all for rule in self._about(tool, self.allow))
        return blanket or self.default == "allow"

    def names_literally(self, tool: str, subject: Subject) -> bool:
        """Whether an allow rule without wildcards is exactly this subject."""
        return any(
            rule.literal and rule.matches(text, subject.kind)
            for rule in self._about(tool, self.allow)
            for text in (subject.text, *subject.same)
        )

    @staticmethod
    def _about(tool: str, rules: tuple[Rule, ...]) -> Iterable[Rule]:
        return (rule for rule in rules if rule.names(tool))


def strictest(decisions: Iterable[Decision]) -> Decision:
    """Give the strictest of at least one decision, Deny before Ask before Allow; the first one."""
    return max(decisions, key=_strictness)


def _strictness(decision: Decision) -> int:
    match decision:
        case Deny():
            return 2
        case Ask():
            return 1
        case Allow():
            return 0


def printable(text: str) -> str:
    """Show a text on one line: control and direction characters escaped, its length said."""
    shown = ANY_HOLE.sub("…", text.replace(GLOB, "*"))
    safe = on_one_line(shown)
    more = len(safe) - MAX_SHOWN_CHARS
    return safe if more <= 0 else f"{safe[:MAX_SHOWN_CHARS]}… ({more} more characters)"
