"""
Days of work that can be killed at any moment: the scenarios of our own crash tests.

The host goes on as its user would. A prompt that the record does not show is asked; a run
that was cut off is resumed, and its model looks at what is there before it does more. What is
in doubt stays so (`work`, `little`) until the host has looked and says what came of it
(`certain`).
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from a3s_code import ArtifactStoreLimits, AsyncAgent, AsyncSession, FileSessionStore
from a3s_code.errors import ModelRefused
from a3s_code.testing import CrashStage, Script, Turn, When, calls, on, refuses, says

COUNTER = "counter.txt"
TEMPORARY = "*.a3s-*.tmp"
"""What a kill in the middle of a write may leave; INVARIANTS 5."""

DIFF = "--- a/notes.txt\n+++ b/notes.txt\n@@ -1,2 +1,2 @@\n-final\n+patched\n second\n"
LOOK = calls("read", file_path="notes.txt")
BUILD = calls("bash", command="cp notes.txt built.txt")
MORE = calls("write", file_path="more.txt", content="more\n")
LIMITS = {"max_runs_retained": 2, "max_events_per_run": 8, "max_trace_events": 2}


def count(word: str) -> Turn:
    """It goes on for a while, so that a kill finds it done and without an exit status."""
    command = f"printf '{word}\\n' >> {COUNTER} && printf 'coun''ted' && sleep 0.1"
    return calls("bash", command=command)


def writing(last: str) -> When:
    return When(last_user="Write the notes.", last=re.compile(last))


def unclear(prompt: str) -> When:
    """The call that answers `prompt` was cut off, and is not known to be done."""
    return When(last_user=prompt, last=re.compile("Not done|Outcome unknown"))


SCRIPT = Script(
    rules=(
        # What a session that goes on says of calls that were cut off; the model looks first.
        on(When(last="Permission denied"), says("It may have been done; I leave it.")),
        on(writing("The process ended|Not run"), LOOK),
        on(
            writing("^Write the notes.$|does not exist|not found|No such"),
            calls("write", file_path="notes.txt", content="draft\nsecond\n"),
        ),
        on(
            writing("^Created notes.txt|\tdraft"),
            calls("edit", file_path="notes.txt", old_string="draft", new_string="final"),
        ),
        on(
            writing("^Replaced 1 occurrence|\tfinal"),
            calls("patch", file_path="notes.txt", diff=DIFF),
        ),
        on(When(last=re.compile("^Count one.$")), count("one") + calls("ls")),
        on(When(last=re.compile("^Count two.$")), count("two")),
        on(unclear("Count one."), count("one")),
        on(unclear("Count two."), count("two")),
        on(unclear("Build."), BUILD),
        on(unclear("Write more."), MORE),
        on(When(last=re.compile("^List much.$")), calls("bash", command="seq 1 30000")),
        on(When(last=re.compile("^List more.$")), calls("bash", command="seq 1 30001")),
        on(When(last=re.compile("^Fail.$")), refuses(400)),
        on(When(last=re.compile("^Build.$")), BUILD),
        on(When(last=re.compile("^Write more.$")), MORE),
    ),
    default=says("That is ", "done."),
)


async def ask(session: AsyncSession, prompt: str) -> None:
    """Have a prompt answered once, also by going on with a run of it that was cut off."""
    runs = session.runs()
    last = runs[-1] if runs and runs[-1]["prompt"] == prompt else None
    if last is not None and last["status"] != "completed":
        await session.resume_run(last["id"])
    elif last is None and not was_asked(session, prompt):
        await session.send(prompt)


def was_asked(session: AsyncSession, prompt: str) -> bool:
    said = (block for message in session.history() for block in message["content"])
    return any(block["type"] == "text" and block["text"] == prompt for block in said)


def counted(workspace: str | Path) -> list[str]:
    counter = Path(workspace) / COUNTER
    return counter.read_text().splitlines() if counter.exists() else []


async def work(stage: CrashStage) -> None:
    """Do a long day's work, in a session that keeps little of what happened."""
    async with AsyncAgent(stage.config) as agent:
        session = await stage.session(
            agent,
            permissive=True,
            retention_limits=LIMITS,
            artifact_store_limits=ArtifactStoreLimits(max_artifacts=1),
        )
        session.register_command("stamp", "says a word", lambda args, _: f"stamped {args}")
        await ask(session, "Write the notes.")
        await ask(session, "Count one.")
        await ask(session, "List much.")
        await ask(session, "List more.")
        await session.write_file("direct.txt", "by the host")
        await session.bash("cp direct.txt copied.txt")
        await session.send("/stamp it")
        await session.log_head()
        if not was_asked(session, "Count two."):
            with suppress(ModelRefused):
                await ask(session, "Fail.")
        await ask(session, "Count two.")
        await stage.compare(session)


async def little(stage: CrashStage) -> None:
    """Do the least that has every kind of effect; what is in doubt is left."""
    async with AsyncAgent(stage.config) as agent:
        session = await stage.session(agent, permissive=True)
        await ask(session, "Write the notes.")
        await ask(session, "Count one.")
        await stage.compare(session)


async def certain(stage: CrashStage) -> None:
    """Count twice; the host looks at the counter and says what came of what is in doubt."""
    async with AsyncAgent(stage.config) as agent:
        session = await stage.session(agent, permissive=True)
        for doubt in session.in_doubt():
            word = session.runs()[-1]["prompt"].removeprefix("Count ").removesuffix(".")
            took_effect = word in counted(stage.workspace)
            assert await session.resolve_in_doubt(doubt["call_id"], took_effect)
        await ask(session, "Count one.")
        await ask(session, "Count two.")
        await stage.compare(session)


def normal(directory: Path) -> FileSessionStore:
    """Open a store that does not wait for the disk."""
    return FileSessionStore(directory, synchronous="normal")
