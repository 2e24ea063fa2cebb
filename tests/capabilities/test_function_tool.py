from __future__ import annotations

import contextvars
import functools
import threading
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import pytest

from a3s_code.capabilities.function_tool import RESERVED_NAMES, function_tool
from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.kernel.messages import Attachment
from a3s_code.kernel.tool import Effect, Observation, ToolContext, failure
from capabilities.conftest import Workspace, subject


@dataclass
class Point:
    x: int
    y: int = 0


def greet(
    name: Annotated[str, "Whom to greet."],
    times: Annotated[int, msgspec.Meta(ge=1, le=3, description="How often.")] = 1,
    tone: Literal["warm", "cool"] = "warm",
) -> str:
    """
    Greet somebody.

    More than once on request.
    """
    return f"{tone} hello {name} " * times


async def double(value: int) -> int:
    return value * 2


def test_the_signature_is_the_schema_and_the_docstring_the_summary() -> None:
    tool = function_tool(greet)
    assert (tool.name, tool.effect) == ("greet", Effect.HOST)
    assert tool.summary == "Greet somebody. More than once on request."
    assert tool.schema == {
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "Whom to greet."},
            "times": {
                "type": "integer",
                "minimum": 1,
                "maximum": 3,
                "description": "How often.",
                "default": 1,
            },
            "tone": {"enum": ["cool", "warm"], "default": "warm"},
        },
        "required": ["name"],
        "additionalProperties": False,
    }


async def test_a_sync_function_is_called_with_what_was_given(workspace: Workspace) -> None:
    shown = await workspace.run(function_tool(greet), name="Ada", times=2)
    assert shown.text == "warm hello Ada warm hello Ada "


async def test_an_async_function_is_awaited(workspace: Workspace) -> None:
    assert (await workspace.run(function_tool(double), value=21)).text == "42"


async def test_a_sync_function_does_not_hold_the_loop_and_keeps_context_variables(
    workspace: Workspace,
) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    variable.set("kept")

    def where() -> list[str]:
        return [variable.get(), threading.current_thread().name]

    text = (await workspace.run(function_tool(where))).text
    kept, thread = msgspec.json.decode(text, type=list[str])
    assert kept == "kept"
    assert thread != threading.current_thread().name


async def test_nested_values_arrive_as_what_they_are_annotated_as(workspace: Workspace) -> None:
    def total(points: list[Point]) -> Point:
        return Point(sum(p.x for p in points), sum(p.y for p in points))

    tool = function_tool(total)
    assert tool.schema["type"] == "object"
    assert "Point" in tool.schema["$defs"]
    assert (await workspace.run(tool, points=[{"x": 1}, {"x": 2, "y": 3}])).text == '{"x":3,"y":3}'


async def test_a_default_that_can_change_is_fresh_in_every_call(workspace: Workspace) -> None:
    def collect(item: str, into: list[str] = ["first"]) -> list[str]:  # noqa: B006 - the case
        into.append(item)
        return into

    tool = function_tool(collect)
    for _ in range(2):
        assert (await workspace.run(tool, item="a")).text == '["first","a"]'


async def test_the_context_is_handed_over_and_not_in_the_schema(workspace: Workspace) -> None:
    async def size(file: str, context: ToolContext) -> int:
        return len(await context.files.read(context.resolved))

    workspace.put("a.txt", "12345")
    tool = function_tool(size, effect=Effect.READ, path="file")
    assert list(tool.schema["properties"]) == ["file"]
    assert (await workspace.run(tool, file="a.txt")).text == "5"
    assert subject(tool, file="a.txt") == "a.txt"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        (None, "null"),
        ({"a": [1.5, True]}, '{"a":[1.5,true]}'),
        (b"\0", '"AA=="'),
    ],
)
async def test_values_are_shown_as_text_or_json(
    workspace: Workspace, value: object, text: str
) -> None:
    def give() -> Any:
        return value

    assert (await workspace.run(function_tool(give))).text == text


async def test_an_observation_is_passed_on_untouched(workspace: Workspace) -> None:
    answer = failure("no such city", "not_found", exit_code=4)

    def give() -> Observation:
        return answer

    assert await workspace.run(function_tool(give)) is answer


async def test_an_attachment_is_a_picture(workspace: Workspace) -> None:
    picture = Attachment.png(b"data")

    def give() -> Attachment:
        return picture

    assert (await workspace.run(function_tool(give))).images == (picture,)


async def test_a_value_that_is_no_json_is_a_failure(workspace: Workspace) -> None:
    def give() -> object:
        return object()

    shown = await workspace.run(function_tool(give))
    assert shown.failed
    assert "object" in shown.text


@pytest.mark.parametrize(
    "error", [ValueError("bad\nthing"), StopIteration("s"), SystemExit(3), KeyError("k")]
)
async def test_what_it_raises_is_a_failure_with_type_and_message(
    workspace: Workspace, error: BaseException
) -> None:
    def fail() -> None:
        raise error

    async def fail_later() -> None:
        raise error

    for fn in (fail, *(() if isinstance(error, StopIteration) else (fail_later,))):
        shown = await workspace.run(function_tool(fn))
        assert shown.failed
        assert shown.text == f"{type(error).__name__}: {error}"
        assert shown.error_kind == {"type": "exception", "exception": type(error).__name__}


async def test_a_long_message_is_cut_and_there_is_no_traceback(workspace: Workspace) -> None:
    def fail() -> None:
        raise RuntimeError("x" * 10_000)

    shown = await workspace.run(function_tool(fail))
    assert len(shown.text) < 2_100
    assert "Traceback" not in shown.text


async def test_a_callable_object_and_a_partial_can_be_tools(workspace: Workspace) -> None:
    class Adder:
        """Add to a fixed number."""

        def __init__(self, start: int) -> None:
            self.start = start

        def __call__(self, value: int) -> int:
            return self.start + value

    assert (await workspace.run(function_tool(Adder(40), name="add"), value=2)).text == "42"
    twice = functools.partial(greet, times=2)
    shown = await workspace.run(function_tool(twice, name="twice"), name="Ada")
    assert shown.text == greet("Ada", 2)


def test_arguments_are_checked_against_the_signature() -> None:
    tool = function_tool(greet)
    for wrong in ({}, {"name": 1}, {"name": "a", "times": 9}, {"name": "a", "extra": 1}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, tool.args)


def _no_annotation(value) -> str: ...  # type: ignore[no-untyped-def] # noqa: ANN001 - the case
def _star(*values: str) -> str: ...
def _stars(**values: str) -> str: ...
def _by_position(value: str, /) -> str: ...
def _foreign(value: threading.Thread) -> str: ...
def _unknown(value: NoSuchType) -> str: ...  # noqa: F821 - the case


@pytest.mark.parametrize("fn", [_no_annotation, _star, _stars, _by_position, _foreign, _unknown])
def test_a_signature_that_cannot_be_a_schema_is_refused_with_a_hint(fn: Any) -> None:
    with pytest.raises(InvalidType) as caught:
        function_tool(fn)
    assert caught.value.hint
    assert fn.__name__ in str(caught.value)


@pytest.mark.parametrize("name", ["", "a b", "<lambda>", "é", "x" * 65, "mcp__a__b", "Skill"])
def test_a_name_that_providers_or_built_in_tools_would_mind_is_refused(name: str) -> None:
    with pytest.raises(InvalidValue):
        function_tool(greet, name=name)


@pytest.mark.parametrize("name", sorted(RESERVED_NAMES))
def test_a_built_in_tool_cannot_be_replaced(name: str) -> None:
    with pytest.raises(InvalidValue, match="reserved for built-in and MCP tools"):
        function_tool(greet, name=name.upper())


@pytest.mark.parametrize("path", ["missing", "times"])
def test_the_path_must_be_a_text_parameter(path: str) -> None:
    with pytest.raises(InvalidValue):
        function_tool(greet, path=path)
