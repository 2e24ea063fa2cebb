"""
What a tool is.

A tool is a value: a name and a summary for the model, a schema for its arguments, an
effect and a subject for the gate, and an async function that does the work. There is no
base class to inherit. Adding one is a struct of arguments and one function:

    class WordsArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
        file_path: Annotated[str, msgspec.Meta(description="File to count, in the workspace.")]

    @tool(WordsArgs, effect=Effect.READ, path="file_path")
    async def words(args: WordsArgs, context: ToolContext) -> Observation:
        "Count the words of a text file."
        data = await context.files.read(context.resolved)
        return Observation(f"{args.file_path}: {len(data.split())}")
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar

import msgspec

from a3s_code.errors import UsageError
from a3s_code.kernel.asking import Asker
from a3s_code.kernel.children import Agents, Children
from a3s_code.kernel.messages import Attachment, JsonObject
from a3s_code.kernel.plain import canonical
from a3s_code.kernel.script import ScriptEngines
from a3s_code.kernel.tasks import TaskList
from a3s_code.kernel.verification import Report
from a3s_code.kernel.workspace import Files, Processes, Resolved, Search


class Effect(enum.Enum):
    """The strongest thing a call can do; the gate and the scheduler start from it."""

    READ = "read"
    WRITE = "write"
    EXECUTE = "execute"
    NETWORK = "network"
    HOST = "host"
    """A function of the embedding program, which answers for what it does."""
    CONTAINER = "container"
    """Runs other calls, each of which is decided by itself."""


@dataclass(frozen=True, slots=True)
class Observation:
    """
    What a tool call showed.

    Attributes:
        text: What the model reads. The executor bounds it and keeps the whole as an
            artifact, so a tool hands over all of it.
        failed: The call did not do what it was asked; `text` says why.
        exit_code: 0 for success; a command's own status; 1 for any other failure.
        metadata: Facts for the caller and for UIs. Never sent to the model.
        error_kind: Machine-readable failure, tagged with `type`: `not_found`,
            `invalid_argument`, `unsupported`, `timeout`, `version_conflict`, …
            This and `metadata` are plain JSON; a call that returns anything else failed.
        images: Pictures for a model that can see.
        shown_bytes: What the model sees at most, where that is less than what it sees of any call.
    """

    text: str
    failed: bool = False
    exit_code: int = 0
    metadata: JsonObject | None = None
    error_kind: JsonObject | None = None
    images: tuple[Attachment, ...] = ()
    shown_bytes: int | None = None


def failure(text: str, kind: str = "", *, exit_code: int = 1, **facts: Any) -> Observation:  # noqa: ANN401 - JSON
    """
    Make the observation of a call that did not do what it was asked.

    Args:
        text: What was wrong, where, and what to do; the model reads it.
        kind: The `type` of `error_kind`; empty for none.
        facts: More fields of `error_kind`; plain JSON.
    """
    tagged: JsonObject | None = {"type": kind, **facts} if kind else None
    return Observation(text, failed=True, exit_code=exit_code, error_kind=tagged)


def kind_of(error_kind: JsonObject | None) -> str | None:
    """Give the `type` of a failure's `error_kind`; None when it has none."""
    kind = error_kind.get("type") if error_kind else None
    return kind if isinstance(kind, str) else None


class CallTool(Protocol):
    async def __call__(self, name: str, args: JsonObject) -> Observation:
        """Run another tool through the same executor, with the session's authority."""
        ...


KeptOutput: TypeAlias = Callable[[str], Awaitable["str | None"]]


class CallAll(Protocol):
    async def __call__(
        self, calls: Sequence[tuple[str, JsonObject]], at_once: int
    ) -> list[Observation]:
        """
        Run tools that need nothing of each other, each as `CallTool` would.

        They are decided in their order, and then run at the same time; only those about one file
        wait for each other where one of them changes it. One that fails stops no other. What runs
        other calls itself is refused.

        Args:
            calls: Name and arguments of each; each may hold a descriptor until all have ended.
            at_once: How many run at the same time at most.

        Returns:
            What each showed, in the order of the calls.
        """
        ...


@dataclass(frozen=True, slots=True)
class ToolContext:
    """
    What a tool may use. There is no other way to files, processes or other tools.

    Attributes:
        call_id: Of this call.
        target: What the tool's `path` argument resolved to; None for tools without one.
        search, processes: None when the workspace cannot do it; a tool that needs one
            names it in `needs` and is not offered without it.
        shell: Where command lines run; None for `processes`.
        emit_output: Shows a piece of output to who watches while the tool still runs. May
            be called from any thread; `live.MAX_LIVE_CHARS` bounds what one call shows.
        call: Runs another tool.
        call_all: Runs several at the same time; None where none can be called.
        children: Starts child runs; None where there can be none.
        agents: Whom work can be delegated to; None where it cannot.
        asker: Asks the model beside the conversation; None where it cannot be asked.
        kept_output: Gives the complete output of an earlier call of the session, by its `a3s://`
            URI; None for what is not kept. None where there are none.
        tasks: The list of tasks of the conversation; None where there is none.
        scripts: Runs programs; None where there can be none.
        tool_names: What there is to call; whether it may be called is decided call by call.
        is_direct: The embedding program called it itself.
        report: Records what something that the call ran says it has checked, such as a script
            of the model. It never counts as passed by itself: the harness has not seen it.
        timeout_s: What is left for this call, when the session limits it.
        exit_record: For a tool that runs one command and does nothing else: what that
            `Command` gets as its `exit_record`.
    """

    call_id: str
    session_id: str
    root: str
    files: Files
    search: Search | None
    processes: Processes | None
    target: Resolved | None
    emit_output: Callable[[str], None]
    call: CallTool
    call_all: CallAll | None = None
    timeout_s: float | None = None
    exit_record: str = ""
    shell: Processes | None = None
    children: Children | None = None
    agents: Agents | None = None
    asker: Asker | None = None
    report: Callable[[Report], None] | None = None
    tasks: TaskList | None = None
    scripts: ScriptEngines | None = None
    tool_names: Collection[str] = ()
    is_direct: bool = False
    kept_output: KeptOutput | None = None

    @property
    def resolved(self) -> Resolved:
        """
        The target of a tool that has a `path`.

        Raises:
            UsageError: the tool was declared without `path`.
        """
        if self.target is None:
            hint = 'declare it with @tool(path="…") or function_tool(fn, path="…")'
            raise UsageError("This tool has no path.", hint=hint)
        return self.target


class Evidence(Protocol):
    """What can be looked at, before a call and after a crash, to tell whether it took effect."""

    def of(self, args: Any) -> str:  # noqa: ANN401 - the struct of the tool's arguments
        """Name it for one call, such as a git ref; empty when nothing would tell."""
        ...

    async def look(self, named: str, context: ToolContext) -> str:
        """Give what is there now. It has changed if, and only if, the call took effect."""
        ...


A = TypeVar("A", bound=msgspec.Struct)
Run: TypeAlias = Callable[[Any, ToolContext], Awaitable[Observation]]
SubjectOf: TypeAlias = Callable[[Any], str]


@dataclass(frozen=True, slots=True, eq=False)
class Tool:
    """
    A tool is itself alone: two declarations are never equal.

    Attributes:
        args: The struct that arguments are decoded into.
        schema: JSON Schema of the arguments, `type: object` on top.
        effect_of: The effect of one call, where its arguments tell more than `effect`.
        subject_of: The text that permission patterns match; SPEC 6.1.
        path: Name of the argument that is resolved beneath the workspace root; a call without it
            has no target.
        reads_kept: `path` may be the URI of an output that the session keeps instead of a place in
            the workspace; such a call has no target, and the URI is its subject.
        needs: Parts of the workspace without which the tool is not offered:
            `search`, `processes`.
        evidence: How a call that was cut off can be settled; None when it cannot.
        wraps_function: It is a function that need not know of `ToolContext.files`, so it may
            change files that it does not announce.
        restores: Arguments whose text ends in a file of the workspace and nowhere else. What
            the model saw as the placeholder of a secret is the secret again there.
    """

    name: str
    summary: str
    effect: Effect
    args: type[msgspec.Struct]
    schema: JsonObject
    run: Run
    subject_of: SubjectOf
    effect_of: Callable[[Any], Effect]
    path: str | None = None
    needs: frozenset[str] = frozenset()
    evidence: Evidence | None = None
    wraps_function: bool = False
    restores: frozenset[str] = frozenset()
    reads_kept: bool = False


def tool(  # noqa: PLR0913 - what a tool is, each by its name
    args: type[A],
    *,
    effect: Effect,
    path: str | None = None,
    subject: str | Callable[[A], str] | None = None,
    effect_of: Callable[[A], Effect] | None = None,
    needs: frozenset[str] = frozenset(),
    name: str | None = None,
    evidence: Evidence | None = None,
    restores: frozenset[str] = frozenset(),
    reads_kept: bool = False,
) -> Callable[[Callable[[A, ToolContext], Awaitable[Observation]]], Tool]:
    """
    Make a `Tool` of an async function and the struct of its arguments.

    The function's name becomes the tool's name (unless `name` is given) and its docstring
    the summary that the model reads. `subject` is the field, or a function of the
    arguments, that permission patterns match; `path` by default, else the JSON of all
    arguments (SPEC 6.1). `evidence` tells after a crash whether a call took effect.

    Raises:
        UsageError: `path` or `subject` is no field of `args`.
    """

    for field in (path, subject):
        if isinstance(field, str) and field not in args.__struct_fields__:
            known = ", ".join(args.__struct_fields__)
            raise UsageError(f"{args.__name__} has no field {field!r}; it has {known}.")

    def build(fn: Callable[[A, ToolContext], Awaitable[Observation]]) -> Tool:
        return Tool(
            name=name or fn.__name__.rstrip("_"),
            summary=" ".join((fn.__doc__ or "").split()),
            effect=effect,
            args=args,
            schema=schema_of(args),
            run=fn,
            subject_of=subject if callable(subject) else _subject_field(subject or path),
            effect_of=effect_of or (lambda _: effect),
            path=path,
            needs=needs,
            evidence=evidence,
            restores=restores,
            reads_kept=reads_kept,
        )

    return build


def _subject_field(field: str | None) -> SubjectOf:
    if field is None:
        return lambda args: canonical(args).decode()
    return lambda args: str(getattr(args, field) or "")


def schema_of(args: type[msgspec.Struct]) -> JsonObject:
    """
    Give the JSON Schema of `args` with `type: object` on top, which providers demand.

    `msgspec.json.schema` would put a `$ref` there, and a `title` that only costs tokens.
    """
    _, components = msgspec.json.schema_components([args], ref_template="#/$defs/{name}")
    own: JsonObject = components.pop(args.__name__)
    own.pop("title", None)
    return own | {"$defs": components} if components else own


class ToolSet:
    """Tools in a stable order, each encoded once per wire. Shared by sessions; immutable."""

    __slots__ = ("__weakref__", "_encoded", "by_name", "tools")

    def __init__(self, tools: tuple[Tool, ...]) -> None:
        self.tools = tools
        self.by_name: Mapping[str, Tool] = {tool.name: tool for tool in tools}
        self._encoded: dict[str, bytes] = {}

    def schemas(self) -> bytes:
        """Give what the model is shown as JSON rows: `name`, `description`, `input_schema`."""
        return self.encoded("record", _schemas)

    def encoded(self, wire: str, encode: Callable[[tuple[Tool, ...]], bytes]) -> bytes:
        """Give the bytes of the whole tool list for one wire format, made once."""
        if wire not in self._encoded:
            self._encoded[wire] = encode(self.tools)
        return self._encoded[wire]


def _schemas(tools: tuple[Tool, ...]) -> bytes:
    rows = [
        {"name": tool.name, "description": tool.summary, "input_schema": tool.schema}
        for tool in tools
    ]
    return canonical(rows)
