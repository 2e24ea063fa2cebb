from __future__ import annotations

import base64
import os

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from a3s_code.capabilities.tools.read import (
    MAX_FILE_BYTES,
    MAX_IMAGE_BYTES,
    MAX_LINE_CHARS,
    read,
    skip_lines,
)
from capabilities.conftest import Workspace

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


def ten_lines() -> str:
    return "".join(f"L{number}\n" for number in range(10))


async def test_lines_come_numbered_from_one_however_far_the_offset(workspace: Workspace) -> None:
    workspace.put("a", ten_lines())
    shown = await workspace.run(read, file_path="a", offset=3, limit=2)
    assert shown.text.splitlines()[:2] == ["     4\tL3", "     5\tL4"]


async def test_a_page_says_how_to_get_the_rest(workspace: Workspace) -> None:
    workspace.put("a", ten_lines())
    shown = await workspace.run(read, file_path="a", offset=3, limit=2)
    assert shown.text.splitlines()[2:] == ["[5 more lines. Continue with offset=5.]"]
    assert shown.metadata == {"file_path": "a", "start_line": 4, "lines": 2, "total_lines": 10}


async def test_a_file_that_fits_has_no_notice(workspace: Workspace) -> None:
    workspace.put("a", "one\ntwo")
    assert (await workspace.run(read, file_path="a")).text == "     1\tone\n     2\ttwo"


async def test_a_blank_last_line_is_a_line(workspace: Workspace) -> None:
    workspace.put("a", "one\n\n")
    assert (await workspace.run(read, file_path="a")).text == "     1\tone\n     2\t"


async def test_a_long_line_is_cut_and_says_so(workspace: Workspace) -> None:
    workspace.put("a", "é" * (MAX_LINE_CHARS + 7) + "\nshort\n")
    first, second = (await workspace.run(read, file_path="a")).text.splitlines()
    assert first == f"     1\t{'é' * MAX_LINE_CHARS}[7 more characters]"
    assert second == "     2\tshort"


@pytest.mark.parametrize("field", [{"limit": 2_001}, {"limit": 0}, {"offset": -1}])
def test_limits_outside_what_is_said_are_refused(field: dict[str, int]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"file_path": "a", **field}, read.args)


async def test_an_offset_past_the_end_fails_with_the_length(workspace: Workspace) -> None:
    workspace.put("a", ten_lines())
    shown = await workspace.run(read, file_path="a", offset=10)
    assert shown.failed
    assert "has 10 lines" in shown.text


async def test_an_empty_file_says_that_it_is_empty(workspace: Workspace) -> None:
    workspace.put("a")
    shown = await workspace.run(read, file_path="a")
    assert (shown.text, shown.failed) == ("a is empty.", False)


async def test_a_missing_file_names_those_that_are_alike(workspace: Workspace) -> None:
    workspace.put("src/Main.py")
    workspace.put("src/other.txt")
    shown = await workspace.run(read, file_path="src/mian.py")
    assert shown.failed
    assert shown.exit_code == 1
    assert shown.error_kind == {"type": "not_found", "path": "src/mian.py"}
    assert "src/Main.py" in shown.text
    assert "other.txt" not in shown.text


@pytest.mark.parametrize(
    "asked", ["qodule_700.py", "module_7o0.py", "module700.py", "modlue_07o.py"]
)
async def test_a_name_that_is_alike_is_found_among_many(asked: str, workspace: Workspace) -> None:
    for number in range(300):
        workspace.put(f"other_{number}.txt")
    workspace.put("module_700.py")
    shown = await workspace.run(read, file_path=asked)
    assert "Near it: module_700.py" in shown.text


async def test_a_file_missing_with_its_directory_is_a_failure_too(workspace: Workspace) -> None:
    shown = await workspace.run(read, file_path="no/such/file")
    assert shown.failed
    assert "does not exist" in shown.text


async def test_a_directory_is_left_to_ls(workspace: Workspace) -> None:
    workspace.put("d/a")
    shown = await workspace.run(read, file_path="d")
    assert shown.failed
    assert "use ls" in shown.text


async def test_a_byte_order_mark_and_carriage_returns_are_not_shown(workspace: Workspace) -> None:
    workspace.put("a", b"\xef\xbb\xbfone\r\ntwo\r\n")
    assert (await workspace.run(read, file_path="a")).text == "     1\tone\n     2\ttwo"


async def test_form_feeds_and_unicode_separators_end_no_line(workspace: Workspace) -> None:
    workspace.put("a", "a\x0cb\u2028c\x85d\n")
    assert (await workspace.run(read, file_path="a")).text == "     1\ta\x0cb\u2028c\x85d"


@pytest.mark.parametrize("content", [b"\x7fELF\0\0", b"text\n" * 4_000 + b"\0"])
async def test_binary_files_are_refused(workspace: Workspace, content: bytes) -> None:
    workspace.put("a", content)
    shown = await workspace.run(read, file_path="a", offset=content.count(b"\n"))
    assert shown.failed
    assert "binary" in shown.text


async def test_utf_16_is_refused_with_the_way_to_convert_it(workspace: Workspace) -> None:
    workspace.put("a", "text".encode("utf-16"))
    assert "iconv" in (await workspace.run(read, file_path="a")).text


async def test_latin_1_is_shown_with_a_notice(workspace: Workspace) -> None:
    workspace.put("a", b"caf\xe9\n")
    shown = await workspace.run(read, file_path="a")
    assert shown.text.splitlines() == [
        "     1\tcaf\N{REPLACEMENT CHARACTER}",
        "[Not UTF-8: bytes that do not decode are shown as \N{REPLACEMENT CHARACTER}.]",
    ]


async def test_an_image_is_handed_over_as_an_image(workspace: Workspace) -> None:
    workspace.put("p.PNG", PNG)
    shown = await workspace.run(read, file_path="p.PNG")
    assert [(image.media_type, image.data) for image in shown.images] == [("image/png", PNG)]
    assert "p.PNG" in shown.text


@pytest.mark.parametrize(
    ("start", "media_type"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
    ],
)
async def test_the_first_bytes_say_what_an_image_is(
    workspace: Workspace, start: bytes, media_type: str
) -> None:
    workspace.put("wrongly_named.png", start)
    shown = await workspace.run(read, file_path="wrongly_named.png")
    assert [image.media_type for image in shown.images] == [media_type]


async def test_text_that_is_named_as_an_image_is_read_as_text(workspace: Workspace) -> None:
    workspace.put("a.png", "version https://git-lfs.github.com/spec/v1\n")
    shown = await workspace.run(read, file_path="a.png")
    assert shown.images == ()
    assert "git-lfs" in shown.text


async def test_an_image_too_large_for_providers_is_refused(workspace: Workspace) -> None:
    workspace.put("p.png", PNG + b"\0" * MAX_IMAGE_BYTES)
    shown = await workspace.run(read, file_path="p.png")
    assert shown.failed
    assert shown.images == ()


async def test_of_a_huge_file_the_first_part_can_be_read(workspace: Workspace) -> None:
    place = workspace.put("a", "line\n" * 2_000)
    os.truncate(place, MAX_FILE_BYTES + 1)
    shown = await workspace.run(read, file_path="a", limit=1)
    assert shown.text.splitlines()[0] == "     1\tline"
    assert f"[Only the first {MAX_FILE_BYTES} bytes can be read; use grep or bash.]" in shown.text


LINES = st.lists(st.text(st.characters(exclude_characters="\r\n\0", codec="utf-8"), max_size=9))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(lines=LINES, ended=st.booleans(), limit=st.integers(1, 5))
async def test_pages_put_together_are_the_file(
    workspace: Workspace, lines: list[str], ended: bool, limit: int
) -> None:
    content = "\n".join(lines) + ("\n" if ended and lines else "")
    workspace.put("a", content)
    expected = content.removesuffix("\n").removeprefix("\N{BOM}").split("\n") if content else []
    seen: list[str] = []
    while len(seen) < len(expected):
        shown = await workspace.run(read, file_path="a", offset=len(seen), limit=limit)
        assert not shown.failed
        assert shown.metadata is not None
        assert shown.metadata["total_lines"] == len(expected)
        page = shown.text.split("\n")[: shown.metadata["lines"]]
        seen += [row.partition("\t")[2] for row in page]
    assert seen == expected


@given(
    data=st.lists(st.sampled_from([b"\n", b"a", b"bc"])).map(b"".join),
    count=st.integers(0, 12),
    block_bytes=st.integers(1, 9),
)
def test_skipping_lines_by_blocks_is_skipping_them_one_by_one(
    data: bytes, count: int, block_bytes: int
) -> None:
    skipped = data.splitlines(keepends=True)[:count]
    assert skip_lines(data, 0, count, block_bytes) == (sum(map(len, skipped)), len(skipped))
