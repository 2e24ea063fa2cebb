"""The limits of artifacts as values, what leaves when they are reached, and exact cuts."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.kernel.artifacts import ArtifactStoreLimits, bounded
from kernel.bench import Shelf

KIB = 1024

any_text = st.text(st.characters(exclude_categories=()), max_size=300)


def size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


# Values


def test_limits_that_are_not_given_show_their_defaults() -> None:
    limits = ArtifactStoreLimits()

    assert (limits.max_artifacts, limits.max_bytes) == (256, 16 * 1024 * KIB)
    assert ArtifactStoreLimits(max_artifacts=64).max_bytes == 16 * 1024 * KIB
    assert ArtifactStoreLimits(64, 8) == ArtifactStoreLimits(max_artifacts=64, max_bytes=8)


def test_limits_do_not_change_and_have_no_other_names() -> None:
    limits = ArtifactStoreLimits()
    with pytest.raises(AttributeError):
        limits.max_bytes = 1  # type: ignore[misc]
    with pytest.raises(TypeError, match="max_artefacts"):
        ArtifactStoreLimits(max_artefacts=1)  # type: ignore[call-arg]


@pytest.mark.parametrize("wrong", ["64", 1.5, True])
def test_a_limit_that_is_no_whole_number_is_refused(wrong: int) -> None:
    with pytest.raises(InvalidType, match="max_bytes"):
        ArtifactStoreLimits(max_bytes=wrong)


def test_a_negative_limit_is_refused() -> None:
    with pytest.raises(InvalidValue, match="max_artifacts"):
        ArtifactStoreLimits(max_artifacts=-1)


# What leaves


def test_the_oldest_goes_first() -> None:
    shelf = Shelf(ArtifactStoreLimits(max_artifacts=2))
    put = [shelf.put("read", f"content {number}", 1) for number in range(4)]
    uris = [artifact.artifact_uri for artifact, _ in put if artifact]

    assert [evicted for _, evicted in put] == [(), (), (uris[0],), (uris[1],)]
    assert [shelf.get(uri) is not None for uri in uris] == [False, False, True, True]


def test_what_is_too_large_pushes_nothing_out() -> None:
    shelf = Shelf(ArtifactStoreLimits(max_bytes=10))
    small, _ = shelf.put("read", "small", 5)

    assert shelf.put("bash", "x" * 11, 5) == (None, ())
    assert small is not None
    assert shelf.get(small.artifact_uri) == small


def test_the_id_names_the_tool_as_it_is_called() -> None:
    artifact, _ = Shelf(ArtifactStoreLimits()).put("mcp/../x y?#", "content", 7)

    assert artifact is not None
    assert re.fullmatch(r"a3s://tool-output/mcp____x_y__/[0-9a-f]{64}", artifact.artifact_uri)
    assert artifact.artifact_id.startswith("tool-output:mcp/../x y?#:")


# What is shown


def notice(cut_bytes: int) -> str:
    return f"[{cut_bytes} bytes cut]"


def test_head_and_tail_share_the_room_and_the_end_is_shown() -> None:
    text = "".join(f"line {number}\n" for number in range(10_000)) + "THE-END"
    head, cut, tail = re.split(r"\[(\d+) bytes cut\]\n", bounded(text, 1_000, notice))

    assert head.startswith("line 0\n")
    assert head.endswith("\n")
    assert tail.startswith("line ")
    assert tail.endswith("THE-END")
    assert 500 <= size(head) <= 600
    assert 350 <= size(tail) <= 400
    assert int(cut) == size(text) - size(head) - size(tail)


def test_a_single_line_is_cut_between_characters() -> None:
    shown = bounded("ä" * 1_000, 101, notice)

    assert shown == f"{'ä' * 30}\n[1900 bytes cut]\n{'ä' * 20}"


def test_with_no_room_only_the_notice_is_shown() -> None:
    assert bounded("text", 0, notice) == "[4 bytes cut]\n"


@given(any_text, st.integers(0, 200))
def test_surrogates_and_odd_characters_survive_a_cut(text: str, limit_bytes: int) -> None:
    if size(text) <= limit_bytes:
        assert bounded(text, limit_bytes, notice) == text
        return
    mark = "\ufdd0" * 8
    counted: list[int] = []
    head, _, tail = bounded(text, limit_bytes, lambda n: counted.append(n) or mark).partition(mark)
    head, tail = (head if text.startswith(head) else head[:-1]), tail[1:]

    assert text.startswith(head)
    assert text.endswith(tail)
    assert size(head) + size(tail) <= limit_bytes
    assert counted == [size(text) - size(head) - size(tail)]
