"""A store does not begin where an earlier version's sessions would go unseen."""

from __future__ import annotations

from pathlib import Path

import pytest

from a3s_code.errors import SessionNotFound, StoreError
from a3s_code.persistence.sqlite import FileSessionStore
from api.earlier_sessions import directory_at, files_of
from persistence.logs import S, keep, records


async def test_a_directory_of_an_earlier_version_is_not_written(tmp_path: Path) -> None:
    old = directory_at(tmp_path / "old")
    before = files_of(old)
    store = FileSessionStore(old)
    with pytest.raises(StoreError, match=r"a3s-code import .* --store"):
        await keep(store, records(1))
    with pytest.raises(StoreError, match="sessions of A3S Code 3"):
        await store.close()

    assert files_of(old) == before


async def test_reading_an_earlier_directory_says_how_to_go_on(tmp_path: Path) -> None:
    store = FileSessionStore(directory_at(tmp_path / "old"))
    with pytest.raises(StoreError, match="a3s-code import") as raised:
        await store.load(S, None)
    with pytest.raises(StoreError, match="a3s-code import"):
        await store.sessions()

    assert not isinstance(raised.value, SessionNotFound)


async def test_other_json_files_are_no_sessions(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"id": "x", "name": "config"}')
    (tmp_path / "empty.json").write_text("")
    (tmp_path / "folder.json").mkdir()
    store = FileSessionStore(tmp_path)
    await keep(store, records(1))

    assert await store.sessions() == [S]
    await store.close()
