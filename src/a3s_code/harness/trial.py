"""
Calls that nobody makes, put to the real gate: what would be decided, and nothing runs.

A trial call is a tool and one text: the command line of `bash`, the path of a tool that has
one, the JSON of the arguments, or, for a tool that is not known here, the text that rules
would be held against.

Source:
    SPEC 6.1, "Text matched".
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, replace

import msgspec

from a3s_code.errors import InvalidValue
from a3s_code.harness.gate import PolicyGate
from a3s_code.harness.patterns import Kind, Rule
from a3s_code.harness.policy import CompiledPolicy
from a3s_code.harness.shell.analysis import analyse
from a3s_code.harness.tool_names import SHELL_TOOL
from a3s_code.kernel.messages import JsonObject, ToolCall
from a3s_code.kernel.ports import Action, Authority, Decision
from a3s_code.kernel.tool import Effect, Observation, Tool, ToolContext, failure, tool

_BY_DEFAULT = "default_decision="
LISTS = ("deny", "allow", "ask")
"""The lists of a policy, in the order in which they decide."""
STRICTNESS = {"allow": 0, "ask": 1, "deny": 2}
"""Of decisions, by their names."""


class _AnyArgs(msgspec.Struct, frozen=True):
    text: str


@dataclass(frozen=True, slots=True)
class _Place:
    """A path as text alone: no file is looked at, so links are not known."""

    path: str
    spelled: str
    repository: str = ""

    def place(self) -> str:
        """No directory is known."""
        return ""

    def close(self) -> None:
        """Nothing is held open."""


@dataclass(frozen=True, slots=True)
class Trial:
    """
    Puts calls to a gate.

    Attributes:
        tools: By name; of others only the name is known.
        root: The workspace as an absolute path, when there is one.
    """

    tools: Mapping[str, Tool]
    root: str = ""

    def decide(self, policy: CompiledPolicy, name: str, text: str) -> Decision:
        """
        Give what the gate decides about a call of the model.

        Raises:
            InvalidValue: `text` is not what this tool takes.
        """
        return PolicyGate(policy, self.root).decide(self.action(name, text))

    def deciding(self, policy: CompiledPolicy, name: str, text: str) -> tuple[str, str]:
        """
        Give the list and the text of the rule that makes a decision what it is.

        The list is empty when no rule does, and the text then says what else; both are empty
        for the default decision.

        Raises:
            InvalidValue: `text` is not what this tool takes.
        """
        made = self.decide(policy, name, text)
        for among in LISTS:
            for rule in rules_of(policy, among):
                if rule.source == said_of(made, "rule"):
                    return among, rule.source
                if rule.names(name) and self._makes(policy, among, rule, (name, text, made)):
                    return among, rule.source
        said = said_of(made, "rule")
        return "", "" if said.startswith(_BY_DEFAULT) else said

    def _makes(
        self, policy: CompiledPolicy, among: str, rule: Rule, call: tuple[str, str, Decision]
    ) -> bool:
        """Whether a decision is another one without a rule."""
        name, text, made = call
        is_named = rule.source in made.reason
        if not is_named and not self.matches(rule, among, text):
            return False
        other = self.decide(without(policy, among, rule), name, text)
        return type(other) is not type(made) or (is_named and other.reason != made.reason)

    def action(self, name: str, text: str) -> Action:
        """
        Make the action of a call.

        Raises:
            InvalidValue: `text` is not what this tool takes.
        """
        known = self.tools.get(name) or _unknown(name)
        args = _args(known, text)
        target = None
        if known.path is not None:
            path = self._relative(str(getattr(args, known.path) or "."))
            target = _Place(path, path)
        return Action(
            call=ToolCall("trial", known.name, {}),
            tool=known,
            args=args,
            subject=known.subject_of(args),
            effect=known.effect_of(args),
            target=target,
            authority=Authority.SESSION,
        )

    def kind(self, name: str) -> Kind:
        """Give what rules about a tool are held against."""
        known = self.tools.get(name)
        if name == SHELL_TOOL:
            return Kind.COMMAND
        return Kind.PATH if known is not None and _is_path(known) else Kind.TEXT

    def about(self, rule: Rule) -> tuple[str, ...]:
        """Give the names of the known tools that a rule is about."""
        return tuple(name for name in self.tools if rule.names(name))

    def matches(self, rule: Rule, among: str, text: str) -> bool:
        """
        Whether a rule of the list `among` matches a text, for any of its tools.

        A command line is matched when one of the simple commands that it could run is.
        """
        names = self.about(rule) or ("",)
        return any(self._matches(rule, among, text, self.kind(name)) for name in names)

    def _matches(self, rule: Rule, among: str, text: str, kind: Kind) -> bool:
        match kind:
            case Kind.COMMAND:
                texts = _command_texts(text, among)
            case Kind.PATH:
                texts = (self._relative(text), text)
            case Kind.TEXT:
                texts = (text,)
        return any(rule.matches(each, kind) for each in texts)

    def _relative(self, path: str) -> str:
        plain = posixpath.normpath(path)
        if self.root and posixpath.isabs(plain):
            inner = posixpath.relpath(plain, self.root)
            return plain if inner.startswith("..") else inner
        return plain


def name_of(decision: Decision) -> str:
    """Give `allow`, `ask` or `deny`."""
    return type(decision).__name__.lower()


def said_of(decision: Decision, fact: str) -> str:
    """Give the `rule` or the `part` that a decision names; empty when it names none."""
    return str(getattr(decision, fact, ""))


def rules_of(policy: CompiledPolicy, among: str) -> tuple[Rule, ...]:
    """Give one list of a policy."""
    return {"deny": policy.deny, "allow": policy.allow, "ask": policy.ask}[among]


def without(policy: CompiledPolicy, among: str, rule: Rule) -> CompiledPolicy:
    """Give the policy with one rule taken out of one list."""
    rest = tuple(each for each in rules_of(policy, among) if each is not rule)
    match among:
        case "deny":
            return replace(policy, deny=rest)
        case "allow":
            return replace(policy, allow=rest)
        case _:
            return replace(policy, ask=rest)


def _command_texts(line: str, among: str) -> tuple[str, ...]:
    """Give what rules of a list are held against for a command line, as the gate has it."""
    analysis = analyse(line)
    texts = [simple.text for simple in analysis.commands]
    if among != "allow":
        texts += [text for simple in analysis.commands for text in simple.also]
        texts += analysis.suspects
    whole = among == "deny" or (among == "ask" and bool(analysis.unresolved))
    if whole or not (texts or analysis.writes):
        texts.append(line.strip())
    return tuple(texts)


def _is_path(known: Tool) -> bool:
    """Whether rules see the path of a call alone, and not a text that it is a part of."""
    path = known.path
    return path is not None and known.subject_of(_filled(known, {path: "a/b"})) == "a/b"


def _args(known: Tool, text: str) -> msgspec.Struct:
    if text.lstrip().startswith("{") and known.args is not _AnyArgs:
        try:
            return msgspec.json.decode(text, type=known.args)
        except msgspec.DecodeError as error:
            if known.path is None and known.name != SHELL_TOOL:
                raise _unfit(known, str(error)) from None
    if known.args is _AnyArgs:
        return _AnyArgs(text)
    first = known.path if _is_path(known) else known.args.__struct_fields__[0]
    if known.path is None and known.name != SHELL_TOOL:
        raise _unfit(known, "expected a JSON object")
    return _filled(known, {str(first): text})


def _filled(known: Tool, given: JsonObject) -> msgspec.Struct:
    """Make arguments with these values, and with nothing where something has to stand."""
    fields = msgspec.structs.fields(known.args)
    needed = {field.name: "" for field in fields if field.required}
    return known.args(**{**needed, **given})


def _unfit(known: Tool, problem: str) -> InvalidValue:
    return InvalidValue(
        f"Invalid arguments for {known.name}: {problem}.",
        hint="give the arguments as one JSON object",
    )


def _unknown(name: str) -> Tool:
    return replace(_stand_in, name=name)


@tool(_AnyArgs, effect=Effect.EXECUTE, subject="text")
async def _stand_in(_args: _AnyArgs, _context: ToolContext) -> Observation:
    """Stand for a tool of which only the name is known; nobody ever calls it."""
    return failure("This tool is only decided about.", "unsupported")
