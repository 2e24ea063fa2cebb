"""What became of calls that their process did not live to see end."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import msgspec
import pytest

from a3s_code.capabilities.git.tool import GIT_TOOLS
from a3s_code.capabilities.tools import CORE_TOOLS
from a3s_code.kernel.messages import ToolCall
from a3s_code.kernel.records import (
    EffectInDoubt,
    EffectIntended,
    EffectSettled,
    FileChanging,
    FileImage,
    FileLeft,
)
from a3s_code.kernel.settlement import Sight, settlement
from a3s_code.kernel.state import OpenEffect
from a3s_code.kernel.tool import Effect, Observation, ToolContext, tool
from kernel.bench import RUN, Bench, call


def image(content: str | None) -> FileImage:
    if content is None:
        return FileImage()
    data = content.encode()
    return FileImage(hashlib.sha256(data).hexdigest(), len(data), is_kept=True)


def effect(tool: str, kind: str, *files: FileChanging, **more: str) -> OpenEffect:
    intended = EffectIntended(
        call_id="c1", tool=tool, args_sha256="", decision="", authority="", effect=kind, **more
    )
    return OpenEffect(RUN, 1, intended, list(files))


def changing(path: str, before: str | None, after: str, tool: str = "write") -> FileChanging:
    return FileChanging(
        call_id="c1", tool=tool, path=path, before=image(before), after=image(after)
    )


async def found(root: Path, left: OpenEffect) -> list[object]:
    bench = Bench(root, (*CORE_TOOLS, *GIT_TOOLS))
    executor = bench.executor
    context = executor.looking(ToolCall("c1", left.intended.tool, {}), bench.sink)
    return [*await settlement(left, Sight(executor.space, executor.tools, context))]


def settled(outcome: str, evidence: str) -> EffectSettled:
    code = 0 if outcome == "done" else 130
    return EffectSettled(call_id="c1", outcome=outcome, exit_code=code, evidence=evidence)


async def test_a_write_that_is_on_the_disk_was_done(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("new")

    assert await found(tmp_path, effect("write", "write", changing("a", "old", "new"))) == [
        settled("done", "as it was to be: a")
    ]


@pytest.mark.parametrize("before", ["old", None])
async def test_a_write_whose_file_is_as_it_was_was_not_done(
    before: str | None, tmp_path: Path
) -> None:
    if before is not None:
        (tmp_path / "a").write_text(before)

    assert await found(tmp_path, effect("write", "write", changing("a", before, "new"))) == [
        FileLeft(call_id="c1", path="a"),
        settled("not_done", "as it was: a"),
    ]


async def test_a_write_that_was_never_announced_was_not_done(tmp_path: Path) -> None:
    assert await found(tmp_path, effect("write", "write")) == [
        settled("not_done", "no file was about to be changed")
    ]


async def test_a_file_that_is_neither_stays_in_doubt(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("somebody else's")
    (tmp_path / "b").write_text("old")

    left = effect("w", "write", changing("a", "old", "new"), changing("b", "old", "new"))

    assert await found(tmp_path, left) == [
        FileLeft(call_id="c1", path="b"),
        EffectInDoubt(call_id="c1", reason="neither as it was nor as it was to be: a"),
    ]


async def test_a_path_that_now_leads_outside_stays_in_doubt(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("/etc/hostname")

    (verdict,) = await found(tmp_path, effect("write", "write", changing("a", "old", "new")))

    assert isinstance(verdict, EffectInDoubt)


async def test_a_tool_of_many_files_that_was_cut_off_is_interrupted_and_not_done(
    tmp_path: Path,
) -> None:
    (tmp_path / "a").write_text("new")

    assert await found(tmp_path, effect("rename_all", "write", changing("a", "old", "new"))) == [
        settled("interrupted", "as it was to be: a")
    ]


class Ticket(msgspec.Struct, frozen=True):
    title: str


class Filed:
    """A file outside stands for what another system says."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def of(self, args: Ticket) -> str:
        return args.title

    async def look(self, named: str, context: ToolContext) -> str:
        return str((self.place / named).exists())


@pytest.mark.parametrize("kind", [Effect.NETWORK, Effect.HOST, Effect.WRITE, Effect.EXECUTE])
@pytest.mark.parametrize("is_filed", [True, False])
async def test_what_a_tool_names_as_evidence_settles_its_calls(
    is_filed: bool, kind: Effect, tmp_path: Path
) -> None:
    place = tmp_path / "tickets"
    place.mkdir()

    @tool(Ticket, effect=kind, evidence=Filed(place))
    async def file_ticket(args: Ticket, context: ToolContext) -> Observation:
        """File a ticket."""
        (place / args.title).touch()
        return Observation("filed")

    bench = Bench(tmp_path / "ws", (file_ticket,))
    await bench.execute(call("file_ticket", title="a"))
    (intended,) = bench.all(EffectIntended)
    if not is_filed:
        (place / "a").unlink()
    executor = bench.executor
    sight = Sight(executor.space, executor.tools, executor.looking(call("file_ticket"), bench.sink))
    (verdict,) = await settlement(OpenEffect(RUN, 1, intended), sight)

    assert isinstance(verdict, EffectSettled)
    assert verdict.outcome == ("done" if is_filed else "not_done")


async def test_a_tool_that_writes_without_a_path_and_tells_nothing_is_in_doubt(
    tmp_path: Path,
) -> None:
    (verdict,) = await found(tmp_path, effect("no_such_tool", "write"))

    assert isinstance(verdict, EffectInDoubt)


async def test_a_command_without_a_record_of_its_exit_stays_in_doubt(tmp_path: Path) -> None:
    (verdict,) = await found(tmp_path, effect("bash", "execute"))

    assert verdict == EffectInDoubt(call_id="c1", reason="nothing tells whether it took effect")


def git(root: Path, *arguments: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", "-C", root, *who, *arguments], check=True)


async def test_a_branch_that_is_there_was_made(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "first")
    left = effect("git", "execute", evidence="refs/heads/side", before="")

    assert await found(tmp_path, left) == [settled("not_done", "as it was: refs/heads/side")]
    git(tmp_path, "branch", "side")
    assert await found(tmp_path, left) == [settled("done", "changed: refs/heads/side")]


async def test_a_repository_that_cannot_be_read_any_more_leaves_the_branch_in_doubt(
    tmp_path: Path,
) -> None:
    (verdict,) = await found(
        tmp_path, effect("git", "execute", evidence="refs/heads/side", before="")
    )

    assert isinstance(verdict, EffectInDoubt)


async def test_of_two_writes_of_one_file_the_first_may_be_all_that_happened(
    tmp_path: Path,
) -> None:
    twice = (changing("a", "old", "new"), changing("a", "new", "newer"))
    (tmp_path / "a").write_text("new")

    assert await found(tmp_path, effect("write", "write", *twice)) == [
        FileLeft(call_id="c1", path="a"),
        settled("interrupted", "as it was to be: a"),
    ]
    (tmp_path / "a").write_text("newer")
    assert await found(tmp_path, effect("write", "write", *twice)) == [
        settled("done", "as it was to be: a")
    ]
