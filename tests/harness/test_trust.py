"""Nothing that a directory brings along counts before somebody trusted exactly its bytes."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from a3s_code.errors import ConfigError
from a3s_code.harness.trust import Trust

ONE, TWO = "1" * 64, "2" * 64


@pytest.fixture
def trust(tmp_path: Path) -> Trust:
    return Trust(tmp_path / "home/.a3s/trust.json")


def test_nothing_is_trusted_at_first(trust: Trust, tmp_path: Path) -> None:
    assert not trust.covers("configuration", tmp_path / "agent.acl", ONE)
    assert trust.entries() == ()
    assert trust.revoke(tmp_path) == []


def test_exactly_these_bytes_of_this_kind_at_this_path_are_trusted(
    trust: Trust, tmp_path: Path
) -> None:
    path = tmp_path / "agent.acl"
    trust.grant("configuration", path, ONE)

    assert trust.covers("configuration", path, ONE)
    assert not trust.covers("configuration", path, TWO)
    assert not trust.covers("hooks", path, ONE)
    assert not trust.covers("configuration", tmp_path / "other.acl", ONE)


def test_a_change_that_is_trusted_leaves_nothing_of_what_was_before(
    trust: Trust, tmp_path: Path
) -> None:
    trust.grant("configuration", tmp_path / "agent.acl", ONE)
    trust.grant("configuration", tmp_path / "agent.acl", TWO)

    assert not trust.covers("configuration", tmp_path / "agent.acl", ONE)
    assert len(trust.entries()) == 1


def test_what_came_with_it_is_remembered_and_decides_nothing(trust: Trust, tmp_path: Path) -> None:
    trust.grant("configuration", tmp_path / "agent.acl", ONE, {"skills/a.md": TWO})

    known = trust.known("configuration", tmp_path / "agent.acl")
    assert known is not None
    assert known.files == {"skills/a.md": TWO}
    assert trust.covers("configuration", tmp_path / "agent.acl", ONE)
    assert not trust.covers("configuration", tmp_path / "agent.acl", TWO)


def test_a_record_that_could_not_be_read_again_is_not_written(trust: Trust, tmp_path: Path) -> None:
    trust.grant("hooks", tmp_path / "a", ONE)
    many = {f"{at:064}": ONE for at in range(40_000)}
    with pytest.raises(ConfigError, match="would have more than"):
        trust.grant("configuration", tmp_path / "agent.acl", ONE, many)

    assert trust.covers("hooks", tmp_path / "a", ONE)


def test_a_path_counts_without_its_links(trust: Trust, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    trust.grant("skills", tmp_path / "link/x", ONE)

    assert trust.covers("skills", tmp_path / "real/x", ONE)
    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to("other")
    assert not trust.covers("skills", tmp_path / "link/x", ONE)


def test_taking_back_is_about_a_directory_and_what_is_below(trust: Trust, tmp_path: Path) -> None:
    for name in ("a/x", "a/deep/y", "ab/z"):
        trust.grant("hooks", tmp_path / name, ONE)

    assert [Path(one.path).name for one in trust.revoke(tmp_path / "a")] == ["y", "x"]
    assert [Path(one.path).name for one in trust.entries()] == ["z"]


def test_the_record_is_for_its_owner_alone(trust: Trust, tmp_path: Path) -> None:
    trust.grant("hooks", tmp_path, ONE)

    assert stat.S_IMODE(trust.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(trust.file.parent.stat().st_mode) == 0o700
    assert sorted(path.name for path in trust.file.parent.iterdir()) == ["trust.json", "trust.lock"]


def test_a_record_that_others_may_write_says_nothing(trust: Trust, tmp_path: Path) -> None:
    trust.grant("hooks", tmp_path, ONE)
    trust.file.chmod(0o666)

    with pytest.raises(ConfigError, match="others may write"):
        trust.covers("hooks", tmp_path, ONE)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format":2}', '{"format":1,"trusted":[{}]}'])
def test_a_damaged_record_trusts_nothing_and_is_not_written_over(
    text: str, trust: Trust, tmp_path: Path
) -> None:
    trust.file.parent.mkdir(parents=True)
    trust.file.write_text(text)

    for use in (lambda: trust.covers("hooks", tmp_path, ONE), lambda: grant(trust, tmp_path)):
        with pytest.raises(ConfigError, match="remove or mend"):
            use()
    assert trust.file.read_text() == text


def grant(trust: Trust, path: Path) -> None:
    trust.grant("hooks", path, ONE)


def test_grants_at_the_same_time_are_all_kept(trust: Trust, tmp_path: Path) -> None:
    threads = [
        threading.Thread(target=grant, args=(Trust(trust.file), tmp_path / str(number)))
        for number in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(trust.entries()) == 16
