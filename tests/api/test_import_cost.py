"""What is loaded, and what is left behind: each claim in a process of its own."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import pytest

from a3s_code.api.engine import Engine
from a3s_code.testing import says
from api.house import House, run_python

HEAVY = ("httptools", "mcp", "obstore", "boto3", "botocore", "rich", "prompt_toolkit", "numpy")
AT_FIRST_USE = ("asyncio", "sqlite3", "tree_sitter", "mcp", "httptools")

CONFIG = """
default_model = "openai/m"
providers "openai" {
  api_key = "k"
}
"""


def loaded_by(code: str, names: tuple[str, ...]) -> str:
    """Give those of `names` that are modules after `code` has run, and who asked for them."""
    program = f"""
import sys, traceback
names = {names!r}
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name in names:
            ours = [f.filename for f in traceback.extract_stack() if "a3s_code" in f.filename]
            print(name, "imported by", (ours or ["?"])[-1])
sys.meta_path.insert(0, Watch())
{code}
print("\\n".join(f"{{name}} is loaded" for name in names if name in sys.modules))
"""
    run = run_python(program)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_by("import a3s_code", HEAVY) == ""


def test_importing_the_agent_loads_nothing_heavy() -> None:
    assert loaded_by("from a3s_code import Agent, SessionOptions", HEAVY) == ""


@pytest.mark.parametrize("make", ["Agent", "AsyncAgent"])
def test_a_session_that_is_not_used_loads_no_loop_and_no_database(make: str) -> None:
    code = f"""
from a3s_code import {make}, SessionOptions, PermissionPolicy
agent = {make}.create('''{CONFIG}''')
options = SessionOptions(role="a reviewer", permission_policy=PermissionPolicy(allow=["bash(ls)"]))
session = agent.session(".", options, max_tool_rounds=3)
session.session_id, session.workspace, session.is_closed, session.init_warning
"""
    assert loaded_by(code, AT_FIRST_USE) == ""


def test_a_session_that_answers_loads_nothing_that_only_others_use(tmp_path: Path) -> None:
    others = (
        "a3s_code.api.skill_shelf",
        "a3s_code.capabilities.code_map",
        "a3s_code.capabilities.skills",
        "a3s_code.delegation.child",
        "a3s_code.harness.rule_words",
    )
    code = f"""
from a3s_code import Agent
from a3s_code.testing import Script, ScriptedServer, calls, says
server = ScriptedServer(Script(calls("ls"), says("Hello."))).start()
assert Agent(server.acl()).session({str(tmp_path)!r}).send("hi").text == "Hello."
"""
    assert loaded_by(code, others) == ""


def test_a_program_that_never_closes_its_agent_ends_quietly(tmp_path: Path) -> None:
    run = run_python(f"""
        from a3s_code import Agent
        from a3s_code.testing import Script, ScriptedServer, says
        server = ScriptedServer(Script(says("Hello."), default=says("Again."))).start()
        session = Agent(server.acl()).session({str(tmp_path)!r})
        print(session.send("hi").text)
        stream = session.stream("again")
        next(stream)
        """)

    assert (run.stdout.strip(), run.stderr, run.returncode) == ("Hello.", "", 0)


def test_an_async_program_that_never_closes_its_agent_ends_quietly(tmp_path: Path) -> None:
    run = run_python(f"""
        import asyncio
        from a3s_code import AsyncAgent
        from a3s_code.testing import Script, ScriptedServer, says
        async def main():
            server = ScriptedServer(Script(says("Hello."))).start()
            session = AsyncAgent(server.acl()).session({str(tmp_path)!r})
            print((await session.send("hi")).text)
        asyncio.run(main())
        """)

    assert (run.stdout.strip(), run.stderr, run.returncode) == ("Hello.", "", 0)


# What is given back


def engines() -> int:
    """Count the engines in this process, each of which holds all of a session."""
    gc.collect()
    return sum(type(each) is Engine for each in gc.get_objects())


@pytest.mark.parametrize("closed", [True, False])
def test_a_session_that_is_gone_leaves_nothing_behind(closed: bool, house: House) -> None:
    before = engines()
    agent = house.employ(default=says("Hello."))
    session = agent.session(house.root)
    session.send("hi")
    assert engines() == before + 1
    inner = weakref.ref(session._inner)
    if closed:
        session.close()
    del session

    assert (engines(), inner()) == (before, None)
    assert agent.list_sessions() == []


def test_a_session_lives_on_while_its_stream_is_read(house: House) -> None:
    stream = house.employ(says("Hello.")).session(house.root).stream("hi")
    gc.collect()

    assert list(stream)[-1].event_type == "end"


def test_a_session_outlives_its_agent(house: House) -> None:
    session = house.session(says("Hello."))
    del house.agent
    house._open.pop_all().callback(house.server.close)
    gc.collect()

    assert session.send("hi").text == "Hello."
