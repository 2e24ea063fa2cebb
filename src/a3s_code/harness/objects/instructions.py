"""
What a model is told beside the prompt: the form of its answer, and what was wrong with one.

Source:
    SPEC 5.16.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from a3s_code.harness.objects.faults import Fault
from a3s_code.kernel.answer_form import AnswerForm
from a3s_code.kernel.messages import Block, Message, Text, ToolResult, user, with_own_ids

MAX_REPAIR_CHARS = 4_000

_HONEST = (
    "Give one value that answers the request, complete and in JSON. Take what is in it from the "
    'request. Never put a placeholder such as "...", "TODO" or "<string>" in the place of data.'
)
_BY_TOOL = "Answer by one call of the tool {name}; its arguments are the value."
_BY_SCHEMA = "Answer with the JSON alone, as the schema of the response has it."
_BY_WORDS = (
    "Answer with the JSON alone: no words around it, no code fence. It has to satisfy this JSON "
    "Schema:\n{schema}"
)
_REFUSED = "This was not accepted:\n{faults}\nGive the whole value again, with that mended."


def system_prompt(given: str, form: AnswerForm, means: str) -> str:
    """Give the system prompt of a question; `given` is that of the caller, and stands first."""
    if means == "tool":
        how = _BY_TOOL.format(name=form.name)
    elif means == "schema":
        how = _BY_SCHEMA
    else:
        how = _BY_WORDS.format(schema=msgspec.json.encode(form.schema).decode())
        if form.description:
            how = f"{how}\nIt is: {form.description}"
    return "\n\n".join(part for part in (given, f"{_HONEST}\n{how}") if part)


def repair(message: Message, faults: Sequence[Fault], taken: set[str]) -> tuple[Message, Message]:
    """
    Give what goes behind the conversation: the answer, and what was wrong with it.

    Args:
        taken: Ids of calls before; those of this answer are added.
    """
    own = with_own_ids(message, taken)
    taken.update(call.id for call in own.calls)
    listed = "\n".join(f"- {fault}" for fault in faults)[:MAX_REPAIR_CHARS]
    text = _REFUSED.format(faults=listed)
    if not own.calls:
        said = own if own.text.strip() else Message("assistant", (*own.blocks, Text("(nothing)")))
        return said, user(text)
    results: list[Block] = [ToolResult(call.id, text, is_error=True) for call in own.calls]
    return own, Message("tool", tuple(results))
