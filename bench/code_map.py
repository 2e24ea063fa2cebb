"""
What the map of a workspace costs: the first one, one more, and one after a change.

    python bench/code_map.py [--only WORD] [--json OUT] [--directory DIR]

The workspace is a copy of the standard library of this Python without its tests, some 600 files
and 11 MB, or of the Python files of the directory that `$A3S_BENCH_TREE` names.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path

from a3s_code.capabilities.code_map.code_map import CodeMap, MapLimits
from a3s_code.capabilities.code_map.outlines import Outlines
from a3s_code.capabilities.code_map.ranking import Interest
from a3s_code.kernel.workspace import Resolved
from a3s_code.workspace.local import LocalFiles
from a3s_code.workspace.processes import LocalProcesses
from a3s_code.workspace.search import LocalSearch
from measure import Samples, Stopwatch, main, row

TIMES = 5
TOKENS = 1_500
WORDS = Interest("How does the json decoder handle errors?")


class Open:
    """A gate that lets every file be read."""

    version = "1"

    def allows(self, target: Resolved) -> bool:
        return bool(target.path)


def _tree(directory: Path) -> Path:
    source = Path(os.environ.get("A3S_BENCH_TREE", sysconfig.get_path("stdlib")))
    skipped = {"test", "tests", "site-packages", "idlelib", "lib2to3", "__pycache__"}
    for path in source.rglob("*.py"):
        below = path.relative_to(source)
        if path.is_file() and not skipped.intersection(below.parts):
            place = directory / below
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
    return directory


def _map(root: Path) -> CodeMap:
    files = LocalFiles(root)
    search = LocalSearch(files, LocalProcesses(root))
    return CodeMap(files, search, Open(), Outlines(), MapLimits(seconds=120))


@row("first map of the standard library")
async def first(directory: Path) -> Samples:
    root = _tree(directory)
    for _ in range(TIMES):
        made = _map(root)
        watch = Stopwatch()
        await made.text(WORDS, TOKENS)
        yield watch.lap()


@row("map when nothing changed")
async def again(directory: Path) -> Samples:
    made = _map(_tree(directory))
    await made.text(WORDS, TOKENS)
    for _ in range(TIMES):
        watch = Stopwatch()
        await made.text(WORDS, TOKENS)
        yield watch.lap()


@row("map after one file changed")
async def changed(directory: Path) -> Samples:
    root = _tree(directory)
    made, one = _map(root), root / "json" / "decoder.py"
    one.parent.mkdir(exist_ok=True)
    await made.text(WORDS, TOKENS)
    for number in range(TIMES):
        one.write_text(f"def another_{number}():\n    pass\n", encoding="utf-8")
        watch = Stopwatch()
        await made.text(WORDS, TOKENS)
        yield watch.lap()


ROWS = (first, again, changed)

if __name__ == "__main__":
    sys.exit(main(__doc__, ROWS))
