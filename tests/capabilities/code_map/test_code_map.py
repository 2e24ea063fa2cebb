"""A map shows what is there now and may be seen, the same for the same files and words."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.capabilities.code_map import outlines as module
from a3s_code.capabilities.code_map.code_map import CodeMap, MapLimits, MapText
from a3s_code.capabilities.code_map.languages import dialect_of, grammar
from a3s_code.capabilities.code_map.outline import Definition, Outline, outline
from a3s_code.capabilities.code_map.outlines import Outlines
from a3s_code.capabilities.code_map.page import page
from a3s_code.capabilities.code_map.ranking import Interest, parts_of, ranked
from a3s_code.harness.tokens import estimate
from a3s_code.kernel.workspace import Resolved
from a3s_code.workspace.local import LocalFiles
from a3s_code.workspace.processes import LocalProcesses
from a3s_code.workspace.search import LocalSearch


class Doorkeeper:
    """Lets everything in but what is named."""

    def __init__(self) -> None:
        self.version, self.closed = "1", set[str]()
        self.asked: list[str] = []

    def allows(self, target: Resolved) -> bool:
        self.asked.append(target.path)
        return target.path not in self.closed


class House:
    def __init__(self, root: Path, **limits: float) -> None:
        self.root, self.gate, self.now = root, Doorkeeper(), 10**20
        files = LocalFiles(root)
        search = LocalSearch(files, LocalProcesses(root))
        self.map = CodeMap(
            files,
            search,
            self.gate,
            Outlines(),
            MapLimits(**limits),  # type: ignore[arg-type]
            lambda: self.now,
        )

    def put(self, path: str, text: str | bytes) -> None:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text if isinstance(text, bytes) else text.encode())

    async def text(self, words: str = "", *touched: str, tokens: int = 1_500) -> MapText:
        return await self.map.text(Interest(words, frozenset(touched)), tokens, seconds=60)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What was read anew, oldest first."""
    seen: list[bytes] = []
    real: Callable[..., Outline] = module.outline

    def noting(data: bytes, given: object) -> Outline:
        seen.append(data)
        return real(data, given)

    monkeypatch.setattr(module, "outline", noting)
    return seen


async def test_definitions_stand_below_their_files_by_line(house: House) -> None:
    house.put("b.py", "class B:\n    def go(self, far: int = 3) -> None:\n        pass\n")
    house.put("a.py", "from b import B\n\nLIMIT = 4\n\n\ndef make():\n    return B()\n")
    text = (await house.text()).text
    assert text.splitlines()[1:] == [
        "a.py",
        "    3 LIMIT = 4",
        "    6 def make()",
        "b.py",
        "    1 class B",
        "    2   def go(self, far: int = 3) -> None",
    ]


async def test_only_what_changed_is_read_again(house: House, read: list[bytes]) -> None:
    for name in "abc":
        house.put(f"{name}.py", f"def {name}_one(): pass\n")
    first = await house.text()
    assert len(read) == 3
    assert await house.text() == first
    assert len(read) == 3
    house.put("b.py", "def b_two(): pass\n")
    (house.root / "c.py").unlink()
    second = (await house.text()).text
    assert read[3:] == [b"def b_two(): pass\n"]
    assert "b_two" in second
    assert "b_one" not in second
    assert "c_one" not in second


async def test_a_change_of_the_same_size_in_the_same_moment_is_seen(house: House) -> None:
    house.put("a.py", "def one(): pass\n")
    house.now = (house.root / "a.py").stat().st_ctime_ns
    assert "one" in (await house.text()).text
    house.put("a.py", "def two(): pass\n")
    assert "two" in (await house.text()).text


async def test_a_time_that_was_put_back_hides_no_change(house: House) -> None:
    house.put("a.py", "def one(): pass\n")
    before = (house.root / "a.py").stat()
    await house.text()
    house.put("a.py", "def two(): pass\n")
    os.utime(house.root / "a.py", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "two" in (await house.text()).text


async def test_a_file_that_may_not_be_read_is_never_opened(house: House, read: list[bytes]) -> None:
    house.put("open.py", "def shown(): pass\n")
    house.put("closed.py", "def hidden(): pass\n")
    house.gate.closed = {"closed.py"}
    assert "hidden" not in (await house.text("hidden closed.py")).text
    assert read == [b"def shown(): pass\n"]

    house.gate.closed, house.gate.version = set(), "2"
    assert "hidden" in (await house.text()).text
    house.gate.closed, house.gate.version = {"open.py"}, "3"
    assert "shown" not in (await house.text()).text
    assert len(read) == 2


async def test_ignored_files_links_and_what_is_outside_stay_out(
    house: House, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "far.py").write_text("def outside(): pass\n")
    house.put(".gitignore", "build/\n")
    house.put("build/made.py", "def ignored(): pass\n")
    house.put("a.py", "def here(): pass\n")
    (house.root / "link.py").symlink_to(outside / "far.py")
    (house.root / "there").symlink_to(outside)
    text = (await house.text("outside ignored")).text
    assert "here" in text
    assert "outside" not in text
    assert "ignored" not in text


async def test_bounds_are_kept_and_what_is_left_is_counted(tmp_path: Path) -> None:
    house = House(tmp_path, files=3, file_bytes=1_000, total_bytes=30)
    for name in "abcde":
        house.put(f"{name}.py", f"def {name}_one(): pass\n")
    house.put("a.py", "def large(): pass\n" * 100)
    made = await house.text()
    assert (made.files, made.left) == (1, 3)
    assert "large" not in made.text

    late = await house.map.text(Interest(), 1_500, seconds=0)
    assert (late.text, late.left) == ("", 5)


async def test_a_language_without_its_grammar_is_left_out_and_named(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tree_sitter_rust", None)
    house.put("a.rs", "fn rusty() {}\n")
    house.put("a.py", "def here(): pass\n")
    made = await house.text("rusty")
    assert made.missing == ("tree-sitter-rust",)
    assert "rusty" not in made.text
    assert "here" in made.text


async def test_binaries_and_broken_files_break_nothing(house: House) -> None:
    house.put("binary.py", b"\0\1\2def binary(): pass\n")
    house.put("latin.py", "def caf\xe9(): pass\n".encode("latin-1"))
    house.put("broken.py", "def whole(): pass\nclass (((\n  def {{{\n")
    house.put("empty.py", "")
    house.put("nested.py", "(" * 20_000)
    text = (await house.text()).text
    assert "whole" in text
    assert "binary" not in text


def of(**files: str) -> dict[str, Outline]:
    found = grammar(dialect_of("x.py"))
    assert found is not None
    return {f"{name}.py": outline(text.encode(), found) for name, text in files.items()}


def first(files: dict[str, Outline], words: str = "", *touched: str) -> str:
    best = ranked(files, Interest(words, frozenset(touched)))[0]
    return f"{best.path}:{best.definition.name}"


MANY = of(
    core="class Core:\n    def run(self): pass\n",
    one="from core import Core\n\n\ndef first_step():\n    Core()\n",
    two="from core import Core\n\n\ndef second_step():\n    Core().run()\n",
    far="def lonely_island(): pass\n",
)


def test_what_most_use_comes_first_unless_something_else_is_wanted() -> None:
    assert first(MANY) == "core.py:Core"
    assert first(MANY, "where is lonely_island?") == "far.py:lonely_island"
    assert first(MANY, "look into far.py") == "far.py:lonely_island"
    shown = page(ranked(MANY, Interest("", frozenset({"far.py"}))), MANY, 60)
    assert "lonely_island" in shown


def test_code_does_not_use_what_a_test_happens_to_call_the_same() -> None:
    files = of(
        user="import lib\n\n\ndef use_it():\n    helper_thing()\n",
        tests="x = 1\n",
    )
    files["tests/test_a.py"] = of(a="def helper_thing(): pass\n")["a.py"]
    files["lib.py"] = of(a="def helper_thing(): pass\n")["a.py"]
    order = [one.path for one in ranked(files, Interest()) if one.definition.name == "helper_thing"]
    assert order == ["lib.py", "tests/test_a.py"]


@given(st.permutations(sorted(MANY)), st.text(max_size=30))
def test_the_order_in_which_files_came_does_not_matter(order: list[str], words: str) -> None:
    assert ranked({path: MANY[path] for path in order}, Interest(words)) == ranked(
        MANY, Interest(words)
    )


@given(
    st.integers(1, 400), st.lists(st.text(st.characters(codec="utf-8"), max_size=60), max_size=30)
)
def test_a_page_keeps_to_its_budget(tokens: int, signatures: list[str]) -> None:
    clean = [" ".join(one.split()) or "x" for one in signatures]
    rows = tuple(
        Definition(f"name_{at}", "function", at + 1, 0, text) for at, text in enumerate(clean)
    )
    outlines = {"a/b.py": Outline(rows)}
    text = page(ranked(outlines, Interest()), outlines, tokens)
    assert estimate(text) <= tokens or not text


def test_names_fall_into_their_words() -> None:
    assert parts_of("HTTPServer_v2") == ["http", "server", "v", "2"]
    assert parts_of("parseURLNow") == ["parse", "url", "now"]


SOURCES = {
    "a.py": ("class A(B):\n    async def f(self):\n        def inner(): pass\n", ["A", "f"]),
    "a.js": (
        "export const f = async (x) => g(x);\nclass Z extends Y { m(a) {} }\n",
        ["f", "Z", "m"],
    ),
    "a.tsx": ("export interface I { m(a: K): L }\nexport type U = V;\n", ["I", "m", "U"]),
    "a.ts": ("abstract class Q { abstract f(): void }\nenum E { A }\n", ["Q", "f", "E"]),
    "a.rs": (
        "impl<T> Tr for S<T> { pub fn f(&self) {} }\ntrait Tr { fn g(&self); }\n",
        ["S", "f", "Tr", "g"],
    ),
    "a.go": (
        "package p\ntype S struct { A int }\nfunc (s *S) F(x int) {}\nconst C = 1\n",
        ["S", "F", "C"],
    ),
    "A.java": (
        "class C extends D { C(int b) {} int m() { return 1; } }\nrecord R(int a) {}\n",
        ["C", "C", "m", "R"],
    ),
}


@pytest.mark.parametrize("path", SOURCES)
def test_every_language_tells_what_it_defines(path: str) -> None:
    text, names = SOURCES[path]
    found = grammar(dialect_of(path))
    assert found is not None
    made = outline(text.encode(), found)
    assert [one.name for one in made.definitions] == names
    assert not any("{" in one.signature for one in made.definitions)
