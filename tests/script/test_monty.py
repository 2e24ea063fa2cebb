"""Programs in Python: what they may call, what holds them, and what is left of them: nothing."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from a3s_code.errors import CapabilityMissing
from a3s_code.kernel.script import (
    MAX_SOURCE_BYTES,
    Script,
    ScriptCallFailed,
    ScriptLimits,
    ScriptOutcome,
)
from a3s_code.script import monty
from a3s_code.script.monty import MontyEngine
from kernel.bench import alive, come, files

pytest.importorskip("pydantic_monty")

FUNCTIONS = ("tool", "read", "readFile", "tools.read", "tools.web_fetch", "tools.a-b", "class")


@dataclass
class Host:
    """Answers calls with what they were, or as it is told to."""

    answer: Callable[[str, Sequence[Any]], Any] | None = None
    calls: list[tuple[str, list[Any]]] = field(default_factory=list[tuple[str, list[Any]]])
    ended: int = 0

    async def call(self, function: str, args: Sequence[Any]) -> Any:
        self.calls.append((function, [*args]))
        try:
            given = self.answer(function, args) if self.answer else [function, *args]
            return await given if asyncio.iscoroutine(given) else given
        finally:
            self.ended += 1


async def ran(
    source: str, host: Host | None = None, *, inputs: Any = None, **limits: Any
) -> ScriptOutcome:
    script = Script(
        source=textwrap.dedent(source),
        inputs=inputs or {},
        functions=FUNCTIONS,
        limits=ScriptLimits(**limits),
    )
    return await MontyEngine().run(script, host or Host())


async def value_of(source: str, host: Host | None = None, **more: Any) -> Any:
    outcome = await ran(source, host, **more)
    assert outcome.failure is None, outcome.failure
    return outcome.value


async def failure_of(source: str, host: Host | None = None, **more: Any) -> Any:
    outcome = await ran(source, host, **more)
    assert outcome.failure is not None, outcome.value
    assert outcome.value is None
    return outcome.failure


def workers() -> set[int]:
    """Give the processes of ours that run scripts."""
    found = set[int]()
    for place in Path("/proc").glob("[0-9]*"):
        try:
            command = (place / "cmdline").read_bytes()
            parent = (place / "stat").read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if b"monty\0subprocess" in command and int(parent) == os.getpid():
            found.add(int(place.name))
    return found


# What a program is


@pytest.mark.parametrize("form", ["def", "async def"])
async def test_run_gets_the_functions_and_the_inputs_and_gives_the_value(form: str) -> None:
    source = f"{form} run(ctx, inputs):\n    return [inputs['a'], None, 1.5, 'ü', {{'k': (1,)}}]\n"
    assert await value_of(source, inputs={"a": [1]}) == [[1], None, 1.5, "ü", {"k": [1]}]


async def test_a_program_that_gives_nothing_has_no_value() -> None:
    assert await value_of("def run(ctx, inputs):\n    pass") is None


async def test_calls_are_answered_and_arguments_by_name_stand_at_the_end() -> None:
    host = Host()
    given = await value_of(
        """
        async def run(ctx, inputs):
            return [
                await ctx.tool("ls", {"path": "."}),
                await ctx.read("a", offset=1),
                await ctx.readFile("b"),
                await ctx.read_file("c"),
                await ctx.tools.read(file_path="d"),
                await ctx.tools.web_fetch(),
            ]
        """,
        host,
    )
    assert given == [[function, *args] for function, args in host.calls]
    assert host.calls == [
        ("tool", ["ls", {"path": "."}]),
        ("read", ["a", {"offset": 1}]),
        ("readFile", ["b"]),
        ("readFile", ["c"]),
        ("tools.read", [{"file_path": "d"}]),
        ("tools.web_fetch", []),
    ]


async def test_gathered_calls_run_at_the_same_time() -> None:
    all_here, here = asyncio.Event(), list[str]()

    async def meet(function: str) -> str:
        here.append(function)
        if len(here) == 3:
            all_here.set()
        await all_here.wait()
        return function

    given = await value_of(
        """
        import asyncio

        async def run(ctx, inputs):
            return await asyncio.gather(*(ctx.read(n) for n in range(3)))
        """,
        Host(lambda function, args: meet(f"{function} {args[0]}")),
    )
    assert given == ["read 0", "read 1", "read 2"]


async def test_a_call_that_fails_is_an_exception_that_the_program_may_catch() -> None:
    def refuse(function: str, args: Sequence[Any]) -> Any:
        raise ScriptCallFailed(f"Permission denied: {args[0]}")

    caught = """
        async def run(ctx, inputs):
            try:
                return await ctx.read("a")
            except Exception as error:
                return str(error)
        """
    assert await value_of(caught, Host(refuse)) == "Permission denied: a"
    failed = await failure_of(
        "async def run(ctx, inputs):\n    x = 1\n    return await ctx.read('a')\n", Host(refuse)
    )
    assert (failed.kind, failed.message) == ("exception", "RuntimeError: Permission denied: a")
    assert (failed.line, failed.column) == (3, 12)
    assert failed.trace == (
        "  File \"program.py\", line 3, in run\n    return await ctx.read('a')\n"
    )


async def test_a_host_that_fails_ends_the_program_and_is_raised() -> None:
    class Broken(Exception):
        pass

    def fail(function: str, args: Sequence[Any]) -> Any:
        raise Broken(function)

    stubborn = """
        async def run(ctx, inputs):
            while True:
                try:
                    await ctx.read("a")
                except BaseException:
                    pass
        """
    with pytest.raises(Broken, match="read"):
        await ran(stubborn, Host(fail))
    await come(lambda: not workers())  # the system ends a process in its own time


async def test_what_is_printed_is_given_as_lines_and_bounded() -> None:
    source = """
        import sys

        def run(ctx, inputs):
            print("one", 2, end="")
            print(" three")
            print()
            print("wrong", file=sys.stderr)
            print("x" * 200)
        """
    outcome = await ran(source, max_console_chars=40)

    rows = [(line.level, line.text) for line in outcome.console]
    assert rows[:3] == [("log", "one 2 three"), ("log", ""), ("error", "wrong")]
    assert sum(len(text) for _, text in rows) <= 40
    assert outcome.console_dropped >= 160


async def test_the_program_of_the_page_runs_as_written() -> None:
    page = Path(__file__).parents[2] / "docs/programs.md"
    (source,) = re.findall(r"```py\n(.*?)```", page.read_text(), re.DOTALL)

    def answer(function: str, args: Sequence[Any]) -> Any:
        if function == "tools.bash":
            raise ScriptCallFailed(f"{args[0]['command']} failed")
        return "text"

    script = Script(source=source, inputs={"paths": ["a", "b"]}, functions=("read", "tools.bash"))
    outcome = await MontyEngine().run(script, Host(answer))

    assert outcome.value == {"files": 2, "error": "make test failed"}
    assert [line.text for line in outcome.console] == ["2 files"]


# What is wrong is said, and where


@pytest.mark.parametrize(
    ("source", "kind", "said", "line"),
    [
        ("def run(ctx, inputs):\n    x = (\n    return 1", "syntax", "SyntaxError", 3),
        ("class A(B):\n    pass", "exception", "not yet support class inheritance", 1),
        ("x = 1", "syntax", "no function run", 0),
        ("", "syntax", "no function run", 0),
        ("\n  # nothing\n", "syntax", "no function run", 0),
        ("run = 3", "exception", "TypeError", 0),
        ("def run():\n    return 1", "exception", "TypeError", 1),
        ("def run(ctx, inputs):\n    return 1 / 0", "exception", "ZeroDivisionError", 2),
        ("def run(ctx, inputs):\n    return nothing", "exception", "NameError", 2),
        ("1 / 0", "exception", "ZeroDivisionError", 1),
        ("def run(ctx, inputs):\n    return {1, 2}", "value", "set is not JSON", 0),
        ("def run(ctx, inputs):\n    return run", "value", "not JSON", 0),
        ("def run(ctx, inputs):\n    return float('nan')", "value", "JSON", 0),
        ("async def run(ctx, inputs):\n    return ctx.read('x')", "value", "not JSON", 0),
        ("def run(ctx, inputs):\n    return 'x' * 2000", "value", "2002 characters", 0),
        ("async def run(ctx, inputs):\n    await ctx.read({1})", "exception", "not JSON", 2),
        ("async def run(ctx, i):\n    await ctx.read('x' * 2000)", "exception", "too large", 2),
        ("async def run(ctx, inputs):\n    await ctx.no()", "exception", "'ctx' object has no", 2),
        ("def run(ctx, inputs):\n    raise ValueError('a\\nb')", "exception", "Error: a b", 2),
    ],
)
async def test_a_program_that_fails_says_why_and_where(
    source: str, kind: str, said: str, line: int
) -> None:
    host = Host()
    failed = await failure_of(source, host, max_value_bytes=1_000)

    assert (failed.kind, failed.line) == (kind, line), failed
    assert said in failed.message
    assert "_a3s" not in failed.trace
    assert host.calls == []


async def test_a_source_that_is_too_long_is_not_begun() -> None:
    failed = await failure_of("x" * (MAX_SOURCE_BYTES + 1))
    assert (failed.kind, "196609 bytes" in failed.message) == ("syntax", True)


async def test_without_the_library_it_is_said_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(monty, "version", missing)
    with pytest.raises(CapabilityMissing) as caught:
        MontyEngine()
    assert "pip install 'a3s-code[monty]'" in str(caught.value)


# Hostile programs


@pytest.mark.parametrize(
    "attempt",
    [
        "import socket",
        "import subprocess",
        "import ctypes",
        "import importlib",
        "import os; os.environ['PATH']",
        "import os; os.system('touch made')",
        "import os; os.listdir('/')",
        "import os; os.kill(1, 9)",
        "open('/etc/passwd').read()",
        "open('made', 'w').write('x')",
        "from pathlib import Path; Path('/etc/passwd').read_text()",
        "__import__('os')",
        "().__class__.__base__.__subclasses__()",
        "(lambda: 0).__globals__",
        "ctx.read.__func__.__globals__",
        "eval('open(\"/etc/passwd\").read()')",
        "exec('import socket')",
        "'{0.__class__}'.format(3).__class__",
        "[].__reduce__()",
        "globals()['__builtins__']['open']('/etc/passwd')",
        "setattr(ctx, '__class__', 3); ctx.__class__.__mro__[9]",
    ],
)
async def test_no_way_leads_out_of_a_program(
    attempt: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    host = Host()
    failed = await failure_of(f"def run(ctx, inputs):\n    {attempt}\n    return 'out'", host)

    assert failed.kind in {"exception", "syntax"}
    assert files(tmp_path) == {}
    assert host.calls == []


@pytest.mark.parametrize(
    ("body", "kinds"),
    [
        ("while True: pass", {"timeout"}),
        ("[0 for _ in iter(int, 1)]", {"timeout", "exception", "memory"}),
        ("import time; time.sleep(60)", {"timeout"}),
        ("x = []\n    while True: x.append('a' * 1000)", {"memory"}),
        ("return 'a' * 10**10", {"memory"}),
        ("return [0] * 10**12", {"memory"}),
        ("return 10 ** 10 ** 8", {"memory"}),
        ("return 1 << 10 ** 10", {"memory"}),
        ("return str(9 ** 10 ** 6)", {"exception"}),
        ("return run(ctx, inputs)", {"stack"}),
        ("f = lambda f: f(f); f(f)", {"stack"}),
        ("x = []\n    for _ in range(10 ** 5): x = [x]\n    return x", {"value", "stack"}),
        ("raise TimeoutError('mine')", {"exception"}),
        ("import re; re.compile('(a{1000}){1000}')", {"exception"}),
        ("return eval('(' * 100000)", {"exception", "syntax"}),
        ("print('x' * 10 ** 7); raise KeyboardInterrupt", {"exception"}),
        ("raise SystemExit(3)", {"exception"}),
    ],
)
async def test_a_hostile_program_ends_and_leaves_nothing_behind(body: str, kinds: set[str]) -> None:
    failed = await failure_of(
        f"def run(ctx, inputs):\n    {body}\n", wall_s=1.0, memory_bytes=32 << 20
    )

    assert failed.kind in kinds, failed
    assert len(failed.message) <= monty.MAX_MESSAGE_CHARS
    await come(lambda: not workers())  # the system ends a process in its own time


async def test_regular_expressions_that_explode_elsewhere_are_over_at_once() -> None:
    source = "import re\ndef run(ctx, inputs):\n    return re.match('(a|a)*$', 'a' * 60 + 'b')\n"
    assert await value_of(source, wall_s=5.0) is None


async def test_odd_objects_are_no_value_and_do_no_harm() -> None:
    source = """
        class Odd:
            def __repr__(self):
                raise ValueError("odd")

        def run(ctx, inputs):
            return Odd()
        """
    assert (await failure_of(source)).kind == "value"


async def test_a_program_that_changes_its_world_harms_itself_alone() -> None:
    host = Host()
    failed = await failure_of(
        """
        import json
        json.dumps = lambda value, **more: 7
        _a3s_json = None

        async def run(ctx, inputs):
            return await ctx.read("a")
        """,
        host,
    )
    assert failed.kind in {"exception", "value"}
    assert host.calls == []
    assert await value_of("async def run(ctx, inputs):\n    return await ctx.read('a')") == [
        "read",
        "a",
    ]


async def test_only_the_functions_that_were_given_can_be_called() -> None:
    host = Host()
    forged = """
        async def run(ctx, inputs):
            for name in ("bash", "tools.bash", "", None):
                try:
                    await _a3s_call(name, "[]")
                    return name
                except Exception as error:
                    last = str(error)
            for given in ("{}", "[", None, "7"):
                try:
                    await _a3s_call("read", given)
                    return given
                except Exception as error:
                    pass
            return last
        """
    assert await value_of(forged, host) == "there is no such function"
    assert host.calls == []


async def test_calls_without_end_are_over_with_their_time() -> None:
    host = Host()
    source = "async def run(ctx, inputs):\n    while True:\n        await ctx.read('a')\n"
    failed = await failure_of(source, host, wall_s=0.5)

    assert failed.kind == "timeout"
    assert host.ended == len(host.calls) > 1


# Its end


async def wait_for_ever(*_: Any) -> None:
    await asyncio.Event().wait()


async def test_calls_that_are_under_way_end_with_the_time_of_the_program() -> None:
    host = Host(wait_for_ever)
    source = "async def run(ctx, inputs):\n    await ctx.read('a')\n"
    failed = await failure_of(source, host, wall_s=0.3)

    assert (failed.kind, "0.3 s" in failed.message) == ("timeout", True)
    assert host.ended == 1
    await come(lambda: not workers())  # the system ends a process in its own time


@pytest.mark.parametrize("body", ["await ctx.read('a')", "while True: pass"])
async def test_a_cancelled_program_is_gone_with_its_process_and_its_calls(body: str) -> None:
    host, before = Host(wait_for_ever), asyncio.all_tasks()
    task = asyncio.create_task(ran(f"async def run(ctx, inputs):\n    {body}\n", host))
    await come(workers)
    if "read" in body:
        await come(lambda: host.calls)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert host.ended == len(host.calls)
    assert asyncio.all_tasks() == before
    await come(lambda: not workers())


async def test_the_loop_goes_on_while_programs_compute() -> None:
    ticks = 0
    source = "def run(ctx, inputs):\n    while True: pass\n"
    programs = asyncio.gather(*(ran(source, wall_s=0.5) for _ in range(3)))
    while not programs.done():
        await asyncio.sleep(0.01)
        ticks += 1

    assert ticks > 10
    assert {each.failure and each.failure.kind for each in await programs} == {"timeout"}


async def test_more_programs_than_there_may_be_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(monty, "MAX_AT_ONCE", 1)
    engine, host = MontyEngine(), Host(wait_for_ever)
    script = Script(source="async def run(c, i):\n    await c.read()\n", functions=("read",))
    first = asyncio.create_task(engine.run(script, host))
    await come(lambda: host.calls)
    second = await engine.run(script, host)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)

    assert second.failure is not None
    assert second.failure.kind == "unavailable"


async def test_one_engine_serves_programs_of_several_loops() -> None:
    engine = MontyEngine()
    script = Script(source="def run(ctx, inputs):\n    return 1\n")

    def elsewhere() -> Any:
        return asyncio.run(engine.run(script, Host())).value

    assert await asyncio.gather(*(asyncio.to_thread(elsewhere) for _ in range(2))) == [1, 1]


# The process


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_its_process_has_no_secret_and_can_open_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_HOST", "s3cret")
    host = Host(wait_for_ever)
    task = asyncio.create_task(ran("async def run(c, i):\n    await c.read()\n", host, wall_s=20))
    await come(lambda: host.calls)
    (pid,) = workers()
    place = Path(f"/proc/{pid}")
    environment, limits = place.joinpath("environ").read_bytes(), place.joinpath("limits")
    rows = {row[:26].strip(): row[26:].split()[0] for row in limits.read_text().splitlines()[1:]}
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert environment == b""
    assert rows["Max open files"] == rows["Max file size"] == rows["Max core file size"] == "0"
    assert rows["Max cpu time"] == "22"
    assert int(rows["Max address space"]) < 1 << 30


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_its_process_ends_when_ours_is_killed() -> None:
    program = """
        import asyncio, os
        from pathlib import Path
        from a3s_code.kernel.script import Script, ScriptLimits
        from a3s_code.script.monty import MontyEngine

        class Host:
            async def call(self, function, args):
                for place in Path("/proc").glob("[0-9]*"):
                    try:
                        parent = (place / "stat").read_text().rpartition(")")[2].split()[1]
                    except OSError:
                        continue
                    if int(parent) == os.getpid():
                        print(place.name, flush=True)
                await asyncio.sleep(600)

        script = Script(source="async def run(c, i):\\n    await c.read()\\n", functions=("read",))
        asyncio.run(MontyEngine().run(script, Host()))
        """
    ours = subprocess.Popen(  # noqa: ASYNC220 - it is killed in this test
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True
    )
    assert ours.stdout is not None
    pid = int(await asyncio.to_thread(ours.stdout.readline))
    assert alive(pid)
    ours.kill()
    await asyncio.to_thread(ours.wait)
    ours.stdout.close()
    until = time.monotonic() + 10
    while alive(pid):
        assert time.monotonic() < until
        await asyncio.sleep(0.01)
