"""What of a workspace's files is given for a question."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from a3s_code.capabilities.retrieval.file_context import FileSystemContextProvider
from a3s_code.capabilities.retrieval.text_files import MAX_FILE_BYTES
from a3s_code.errors import PathRefused, UsageError
from a3s_code.kernel.context import ContextItem, ContextQuery
from a3s_code.kernel.retrieval import Place
from a3s_code.workspace.local import LocalFiles
from a3s_code.workspace.processes import LocalProcesses
from a3s_code.workspace.search import LocalSearch

QUESTION = "How long is the pause between retries?"


class Library:
    def __init__(self, root: Path) -> None:
        self.root = root
        files = LocalFiles(root)
        search = LocalSearch(files, LocalProcesses(root))
        self.place = Place(
            str(root), files, search, lambda _: True, lambda text: text, lambda *_: None
        )

    def put(self, path: str, text: str | bytes) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(text.encode() if isinstance(text, str) else text)

    async def find(
        self, question: str = QUESTION, root: str = ".", **query: Any
    ) -> list[ContextItem]:
        provider = FileSystemContextProvider(root).within(self.place)
        return list(await provider.query(ContextQuery(query=question, **query)))

    async def sources(self, question: str = QUESTION, **query: Any) -> list[str]:
        return [item.source for item in await self.find(question, **query)]


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path)


async def test_a_rare_word_counts_more_than_common_ones(library: Library) -> None:
    for number in range(5):
        library.put(f"{number}.py", "pause = pause + pause\n" * 5)
    library.put("it.py", "pause = 1  # between retries\n")

    assert (await library.sources())[0] == "file://it.py#L1-L2"


async def test_a_file_that_is_called_so_comes_before_one_that_mentions_it(library: Library) -> None:
    library.put("a.py", "x = retry()\n")
    library.put("net/retry.py", "x = retry()\n")

    assert await library.sources("retry") == ["file://net/retry.py#L1-L2", "file://a.py#L1-L2"]


async def test_a_source_names_the_lines_that_are_shown(library: Library) -> None:
    lines = [f"line {number}" for number in range(1, 401)]
    lines[299] = "the pause between retries"
    library.put("long.txt", "\n".join(lines))
    (item,) = await library.find()

    first, last = item.metadata["first"], item.metadata["last"]
    assert item.source == f"file://long.txt#L{first}-L{last}"
    assert item.content == "\n".join(lines[first - 1 : last])
    assert first <= 300 <= last
    assert item.why == "shares words with the question: pause, between, retries"


async def test_neighbours_in_a_file_are_one_item(library: Library) -> None:
    library.put("all.txt", "the pause between retries is long enough for this line\n" * 60)
    (item,) = await library.find()

    assert item.source == "file://all.txt#L1-L61"


async def test_a_depth_of_full_gives_whole_files(library: Library) -> None:
    text = "\n".join(["nothing"] * 200 + ["pause between retries"] + ["nothing"] * 200)
    library.put("long.txt", text)
    (item,) = await library.find(depth="full", max_tokens=10_000)

    assert (item.source, item.content, item.partial) == ("file://long.txt", text, False)


async def test_no_file_takes_all_the_places(library: Library) -> None:
    for name in ("a", "b"):
        text = "\n\n".join(
            f"the pause between retries {number}" + "z" * 1_400 for number in range(9)
        )
        library.put(f"{name}.txt", text)
    sources = await library.sources(max_tokens=10_000)

    assert {source[7] for source in sources} == {"a", "b"}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("binary", b"pause between retries\0"),
        ("package-lock.json", "pause between retries"),
        ("app.min.js", "pause between retries"),
        ("AGENTS.md", "pause between retries"),
        ("docs/CLAUDE.md", "pause between retries"),
        (".git/notes", "pause between retries"),
        ("empty", ""),
    ],
)
async def test_what_is_no_source_is_left_out(
    library: Library, path: str, text: str | bytes
) -> None:
    library.put(path, text)

    assert await library.find() == []


async def test_of_a_huge_file_the_beginning_is_looked_at(library: Library) -> None:
    library.put("huge.txt", "pause between retries\n" + "x\n" * MAX_FILE_BYTES)
    (item,) = await library.find()

    assert item.content.startswith("pause between retries")


async def test_line_ends_and_marks_of_windows_are_no_part_of_it(library: Library) -> None:
    library.put("dos.txt", "\ufeffpause\r\nbetween retries\r\n".encode())
    (item,) = await library.find()

    assert item.content == "pause\nbetween retries\n"


@pytest.mark.parametrize("question", ["", "the of and", "?!", "zzzunheardof"])
async def test_a_question_without_a_word_that_is_there_finds_nothing(
    library: Library, question: str
) -> None:
    library.put("a.txt", "the of and pause")

    assert await library.find(question) == []


async def test_special_characters_of_a_question_are_no_pattern(library: Library) -> None:
    library.put("a.txt", "nothing here")

    assert await library.find(".* [a-z]+ (n|o) \\w \0 $") == []


async def test_words_of_other_scripts_are_found(library: Library) -> None:
    library.put("notes.md", "重试之间的停顿会加倍。\n")

    assert await library.sources("重试停顿") == ["file://notes.md#L1-L2"]


async def test_a_provider_without_a_session_says_what_to_do() -> None:
    with pytest.raises(UsageError, match="give it to a session as context_provider"):
        await FileSystemContextProvider().query(ContextQuery(query=QUESTION))


async def test_a_root_that_leads_outside_by_now_is_refused(library: Library) -> None:
    library.put("a.txt", "pause between retries")
    (library.root / "docs").symlink_to("/etc")

    with pytest.raises(PathRefused):
        await library.find(root="docs")


@pytest.mark.parametrize("root", [3, None, b"docs", "", "a\0b"])
def test_a_root_is_a_path(root: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        FileSystemContextProvider(root)
