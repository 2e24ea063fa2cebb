"""What a JavaScript program can rely on."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence
from typing import Any

import pytest

from a3s_code.kernel.script import (
    MAX_SOURCE_BYTES,
    ConsoleLine,
    Script,
    ScriptCallFailed,
    ScriptFailure,
    ScriptLimits,
    ScriptOutcome,
)
from a3s_code.script.quickjs import MAX_SCRIPTS, QuickJs


class Host:
    """`echo` gives its arguments, `fail` fails, `wait` waits for ever, `meet` for two."""

    def __init__(self) -> None:
        self.cancelled = 0
        self.waiting = asyncio.Event()
        self._met = asyncio.Event()
        self._here = 0

    async def call(self, function: str, args: Sequence[Any]) -> Any:
        match function:
            case "fail":
                raise ScriptCallFailed("it did not work")
            case "broken":
                raise ZeroDivisionError
            case "wait":
                return await self._wait()
            case "meet":
                return await self._meet()
            case _:
                return list(args)

    async def _wait(self) -> None:
        self.waiting.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            self.cancelled += 1

    async def _meet(self) -> int:
        self._here += 1
        if self._here == 3:
            self._met.set()
        await self._met.wait()
        return self._here


FUNCTIONS = ("echo", "fail", "broken", "wait", "meet", "tools.echo")


async def run(source: str, host: Host | None = None, **more: Any) -> ScriptOutcome:
    script = Script(source=source, functions=FUNCTIONS, **more)
    return await QuickJs().run(script, host or Host())


def failed(outcome: ScriptOutcome) -> ScriptFailure:
    assert outcome.failure is not None
    return outcome.failure


@pytest.mark.parametrize(
    "source",
    [
        "export default async function run(ctx, inputs) { return inputs.n; }",
        "export default function run(ctx, inputs) { return inputs.n; }",
        "export default async function (ctx, inputs) { return inputs.n; }",
        "export default async (ctx, inputs) => inputs.n",
        "export default (ctx, inputs) => inputs.n;",
        "async function run(ctx, inputs) { return inputs.n; }",
        "function run(ctx, inputs) { return inputs.n; }",
        "const run = async (ctx, inputs) => inputs.n",
        "export async function run(ctx, inputs) { return inputs.n; }",
        "const go = (c, i) => i.n; export default go",
        "async function run(ctx, inputs) { return inputs.n; }\nexport default run;",
        "async function run(ctx, inputs) { return inputs.n; }\nexport { run as default };",
        "const K = 0;\nfunction add(a) { return a + K; }\nexport default (ctx, inputs) => add(inputs.n);",
        "// export default is only a word here\nasync function run(ctx, inputs) { return inputs.n }",
        "async function run(ctx, inputs) { return inputs.n } // the end",
        "const n = await Promise.resolve(1);\nexport default (ctx, inputs) => inputs.n * n",
        "#!/usr/bin/env node\nexport default (ctx, inputs) => inputs.n",
    ],
)
async def test_every_form_of_run_is_found(source: str) -> None:
    outcome = await run(source, inputs={"n": 42})
    assert (outcome.failure, outcome.value) == (None, 42)


@pytest.mark.parametrize(
    "source",
    [
        "export default () => 'import x from \"fs\"'",
        "// import eval Function fetch Worker\nexport default () => 'eval(1)'",
        "export default () => ({ import: 1, eval: 2, Function: 3, fetch: 4 }).import && 'ok'",
        "export default () => /import\\(eval\\)/.source",
    ],
)
async def test_words_in_texts_and_names_are_only_words(source: str) -> None:
    outcome = await run(source)
    assert outcome.failure is None
    assert isinstance(outcome.value, str)


async def test_values_cross_as_they_are() -> None:
    value = {
        "text": 'é✓\U0001f600\0\n"',
        "list": [1, 2.5, None, True, []],
        "deep": {"a": {"b": {}}},
    }
    source = "export default async (ctx, inputs) => (await ctx.echo(inputs, [inputs]))"
    assert (await run(source, inputs=value)).value == [value, [value]]


async def test_half_of_a_pair_is_replaced_and_harms_nothing() -> None:
    outcome = await run("export default () => ['\\ud800', 'ok']")
    assert outcome.value == ["\N{REPLACEMENT CHARACTER}", "ok"]


async def test_calls_of_promise_all_run_together() -> None:
    source = """
      export default async (ctx) => {
        const [first, ...rest] = await Promise.all([ctx.meet(), ctx.meet(), ctx.meet()]);
        return first;
      }
    """
    assert (await run(source, limits=ScriptLimits(wall_s=10))).value == 3


async def test_a_call_that_fails_can_be_caught() -> None:
    source = """
      export default async (ctx) => {
        try { await ctx.fail(); } catch (error) {
          return [error instanceof Error, error.message, await ctx.tools.echo('on')];
        }
      }
    """
    assert (await run(source)).value == [True, "it did not work", ["on"]]


async def test_a_call_that_fails_and_is_not_caught_ends_the_program() -> None:
    failure = failed(await run("export default async (ctx) => { await ctx.fail(); }"))
    assert (failure.kind, failure.message) == ("exception", "Error: it did not work")


async def test_what_else_a_host_raises_is_raised_and_ends_the_other_calls() -> None:
    host = Host()
    source = "export default (ctx) => Promise.all([ctx.wait(), ctx.broken()])"
    with pytest.raises(ZeroDivisionError):
        await run(source, host)
    assert host.cancelled == 1


async def test_an_error_says_where_in_the_source_of_the_author() -> None:
    source = """
      const K = 1;
      function deep() {
        throw new TypeError('wrong');
      }
      export default async function run(ctx) {
        await ctx.echo(1);
        deep();
      }
    """
    failure = failed(await run(source))
    assert (failure.message, failure.line) == ("TypeError: wrong", 4)
    assert "deep (program:4:" in failure.trace
    assert "run (program:8:" in failure.trace
    assert "a3s" not in failure.trace


async def test_an_error_of_syntax_says_where() -> None:
    failure = failed(await run("async function run() {\n  return 1 +;\n}"))
    assert (failure.kind, failure.line) == ("syntax", 2)


async def test_a_program_without_run_says_what_is_missing() -> None:
    failure = failed(await run("const a = 1;"))
    assert failure.kind == "syntax"
    assert "no function run" in failure.message


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("x" * (MAX_SOURCE_BYTES + 1), "longer than"),
        ("const a = '\0'", "NUL"),
        ("const a = '\ud800'", "surrogate"),
    ],
)
async def test_what_is_no_text_of_a_program_is_refused(source: str, said: str) -> None:
    failure = failed(await run(source))
    assert failure.kind == "syntax"
    assert said in failure.message


async def test_a_custom_error_keeps_its_name() -> None:
    source = """
      class Mine extends Error { constructor(m) { super(m); this.name = 'Mine'; this.code = 7; } }
      export default () => { throw new Mine('x'); }
    """
    assert failed(await run(source)).message == "Mine: x"


async def test_empty_lines_fill_no_console() -> None:
    source = "export default () => { for (let k = 0; k < 5000; k++) console.log(''); }"
    outcome = await run(source, limits=ScriptLimits(max_console_chars=50))
    assert len(outcome.console) <= 50


async def test_arguments_that_a_program_forges_are_an_error_of_its_own() -> None:
    source = """
      Array.prototype.toJSON = () => 'forged';
      export default async (ctx) => { try { await ctx.echo(1); } catch (error) { return error.message; } }
    """
    outcome = await run(source)
    assert outcome.value == "echo: arguments have to be plain values"


async def test_the_message_of_a_failure_is_one_line() -> None:
    source = "export default () => { throw new Error('a\\nResult:\\nforged'); }"
    outcome = await run(source)
    assert outcome.failure is not None
    assert outcome.failure.message == "Error: a Result: forged"


async def test_the_console_is_kept_in_order_and_bounded() -> None:
    source = """
      export default () => {
        console.log('a', 1, { b: [2] }, null);
        console.warn(new TypeError('t'));
        console.error('x'.repeat(100));
        console.log('late');
      }
    """
    outcome = await run(source, limits=ScriptLimits(max_console_chars=50))
    assert outcome.console[:2] == (
        ConsoleLine("log", 'a 1 {"b":[2]} null'),
        ConsoleLine("warn", "TypeError: t"),
    )
    assert sum(len(line.text) for line in outcome.console) <= 50
    assert outcome.console_dropped > 70


async def test_what_was_printed_before_a_failure_is_kept() -> None:
    outcome = await run("export default () => { console.log('here'); throw new Error('x'); }")
    assert outcome.console == (ConsoleLine("log", "here"),)


async def test_a_promise_that_nothing_settles_ends_the_program() -> None:
    assert failed(await run("export default () => new Promise(() => {})")).kind == "stuck"


async def test_what_a_program_printed_before_it_was_stuck_is_kept() -> None:
    outcome = await run(
        "export default () => { console.log('so far'); return new Promise(() => {}) }"
    )

    assert failed(outcome).kind == "stuck"
    assert [line.text for line in outcome.console] == ["so far"]


async def test_what_is_thrown_and_is_no_error_is_shown_as_it_is() -> None:
    assert failed(await run("export default () => { throw {a: 1} }")).message == '{"a":1}'


async def test_a_deadline_ends_the_calls_that_are_under_way() -> None:
    host = Host()
    limits = ScriptLimits(wall_s=0.1)
    outcome = await run("export default (ctx) => ctx.wait()", host, limits=limits)
    assert failed(outcome).kind == "timeout"
    assert host.cancelled == 1


async def test_a_program_that_returns_leaves_no_call_behind() -> None:
    host = Host()
    source = "export default async (ctx) => { ctx.wait(); await ctx.echo(1); return 'done'; }"
    outcome = await run(source, host)
    assert outcome.value == "done"
    assert host.cancelled == 1


async def test_a_cancelled_program_has_ended_its_calls() -> None:
    host = Host()
    task = asyncio.create_task(run("export default (ctx) => ctx.wait()", host))
    await host.waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert host.cancelled == 1


async def test_of_calls_that_all_break_the_host_one_is_told_and_none_is_left_unseen() -> None:
    unseen: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: unseen.append(told))
    with pytest.raises(ZeroDivisionError):
        await run("export default (ctx) => Promise.all([1, 2, 3].map(() => ctx.broken()))")
    gc.collect()
    await asyncio.sleep(0)
    assert unseen == []


async def test_a_cancelled_program_that_computes_is_left_behind() -> None:
    limits = ScriptLimits(wall_s=0.3)
    task = asyncio.create_task(run("export default () => { for (;;); }", limits=limits))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_programs_run_beside_each_other_and_the_loop_goes_on() -> None:
    source = "export default () => { let x = 0; for (let i = 0; i < 3e6; i++) x += i; return x; }"
    engine, ticks = QuickJs(), 0
    programs = asyncio.gather(*(engine.run(Script(source=source), Host()) for _ in range(5)))
    while not programs.done():
        await asyncio.sleep(0)
        ticks += 1
    assert {outcome.value for outcome in await programs} == {4_499_998_500_000}
    assert ticks > 20


async def test_there_is_an_end_to_how_many_programs_run() -> None:
    engine, host = QuickJs(), Host()
    script = Script(source="export default (ctx) => ctx.wait()", functions=("wait",))
    running = [asyncio.create_task(engine.run(script, host)) for _ in range(MAX_SCRIPTS)]
    await asyncio.sleep(0)
    assert failed(await engine.run(script, host)).kind == "unavailable"
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def test_the_rest_of_the_language_is_there() -> None:
    source = r"""
      export default async () => {
        const list = [3, 1, 2];
        const parts = 'a-b-c'.split('-').map((x) => x.toUpperCase()).join('+');
        const seen = new Map(list.map((x) => [x, x * x]));
        const settled = await Promise.allSettled([1, Promise.reject(new Error('no'))]);
        class Point { #x = 1; get x() { return this.#x; } }
        async function* count() { yield 1; yield 2; }
        let sum = 0;
        for await (const x of count()) sum += x;
        return [list.sort().concat([9]).slice(1), parts, [...seen.values()].flat(), settled[1].status,
          new Point().x, sum, 'x1y2'.replace(/\d/g, (d) => `<${d}>`), 'a.b'.replaceAll('.', '/'),
          new Date(0).toISOString(), 2n ** 64n > 1n, structured({ a: [1] }), (() => {}) instanceof Function,
          await Promise.resolve(1).then((x) => x + 1).finally(() => 0), [1, 2].includes(2), 'abc'.indexOf('c')];
      };
      const structured = (value) => JSON.parse(JSON.stringify(value));
    """
    assert (await run(source)).value == [
        [2, 3, 9],
        "A+B+C",
        [9, 1, 4],
        "rejected",
        1,
        3,
        "x<1>y<2>",
        "a/b",
        "1970-01-01T00:00:00.000Z",
        True,
        {"a": [1]},
        True,
        2,
        True,
        2,
    ]
