"""How the programs of a session are held, and that its log says so first."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from a3s_code import (
    AsyncAgent,
    FileSessionStore,
    PermissionPolicy,
    SandboxPolicy,
    SandboxUnavailable,
    Session,
)
from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.kernel.confinement import Confinement, SandboxLimits, SandboxNetwork, SandboxState
from a3s_code.kernel.events import SessionId
from a3s_code.kernel.records import Record, SessionOpened
from a3s_code.testing import calls, says
from a3s_code.workspace import processes
from a3s_code.workspace.sandbox import levels
from a3s_code.workspace.sandbox.programs import trusted
from api.house import House
from needed import needs_bwrap

WHERE = "readlink /proc/self/ns/net /proc/self/ns/pid > where"


def _records(session: Session) -> list[Record]:
    engine: Any = session._inner._engine
    return list(engine.log.records)


def _first(session: Session) -> SandboxState:
    opened = _records(session)[0].event
    assert isinstance(opened, SessionOpened)
    assert opened.sandbox is not None
    return opened.sandbox


def _namespaces() -> str:
    return "".join(os.readlink(f"/proc/self/ns/{kind}") + "\n" for kind in ("net", "pid"))  # noqa: PTH115


@needs_bwrap
def test_commands_of_the_model_are_confined_by_default_and_the_first_record_says_how(
    house: House,
) -> None:
    session = house.session(calls("bash", command=WHERE), says("ok"))
    session.send("go")

    assert house.get("where") != _namespaces()
    first = _first(session)
    assert (first.level, first.direct, first.network) == ("bwrap", "hygiene", "none")
    assert first.form in ({"kept_root", "dropped"} if os.geteuid() == 0 else {"user"})
    info = session.sandbox_info()
    assert (info["level"], info["form"], info["network"]) == ("bwrap", first.form, "none")


def test_a_direct_call_is_not_confined_unless_the_sandbox_was_asked_for(house: House) -> None:
    session = house.session(default=says("ok"))
    session.tool("bash", {"command": WHERE})

    assert house.get("where") == _namespaces()


@needs_bwrap
def test_a_direct_call_is_confined_when_the_sandbox_was_asked_for(house: House) -> None:
    session = house.session(default=says("ok"), sandbox="bwrap")
    session.tool("bash", {"command": WHERE})

    assert house.get("where") != _namespaces()
    assert _first(session).direct == "bwrap"


@needs_bwrap
@pytest.mark.parametrize(
    ("tool", "args"),
    [("bash", {"command": "true"}), ("git", {"command": "status"}), ("grep", {"pattern": "x"})],
)
def test_every_program_that_a_tool_of_the_model_starts_is_confined(
    house: House, tool: str, args: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[str, ...]] = []
    popen = subprocess.Popen

    def note(argv: tuple[str, ...], **keywords: Any) -> Any:
        started.append(argv)
        return popen(argv, **keywords)

    session = house.session(calls(tool, **args), says("ok"))
    session.sandbox_info()
    monkeypatch.setattr(processes.subprocess, "Popen", note)
    session.send("go")

    assert started
    assert all(trusted("bwrap") in argv for argv in started)


@pytest.mark.parametrize(
    "options", [{"permissive": True}, {"permission_policy": PermissionPolicy(allow=["bash"])}]
)
def test_a_policy_of_the_host_takes_the_place_of_the_sandbox(
    house: House, options: dict[str, Any]
) -> None:
    session = house.session(calls("bash", command=WHERE), says("ok"), **options)
    session.send("go")

    assert house.get("where") == _namespaces()
    assert _first(session).level == "hygiene"


def test_no_sandbox_is_called_none(house: House) -> None:
    session = house.session(
        calls("bash", command="true"), says("ok"), sandbox="none", permissive=True
    )
    session.send("go")

    first = _first(session)
    assert (first.level, first.asked, first.direct) == ("none", "none", "none")


def test_a_sandbox_that_was_asked_for_and_is_missing_means_no_session(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(levels, "trusted", lambda _: "")
    agent = house.employ()

    with pytest.raises(SandboxUnavailable, match="Install the package bubblewrap"):
        agent.session(house.root, sandbox="bwrap")


@needs_bwrap
@pytest.mark.parametrize("first", ["sandbox_info", "explain", "resume"])
async def test_no_program_is_tried_on_the_loop_that_a_session_wakes_on(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    store = FileSessionStore(tmp_path / "store")
    async with AsyncAgent(house.serve(says("hi")).acl()) as agent:
        session = agent.session(house.root, session_id="one", session_store=store)
        if first == "resume":
            await session.send("hi")
        levels._tried_out.cache_clear()
        tried: list[threading.Thread] = []
        run = subprocess.run

        def note(*arguments: Any, **keywords: Any) -> Any:
            tried.append(threading.current_thread())
            return run(*arguments, **keywords)

        monkeypatch.setattr(levels.subprocess, "run", note)
        if first == "sandbox_info":
            await session.sandbox_info()
        elif first == "explain":
            await session.explain("bash", {"command": "ls"})
        else:
            await agent.resume_session("one", session_store=store)
    assert tried
    assert threading.current_thread() not in tried


def test_a_named_fallback_is_what_the_session_goes_on_with(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(levels, "trusted", lambda _: "")
    policy = SandboxPolicy(level="bwrap", fallback="hygiene")
    session = house.session(calls("bash", command="touch a"), says("ok"), sandbox=policy)
    session.send("go")

    first = _first(session)
    assert (first.asked, first.level) in {("bwrap", "hygiene"), ("bwrap", "landlock")}


@needs_bwrap
def test_a_command_neither_reads_nor_changes_the_store_of_its_session(house: House) -> None:
    store = FileSessionStore(house.root / "data" / "sessions")
    script = "cat data/sessions/* > seen; rm -rf data; mv data moved; echo x > data/sessions/x"
    session = house.session(
        calls("bash", command=script), default=says("ok"), session_store=store, session_id="s"
    )
    session.send("go")
    session.close()

    assert house.get("seen") == ""
    assert not house.has("moved")
    assert sorted(path.name for path in house.root.glob("data/*")) == ["sessions"]
    assert not house.has("data/sessions/x")
    assert house.agent.resume_session("s", session_store=store).send("go on").text


def test_commands_ask_where_nothing_confines_them_and_the_reason_names_the_level(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(levels, "_problem", lambda held: "" if not held.confines else "none here")
    session = house.session(calls("bash", command="touch a"), says("ok"))
    (denied,) = [e for e in session.stream("go") if e.event_type == "permission_denied"]

    assert "no sandbox confines (level hygiene)" in str(denied.data)
    assert not house.has("a")


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("strong", InvalidValue),
        (True, InvalidType),
        (object(), InvalidType),
        (SandboxPolicy(write=("relative",)), InvalidValue),
        (SandboxPolicy(write=("/",)), InvalidValue),
        (SandboxPolicy(limits=SandboxLimits(processes=0)), InvalidValue),
        (SandboxPolicy(network=SandboxNetwork("proxy", ("bad host",))), InvalidValue),
        (SandboxPolicy(network=SandboxNetwork("none", ("example.org",))), InvalidValue),
        (SandboxPolicy(level="container"), SandboxUnavailable),
    ],
)
def test_what_no_sandbox_could_hold_is_refused_when_the_session_is_made(
    house: House, value: Any, kind: type[Exception]
) -> None:
    agent = house.employ()
    with pytest.raises(kind):
        agent.session(house.root, sandbox=value)


# What is kept


@needs_bwrap
def test_a_resume_without_a_sandbox_is_held_as_before(house: House, tmp_path: Path) -> None:
    store = FileSessionStore(tmp_path / "store")
    agent = house.employ(says("hi"), calls("bash", command=WHERE), says("ok"))
    policy = SandboxPolicy(level="bwrap", limits=SandboxLimits(open_files=123))
    agent.session(house.root, session_id="one", session_store=store, sandbox=policy).send("hi")
    again = agent.resume_session("one", session_store=store, permissive=True)
    again.send("go")

    assert house.get("where") != _namespaces()


@needs_bwrap
def test_a_resume_that_could_only_hold_less_is_refused(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FileSessionStore(tmp_path / "store")
    agent = house.employ(says("hi"), says("ok"))
    agent.session(house.root, session_id="one", session_store=store).send("hi")
    agent.close_session("one")
    monkeypatch.setattr(levels, "trusted", lambda _: "")

    with pytest.raises(SandboxUnavailable, match="held at 'bwrap'"):
        agent.resume_session("one", session_store=store)
    agent.resume_session("one", session_store=store, sandbox="hygiene").send("hi")
    agent.close()
    opened = [
        record.event.sandbox
        for record in asyncio.run(FileSessionStore(store.dir).load(SessionId("one"), None))
        if isinstance(record.event, SessionOpened)
    ]
    assert [each.level for each in opened if each] == ["bwrap", "hygiene"]


@needs_bwrap
def test_the_default_level_is_not_lost_with_a_policy_that_a_resume_brings(
    house: House, tmp_path: Path
) -> None:
    store = FileSessionStore(tmp_path / "store")
    agent = house.employ(says("hi"), calls("bash", command=WHERE), says("ok"))
    agent.session(house.root, session_id="one", session_store=store).send("hi")
    agent.resume_session("one", session_store=store, permissive=True).send("go")

    assert house.get("where") != _namespaces()


# What is told


@needs_bwrap
def test_a_violation_is_an_event_that_names_the_path(house: House) -> None:
    session = house.session(calls("bash", command="echo x > /etc/a3s-code-probe"), says("ok"))
    events = [e for e in session.stream("go") if e.event_type == "sandbox_violation"]

    (said,) = [msgspec.json.decode(e.data or "") for e in events]
    assert (said["kind"], said["name"]) == ("path", "/etc/a3s-code-probe")
    assert "is_certain" not in said
    assert not Path("/etc/a3s-code-probe").exists()


@needs_bwrap
def test_a_command_that_has_no_network_says_so_in_its_observation(house: House) -> None:
    code = "import socket; socket.create_connection(('192.0.2.1', 80), 2)"
    session = house.session(calls("bash", command=f'python3 -c "{code}"'), says("ok"))
    events = [e.event_type for e in session.stream("go")]

    assert "sandbox_violation" in events
    assert "has no network" in str(house.bodies[1]["messages"][-1])


ADD_ALL = (
    "git add -A && git -c user.name=N -c user.email=n@x.org commit -qm all"
    " && git status --porcelain > .git/left"
)


@needs_bwrap
def test_git_takes_no_stand_in_for_a_new_file(house: House) -> None:
    subprocess.run(["git", "init", "-q", house.root], check=True)
    (house.root / "new.txt").write_text("x\n")
    excluded = (house.root / ".git/info/exclude").read_bytes()
    session = house.session(default=says("ok"), sandbox="bwrap")
    result = session.tool("bash", {"command": ADD_ALL})

    assert result.exit_code == 0, result.output
    listed = subprocess.run(
        ["git", "-C", house.root, "ls-files"], check=True, capture_output=True, text=True
    )
    assert listed.stdout == "new.txt\n"
    assert house.get(".git/left") == ""
    assert (house.root / ".git/info/exclude").read_bytes() == excluded


@pytest.mark.parametrize(
    ("form", "decision"), [("user", "ask"), ("kept_root", "ask"), ("dropped", "allow")]
)
def test_who_owns_files_outside_is_asked_about_at_landlock(
    form: Any, decision: str, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def confine(policy: SandboxPolicy, root: str, own: tuple[str, ...] = ()) -> Confinement:
        return Confinement("landlock", form, policy=policy)

    monkeypatch.setattr(levels, "confine", confine)
    session = house.session(default=says("ok"))

    assert session.explain("bash", {"command": "chmod 777 /etc/hostname"})["decision"] == decision
