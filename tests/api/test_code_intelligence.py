"""The map and the diagnostics of a session: what enters, what is recorded, and what is left."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import Any

import pytest

from a3s_code import FileSessionStore, PermissionPolicy, Session
from a3s_code.errors import InvalidType, InvalidValue, SessionClosed
from a3s_code.kernel.confinement import SandboxNetwork, SandboxPolicy
from a3s_code.kernel.records import ProgramClosed, ProgramOpened
from a3s_code.testing import calls, says
from api.house import House
from needed import needs_bwrap

TILL = "class Till:\n    def total(self):\n        return money(self)\n"
MONEY = "def money(of):\n    return of\n\n\ndef unused():\n    pass\n"


def records(session: Session, kind: type[Any]) -> list[Any]:
    engine = session._inner._engine
    assert engine is not None
    return [record.event for record in engine.log.records if type(record.event) is kind]


def servers_of(root: Path) -> list[str]:
    """Name the processes of language servers that work there."""
    found: list[str] = []
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0")
            if entry.name.isdigit() and (entry / "cwd").resolve() == root:
                found += [
                    part.decode() for part in command if b"ruff" in part or b"langserver" in part
                ]
        except OSError:
            continue
    return found


def sent(house: House) -> list[str]:
    """Give all text of the last request, message by message."""
    return [str(message) for message in house.bodies[-1]["messages"]]


# The map


def test_the_map_stands_in_front_of_the_words_of_the_user(house: House) -> None:
    house.put("src/till.py", TILL)
    house.put("src/money.py", MONEY)
    session = house.session(says("Seen."), repository_map=True)
    session.send("What uses money?")
    text = "\n".join(sent(house))
    assert "repo://map" in text
    assert text.index("class Till") < text.index("What uses money?")
    assert "1 def money(of)" in text


def test_a_map_is_shown_again_when_much_of_it_is_new(house: House) -> None:
    house.put("src/till.py", TILL)
    house.put("src/money.py", MONEY)
    session = house.session(default=says("Seen."), repository_map=True)
    session.send("What uses money?")
    house.put("src/till.py", f"# moved\n{TILL}")
    session.send("And the Till?")
    assert str(house.bodies[-1]["messages"]).count("repo://map") == 1
    said = session.run_events(session.runs()[-1]["id"])
    assert "most of it is in the conversation already" in str(said)

    for name in ("bank", "coin", "note"):
        house.put(f"src/{name}.py", f"def {name}_of(till): pass\n\n\ndef {name}_for(till): pass\n")
    session.send("And now?")
    assert str(house.bodies[-1]["messages"]).count("repo://map") == 2


def test_a_history_of_the_callers_own_is_shown_the_map_that_it_lacks(house: House) -> None:
    house.put("till.py", TILL)
    session = house.session(default=says("Seen."), repository_map=True)
    session.send("What is here?")
    session.send("And what is here?", history=[{"role": "user", "content": "Hello."}])
    assert str(house.bodies[-1]["messages"]).count("repo://map") == 1

    session.send("And now?")
    assert str(house.bodies[-1]["messages"]).count("repo://map") == 1


def test_without_the_option_there_is_no_map_and_the_host_can_still_have_one(house: House) -> None:
    house.put("till.py", TILL)
    session = house.session(says("Seen."))
    session.send("go")
    assert "repo://map" not in str(house.bodies)
    assert "class Till" in session.repository_map()
    assert "class Till" in session.repository_map("till", max_tokens=64)


def test_what_read_is_denied_for_or_asked_about_is_never_in_the_map(house: House) -> None:
    house.put("open.py", "def shown(): pass\n")
    house.put("secret/keys.py", "def hidden_key(): pass\n")
    house.put("asked.py", "def asked_about(): pass\n")
    policy = PermissionPolicy(allow=["read"], deny=["read(secret/**)"], default_decision="deny")
    session = house.session(says("ok"), permission_policy=policy, repository_map=True)
    assert "shown" in session.repository_map()
    assert "hidden_key" not in session.repository_map("hidden_key secret/keys.py")
    session.send("hidden_key")
    assert "def hidden_key" not in str(house.bodies)

    asking = house.agent.session(
        house.root, permission_policy=PermissionPolicy(allow=["read(open.py)"], ask=["read"])
    )
    assert "asked_about" not in asking.repository_map()


def test_a_grammar_that_is_missing_is_said_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tree_sitter_go", None)
    house.put("main.go", "package main\nfunc main() {}\n")
    house.put("till.py", TILL)
    session = house.session(says("one"), says("two"), repository_map=True)
    session.send("first")
    session.send("second")
    said = [event for run in session.runs() for event in session.run_events(run["id"])]
    assert str(said).count("tree-sitter-go is not installed") == 1


# Diagnostics


def test_what_a_change_breaks_is_said_behind_its_result(house: House) -> None:
    house.put("a.py", "import os\n")
    session = house.session(
        calls("write", file_path="a.py", content="import os\nprint(foo)\n"),
        says("Oh."),
        diagnostics=["ruff"],
        permissive=True,
    )
    session.send("go")
    text = "\n".join(sent(house))
    assert "lsp://ruff/a.py" in text
    assert "2:7 error F821" in text
    assert "F401" not in text  # it was there before
    opened = records(session, ProgramOpened)
    assert [(it.name, it.purpose) for it in opened] == [("ruff", "diagnostics")]
    assert opened[0].argv[1:] == ("server",)
    assert opened[0].read_only == (opened[0].level in ("bwrap", "landlock"))
    assert servers_of(house.root)
    session.close()
    assert not servers_of(house.root)


def test_how_a_server_ended_is_in_the_log_of_a_closed_session(house: House, tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "diagnostics": ["ruff"],
        "permissive": True,
        "session_store": FileSessionStore(tmp_path / "kept"),
    }
    write = calls("write", file_path="b.py", content="print(foo)\n")
    session = house.session(write, says("One."), session_id="s", **options)
    session.send("go")
    session.close()

    options.pop("diagnostics")  # it is kept with the session
    house.employ(calls("write", file_path="c.py", content="print(bar)\n"), says("Two."))
    later = house.agent.resume_session("s", **options)
    later.send("go on")
    assert "lsp://ruff/c.py" in "\n".join(sent(house))
    opened, closed = records(later, ProgramOpened), records(later, ProgramClosed)
    assert len(opened) == 2
    assert [(it.id, it.status, it.reason) for it in closed] == [(opened[0].id, 0, "")]
    later.close()
    assert not servers_of(house.root)


def test_a_file_that_may_not_be_read_is_shown_to_no_server(house: House) -> None:
    session = house.session(
        calls("write", file_path="a.py", content="print(foo)\n"),
        says("Done."),
        diagnostics=["ruff"],
        permission_policy=PermissionPolicy(allow=["write"], deny=["read"]),
    )
    session.send("go")
    assert records(session, ProgramOpened) == []


def test_calls_that_changed_nothing_start_nothing(house: House) -> None:
    house.put("a.py", "print(foo)\n")
    session = house.session(
        calls("read", file_path="a.py"),
        calls("edit", file_path="a.py", old_string="not there", new_string="x"),
        calls("write", file_path="notes.txt", content="x"),
        says("Done."),
        diagnostics=True,
        permissive=True,
    )
    session.send("go")
    assert records(session, ProgramOpened) == []


def test_a_program_of_the_workspace_is_not_taken_for_a_server(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = house.put(".venv/bin/ruff", "#!/bin/sh\ntouch pwned\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    monkeypatch.setattr("sys.executable", str(fake.parent / "python"))
    session = house.session(
        calls("write", file_path="a.py", content="print(foo)\n"),
        says("Done."),
        diagnostics=["ruff"],
        permissive=True,
    )
    session.send("go")
    assert not (house.root / "pwned").exists()
    assert all(str(house.root) not in it.argv[0] for it in records(session, ProgramOpened))


@needs_bwrap
def test_a_server_has_no_network_and_writes_nothing_whatever_commands_may(house: House) -> None:
    network = SandboxNetwork(mode="full")
    session = house.session(
        calls("write", file_path="a.py", content="print(foo)\n"),
        says("Done."),
        diagnostics=["ruff"],
        sandbox=SandboxPolicy(level="bwrap", network=network, write=("/var/tmp",)),
    )
    session.send("go")
    opened = records(session, ProgramOpened)[0]
    assert (opened.level, opened.has_network, opened.read_only) == ("bwrap", False, True)
    assert "F821" in str(house.bodies[-1])


def test_a_session_that_was_dropped_leaves_no_server_behind_its_agent(house: House) -> None:
    write = calls("write", file_path="a.py", content="print(foo)\n")
    session = house.session(write, says("One."), diagnostics=["ruff"], permissive=True)
    session.send("go")
    del session
    gc.collect()
    assert servers_of(house.root)
    house.agent.close()
    assert not servers_of(house.root)


def test_a_cancelled_run_and_a_closed_agent_leave_no_server(house: House) -> None:
    write = calls("write", file_path="a.py", content="print(foo)\n")
    session = house.session(write, says("One."), diagnostics=["ruff", "pyright"], permissive=True)
    stream = session.stream("go")
    for event in stream:
        if event.event_type == "tool_end":
            break
    stream.close()
    house.agent.close()
    assert not servers_of(house.root)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ("ruff", InvalidType),
        ([3], InvalidType),
        (["ruf"], InvalidValue),
        (["/x/evil"], InvalidValue),
    ],
)
def test_what_names_no_server_is_refused_when_the_session_is_made(
    house: House, given: object, error: type[Exception]
) -> None:
    with pytest.raises(error):
        house.session(diagnostics=given)


def test_odd_questions_for_a_map_are_refused(house: House) -> None:
    with pytest.raises(InvalidValue, match="at most"):
        house.session(repository_map=True, repository_map_tokens=5_000)
    session = house.session()
    with pytest.raises(InvalidValue):
        session.repository_map(max_tokens=3)
    with pytest.raises(InvalidType):
        session.repository_map(max_tokens=True)
    with pytest.raises(InvalidType):
        session.repository_map(query=3)  # type: ignore[arg-type]
    session.close()
    with pytest.raises(SessionClosed):
        session.repository_map()
