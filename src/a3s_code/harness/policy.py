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
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeAlias

from a3s_code.checks import check_bool, check_list
from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.harness.patterns import Kind, Rule, parse_rule
from a3s_code.harness.shell.releases import release_in
from a3s_code.harness.subjects import Subject
from a3s_code.kernel.plain import canonical
from a3s_code.kernel.ports import Allow, Ask, Decision, Deny

RuleSource: TypeAlias = str | Mapping[str, str]

MAX_TOOLS_KEPT = 256
PROTECTED_PLACES, RELEASES = "protected places", "release actions"
"""What decides in place of a rule; see `kernel.ports.Allow`."""
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
            InvalidType: a rule or the default decision is no text, or `enabled` no bool.
        """
        check_bool("enabled of a PermissionPolicy", self.enabled)
        return _compiled(
            _texts("allow", self.allow),
            _texts("deny", self.deny),
            _texts("ask", self.ask),
            _decision(self.default_decision),
            self.enabled,
        )

    def __repr__(self) -> str:
        return (
            f"PermissionPolicy(allow={self.allow!r}, deny={self.deny!r}, ask={self.ask!r}, "
            f"default_decision={self.default_decision!r}, enabled={self.enabled!r})"
        )


def _listed(name: str, rules: Iterable[RuleSource] | None) -> list[RuleSource]:
    if isinstance(rules, str | Mapping):
        raise InvalidType(f"`{name}` is a single rule.", hint=f"write {name}=[...]")
    check_list(name, rules)
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
class CompiledPolicy:
    """Rules that decide. Immutable and shared; every method is pure."""

    allow: tuple[Rule, ...]
    deny: tuple[Rule, ...]
    ask: tuple[Rule, ...]
    default: str
    _by_tool: dict[str, _Lists] = field(
        default_factory=dict[str, "_Lists"], init=False, repr=False, compare=False
    )

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
        """
        Give `decision`, or Ask where it would allow what no rule names.

        That is a guarded subject without a rule for exactly it, and a release without a rule
        that says its name. The policy that allows everything grants both. Only an answer says
        yes to a guarded subject, whatever else asks about it.
        """
        if isinstance(decision, Deny) or not (subject.guarded or subject.release):
            return decision
        if self.allows_everything:
            return decision
        if isinstance(decision, Ask):
            return replace(decision, explicit=True) if subject.guarded else decision
        if subject.guarded and not self.names_literally(tool, subject):
            return Ask(
                f"{subject.named()} needs approval: {subject.guarded}.",
                PROTECTED_PLACES,
                subject.about(),
                explicit=True,
            )
        if subject.release and not self._names_release(tool, subject):
            return Ask(
                f"{subject.named()} needs approval: {subject.release} publishes.",
                RELEASES,
                subject.about(),
            )
        return decision

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
        lists = self._about(tool)
        spellings = (subject.text, *subject.same)
        broad = (*spellings, *subject.also)
        kind = subject.kind
        has_holes = not all(map(str.isprintable, broad))
        doubted: Rule | None = None
        for rule in lists.deny if has_holes else _headed(lists.deny, broad, kind):
            if _matches(rule, broad, kind):
                return _denial(subject, rule)
            if has_holes and doubted is None and _may_match(rule, broad, kind):
                doubted = rule
        decision = self._allowed(lists, subject, spellings)
        if isinstance(decision, Allow) and doubted is not None:
            return _doubt(subject, doubted)
        if decision is None:
            for rule in lists.ask:
                if _may_match(rule, broad, kind):
                    return Ask(
                        f"{subject.named()} needs approval by the rule {rule.source}.",
                        rule.source,
                        subject.about(),
                    )
        if decision is None and doubted is not None and self.default != "deny":
            return _doubt(subject, doubted)
        return decision

    def denied(self, tool: str, subject: Subject) -> Deny | None:
        """Give the denial of a rule, if one denies the subject for sure."""
        broad = (subject.text, *subject.same, *subject.also)
        for rule in _headed(self._about(tool).deny, broad, subject.kind):
            if _matches(rule, broad, subject.kind):
                return _denial(subject, rule)
        return None

    def _allowed(
        self, lists: _Lists, subject: Subject, spellings: tuple[str, ...]
    ) -> Allow | Ask | None:
        """Find the allow rule for a subject; Ask when it grants less than what it does."""
        narrow = ""
        for rule in _headed(lists.allow, spellings, subject.kind):
            if _matches(rule, spellings, subject.kind):
                if not subject.beyond or rule.covers_all or rule.literal:
                    return Allow(
                        f"{subject.named()} is allowed by the rule {rule.source}.",
                        rule=rule.source,
                        part=subject.about(),
                    )
                narrow = rule.source
        if narrow:
            return Ask(
                f"{subject.named()} is more than the rule {narrow} allows: {subject.beyond}.",
                narrow,
                subject.about(),
            )
        return None

    def by_default(self, subject: Subject) -> Decision:
        made = {"allow": Allow, "deny": Deny, "ask": Ask}[self.default]
        return made(
            f"{subject.named()} matches no rule, and the default decision is {self.default}.",
            rule=f"default_decision={self.default}",
            part=subject.about(),
        )

    def blanket(self, tool: str) -> str:
        """Say what grants all of `tool`, as `Allow.rule` has it; empty when nothing does."""
        rules = (rule.source for rule in self._about(tool).allow if rule.covers_all)
        default = "default_decision=allow" if self.default == "allow" else ""
        return next(rules, default)

    def names_literally(self, tool: str, subject: Subject) -> bool:
        """Whether an allow rule without wildcards is exactly this subject."""
        return any(
            rule.literal and _matches(rule, (subject.text, *subject.same), subject.kind)
            for rule in self._about(tool).allow
        )

    def asks_for_some(self, tool: str, subject: Subject) -> bool:
        """Whether an ask rule may mean this subject that is not about the whole tool."""
        texts = (subject.text, *subject.same, *subject.also)
        return any(
            not rule.covers_all and _may_match(rule, texts, subject.kind)
            for rule in self._about(tool).ask
        )

    def all_but_denied(self) -> CompiledPolicy:
        """
        Give what is left of the policy when everything is allowed: what it denies.

        With `deny` for its default only what it has rules for is allowed.
        """
        if self.default == "deny":
            return replace(self, allow=(*self.allow, *self.ask), ask=())
        return replace(self, allow=(parse_rule("*"),), ask=(), default="allow")

    def _names_release(self, tool: str, subject: Subject) -> bool:
        """
        Whether the user decided about this release by its name.

        By an allow rule for it, or by denying some form of it (`bash(git push --force*)`),
        which leaves the others to the rest of the policy.
        """
        lists, kind = self._about(tool), subject.kind
        spellings = (subject.text, *subject.same)
        granted = (rule for rule in lists.allow if _matches(rule, spellings, kind))
        return any(
            release_in(rule.text.source) == subject.release for rule in (*granted, *lists.deny)
        )

    def _about(self, tool: str) -> _Lists:
        """Give the rules about one tool, found once for each."""
        found = self._by_tool.get(tool)
        if found is None:
            if len(self._by_tool) >= MAX_TOOLS_KEPT:
                self._by_tool.clear()
            found = self._by_tool[tool] = _Lists(
                *(
                    tuple(rule for rule in rules if rule.names(tool))
                    for rules in (self.allow, self.deny, self.ask)
                )
            )
        return found


class _Lists(NamedTuple):
    """The rules of a policy about one tool."""

    allow: tuple[Rule, ...]
    deny: tuple[Rule, ...]
    ask: tuple[Rule, ...]


def _headed(rules: tuple[Rule, ...], texts: tuple[str, ...], kind: Kind) -> Sequence[Rule]:
    """Leave out rules that cannot match for how the text begins: nearly all, of every command."""
    if kind is Kind.PATH or len(texts) != 1:
        return rules
    (text,) = texts
    return [rule for rule in rules if text.startswith(rule.head)]


def _matches(rule: Rule, texts: tuple[str, ...], kind: Kind) -> bool:
    head = "" if kind is Kind.PATH else rule.head
    if len(texts) == 1:  # nearly always, and asked for every rule of every command
        return texts[0].startswith(head) and rule.matches(texts[0], kind)
    return any(text.startswith(head) and rule.matches(text, kind) for text in texts)


def _may_match(rule: Rule, texts: tuple[str, ...], kind: Kind) -> bool:
    return any(rule.may_match(text, kind) for text in texts)


def _denial(subject: Subject, rule: Rule) -> Deny:
    return Deny(
        f"{subject.named()} is denied by the rule {rule.source}; the user can allow it by "
        "removing that rule.",
        rule.source,
        subject.about(),
    )


def _doubt(subject: Subject, rule: Rule) -> Ask:
    return Ask(
        f"{subject.named()} may be what the rule {rule.source} denies, which is only known "
        "when it runs.",
        rule.source,
        subject.about(),
    )


def strictest(decisions: Iterable[Decision]) -> Decision:
    """
    Give the strictest of at least one decision, Deny before Ask before Allow; the first one.

    An Ask that only an answer settles is stricter than one that a lane may settle.
    """
    return max(decisions, key=_strictness)


def _strictness(decision: Decision) -> int:
    match decision:
        case Deny():
            return 3
        case Ask(explicit=explicit):
            return 2 if explicit else 1
        case Allow():
            return 0
