"""
How rows of a benchmark are measured and shown: medians and 95th percentiles, beside targets.

A row is one function under `@row`: it is given the name of a directory that it may make, and
yields its samples after whatever it has to prepare.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

Samples: TypeAlias = AsyncIterator[float]
Work: TypeAlias = Callable[[Path], Samples]


@dataclass(frozen=True)
class Row:
    """`target` bounds the median, or with `each` the 95th percentile; None = no target."""

    name: str
    unit: str
    work: Work
    target: float | None
    each: bool


@dataclass(frozen=True)
class Result:
    name: str
    unit: str
    median: float
    p95: float
    samples: int
    target: float | None
    met: bool


class Unmeasured(Exception):
    """A row cannot be measured here; says why."""


def row(
    name: str, unit: str = "ms", *, target: float | None = None, each: bool = False
) -> Callable[[Work], Row]:
    """Make a row of the function that follows; it yields samples in `unit`."""
    return lambda work: Row(name, unit, work, target, each)


class Stopwatch:
    """Milliseconds since it was made, or since the lap before."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    def lap(self) -> float:
        now = time.perf_counter()
        passed, self._since = now - self._since, now
        return passed * 1000


async def _result(measured: Row, place: Path) -> Result:
    with tempfile.TemporaryDirectory(prefix="a3s-bench-", dir=place) as directory:
        samples = sorted([sample async for sample in measured.work(Path(directory) / "store")])
    median = statistics.median(samples)
    p95 = samples[min(len(samples) - 1, int(len(samples) * 0.95))]
    bounded = p95 if measured.each else median
    met = measured.target is None or bounded <= measured.target
    return Result(measured.name, measured.unit, median, p95, len(samples), measured.target, met)


def _show(result: Result) -> None:
    target = "" if result.target is None else f"<= {result.target:g}"
    said = "" if result.target is None else "met" if result.met else "MISSED"
    print(
        f"{result.name:52} {result.median:10.3f} {result.p95:10.3f} {result.unit:4}"
        f"{result.samples:5} {target:>10}  {said}",
        flush=True,
    )


def main(about: str | None, rows: Sequence[Row]) -> int:
    """Measure all rows, or those that are asked for; 1 when a target was missed."""
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", metavar="WORD", default="", help="rows with this in the name")
    parser.add_argument("--json", metavar="OUT", type=Path, help="write the results as JSON, too")
    parser.add_argument("--directory", metavar="DIR", type=Path, help="where stores are made")
    given = parser.parse_args()
    print(f"{'':52} {'median':>10} {'p95':>10} {'unit':4}{'n':>5} {'target':>10}")
    results: list[Result] = []
    for measured in rows:
        if given.only not in measured.name:
            continue
        try:
            results.append(asyncio.run(_result(measured, given.directory)))
        except Unmeasured as reason:
            print(f"{measured.name:52} not measured: {reason}")
        else:
            _show(results[-1])
    if given.json is not None:
        written = [asdict(result) for result in results]
        given.json.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    return 0 if all(result.met for result in results) else 1
