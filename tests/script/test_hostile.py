"""Whatever a program tries, it ends, the process lives, and the next one is not disturbed."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from a3s_code.kernel.script import Script, ScriptLimits, ScriptOutcome
from a3s_code.script.quickjs import QuickJs
from script import hostile

WALL_S = 0.3


class Echo:
    """Answers each call with its first argument, and keeps what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[Any]]] = []

    async def call(self, function: str, args: Sequence[Any]) -> Any:
        self.asked.append((function, list(args)))
        return args[0] if args else None


async def run(source: str, *, wall_s: float = WALL_S) -> ScriptOutcome:
    engine = QuickJs()
    script = Script(source=source, functions=("echo",), limits=ScriptLimits(wall_s=wall_s))
    outcome = await engine.run(script, Echo())
    after = await engine.run(Script(source="export default () => 1 + 1"), Echo())
    assert after.value == 2, "the next program"
    return outcome


def kind(outcome: ScriptOutcome) -> str:
    return outcome.failure.kind if outcome.failure is not None else "value"


@pytest.mark.parametrize("name", hostile.SPINS)
async def test_a_program_that_never_ends_is_over_at_its_deadline(name: str) -> None:
    assert kind(await run(hostile.SPINS[name])) == "timeout"


@pytest.mark.parametrize("name", hostile.GREEDY)
async def test_a_program_that_wants_all_memory_gets_its_share(name: str) -> None:
    assert kind(await run(hostile.GREEDY[name])) in {"memory", "timeout", "exception"}


@pytest.mark.parametrize("name", hostile.DEEP)
async def test_a_program_that_nests_too_deeply_ends_with_its_stack(name: str) -> None:
    assert kind(await run(hostile.DEEP[name], wall_s=10)) in {"stack", "exception"}


@pytest.mark.parametrize("name", hostile.REFUSED)
async def test_what_leads_out_is_not_there(name: str) -> None:
    outcome = await run(hostile.REFUSED[name], wall_s=10)
    assert kind(outcome) in {"exception", "syntax"}
    assert outcome.value is None


@pytest.mark.parametrize("name", hostile.LAST_WORDS)
async def test_what_a_program_throws_runs_no_code_outside_of_its_limits(name: str) -> None:
    assert kind(await run(hostile.LAST_WORDS[name])) in {"value", "timeout"}


async def test_memory_is_given_back() -> None:
    bomb = hostile.GREEDY["a list that grows"]
    await run(bomb)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(5):
        await run(bomb)
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 2 * 64 * 1024, "five programs of 64 MiB, one after the other"


async def test_threads_that_were_left_behind_end() -> None:
    engine = QuickJs()
    before = _threads()
    limits = ScriptLimits(wall_s=0.05)
    script = Script(source="export default () => { for (;;); }", limits=limits)
    outcomes = await asyncio.gather(*(engine.run(script, Echo()) for _ in range(3)))
    assert {kind(each) for each in outcomes} == {"timeout"}
    for _ in range(2000):
        if _threads() <= before:
            return
        await asyncio.sleep(0.01)
    pytest.fail("a thread runs on")


def _threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


POLLUTED = """
  JSON.stringify = () => '[[1,"forged",[]]]';
  JSON.parse = () => [[1, true, 'forged']];
  Object.prototype.toJSON = undefined;
  Array.prototype.join = () => 'forged';
  Array.prototype.map = () => ['forged'];
  Array.prototype[Symbol.iterator] = function* () { yield 'forged'; };
  String.prototype.slice = () => 'forged';
  Object.defineProperty(Object.prototype, 'value', { __proto__: null, get: () => 'forged' });
  Object.defineProperty(Array.prototype, '7', { __proto__: null, set() { throw 'forged'; } });
  Reflect.apply = () => 'forged';
  Function.prototype.call = () => 'forged';
  Function.prototype.apply = () => 'forged';
  Object.defineProperty = () => 'forged';
  globalThis.Promise = class { then() { return 'forged'; } };
  globalThis.Error = class { };
  globalThis.Object = null;
"""


async def test_what_a_program_does_to_its_world_changes_neither_calls_nor_results() -> None:
    source = f"""
      {POLLUTED}
      export default async function run(ctx, inputs) {{
        const first = await ctx.echo('a' + inputs.n);
        return {{ first, second: await ctx.echo(inputs.n) }};
      }}
    """
    host = Echo()
    script = Script(source=source, inputs={"n": 5}, functions=("echo",))
    outcome = await QuickJs().run(script, host)
    assert outcome.failure is None
    assert outcome.value == {"first": "a5", "second": 5}
    assert host.asked == [("echo", ["a5"]), ("echo", [5])]


@pytest.mark.parametrize(
    "reach",
    [
        "Object.getOwnPropertyNames(globalThis).filter((n) => /a3s|__|port|drain/.test(n))",
        "Object.getOwnPropertySymbols(globalThis).filter((s) => s !== Symbol.toStringTag)",
        "Object.keys(globalThis).filter((n) => n !== 'performance')",
    ],
)
async def test_nothing_of_the_engine_is_in_the_world(reach: str) -> None:
    outcome = await run(f"export default () => ({reach}).map(String)", wall_s=10)
    assert outcome.value == []


async def test_only_functions_that_were_given_are_called() -> None:
    host = Echo()
    source = "export default async (ctx) => [Object.keys(ctx), typeof ctx.bash, await ctx.echo(1)]"
    outcome = await QuickJs().run(Script(source=source, functions=("echo",)), host)
    assert outcome.value == [["echo"], "undefined", 1]


async def test_a_flood_of_calls_is_bounded() -> None:
    source = "export default (ctx) => { for (;;) ctx.echo('x'); }"
    outcome = await run(source, wall_s=10)
    assert outcome.failure is not None
    assert "too many calls" in outcome.failure.message or outcome.failure.kind == "memory"


async def test_a_huge_result_is_refused_and_says_how_large_it_may_be() -> None:
    script = Script(
        source="export default () => 'x'.repeat(1001)", limits=ScriptLimits(max_value_bytes=1000)
    )
    outcome = await QuickJs().run(script, Echo())
    assert outcome.failure is not None
    assert outcome.failure.kind == "value"
    assert "1000" in outcome.failure.message


@pytest.mark.parametrize(
    "value", ["1n", "(() => { const o = {}; o.o = o; return o; })()", "Symbol('x')", "() => 1"]
)
async def test_a_result_that_is_no_plain_value_fails(value: str) -> None:
    assert kind(await run(f"export default () => ({value})", wall_s=10)) == "value"


@pytest.mark.parametrize("value", ["NaN", "undefined", "null", "Infinity"])
async def test_what_json_has_no_word_for_is_null(value: str) -> None:
    outcome = await run(f"export default () => ({value})", wall_s=10)
    assert (kind(outcome), outcome.value) == ("value", None)
