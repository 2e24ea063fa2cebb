"""Programs in sessions: what they may call, what is recorded, what the model gets."""

from __future__ import annotations

import asyncio
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from a3s_code import (
    ConfirmationPolicy,
    DefaultSecurityProvider,
    PermissionPolicy,
    Session,
)
from a3s_code.api.result import ToolResult
from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.kernel.script import MAX_SOURCE_BYTES
from a3s_code.testing import calls, says
from api.house import House, come, meanwhile
from harness.redaction.secrets_made import GITHUB

PAGE = Path(__file__).parents[2] / "docs/programs.md"
BLOCKS = re.findall(
    r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)


def run(session: Session, body: str, **request: Any) -> ToolResult:
    source = f"export default async function run(ctx, inputs) {{ {body} }}"
    return session.program({"source": source, **request})


def made(result: ToolResult) -> list[tuple[str, bool]]:
    return [(call["name"], call["success"]) for call in result.metadata["program"]["tool_calls"]]


def test_helpers_give_values_and_no_text_to_take_apart(house: House) -> None:
    house.put("src/a.py", "one = 1\ntwo = 2\n")
    house.put("src/b.py", "two = 3\n")
    (house.root / "src/link").symlink_to("a.py")
    body = """
      return {
        glob: await ctx.glob('src/**/*.py'),
        grep: await ctx.grep('two', { glob: '*.py' }),
        none: [await ctx.grep('nothing'), await ctx.glob('*.rs')],
        ls: await ctx.ls('src'),
        text: await ctx.readFile('src/a.py'),
        read: await ctx.read('src/a.py'),
        bash: await ctx.bash('echo hi'),
        tool: await ctx.tool('glob', { pattern: '*.md' }),
        tools: (await ctx.tools.read({ file_path: 'src/b.py' })).output,
      };
    """
    result = run(house.session(permissive=True), body)
    assert result.exit_code == 0, result.output
    value = result.metadata["script_result"]
    assert value["glob"] == ["src/a.py", "src/b.py"]
    assert value["grep"] == [
        {"path": "src/a.py", "line": 2, "text": "two = 2"},
        {"path": "src/b.py", "line": 1, "text": "two = 3"},
    ]
    assert value["none"] == [[], []]
    assert value["ls"] == [
        {"name": "a.py", "kind": "file", "size": 16},
        {"name": "b.py", "kind": "file", "size": 8},
        {"name": "link", "kind": "link", "size": None, "target": "a.py"},
    ]
    assert value["text"] == "one = 1\ntwo = 2"
    assert value["read"] == "     1\tone = 1\n     2\ttwo = 2"
    assert value["bash"].strip() == "hi"
    assert value["tool"] == {
        "name": "glob",
        "output": "No file matches *.md.",
        "exitCode": 0,
        "metadata": {"paths": []},
    }
    assert value["tools"] == "     1\ttwo = 3"


def test_a_long_file_is_read_whole(house: House) -> None:
    house.put("long.txt", "\n".join(map(str, range(4500))))
    result = run(house.session(), "return (await ctx.readFile('long.txt')).split('\\n').length")
    assert result.metadata["script_result"] == 4500


def test_a_file_of_long_lines_is_read_whole_as_one_call(house: House) -> None:
    text = "\n".join(f"{n} {'x' * 900}" for n in range(300))
    house.put("wide.txt", text)
    body = "return (await ctx.readFile('wide.txt')) === inputs.text"
    result = run(house.session(), body, inputs={"text": text}, limits={"maxToolCalls": 1})
    assert result.exit_code == 0, result.output
    assert result.metadata["script_result"] is True


def test_a_list_that_is_not_whole_is_no_list(house: House) -> None:
    house.put("many.txt", "needle here\n" * 20_000)
    for number in range(3000):
        (house.root / f"{number:0>60}").touch()
    session = house.session()
    many = run(session, "return (await ctx.grep('needle')).length")
    assert many.exit_code == 1
    assert "narrow the pattern" in many.output
    listed = run(session, "return (await ctx.ls()).length")
    assert listed.exit_code == 1
    assert "of 3001 entries" in listed.output
    assert run(session, "return (await ctx.glob('*')).length").metadata["script_result"] == 3001


def test_a_denied_command_never_runs_inside_a_program(house: House) -> None:
    session = house.session(
        permission_policy=PermissionPolicy(allow=["program", "read"], deny=["bash(touch*)"])
    )
    body = "try { await ctx.bash('touch f'); } catch (error) { return error.message; }"
    result = run(session, body)
    assert result.exit_code == 0
    assert "denied" in result.metadata["script_result"].lower()
    assert made(result) == [("bash", False)]
    assert not house.has("f")


def test_what_is_called_directly_lends_its_calls_no_authority(house: House) -> None:
    session = house.session(permission_policy=PermissionPolicy(deny=["write"]))
    result = run(session, "await ctx.tools.write({ file_path: 'f', content: 'x' })")
    assert result.exit_code == 1
    assert not house.has("f")


def test_a_program_changes_nothing_in_the_mode_plan(house: House) -> None:
    house.put("a.txt", "here")
    session = house.session(permission_mode="plan")
    assert run(session, "return await ctx.readFile('a.txt')").metadata["script_result"] == "here"
    result = run(session, "await ctx.tools.write({ file_path: 'f', content: 'x' })")
    assert result.exit_code == 1
    assert not house.has("f")


@pytest.mark.parametrize("key", ["allowed_tools", "allowedTools"])
def test_a_tool_that_is_not_on_the_list_is_not_called(house: House, key: str) -> None:
    session = house.session(permissive=True)
    result = run(session, "await ctx.bash('touch f')", **{key: ["grep"]})
    assert result.exit_code == 1
    assert "bash is not in allowed_tools, which has grep" in result.output
    assert not house.has("f")
    assert run(session, "await ctx.bash('touch f')", **{key: []}).exit_code == 1
    assert (
        run(session, "await ctx.tools.bash({command: 'touch f'})", **{key: ["bas"]}).exit_code == 1
    )
    assert not house.has("f")


@pytest.mark.parametrize("tool", ["program", "batch", "parallel_task", "Skill", "Program"])
def test_a_program_starts_no_program_and_no_run_by_itself(house: House, tool: str) -> None:
    args = "{ source: 'export default () => 1', skill_name: 'x', invocations: [], tasks: [] }"
    result = run(house.session(permissive=True), f"return await ctx.tool('{tool}', {args})")
    assert result.exit_code == 1


def test_a_list_does_not_open_what_is_never_called(house: House) -> None:
    body = "return await ctx.tool('program', { source: 'export default () => 1' })"
    result = run(house.session(permissive=True), body, allowed_tools=["program"])
    assert result.exit_code == 1
    assert "cannot be called from a program" in result.output


def test_one_call_more_than_there_may_be_ends_the_program(house: House) -> None:
    body = "for (let k = 0; k < 9; k++) { try { await ctx.ls(); } catch { } } return 'never'"
    result = run(house.session(), body, limits={"maxToolCalls": 3})
    assert result.exit_code == 1
    assert "more than 3 tool calls" in result.output
    assert made(result) == [("ls", True)] * 3


def test_a_long_name_of_no_tool_is_not_recorded(house: House) -> None:
    body = "for (let k = 0; k < 9; k++) { try { await ctx.tool('x'.repeat(1e6)); } catch { } }"
    source = f"export default async function run(ctx) {{ {body} }}"
    session = house.session(calls("program", source=source), says("ok"), permissive=True)
    assert sum(len(repr(event)) for event in session.stream("go")) < 20_000


def test_the_arguments_of_all_calls_together_are_bounded(house: House) -> None:
    body = """
      const args = { file_path: 'f', content: 'x'.repeat(2e6) };
      for (let k = 0; k < 40; k++) { try { await ctx.tools.write(args) } catch { } }
    """
    session = house.session(permission_mode="plan")
    result = run(session, body, limits={"maxToolCalls": 40})
    assert result.exit_code == 1
    assert "more than 32 MiB of arguments" in result.output
    assert len(made(result)) == 16
    assert not house.has("f")


def test_a_refusal_does_not_repeat_a_long_list(house: House) -> None:
    names = [f"tool_{number}" for number in range(9000)]
    result = run(house.session(), "await ctx.bash('true')", allowed_tools=names)
    (refused,) = result.metadata["program"]["tool_calls"]
    assert "bash is not in allowed_tools" in refused["reason"]
    assert len(refused["reason"]) < 1000


@pytest.mark.parametrize("depth", [129, 500, 900, 2000])
@pytest.mark.parametrize("language", ["javascript", "python"])
def test_a_value_that_nests_too_deeply_is_a_failure_of_the_program_alone(
    house: House, language: str, depth: int
) -> None:
    source = {
        "javascript": f"export default async (ctx) => {{ await ctx.ls(); let a = 1;"
        f" for (let k = 0; k < {depth}; k++) a = [a]; return a }}",
        "python": f"async def run(ctx, inputs):\n    await ctx.ls()\n    a = 1\n"
        f"    for _ in range({depth}):\n        a = [a]\n    return a\n",
    }[language]
    session = house.session(
        calls("program", source=source, language=language),
        says("done"),
        security_provider=DefaultSecurityProvider(),
    )
    assert session.send("go").text == "done"
    result = session.program({"source": source, "language": language})
    assert result.error_kind == "program_value"
    assert made(result) == [("ls", True)]


def test_a_deep_value_is_not_mostly_indentation(house: House) -> None:
    body = "let a = Array(100000).fill(0); for (let k = 0; k < 100; k++) a = [a]; return a"
    source = f"export default async function run(ctx) {{ {body} }}"
    session = house.session(calls("program", source=source), says("ok"))
    (end,) = [event for event in session.stream("go") if event.event_type == "tool_end"]
    facts = json.loads(end.data)["metadata"]
    assert facts["artifact"]["original_bytes"] < 300_000
    assert facts["script_result"] == "[200201 bytes of JSON left out]"


def test_the_deepest_value_there_may_be_is_given(house: House) -> None:
    body = "let a = 1; for (let k = 0; k < 60; k++) a = { a: [a] }; return a"
    session = house.session(security_provider=DefaultSecurityProvider())
    result = run(session, body)
    assert result.exit_code == 0
    assert str(result.metadata["script_result"]).count("a") == 60


def test_a_secret_that_a_program_made_is_in_nothing_that_the_host_gets(house: House) -> None:
    session = house.session(permissive=True, security_provider=DefaultSecurityProvider())
    made_of = f"const s = '{GITHUB[:6]}' + '{GITHUB[6:]}';"
    body = (
        made_of + "console.log(s); try { await ctx.tool(s, { s }) } catch { } return { [s]: [s] }"
    )
    result = run(session, body)
    assert result.exit_code == 0
    assert "REDACTED" in str(result.metadata["script_result"])
    assert GITHUB not in repr(result)


def test_a_deadline_ends_the_commands_of_the_program(house: House) -> None:
    body = "await ctx.bash('sleep 60; touch late')"
    result = run(house.session(permissive=True), body, limits={"timeoutMs": 300})
    assert result.exit_code == 1
    assert result.error_kind == "program_timeout"
    assert "300 ms" in result.output
    assert made(result) == [("bash", False)]
    assert "bash (1 failed)" in result.output


def test_a_call_that_nobody_waited_for_is_told_and_cut_off(house: House) -> None:
    body = (
        "ctx.bash('touch begun; sleep 60; touch late'); while (!(await ctx.glob('begun')).length);"
    )
    result = run(house.session(permissive=True), body, limits={"maxToolCalls": 10_000})
    assert result.exit_code == 0
    assert made(result)[-1] == ("bash", False)
    assert "cut off" in result.metadata["program"]["tool_calls"][-1]["reason"]
    assert house.has("begun")
    assert not house.has("late")


def test_the_model_gets_no_more_than_it_asked_for_and_the_whole_is_kept(house: House) -> None:
    session = house.session()
    result = run(session, "return 'x'.repeat(5000)", limits={"maxOutputBytes": 100})
    assert len(result.output) < 400
    artifact = session.get_artifact(result.metadata["artifact"]["artifact_uri"])
    assert artifact is not None
    assert "x" * 5000 in artifact["content"]
    assert result.metadata["script_result"] == "x" * 5000


def test_a_large_result_is_not_written_into_the_log_twice(house: House) -> None:
    session = house.session(
        calls("program", source="export default () => ({ a: 'x'.repeat(200000) })"), says("ok")
    )
    events = list(session.stream("go"))
    (end,) = [event for event in events if event.event_type == "tool_end"]
    facts = json.loads(end.data)["metadata"]
    assert "left out" in str(facts["script_result"])


def test_the_model_runs_a_program_and_reads_what_came_of_it(house: House) -> None:
    house.put("a.txt", "hello")
    source = """
      export default async function run(ctx, inputs) {
        console.log('reading', inputs.path);
        return { length: (await ctx.readFile(inputs.path)).length };
      }
    """
    session = house.session(
        calls("program", type="script", source=source, inputs={"path": "a.txt"}), says("done")
    )
    assert session.send("go").text == "done"
    shown = str(house.bodies[-1]["messages"][-1]["content"])
    assert "Program script completed." in shown
    assert '"length": 5' in shown
    assert "log: reading a.txt" in shown
    assert "Tool calls: read" in shown


def test_a_program_and_its_calls_are_traced_and_recorded(house: House) -> None:
    house.put("a.txt", "hello")
    session = house.session()
    result = run(session, "await ctx.read('a.txt'); try { await ctx.read('b.txt') } catch {}")
    facts = result.metadata["program"]
    assert {key: facts[key] for key in ("name", "language", "runtime", "success")} == {
        "name": "script",
        "language": "javascript",
        "runtime": "embedded-quickjs",
        "success": True,
    }
    assert made(result) == [("read", True), ("read", False)]
    kinds = [(event["kind"], event["name"]) for event in session.trace_events()]
    assert kinds == [
        ("tool_execution", "read"),
        ("tool_execution", "read"),
        ("program_execution", "program"),
    ]


def test_a_failure_says_what_where_and_what_was_called(house: House) -> None:
    source = "export default async function run(ctx) {\n  await ctx.ls();\n  null.x;\n}"
    result = house.session().program({"source": source})
    assert result.exit_code == 1
    assert result.error_kind == "program_exception"
    assert "TypeError" in result.output
    assert "program:3:" in result.output
    assert result.metadata["program"]["failure"]["line"] == 3
    assert "script_result" not in result.metadata


@pytest.mark.parametrize("call", ["ctx.writeFile('a')", "ctx.tools.fetch({})"])
@pytest.mark.parametrize("language", ["javascript", "python"])
def test_a_program_that_calls_what_is_not_there_is_told_what_is(
    house: House, call: str, language: str
) -> None:
    if language == "python":
        pytest.importorskip("pydantic_monty")
    head = (
        "async function run(ctx) {" if language == "javascript" else "async def run(ctx, inputs):"
    )
    tail = "}" if language == "javascript" else ""
    failed = house.session().program(
        {"source": f"{head} return {call} {tail}", "language": language}
    )

    assert failed.exit_code == 1
    assert (
        "ctx has tool, read, grep, glob, ls, bash, git, readFile, verify, and tools."
        in failed.output
    )


def test_a_program_in_a_file_is_run(house: House) -> None:
    house.put("scripts/count.mjs", "export default (ctx, inputs) => inputs.n + 1")
    session = house.session()
    result = session.program({"path": "scripts/count.mjs", "inputs": {"n": 1}})
    assert result.metadata["script_result"] == 2
    assert session.program({"path": "scripts/no.js"}).exit_code == 1
    house.put("long.js", "é" * MAX_SOURCE_BYTES)  # as far as it is read it ends in half of one
    assert "is longer than 196608 bytes" in session.program({"path": "long.js"}).output
    house.put("a.txt", "x")
    assert "has to end in .js" in session.program({"path": "a.txt"}).output
    assert 'give "language": "python"' in session.program({"path": "a.py"}).output
    outside = session.program({"path": "../../x.js"})
    assert outside.exit_code == 1
    assert not outside.metadata.get("program")


def test_the_model_runs_no_file_that_it_may_not_read(house: House) -> None:
    house.put("private/x.js", "export default () => 'secret'")
    policy = PermissionPolicy(deny=["read(private/**)"], default_decision="allow")
    session = house.session(
        calls("program", path="private/x.js"), says("ok"), permission_policy=policy
    )
    session.send("go")
    shown = str(house.bodies[-1]["messages"][-1])
    assert "denied by the rule read(private/**)" in shown
    assert "secret" not in shown


@pytest.mark.parametrize("path", ["evil.js", "./evil.js", "sub/../evil.js", "link.js"])
def test_a_rule_about_a_program_in_a_file_holds_however_its_path_is_spelled(
    house: House, path: str
) -> None:
    house.put("evil.js", "export default () => 'EVIL'")
    house.put("sub/file")
    (house.root / "link.js").symlink_to("evil.js")
    policy = PermissionPolicy(deny=["program(evil.js)"], default_decision="allow")
    session = house.session(calls("program", path=path), says("ok"), permission_policy=policy)
    session.send("go")
    shown = str(house.bodies[-1]["messages"][-1])
    assert "EVIL" not in shown
    assert "denied by the rule program(evil.js)" in shown


@pytest.mark.parametrize("path", ["link.js", "fine.js"])
def test_what_is_put_in_the_place_of_a_file_after_it_was_read_is_not_run(
    house: House, path: str
) -> None:
    house.put("private/x.js", "export default () => 'EVIL'")
    house.put("fine.js", "export default () => 'fine'")
    (house.root / "link.js").symlink_to("fine.js")

    def swap(_: object) -> None:
        (house.root / "other").symlink_to("private/x.js")
        (house.root / "other").replace(house.root / path)

    policy = PermissionPolicy(deny=["read(private/**)"], default_decision="allow")
    session = house.session(calls("program", path=path), says("ok"), permission_policy=policy)
    session.register_hook("swap", "post_tool_use", {"tool": "read"}, {}, swap)
    session.send("go")
    assert (house.root / path).resolve().name == "x.js"
    assert "EVIL" not in str(house.bodies[-1]["messages"][-1])


def test_a_confirmed_program_is_the_file_that_was_confirmed(house: House) -> None:
    place = house.put("do.js", "export default () => 'fine'")
    session = house.session(
        calls("program", path="do.js"),
        says("ok"),
        permission_policy=PermissionPolicy(ask=["program"], default_decision="allow"),
        confirmation_policy=ConfirmationPolicy(enabled=True),
    )
    with meanwhile(lambda: session.send("go")) as came:
        (question,) = come(lambda: came or session.pending_confirmations())
        place.write_text("export default () => 'EVIL'")
        session.confirm_tool_use(question["tool_id"], approved=True)
    shown = str(house.bodies[-1]["messages"][-1])
    assert "EVIL" not in shown
    assert "do.js" in shown


def test_a_program_is_a_tool_like_any_other_under_a_policy(house: House) -> None:
    session = house.session(
        calls("program", source="export default () => 6 * 7"),
        says("ok"),
        permission_policy=PermissionPolicy(deny=["program"]),
    )
    session.send("go")
    shown = str(house.bodies[-1]["messages"][-1]["content"])
    assert "denied by the rule program" in shown
    assert "42" not in shown


@pytest.mark.parametrize(
    ("request_", "error", "said"),
    [
        ({"sauce": "x"}, InvalidValue, "sauce"),
        ({"source": "x", "limits": {"timeoutMS": 1}}, InvalidValue, "timeoutMS"),
        ({"source": "x", "limits": {"timeoutMs": "1"}}, InvalidType, "limits.timeoutMs"),
        ({"source": "x", "limits": {"maxToolCalls": -1}}, InvalidType, "limits.maxToolCalls"),
        ({"source": 1}, InvalidType, "source"),
        ({"source": "x", "inputs": [1]}, InvalidType, "inputs"),
        ({"source": "x", "allowed_tools": "grep"}, InvalidType, "allowed_tools"),
        ({"source": "x", "language": "ruby"}, InvalidType, "'javascript', 'python'"),
        ({"source": "x", "limits": 5}, InvalidType, "limits"),
        ({"source": "x", "path": "y.js"}, InvalidValue, "either source or path"),
        ({}, InvalidValue, "either source or path"),
        ({"source": "x", "allowed_tools": [], "allowedTools": ["bash"]}, InvalidValue, "once"),
        ("source", InvalidType, "dict"),
    ],
)
def test_a_wrong_request_names_what_is_wrong(
    house: House, request_: Any, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=re.escape(said)):
        house.session().program(request_)


async def test_a_cancelled_program_leaves_no_command_behind(house: House) -> None:
    session = house.async_session(permissive=True)
    held = "mkfifo held; exec 3<>held; touch started; sleep 60"
    source = f"export default (ctx) => ctx.bash({held!r})"
    task = asyncio.create_task(session.program({"source": source}))
    for _ in range(1000):
        if house.has("started"):
            break
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(OSError, match="No such device"):  # nobody has it open any more
        os.open(house.root / "held", os.O_WRONLY | os.O_NONBLOCK)
    await session.close()


def test_every_block_of_the_page_runs(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.serve(default=says("ok"))
    house.put("agent.acl", house.server.acl())
    house.put("src/app.py", "TODO = 1\n")
    house.put("scripts/todos.js", "export default async (ctx) => await ctx.grep('TODO')")
    monkeypatch.chdir(house.root)
    names: dict[str, Any] = {}
    for block in BLOCKS:
        exec(compile(block, PAGE.name, "exec"), names)
    assert BLOCKS
    names["agent"].close()
