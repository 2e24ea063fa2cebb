"""
Slash commands: input that is answered before the model is asked.

A command is a function `handler(args, ctx) -> str` or an object with `name`, `description`
and `execute(args, context) -> CommandOutput`. What it asks for beyond its text (compact,
clear, switch the model) is an action that the session carries out. SPEC 12.6.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import msgspec

from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.harness.patterns import MCP_PREFIX

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class CommandContext(msgspec.Struct, frozen=True):
    """
    What a command may know of its session.

    Attributes:
        history_len: Messages in the conversation.
        total_tokens, total_cost: Of all requests; US dollars, where models without a known price
            count 0.
        cache_read_tokens, cache_write_tokens: Parts of `total_tokens`.
        unpriced: Models that have answered and whose price nobody knows.
    """

    session_id: str
    workspace: str
    model: str
    history_len: int
    total_tokens: int
    total_cost: float
    tool_names: tuple[str, ...]
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    unpriced: tuple[str, ...] = ()


class Compact(msgspec.Struct, frozen=True):
    """Make room in the conversation."""


class ClearHistory(msgspec.Struct, frozen=True):
    """Forget the conversation."""


class SwitchModel(msgspec.Struct, frozen=True):
    """Answer with another model from now on: `provider/model`."""

    model: str


CommandAction: TypeAlias = Compact | ClearHistory | SwitchModel


class CommandOutput(msgspec.Struct, frozen=True):
    """What a command shows, and what the session shall do because of it."""

    text: str
    action: CommandAction | None = None


class SlashCommand(Protocol):
    """A command as an object; `execute` may also be async."""

    @property
    def name(self) -> str: ...

    @property
    def description(self) -> str: ...

    def execute(self, args: str, context: CommandContext) -> CommandOutput: ...


Handler: TypeAlias = Callable[[str, dict[str, Any]], Any]
Execute: TypeAlias = Callable[[str, CommandContext], Any]
"""Gives a `CommandOutput`, or what `output_of` makes one of, or something to await for it."""


@dataclass(frozen=True, slots=True)
class Command:
    """A registered command. `blocking` handlers are run in a thread."""

    name: str
    description: str
    usage: str | None
    execute: Execute
    blocking: bool


class CommandRegistry:
    """The commands of one session; built-in ones are there from the start."""

    def __init__(self) -> None:
        self._commands: dict[str, Command] = {command.name: command for command in _BUILT_IN}
        self._commands["help"] = Command("help", "List available commands", None, self._help, False)

    def register(
        self, name: str | SlashCommand, description: str = "", handler: Handler | None = None
    ) -> None:
        """
        Add a command, by name and function or as one object.

        Raises:
            InvalidValue: the name is malformed, or a built-in command has it.
            InvalidType: there is nothing to call.
        """
        command = (
            _from_function(name, description, handler)
            if isinstance(name, str)
            else _from_object(name)
        )
        if not _NAME.fullmatch(command.name):
            raise InvalidValue(
                f"{command.name!r} cannot be a command.", hint="use letters, digits, - and _"
            )
        if command.name in _RESERVED:
            raise InvalidValue(
                f"/{command.name} is built in and cannot be replaced.", hint="choose another name"
            )
        self._commands[command.name] = command

    def get(self, name: str) -> Command | None:
        """Give the command `name`, without its slash; None when there is none."""
        return self._commands.get(name)

    def rows(self) -> list[dict[str, str | None]]:
        """List name, description and usage of every command, by name."""
        return [
            {"name": command.name, "description": command.description, "usage": command.usage}
            for _, command in sorted(self._commands.items())
        ]

    def _help(self, args: str, context: CommandContext) -> CommandOutput:  # noqa: ARG002 - a command
        lines = [f"/{row['name']:<12} {row['description']}" for row in self.rows()]
        return CommandOutput("\n".join(["Available commands:", *lines]))


def parse(text: str) -> tuple[str, str] | None:
    """Split `/name args`; None when the first character that is no blank is no slash."""
    stripped = text.strip()
    if not stripped.startswith("/"):
        return None
    name, *rest = stripped[1:].split(maxsplit=1) or [""]
    return name, rest[0] if rest else ""


def _from_function(name: str, description: str, handler: Handler | None) -> Command:
    if not callable(handler):
        raise InvalidType(f"The handler of /{name} cannot be called.", hint="pass a function")

    def execute(args: str, context: CommandContext) -> Any:  # noqa: ANN401 - settled by `run`
        return handler(args, msgspec.structs.asdict(context))

    return Command(name, description, None, execute, not _is_async(handler))


def _from_object(command: SlashCommand) -> Command:
    execute = getattr(command, "execute", None)
    name, description = getattr(command, "name", None), getattr(command, "description", None)
    if not callable(execute) or not isinstance(name, str) or not isinstance(description, str):
        raise InvalidType(
            f"{type(command).__name__} is no command.", hint="give it name, description, execute"
        )
    usage = getattr(command, "usage", None)
    return Command(name, description, usage, execute, not _is_async(execute))


def _is_async(function: Callable[..., Any]) -> bool:
    call = getattr(function, "__call__", None)  # noqa: B004 - an object may have an async one
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


def output_of(value: object) -> CommandOutput:
    """Take what a handler gave: an output as it is, nothing as no text, the rest as text."""
    if isinstance(value, CommandOutput):
        return value
    return CommandOutput("" if value is None else str(value))


def _cost(args: str, context: CommandContext) -> CommandOutput:  # noqa: ARG001 - a command
    rows: dict[str, str] = {
        "Session": context.session_id[:8],
        "Model": context.model,
        "Tokens": str(context.total_tokens),
        "Cost": f"${context.total_cost:.4f}",
        "Cached": f"{context.cache_read_tokens} read, {context.cache_write_tokens} written",
    }
    if context.unpriced:
        rows["Unknown"] = f"no price for {', '.join(context.unpriced)}, counted as 0"
    return CommandOutput("\n".join(f"{name + ':':<9}{value}" for name, value in rows.items()))


def _model(args: str, context: CommandContext) -> CommandOutput:
    if not args:
        return CommandOutput(f"Current model: {context.model}")
    if "/" not in args:
        return CommandOutput("Usage: /model provider/model")
    return CommandOutput(f"Model switched to {args}", SwitchModel(args))


def _clear(args: str, context: CommandContext) -> CommandOutput:  # noqa: ARG001 - a command
    return CommandOutput(f"Cleared {context.history_len} messages.", ClearHistory())


def _compact(args: str, context: CommandContext) -> CommandOutput:  # noqa: ARG001 - a command
    said = f"Compacting {context.history_len} messages ({context.total_tokens} tokens used)."
    return CommandOutput(said, Compact())


def _history(args: str, context: CommandContext) -> CommandOutput:  # noqa: ARG001 - a command
    return CommandOutput(
        f"Messages: {context.history_len}\n"
        f"Tokens:   {context.total_tokens}\n"
        f"Session:  {context.session_id}"
    )


def _tools(args: str, context: CommandContext) -> CommandOutput:  # noqa: ARG001 - a command
    names = [name for name in context.tool_names if not name.startswith(MCP_PREFIX)]
    servers = [name for name in context.tool_names if name.startswith(MCP_PREFIX)]
    lines = [f"Tools: {len(context.tool_names)}", f"Built in: {', '.join(names)}"]
    return CommandOutput("\n".join([*lines, *([f"MCP: {', '.join(servers)}"] if servers else [])]))


_BUILT_IN = (
    Command("clear", "Clear conversation history", None, _clear, False),
    Command("compact", "Manually trigger context compaction", None, _compact, False),
    Command("cost", "Show token usage and estimated cost", None, _cost, False),
    Command("history", "Show conversation turn count and token stats", None, _history, False),
    Command("model", "Show or switch the current model", "/model [provider/model]", _model, False),
    Command("tools", "List registered tools", None, _tools, False),
)
_RESERVED = frozenset({"help", *(command.name for command in _BUILT_IN)})
