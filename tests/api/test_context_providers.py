"""Providers of context in sessions: what the model is shown of the workspace, and what never."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from a3s_code import FileSystemContextProvider, InMemoryStore, PermissionPolicy, Session
from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.kernel.context import ContextItem, ContextQuery
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.retrieval import Place
from a3s_code.testing import says
from api.house import House

BACKOFF = "def pause(failures: int) -> float:\n    # doubled after every failure\n    return 2.0\n"


def told(house: House) -> str:
    """Give the message of the user as the model was sent it last."""
    content: Any = house.bodies[-1]["messages"][-1]["content"]
    return content if isinstance(content, str) else "\n".join(part["text"] for part in content)


def told_of(session: Session, kind: str) -> JsonObject:
    """Give the last event of this kind in the last run."""
    events = [record["event"] for record in session.run_events(session.runs()[-1]["id"])]
    return [event for event in events if event["type"] == kind][-1]


def left_out(session: Session) -> list[tuple[str, str]]:
    """Give source and reason of what the last run was not shown."""
    rows = told_of(session, "context_resolved")["left_out"]
    return [(left["source"], left["why"]) for left in rows]


def test_files_that_share_words_with_the_prompt_stand_in_front_of_it(house: House) -> None:
    house.put("net/backoff.py", BACKOFF)
    house.put("net/other.py", "nothing = 1\n")
    session = house.session(says("Doubled."), fs_context=True)
    session.send("How long is the pause after failures?")

    assert '<context source="file://net/backoff.py#L1-L' in told(house)
    assert 'trust="workspace"' in told(house)
    assert "doubled after every failure" in told(house)
    assert "other.py" not in told(house)
    assert told(house).endswith("How long is the pause after failures?")
    assert session.history()[0]["content"][-1]["text"] == "How long is the pause after failures?"


def test_without_the_option_nothing_is_looked_for(house: House) -> None:
    house.put("backoff.py", BACKOFF)
    house.session(says("Well."), fs_context=False).send("How long is the pause after failures?")

    assert "<context" not in told(house)


@pytest.mark.parametrize("form", [str, Path, lambda path: path], ids=["text", "path", "as it is"])
def test_only_the_named_directory_is_looked_through(house: House, form: Any) -> None:
    house.put("net/backoff.py", BACKOFF)
    house.put("docs/backoff.md", "The pause is doubled after failures.\n")
    session = house.session(says("Doubled."), fs_context=form("docs"))
    session.send("How long is the pause after failures?")

    assert "file://docs/backoff.md" in told(house)
    assert "net/backoff.py" not in told(house)


@pytest.mark.parametrize(
    "rules",
    [
        {"allow": ["*"], "deny": ["read(private/**)"]},
        {"allow": ["read(open/**)"], "ask": ["read(private/**)"]},
        {"allow": ["read(open/**)"], "default_decision": "deny"},
    ],
    ids=["denied", "asked for", "not allowed"],
)
def test_a_file_that_the_model_may_not_read_unasked_never_enters(
    house: House, rules: dict[str, Any]
) -> None:
    house.put("private/backoff.py", BACKOFF + "PRIVATE = 1\n")
    house.put("open/backoff.py", BACKOFF)
    session = house.session(
        says("Doubled."), fs_context=True, permission_policy=PermissionPolicy(**rules)
    )
    session.send("How long is the pause after failures?")

    assert "file://open/backoff.py" in told(house)
    assert "private" not in told(house).lower()
    assert "PRIVATE" not in str(house.bodies)
    assert left_out(session) == [("files", "1 file with such words may not be read unasked")]


def test_a_link_to_a_denied_file_is_denied_as_well(house: House) -> None:
    house.put("private/backoff.py", BACKOFF)
    (house.root / "open").mkdir()
    (house.root / "open/link.py").symlink_to("../private/backoff.py")
    policy = PermissionPolicy(allow=["*"], deny=["read(private/**)"])
    session = house.session(says("Well."), fs_context="open", permission_policy=policy)
    session.send("How long is the pause after failures?")

    assert "doubled" not in told(house)


@pytest.mark.parametrize(
    "path",
    [".env", "web/.env.local", ".git/config", ".aws/credentials", "id_rsa", "tls/server.pem"],
)
def test_files_that_hold_credentials_never_enter_unasked(path: str, house: House) -> None:
    house.put(path, "the quokka word\n")
    house.put(".env.example", "the quokka example\n")
    (house.root / "notes.txt").symlink_to(path)
    house.session(says("Well."), fs_context=True, permissive=True).send("the quokka word?")

    assert "the quokka example" in told(house)
    assert "the quokka word\n" not in told(house)


def test_ignored_files_and_files_outside_are_not_looked_at(house: House) -> None:
    house.put(".gitignore", "built/\n")
    house.put("built/backoff.py", BACKOFF)
    outside = house.root.parent / "outside.py"
    outside.write_text(BACKOFF)
    (house.root / "link.py").symlink_to(outside)
    house.session(says("Well."), fs_context=True).send("How long is the pause after failures?")

    assert "doubled" not in told(house)


@pytest.mark.parametrize("root", ["../", "/etc", "nothing", "link"])
def test_a_root_that_is_no_directory_of_the_workspace_is_refused_at_once(
    house: House, root: str
) -> None:
    (house.root / "link").symlink_to("/etc")
    with pytest.raises(InvalidValue, match="fs_context"):
        house.session(says("Never."), fs_context=root)


def test_a_session_that_goes_on_looks_where_it_looked(house: House, tmp_path: Path) -> None:
    house.put("docs/backoff.md", "The pause is doubled after failures.\n")
    kept = {"file_session_store": tmp_path / "kept"}
    session = house.session(says("One."), says("Two."), says("Three."), fs_context="docs", **kept)
    session.send("Hello")
    session.close()
    again = house.agent.resume_session(session.session_id, **kept)
    again.send("How long is the pause after failures?")
    assert "file://docs/backoff.md" in told(house)
    again.close()
    off = house.agent.resume_session(session.session_id, fs_context=False, **kept)
    off.send("And the failures after that pause?")

    assert "<context" not in told(house)


class Librarian:
    """Answers every question with the same item, in one of the ways that hosts have."""

    name = "librarian"

    def __init__(self) -> None:
        self.asked: list[ContextQuery] = []

    def _found(self, query: ContextQuery) -> list[ContextItem]:
        self.asked.append(query)
        return [ContextItem(source="book://1", content="Pauses are doubled.", why="he knows it")]


class AsyncLibrarian(Librarian):
    async def query(self, query: ContextQuery) -> Sequence[ContextItem]:
        await asyncio.sleep(0)
        return self._found(query)


class BlockingLibrarian(Librarian):
    def query(self, query: ContextQuery) -> Sequence[ContextItem]:
        time.sleep(0.001)
        return self._found(query)


class LateLibrarian(Librarian):
    async def query(self, query: ContextQuery) -> Sequence[ContextItem]:
        await asyncio.sleep(3_600)
        return self._found(query)


class AngryLibrarian(Librarian):
    def query(self, query: ContextQuery) -> Sequence[ContextItem]:
        raise RuntimeError("be quiet")


@pytest.mark.parametrize("kind", [AsyncLibrarian, BlockingLibrarian])
@pytest.mark.parametrize("listed", [False, True])
def test_a_provider_of_the_host_is_asked_with_the_words_of_the_user(
    house: House, kind: type[AsyncLibrarian], listed: bool
) -> None:
    librarian = kind()
    given = [librarian] if listed else librarian
    session = house.session(says("Doubled."), context_provider=given)
    session.send("How long are pauses?")

    assert '<context source="book://1" trust="external">\nPauses are doubled.\n' in told(house)
    assert [query.query for query in librarian.asked] == ["How long are pauses?"]
    assert librarian.asked[0].session_id == session.session_id


@pytest.mark.parametrize(
    ("kind", "why"),
    [(LateLibrarian, "did not answer within"), (AngryLibrarian, "RuntimeError: be quiet")],
)
def test_a_provider_that_fails_or_is_late_gives_nothing_and_an_event_says_so(
    house: House, kind: type[LateLibrarian], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("a3s_code.harness.context.SOURCE_DEADLINE_S", 1.0)
    house.put("backoff.py", BACKOFF)
    session = house.session(says("Doubled."), fs_context=True, context_provider=kind())
    session.send("How long is the pause after failures?")

    ((source, said),) = left_out(session)
    assert source == "librarian"
    assert why in said
    assert "file://backoff.py" in told(house)


def test_the_sources_that_are_asked_are_named_before_they_answer(house: House) -> None:
    session = house.session(says("Well."), fs_context=True, context_provider=AsyncLibrarian())
    session.send("How long are pauses?")

    assert list(told_of(session, "context_resolving")["providers"]) == ["files", "librarian"]


class Nameless:
    async def query(self, query: ContextQuery) -> Sequence[ContextItem]:
        return ()


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ("docs", "context_provider is a str without query"),
        ([AsyncLibrarian(), 3], r"context_provider\[1\] is a int without query"),
        (AsyncLibrarian, "is the class AsyncLibrarian"),
        (Nameless(), "Nameless without a name"),
    ],
)
def test_what_is_no_provider_is_refused_when_the_session_is_made(
    house: House, given: object, what: str
) -> None:
    with pytest.raises(InvalidType, match=what):
        house.session(says("Never."), context_provider=given)


def test_two_providers_of_one_name_are_refused(house: House) -> None:
    with pytest.raises(InvalidValue, match="'librarian'"):
        house.session(says("Never."), context_provider=[AsyncLibrarian(), BlockingLibrarian()])


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"repository_map": True}, "repository_map"),
        ({"memory_store": InMemoryStore()}, "memory"),
    ],
)
def test_a_provider_is_told_from_those_that_options_bring(
    options: dict[str, Any], name: str, house: House
) -> None:
    class Named(AsyncLibrarian):
        pass

    Named.name = name
    with pytest.raises(InvalidValue, match=f"{next(iter(options))} and .* named {name!r}"):
        house.session(says("Never."), context_provider=Named(), **options)
    house.session(says("ok"), context_provider=Named()).send("hi")


def test_a_provider_of_files_beside_the_option_needs_a_name_of_its_own(house: House) -> None:
    with pytest.raises(InvalidValue, match="both named 'files'"):
        house.session(says("Never."), fs_context=True, context_provider=FileSystemContextProvider())
    house.put("docs/backoff.md", "The pause is doubled after failures.\n")
    house.put("net/backoff.py", BACKOFF)
    both = [FileSystemContextProvider("docs", "pages"), FileSystemContextProvider("net", "net")]
    session = house.session(says("Doubled."), context_provider=both)
    session.send("How long is the pause after failures?")

    assert "file://docs/backoff.md" in told(house)
    assert "file://net/backoff.py" in told(house)


class Archivist:
    """Has no `query` before it was given a workspace."""

    name = "archivist"

    def __init__(self, place: Place | None = None) -> None:
        self.place = place

    def within(self, place: Place) -> AskedArchivist:
        return AskedArchivist(place)


class AskedArchivist(Archivist):
    async def query(self, query: ContextQuery) -> Sequence[ContextItem]:
        assert self.place is not None
        items: list[ContextItem] = []
        for path in ("private.txt", "open.txt"):
            target = self.place.files.resolve(path)
            if self.place.may_read(target):
                data = await self.place.files.read(target)
                items.append(ContextItem(source=f"file://{path}", content=data.decode()))
            target.close()
        return items


def test_a_provider_of_the_host_reads_the_workspace_within_its_policy(house: House) -> None:
    house.put("private.txt", "PRIVATE")
    house.put("open.txt", "OPEN")
    policy = PermissionPolicy(allow=["*"], deny=["read(private.txt)"])
    session = house.session(says("Well."), context_provider=Archivist(), permission_policy=policy)
    session.send("Anything?")

    assert "OPEN" in told(house)
    assert "PRIVATE" not in told(house)


class BlockingArchivist(Archivist):
    def within(self, place: Place) -> BlockingArchivist:
        return BlockingArchivist(place)

    def query(self, query: ContextQuery) -> Sequence[ContextItem]:
        assert self.place is not None
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
        return [ContextItem(source="archive://1", content=self.place.root)]


def test_a_provider_of_a_workspace_may_block_as_any_other(house: House) -> None:
    house.session(says("Well."), context_provider=BlockingArchivist()).send("Anything?")

    assert str(house.root) in told(house)


@pytest.mark.parametrize("wrong", [3, b"docs", ["docs"]])
def test_fs_context_takes_a_path_or_a_yes(house: House, wrong: object) -> None:
    with pytest.raises(InvalidType, match="fs_context is a"):
        house.session(says("Never."), fs_context=wrong)
