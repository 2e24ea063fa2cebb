"""Language servers that hang, flood, die or lie are let go, and what they were is recorded."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from a3s_code.capabilities.language_server import client, running
from a3s_code.capabilities.language_server.diagnostics import Changed, Diagnostics
from a3s_code.capabilities.language_server.running import MAX_STARTS, RunningServers, Unserved
from a3s_code.capabilities.language_server.servers import Server, find, named
from a3s_code.errors import StoreError
from a3s_code.kernel.confinement import HYGIENE, Confinement
from a3s_code.kernel.context import ContextItem
from a3s_code.kernel.messages import ToolCall, ToolResult
from a3s_code.kernel.records import ProgramClosed, ProgramOpened
from a3s_code.kernel.workspace import Processes
from a3s_code.workspace.processes import LocalProcesses

ODD = str(Path(__file__).with_name("odd_server.py"))
CALLS = [ToolCall("1", "write", {})]
DONE = [ToolResult("1", "done")]


def odd(how: str, **fields: object) -> Server:
    python = ("python3", ODD, how)
    return Server(name=how, argv=python, languages={"py": "python"}, path=sys.executable, **fields)  # type: ignore[arg-type]


class House:
    """Servers of a workspace, and the records that they left."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.told: list[ProgramOpened | ProgramClosed] = []
        self.lost: list[Exception] = []
        self.changed: list[Changed] = []
        self._made: list[RunningServers | Diagnostics] = []

    def servers(self, *servers: Server, every: bool = True) -> RunningServers:
        async def place() -> tuple[Processes, Confinement]:
            return LocalProcesses(self.root), HYGIENE

        async def record(event: ProgramOpened | ProgramClosed) -> None:
            if self.lost:
                raise self.lost.pop()
            self.told.append(event)

        def new_id(prefix: str) -> str:
            return f"{prefix}-{len(self.told)}"

        made = RunningServers(servers, str(self.root), place, record, new_id, every=every)
        self._made.append(made)
        return made

    def diagnostics(self, *servers: Server, wait_s: float = 20.0) -> Diagnostics:
        async def changes(_: Sequence[str]) -> Sequence[Changed]:
            found, self.changed = self.changed, []
            return found

        made = Diagnostics(self.servers(*servers), changes, wait_s=wait_s)
        self._made.append(made)
        return made

    async def close(self) -> None:
        for made in reversed(self._made):
            await made.close()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    made = House(tmp_path)
    yield made
    await made.close()
    opened = {event.id for event in made.told if isinstance(event, ProgramOpened)}
    closed = [event.id for event in made.told if isinstance(event, ProgramClosed)]
    assert sorted(closed) == sorted(opened)  # each that was opened ended, once


async def attend(diagnostics: Diagnostics) -> list[ContextItem]:
    return list(await asyncio.wait_for(diagnostics.attend(CALLS, DONE), 30))


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("garbage", "a header without Content-Length"),
        ("mute", "did not begin within"),
        ("floods", "unasked"),
        ("dies", "it ended; it said: I cannot go on"),
    ],
)
async def test_a_server_at_fault_is_let_go_with_the_reason(
    how: str, why: str, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "BEGIN_S", 20.0 if how != "mute" else 0.3)
    monkeypatch.setattr(client, "MAX_UNASKED_BYTES", 5_000_000)
    with pytest.raises(Unserved):
        await asyncio.wait_for(house.servers(odd(how)).check(odd(how), "a.py", ("", "bad")), 30)
    closed = [event for event in house.told if isinstance(event, ProgramClosed)]
    assert len(closed) == 1
    assert why in closed[0].reason


async def test_one_that_keeps_dying_is_started_so_often_and_not_once_more(house: House) -> None:
    servers = house.servers(odd("dies"))
    for _ in range(MAX_STARTS):
        with pytest.raises(Unserved, match="let go"):
            await servers.check(odd("dies"), "a.py", ("", "bad"))
    with pytest.raises(Unserved, match="not any more"):
        await servers.check(odd("dies"), "a.py", ("", "bad"))
    assert sum(isinstance(event, ProgramOpened) for event in house.told) == MAX_STARTS


async def test_who_is_cancelled_leaves_a_server_that_still_answers(house: House) -> None:
    servers, slow = house.servers(odd("slow")), odd("slow")
    looking = asyncio.ensure_future(servers.check(slow, "a.py", ("", "bad")))
    await asyncio.sleep(0.3)
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    before, after = await servers.check(slow, "a.py", ("x", "bad"))
    assert (before, [one.message for one in after]) == ([], ["bad bad"])
    assert sum(isinstance(event, ProgramOpened) for event in house.told) == 1


async def test_one_that_nothing_asks_for_is_ended_and_started_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "IDLE_S", 0.05)
    servers, fine = house.servers(odd("fine")), odd("fine")
    for number in range(MAX_STARTS + 1):
        assert [len(said) for said in await servers.check(fine, "a.py", ("x", "bad"))] == [0, 1]
        async with asyncio.timeout(20):
            while len(house.told) < 2 * (number + 1):  # noqa: ASYNC110 - a record sets none
                await asyncio.sleep(0.01)
    assert house.told[-1] == ProgramClosed(id=house.told[-1].id, status=0, reason="idle for 0.05 s")


async def test_a_start_that_cannot_be_recorded_is_tried_again_and_keeps_nothing_open(
    house: House,
) -> None:
    house.lost = [StoreError("the disk is full"), StoreError("the disk is full")]
    diagnostics = house.diagnostics(odd("fine"))
    said: list[str] = []
    for number in range(3):
        house.changed = [Changed(f"{number}.py", "x", "bad")]
        said += [item.content or item.why for item in await attend(diagnostics)]

    assert said[0] == "fine failed: StoreError: the disk is full"
    assert "bad bad" in said[1]  # the second failure said the same, and is said once


async def test_servers_whose_start_cannot_be_recorded_do_not_keep_a_session_open(
    house: House,
) -> None:
    house.lost = [StoreError("the disk is full")]
    servers = house.servers(odd("fine"))
    with pytest.raises(StoreError):
        await servers.check(odd("fine"), "a.py", ("", "bad"))
    await servers.close()


async def test_no_server_edits_a_file(house: House) -> None:
    servers, edits = house.servers(odd("edits")), odd("edits")
    said = await servers.check(edits, "a.py", ("x",))
    assert [one.message for one in said[0]] == ["applied: False"]
    assert list(house.root.iterdir()) == []


async def test_what_comes_late_comes_with_a_later_turn(house: House) -> None:
    diagnostics = house.diagnostics(odd("slow"), wait_s=0.01)
    house.changed = [Changed("a.py", "fine", "bad")]
    late = await attend(diagnostics)
    assert [(item.content, item.why) for item in late] == [
        ("", "not there within 0.01 s; it comes with a later turn")
    ]
    items: list[ContextItem] = []
    async with asyncio.timeout(20):
        while not items:
            await asyncio.sleep(0.05)
            items = await attend(diagnostics)
    assert [(item.source, item.type, item.trust) for item in items] == [
        ("lsp://slow/a.py", "diagnostics", "workspace")
    ]
    assert "bad bad" in items[0].content
    assert items[0].why.endswith("came late")
    assert await attend(diagnostics) == []


async def test_a_file_changed_again_is_looked_at_from_where_it_was_first(house: House) -> None:
    diagnostics = house.diagnostics(odd("slow"), wait_s=0.01)
    house.changed = [Changed("a.py", "fine", "bad")]
    await attend(diagnostics)
    house.changed = [Changed("a.py", "bad", "bad still")]
    items = await attend(diagnostics)
    async with asyncio.timeout(20):
        while not any(item.content for item in items):
            await asyncio.sleep(0.05)
            items = await attend(diagnostics)
    assert "bad bad" in items[0].content


async def test_a_server_that_is_not_installed_is_said_once(house: House) -> None:
    absent = Server(name="absent", argv=("no-such-server",), languages={"py": "python"})
    diagnostics = house.diagnostics(absent)
    said: list[str] = []
    for number in range(3):
        house.changed = [Changed(f"{number}.py", "", "x")]
        said += [item.why for item in await attend(diagnostics)]
    assert said == ["no-such-server is not installed on the host"]
    assert house.told == []


async def test_a_program_that_was_named_and_is_not_there_is_named(house: House) -> None:
    absent = Server(
        name="ruff", argv=("ruff",), languages={"py": "python"}, path="/no/such/place/ruff"
    )
    house.changed = [Changed("a.py", "", "x")]
    (item,) = await attend(house.diagnostics(absent))
    assert item.why == "/no/such/place/ruff is no program that can be run"


async def test_one_that_runs_code_of_the_workspace_is_not_started_unnamed_and_unheld(
    house: House,
) -> None:
    runs = odd("fine", runs_code=True)
    with pytest.raises(Unserved, match="nothing holds it"):
        await house.servers(runs, every=False).check(runs, "a.py", ("", "bad"))
    assert house.told == []
    assert await house.servers(runs).check(runs, "a.py", ("x",)) == [[]]


async def test_closing_while_one_starts_leaves_no_process(house: House) -> None:
    diagnostics = house.diagnostics(odd("mute"), wait_s=0.2)
    house.changed = [Changed("a.py", "", "bad")]
    await attend(diagnostics)
    await asyncio.wait_for(diagnostics.close(), 20)
    assert [type(event) for event in house.told] == [ProgramOpened, ProgramClosed]


@pytest.mark.parametrize("name", ["ruff", "pyright", "ty"])
async def test_real_servers_say_what_is_new(name: str, house: House) -> None:
    server = named([name])[0]
    if not find(server, str(house.root)):
        pytest.skip(f"needs {name}")
    new = "import os\n\nprint(os, nobody)\n"
    (house.root / "a.py").write_text(new)
    before, after = await asyncio.wait_for(
        house.servers(server).check(server, "a.py", ("import os\n\nprint(os)\n", new)), 60
    )
    assert before == []
    assert [(one.line, "nobody" in one.message) for one in after] == [(3, True)]


def test_programs_are_found_outside_of_the_workspace_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, outside = tmp_path / "ws/bin", tmp_path / "bin"
    for place in (inside, outside):
        place.mkdir(parents=True)
        shutil.copy("/bin/true", place / "gopls")
    (tmp_path / "links").mkdir()
    (tmp_path / "links/gopls").symlink_to(inside / "gopls")
    gopls, root = named(["gopls"])[0], str(tmp_path / "ws")

    def found(*path: Path | str) -> str:
        monkeypatch.setenv("PATH", os.pathsep.join(map(str, path)))
        return find(gopls, root)

    assert found(inside, "bin", ".") == ""
    assert found(tmp_path / "links") == ""
    assert found(inside, outside) == str(outside / "gopls")
    chosen = named([str(inside / "gopls")])[0]
    assert find(chosen, root) == str(inside / "gopls")
