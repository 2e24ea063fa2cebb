"""
A day of work that can be killed at any moment: the scenario of our own crash tests.

The host asks again for what its record does not show as done. What changes files to a known
content may be asked for twice; what counts is asked for again only if the record says that
it was not started.
"""

from __future__ import annotations

import re
from contextlib import suppress

from a3s_code import AsyncAgent, AsyncSession
from a3s_code.errors import ModelRefused
from a3s_code.testing import (
    CrashRig,
    CrashStage,
    Script,
    Turn,
    When,
    calls,
    on,
    refuses,
    says,
)

COUNTER = "counter.txt"
TEMPORARY = "*.a3s-*.tmp"
"""What a kill in the middle of a write may leave; INVARIANTS 5."""

DIFF = "--- a/notes.txt\n+++ b/notes.txt\n@@ -1,2 +1,2 @@\n-final\n+patched\n second\n"


def count(word: str) -> Turn:
    return calls("bash", command=f"printf '{word}\\n' >> {COUNTER} && printf 'coun''ted'")


SCRIPT = Script(
    rules=(
        on(
            When(last=re.compile("^Write the notes.$")),
            calls("write", file_path="notes.txt", content="draft\nsecond\n"),
        ),
        on(
            When(last_user="Write the notes.", last=re.compile("^(Created|Replaced) notes.txt")),
            calls("edit", file_path="notes.txt", old_string="draft", new_string="final"),
        ),
        on(
            When(last_user="Write the notes.", last="Replaced 1 occurrence"),
            calls("patch", file_path="notes.txt", diff=DIFF),
        ),
        on(When(last=re.compile("^Count one.$")), count("one") + calls("ls")),
        on(When(last=re.compile("^List much.$")), calls("bash", command="seq 1 30000")),
        on(When(last=re.compile("^Fail.$")), refuses(400)),
        on(When(last=re.compile("^Count two.$")), count("two")),
    ),
    default=says("That is ", "done."),
)


async def work(stage: CrashStage) -> None:
    """Do all of it, or what is left of it."""
    async with AsyncAgent(stage.config) as agent:
        session = await stage.session(agent, permissive=True)
        session.register_command("stamp", "says a word", lambda args, _: f"stamped {args}")
        await again(session, "Write the notes.")
        await once(session, "Count one.")
        await again(session, "List much.")
        await session.write_file("direct.txt", "by the host")
        await session.bash("cp direct.txt copied.txt")
        await again(session, "/stamp it")
        with suppress(ModelRefused):
            await session.send("Fail.")
        await once(session, "Count two.")


async def little(stage: CrashStage) -> None:
    """Do the least that has every kind of effect."""
    async with AsyncAgent(stage.config) as agent:
        session = await stage.session(agent, permissive=True)
        await again(session, "Write the notes.")
        await once(session, "Count one.")


async def again(session: AsyncSession, prompt: str) -> None:
    if CrashStage.run_of(session, prompt) is None:
        await session.send(prompt)


async def once(session: AsyncSession, prompt: str) -> None:
    if not may_have_happened(session, prompt):
        await session.send(prompt)


def may_have_happened(session: AsyncSession, prompt: str) -> bool:
    """Say whether a call of a run of `prompt` was started, as far as the record knows."""
    asked = False
    for message in session.history():
        for block in message["content"]:
            if block["type"] == "text" and message["role"] == "user":
                asked = block["text"] == prompt
            elif block["type"] == "tool_result" and asked and not unstarted(block["content"]):
                return True
    return False


def unstarted(result: str) -> bool:
    return result.startswith("Not run: the process ended before")


def rig() -> CrashRig:
    return CrashRig(work, SCRIPT, counters=(COUNTER,), differs=(TEMPORARY,))
