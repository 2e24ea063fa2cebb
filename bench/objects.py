"""
What an object from a model costs us: medians and 95th percentiles, beside targets.

    python bench/objects.py [--only WORD] [--json OUT] [--directory DIR]

The model is scripted, so a round is all but the time that a model would take. Run it with
`taskset -c 0` to have one core. Exit status: 1 when a target was missed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from a3s_code import AsyncAgent
from a3s_code.harness.objects.candidates import candidates
from a3s_code.harness.objects.partials import Incoming
from a3s_code.harness.objects.schema import accept
from a3s_code.kernel.asking import Said
from a3s_code.kernel.messages import Message, Text, Usage
from a3s_code.testing import Script, Scripted, ScriptedServer, calls
from measure import Samples, Stopwatch, main, row

ROUNDS = 200
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["findings"],
    "additionalProperties": False,
    "properties": {
        "findings": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/finding"}},
    },
    "$defs": {
        "finding": {
            "type": "object",
            "required": ["file", "line", "severity", "text"],
            "additionalProperties": False,
            "properties": {
                "file": {"type": "string", "pattern": "^[a-z0-9_/.-]+$"},
                "line": {"type": "integer", "minimum": 1},
                "severity": {"enum": ["low", "medium", "high"]},
                "text": {"type": "string", "minLength": 1, "maxLength": 400},
                "fix": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            },
        }
    },
}


def _value(kilobytes: int) -> dict[str, Any]:
    findings: list[dict[str, Any]] = []
    size = 0
    while size < kilobytes * 1024:
        number = len(findings)
        finding = {
            "file": f"src/pkg/module_{number}.py",
            "line": number + 1,
            "severity": ("low", "medium", "high")[number % 3],
            "text": f"The loop over item {number} opens a file and never closes it again.",
            "fix": None if number % 2 else "Open it in a with block.",
        }
        findings.append(finding)
        size += len(json.dumps(finding))
    return {"findings": findings}


@row("check an object of 40 KB", target=1.0)
async def check(_directory: Path) -> Samples:
    schema, value = accept(SCHEMA), _value(40)
    for _ in range(ROUNDS):
        watch = Stopwatch()
        assert not schema.faults(value)
        yield watch.lap()


@row("find and read an object of 40 KB in prose")
async def find(_directory: Path) -> Samples:
    text = f"Here is what I found:\n```json\n{json.dumps(_value(40), indent=1)}\n```\nThat is all."
    said = Said(Message("assistant", (Text(text),)), Usage())
    for _ in range(ROUNDS):
        watch = Stopwatch()
        assert len(candidates(said).candidates) == 1
        yield watch.lap()


@row("compile a schema", target=5.0)
async def compile_(_directory: Path) -> Samples:
    for number in range(ROUNDS):
        watch = Stopwatch()
        accept({**SCHEMA, "title": f"schema {number}"})
        yield watch.lap()


@row("show an answer of 200 KB as it comes in", target=100.0)
async def show(_directory: Path) -> Samples:
    value = _value(200)
    text = json.dumps(value)
    pieces = [text[start : start + 20] for start in range(0, len(text), 20)]
    for _ in range(10):
        shown: list[str] = []
        seconds = iter(range(len(pieces) + 1)).__next__  # time never holds a piece back
        incoming = Incoming(shown.append, is_enveloped=False, now=seconds)
        watch = Stopwatch()
        for piece in pieces:
            incoming.piece(piece, is_argument=True)
        incoming.final(value)
        yield watch.lap()


ASKED = {"schema": SCHEMA, "prompt": "List what is wrong."}


@row("one round, model in the process", target=5.0)
async def round_(_directory: Path) -> Samples:
    async with AsyncAgent('default_model = "scripted/model"') as agent:
        turns = [calls("*", **_value(1)) for _ in range(ROUNDS)]
        session = agent.session(".", llm_client=Scripted(*turns))
        for _ in range(ROUNDS):
            watch = Stopwatch()
            assert (await session.tool("generate_object", ASKED)).exit_code == 0
            yield watch.lap()


@row("one round over HTTP")
async def http(_directory: Path) -> Samples:
    turns = [calls("*", **_value(1)) for _ in range(ROUNDS)]
    with ScriptedServer(Script(*turns)) as server:
        async with AsyncAgent(server.acl("openai")) as agent:
            session = agent.session(".")
            for _ in range(ROUNDS):
                watch = Stopwatch()
                assert (await session.tool("generate_object", ASKED)).exit_code == 0
                yield watch.lap()


ROWS = (check, find, compile_, show, round_, http)

if __name__ == "__main__":
    sys.exit(main(__doc__, ROWS))
