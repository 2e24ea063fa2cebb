"""
The tool `generate_object`: a value that satisfies a JSON Schema, or a failure that says why not.

Source:
    A3S Code README 3.x, "Structured Output"; SPEC 5.16; DESIGN 6.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from a3s_code.kernel.answer_form import AnswerForm
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.tool import Effect, Observation, Tool, ToolContext, failure, tool

if TYPE_CHECKING:  # most sessions make none
    from a3s_code.harness.objects.generation import GaveUp, Made, Order
    from a3s_code.harness.objects.judgement import Check

MAX_PROMPT_BYTES = 128 * 1024
MAX_SYSTEM_BYTES = 32 * 1024
MAX_NAME_CHARS = 64
MAX_ERROR_CHARS = 4_000
"""Of the reasons in a failure."""

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")


class GenerateObjectArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    schema: Annotated[
        dict[str, Any],
        msgspec.Meta(description="JSON Schema (draft 2020-12) of the value; list `required`."),
    ]
    prompt: Annotated[
        str,
        msgspec.Meta(description="What the value is about, with all data; nothing else is seen."),
    ]
    schema_name: Annotated[str, msgspec.Meta(description="A short name of the value.")] = "result"
    schema_description: Annotated[
        str | None, msgspec.Meta(description="What the value is, in a sentence.")
    ] = None
    system: Annotated[str | None, msgspec.Meta(description="A system prompt for it.")] = None
    mode: Annotated[
        Literal["auto", "strict", "json", "tool", "prompt"],
        msgspec.Meta(
            description="auto, tool: a forced tool call; strict: the provider enforces the schema; "
            "json: its JSON mode; prompt: words alone."
        ),
    ] = "auto"
    max_repair_attempts: Annotated[
        int, msgspec.Meta(ge=0, le=5, description="How often an invalid answer is sent back.")
    ] = 2
    timeout_ms: Annotated[
        int, msgspec.Meta(ge=1, le=600_000, description="For all attempts together.")
    ] = 120_000
    include_raw_text: Annotated[
        bool, msgspec.Meta(description="Also give the answer as the model wrote it.")
    ] = False


@tool(GenerateObjectArgs, effect=Effect.CONTAINER, subject="schema_name")
async def generate_object(args: GenerateObjectArgs, context: ToolContext) -> Observation:
    """
    Have a model make a JSON value that is checked against a schema: for results that a program
    reads. The output is {"object": ...}; an invalid value is never given.
    """
    return await _run(None, args, context)


def checked_object(check: Check) -> Tool:
    """Give the tool with one more check of each value, whose words the model is told."""
    return replace(generate_object, run=partial(_run, check))


async def _run(check: Check | None, args: GenerateObjectArgs, context: ToolContext) -> Observation:
    from a3s_code.harness.objects.generation import GaveUp, generate
    from a3s_code.harness.objects.schema import SchemaRefused

    if context.asker is None:
        return failure("No model can be asked here.", "unsupported")
    too_long = _too_long(args)
    if too_long:
        return failure(too_long, "invalid_argument")
    try:
        order = await _order(args, check)
    except SchemaRefused as error:
        return failure(str(error), error.kind, pointer=error.pointer)
    try:
        made = await generate(order, context.asker, context.emit_output)
    except GaveUp as error:
        return _failed(error)
    return _made(made, args)


def _too_long(args: GenerateObjectArgs) -> str:
    for name, text, limit in (
        ("prompt", args.prompt, MAX_PROMPT_BYTES),
        ("system", args.system or "", MAX_SYSTEM_BYTES),
    ):
        if len(text.encode("utf-8", "surrogatepass")) > limit:
            return f"{name} is longer than {limit // 1024} KiB; give less, or a summary."
    return "" if args.prompt.strip() else "prompt is empty; say what the value is about."


async def _order(args: GenerateObjectArgs, check: Check | None) -> Order:
    from asyncio import to_thread  # a session is made without asyncio; DESIGN 7

    from a3s_code.harness.objects.generation import Order
    from a3s_code.harness.objects.judgement import Judge
    from a3s_code.harness.objects.schema import accept

    schema = await to_thread(accept, args.schema)
    name = _NOT_IN_NAMES.sub("_", args.schema_name)[:MAX_NAME_CHARS].strip("_") or "result"
    form = AnswerForm(
        name=name, schema=schema.form, description=args.schema_description or "The value."
    )
    return Order(
        judge=Judge(schema, name, args.prompt, check),
        form=form,
        prompt=args.prompt,
        system=args.system or "",
        mode=args.mode,
        max_repair_attempts=args.max_repair_attempts,
        timeout_s=args.timeout_ms / 1000,
    )


def _made(made: Made, args: GenerateObjectArgs) -> Observation:
    facts = made.facts
    output: JsonObject = {
        "object": made.value,
        **{name: facts[name] for name in ("mode", "means", "attempts")},
    }
    if args.include_raw_text:
        output["raw_text"] = made.raw
    text = msgspec.json.encode(output).decode()
    return Observation(text, metadata={"generate_object": facts})


def _failed(error: GaveUp) -> Observation:
    last = [str(fault)[:MAX_ERROR_CHARS] for fault in error.faults]
    attempts = error.facts["attempts"]
    failed = failure(str(error)[:MAX_ERROR_CHARS], error.kind, attempts=attempts, errors=last)
    return replace(failed, metadata={"generate_object": error.facts})
