from __future__ import annotations

import hashlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from a3s_code.kernel.artifacts import ArtifactStoreLimits, bounded
from kernel.bench import Shelf

SHOWN = 10


def kept(limits: ArtifactStoreLimits, *contents: str) -> tuple[Shelf, list[str | None]]:
    shelf = Shelf(limits)
    put = [shelf.put("bash", content, SHOWN)[0] for content in contents]
    return shelf, [artifact and artifact.artifact_uri for artifact in put]


def test_an_artifact_is_found_by_the_digest_of_its_content() -> None:
    shelf, (uri,) = kept(ArtifactStoreLimits(), "whole output")
    digest = hashlib.sha256(b"whole output").hexdigest()

    assert uri == f"a3s://tool-output/bash/{digest}"
    found = shelf.get(uri or "")
    assert found is not None
    assert found.artifact_id == f"tool-output:bash:{digest}"
    assert (found.content, found.original_bytes, found.shown_bytes) == ("whole output", 12, SHOWN)


def test_names_of_tools_are_made_fit_for_a_uri() -> None:
    artifact, _ = Shelf(ArtifactStoreLimits()).put("mcp__a b/../c", "x", SHOWN)

    assert artifact is not None
    assert artifact.artifact_uri.startswith("a3s://tool-output/mcp__a_b____c/")
    assert artifact.tool_name == "mcp__a b/../c"


def test_the_same_content_is_kept_once() -> None:
    shelf, (first, second) = kept(ArtifactStoreLimits(max_artifacts=1), "same", "same")

    assert first == second
    assert first is not None
    assert shelf.get(first) is not None


def test_no_uri_is_given_for_what_is_larger_than_the_limits() -> None:
    _, (uri,) = kept(ArtifactStoreLimits(max_bytes=3), "four")

    assert uri is None


def test_sizes_are_bytes_not_characters() -> None:
    _, uris = kept(ArtifactStoreLimits(max_bytes=3), "äb", "ää")

    assert [uri is not None for uri in uris] == [True, False]


@given(
    st.lists(st.text(min_size=1, max_size=8), max_size=20),
    st.integers(0, 4),
    st.integers(0, 20),
)
def test_limits_hold_and_the_newest_can_always_be_found(
    contents: list[str], most: int, max_bytes: int
) -> None:
    shelf = Shelf(ArtifactStoreLimits(most, max_bytes))
    for content in contents:
        artifact, _ = shelf.put("t", content, SHOWN)
        if artifact is not None:
            assert shelf.get(artifact.artifact_uri) == artifact
        assert len(shelf.kept) <= most
        assert sum(stored.original_bytes for stored in shelf.kept.values()) <= max_bytes
    assert all(shelf.get(uri) is not None for uri in shelf.kept)


@given(
    st.lists(st.text(min_size=1, max_size=8), max_size=20),
    st.integers(0, 4),
    st.integers(0, 20),
)
def test_limits_hold_for_what_was_kept_before_a_resume(
    contents: list[str], most: int, max_bytes: int
) -> None:
    before = Shelf(ArtifactStoreLimits())
    for content in contents:
        before.put("t", content, SHOWN)
    old = list(before.kept)
    shelf = Shelf(ArtifactStoreLimits(most, max_bytes))
    shelf.kept = before.kept

    artifact, gone = shelf.put("t", "new output", SHOWN)

    assert len(shelf.kept) <= most
    assert sum(stored.original_bytes for stored in shelf.kept.values()) <= max_bytes
    assert list(gone) == old[: len(gone)]
    assert artifact is None or artifact.artifact_uri in shelf.kept


# What is shown


def note(cut: int) -> str:
    return f"[{cut} bytes cut]"


@example("00\x80\n\u0800", 7)
@given(st.text(st.characters(exclude_characters="\0")), st.integers(0, 200))
def test_a_cut_text_shows_its_head_and_its_tail_and_counts_the_rest(text: str, limit: int) -> None:
    size = len(text.encode("utf-8", "surrogatepass"))
    shown = bounded(text, limit, lambda cut: f"\0{cut}\0")
    if size <= limit:
        assert shown == text
        return
    head, cut, tail = shown.split("\0")
    tail = tail.removeprefix("\n")
    kept = size - int(cut) - len(tail.encode("utf-8", "surrogatepass"))
    data = text.encode("utf-8", "surrogatepass")
    # Where the head ends within a line, the notice begins on a line of its own.
    assert head.removesuffix("\n") == data[:kept].decode("utf-8", "surrogatepass").removesuffix(
        "\n"
    )
    assert text.endswith(tail)
    assert int(cut) >= size - limit


def test_a_cut_is_made_between_lines_where_there_are_any() -> None:
    text = "".join(f"line {n}\n" for n in range(1_000))
    head, _, tail = bounded(text, 200, note).partition("[")

    assert set(head.splitlines()) <= set(text.splitlines())
    assert set(tail.splitlines()[1:]) <= set(text.splitlines())


@pytest.mark.parametrize("text", ["x" * 1_000, "ä" * 500, "🙂" * 250])
def test_a_text_without_lines_is_cut_all_the_same(text: str) -> None:
    shown = bounded(text, 100, note)

    assert "bytes cut]" in shown
    assert len(shown.encode()) < 130
    assert set(shown.partition("\n[")[0]) == {text[0]}
