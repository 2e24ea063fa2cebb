"""`a3s-code "PROMPT"`: what it shows and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from a3s_code.kernel.messages import Usage
from a3s_code.testing import (
    Call,
    Fault,
    Turn,
    When,
    breaks,
    calls,
    calls_text,
    on,
    refuses,
    says,
)
from cli.command_line import PROGRAM, WAIT_S, CommandLine, Done, calls_made


def complaint(done: Done) -> str:
    """Give the one line that a wrong use is told with."""
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


# What is shown


def test_the_answer_is_on_standard_output_and_nothing_else_is(command_line: CommandLine) -> None:
    command_line.configure(says("It is in ", "auth.py."))
    done = command_line.run("Where is the login?")

    assert (done.returncode, done.stdout, done.stderr) == (0, "It is in auth.py.\n", "")
    assert command_line.server.requests[0].asked.users == ("Where is the login?",)


def test_calls_with_an_id_of_before_are_shown_with_their_own_arguments(
    command_line: CommandLine,
) -> None:
    again = [Turn(calls=(Call("read", f'{{"file_path":"{name}"}}', "c"),)) for name in "ab"]
    command_line.configure(*again, says("Done."))
    lines = command_line.run("Read both").stderr.splitlines()

    assert calls_made(lines) == ['-> read {"file_path":"a"}', '-> read {"file_path":"b"}']


def test_calls_are_shown_with_their_arguments_and_what_came_of_them(
    command_line: CommandLine,
) -> None:
    command_line.put("a.txt", "alpha\n")
    command_line.configure(
        says("Looking.") + calls("read", file_path="a.txt") + calls("read", file_path="b.txt"),
        says("Alpha."),
    )
    done = command_line.run("What is in it?")

    assert done.stdout == "Looking.\nAlpha.\n"
    lines = done.stderr.splitlines()
    assert calls_made(lines) == ['-> read {"file_path":"a.txt"}', '-> read {"file_path":"b.txt"}']
    assert "<- read" in lines
    assert "<- read failed (1)" in lines
    assert any("alpha" in line for line in lines)


def test_a_long_output_is_shown_in_part_and_says_how_much_is_left(
    command_line: CommandLine,
) -> None:
    command_line.put("long.txt", "".join(f"line {number}\n" for number in range(1, 41)))
    command_line.configure(calls("read", file_path="long.txt"), says("Long."))
    done = command_line.run("read it")

    assert "line 6\n" in done.stderr
    assert "line 7\n" not in done.stderr
    assert "… 34 more lines" in done.stderr


def test_json_is_one_event_a_line(command_line: CommandLine) -> None:
    command_line.configure(calls("ls"), says("Nothing\nhere."))
    done = command_line.run("--json", "look")

    events = [json.loads(line) for line in done.stdout.splitlines()]
    kinds = [event["event_type"] for event in events]
    assert (done.returncode, done.stderr) == (0, "")
    assert (kinds[0], kinds[-1]) == ("start", "end")
    assert kinds.index("tool_start") < kinds.index("tool_end")
    assert events[-1]["text"] == "Nothing\nhere."


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_what_could_deceive_is_made_visible(
    flags: tuple[str, ...], command_line: CommandLine
) -> None:
    evil = "\x1b]0;owned\x07 \x1b[2J \u202egpj.exe\u200b"
    command_line.put("evil.txt", evil)
    command_line.put("AGENTS.md", evil)
    command_line.configure(
        says(evil) + calls("read", file_path="evil.txt"),
        calls_text("read", json.dumps({"file_path": evil}, ensure_ascii=False)),
        calls("bash", command=evil),
        says(evil),
    )
    done = command_line.run(*flags, "look")

    assert done.returncode == 0
    for char in "\x1b\x07\u202e\u200b":
        assert char not in done.stdout + done.stderr
    if not flags:
        assert "\\u202egpj.exe\\u200b" in done.stdout
        assert "\\x1b[2J" in done.stderr


def test_no_line_that_others_wrote_looks_like_one_of_ours(command_line: CommandLine) -> None:
    command_line.configure(
        Turn(calls=(Call("x\n<- bash\x1b[2J", "{}", "c"),)),
        calls("bash", command="true\n<- bash"),
        says("Done."),
    )
    lines = command_line.run("look").stderr.splitlines()

    assert "<- bash" not in lines
    assert "<- x\\n<- bash\\x1b[2J failed (1)" in lines


def test_json_keeps_what_it_escapes(command_line: CommandLine) -> None:
    evil = "\x9b2J\u202e\U000e0041"
    command_line.configure(says(evil))
    done = command_line.run("--json", "look")

    assert not set(evil) - set("2J") & set(done.stdout)
    assert json.loads(done.stdout.splitlines()[-1])["text"] == evil


def test_a_slash_command_is_answered(command_line: CommandLine) -> None:
    command_line.configure()
    done = command_line.run("/tools")

    assert "Tools:" in done.stdout


def test_keys_of_a_model_without_effect_are_announced(command_line: CommandLine) -> None:
    command_line.serve(says("Hello."))
    command_line.put(
        "agent.acl",
        command_line.server.acl(model_extra="tool_call = false\nreasoning = false"),
    )
    command_line.trust()
    done = command_line.run("go")

    assert done.stdout == "Hello.\n"
    assert "no effect yet: models.reasoning, models.tool_call." in done.stderr


# How it ends


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_a_run_that_fails_ends_with_1_and_says_why(
    flags: tuple[str, ...], command_line: CommandLine
) -> None:
    command_line.configure(default=refuses(401))
    done = command_line.run(*flags, "go")

    assert done.returncode == 1
    assert "openai/m1: the API key was refused" in (done.stdout if flags else done.stderr)
    assert "Traceback" not in done.stderr
    assert "sk-scripted" not in done.stdout + done.stderr


def test_without_arguments_it_says_how_it_is_used(command_line: CommandLine) -> None:
    done = command_line.run()

    assert (done.returncode, done.stdout) == (2, "")
    assert "say what is to be done" in done.stderr
    assert "a3s-code demo" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_flag_that_does_not_exist_is_named(command_line: CommandLine) -> None:
    done = command_line.run("--turbo", "go")

    assert done.returncode == 2
    assert "--turbo" in done.stderr


def test_help_is_an_answer(command_line: CommandLine) -> None:
    done = command_line.run("--help")

    assert (done.returncode, done.stderr) == (0, "")
    assert "a3s-code demo" in done.stdout
    for option in ("--skills DIR", "--no-auto-compact"):
        assert option in done.stdout


# Skills, and long runs


def test_skills_of_a_directory_are_found_and_run_and_broken_ones_named(
    command_line: CommandLine,
) -> None:
    command_line.put("one/tidy.md", "---\nname: tidy\ndescription: Tidy up\n---\nSWEEP-TEXT")
    command_line.put("two/sort.md", "---\nname: sort\ndescription: Sort\n---\nSORT-TEXT")
    command_line.put("two/broken.md", "---\nname: broken\nallowed-tools: bash(*)\n---\nx")
    command_line.configure(
        calls("search_skills", query="tidy up"),
        calls("Skill", skill_name="tidy"),
        says("Tidied."),
        calls("Skill", skill_name="sort"),
        says("Sorted."),
        says("Done."),
    )
    done = command_line.run("--skills", "one", "--skills", "two", "Tidy up and sort")

    assert (done.returncode, done.stdout) == (0, "Done.\n")
    assert "Tidied." in done.stderr
    assert "Sorted." in done.stderr
    assert f"!! skill_skipped: {command_line.root}/two/broken.md: " in done.stderr
    bodies = [json.dumps(request.body) for request in command_line.server.requests]
    assert "SWEEP-TEXT" in bodies[2]
    assert "SORT-TEXT" in bodies[4]


def test_what_goes_on_in_the_background_is_named_when_the_command_ends(
    command_line: CommandLine,
) -> None:
    task = calls("task", agent="explore", description="look", prompt="CHILD", background=True)
    hanging = on(When(last_user="CHILD"), breaks(Fault.HANG, says("never")))
    command_line.configure(task, says("Done."), rules=(hanging,))
    done = command_line.run("go")

    assert (done.returncode, done.stdout) == (0, "Done.\n")
    assert "a3s-code: stopped with the run, though not done: explore: look\n" in done.stderr


def test_agents_of_the_user_and_of_directories_are_delegated_to_and_broken_ones_named(
    command_line: CommandLine,
) -> None:
    text = "---\nname: {}\ndescription: d\n---\n{}-TEXT"
    own = command_line.home / ".a3s/agents/own.md"
    own.parent.mkdir(parents=True)
    own.write_text(text.format("own", "OWN"))
    command_line.put("agents/here.md", text.format("here", "HERE"))
    command_line.put("agents/broken.md", "---\nname: broken\n---\nx")
    asked = {"description": "d", "prompt": "p"}
    command_line.configure(
        calls("task", agent="own", **asked),
        says("one"),
        calls("task", agent="here", **asked),
        says("two"),
        says("Done."),
    )
    done = command_line.run("--agents", "agents", "go")

    assert (done.returncode, done.stdout) == (0, "Done.\n")
    assert f"Not there as agents: {command_line.root}/agents/broken.md: " in done.stderr
    bodies = [json.dumps(request.body) for request in command_line.server.requests]
    assert "OWN-TEXT" in bodies[1]
    assert "HERE-TEXT" in bodies[3]


def test_a_directory_of_skills_that_is_not_there_is_told(command_line: CommandLine) -> None:
    command_line.configure(default=says("Hello."))

    assert complaint(command_line.run("--skills", "gone", "go")) == "a3s-code: gone is no directory"


@pytest.mark.parametrize(
    ("flags", "is_made"), [((), True), (("--auto-compact",), True), (("--no-auto-compact",), False)]
)
def test_a_run_that_fills_the_window_makes_room_unless_it_is_told_not_to(
    flags: tuple[str, ...], is_made: bool, command_line: CommandLine
) -> None:
    full = Usage(prompt_tokens=190_000, completion_tokens=10)
    reading = [calls("read", file_path=f"{at}.txt").calls for at in range(12)]
    command_line.configure(
        *[Turn(calls=each, usage=full) for each in reading],
        says("Done."),
        rules=(on(When(last_user="Summarise it, so that"), says("NOTES-OF-MIDDLE")),),
    )
    for at in range(12):
        command_line.put(f"{at}.txt", f"line {at}\n")
    done = command_line.run(*flags, "Read all of it")

    assert (done.returncode, done.stdout) == (0, "Done.\n")
    assert ("!! context_compacted: 25 messages are 24 now" in done.stderr) is is_made
    last = json.dumps(command_line.server.requests[-1].body)
    assert ("NOTES-OF-MIDDLE" in last) is is_made


@pytest.mark.parametrize("name", ["c", "config"])
def test_a_configuration_that_is_not_there_is_named(name: str, command_line: CommandLine) -> None:
    dashes = "-" if len(name) == 1 else "--"

    assert "gone.acl" in complaint(command_line.run(f"{dashes}{name}", "gone.acl", "go"))


def test_without_a_configuration_it_says_where_to_write_one(command_line: CommandLine) -> None:
    assert "write agent.acl here" in complaint(command_line.run("go"))


def test_a_wrong_configuration_is_told_with_its_place(command_line: CommandLine) -> None:
    command_line.put(
        "agent.acl", 'default_model = "openai/m1"\nproviders "openai" {\n  api_key = oops oops\n}\n'
    )

    assert "agent.acl:3:" in complaint(command_line.run("go"))


def test_a_missing_key_is_told_with_the_variable_that_should_have_it(
    command_line: CommandLine,
) -> None:
    command_line.put(
        "agent.acl",
        'default_model = "anthropic/c"\n'
        'providers "anthropic" { apiKey = env("ANTHROPIC_API_KEY") }\n',
    )
    command_line.trust()
    line = complaint(command_line.run("go"))

    assert "ANTHROPIC_API_KEY is not set" in line
    command_line.environment["ANTHROPIC_API_KEY"] = ""
    assert complaint(command_line.run("go")) == line


@pytest.mark.parametrize("model", ["nobody/m1", "m1", "nobody", "/"])
def test_a_model_that_nobody_serves_is_told_with_those_who_do(
    model: str, command_line: CommandLine
) -> None:
    command_line.configure()

    assert "providers here: openai" in complaint(command_line.run("-m", model, "go"))
    assert command_line.server.requests == []


def test_a_workspace_that_is_no_directory_is_told(command_line: CommandLine) -> None:
    command_line.configure()
    command_line.put("file.txt")

    assert "file.txt is no directory" in complaint(command_line.run("-C", "file.txt", "go"))


def test_a_rule_that_cannot_be_read_is_told_before_anything_runs(command_line: CommandLine) -> None:
    command_line.configure()

    assert "bash(echo" in complaint(command_line.run("--allow", "bash(echo", "go"))
    assert command_line.server.requests == []


# Which configuration, model and workspace


def test_the_configuration_of_the_directory_is_used_and_the_flag_comes_first(
    command_line: CommandLine,
) -> None:
    command_line.configure(says("from the flag"), file="flag.acl")
    command_line.configure(says("from the variable"), file="variable.acl")
    command_line.configure(says("from above"), file=".a3s/config.acl")
    command_line.put("deep/er/file.txt")
    deep = command_line.root / "deep/er"

    assert command_line.run("go", directory=deep).stdout == "from above\n"
    command_line.environment["A3S_CONFIG"] = str(command_line.root / "variable.acl")
    assert command_line.run("go", directory=deep).stdout == "from the variable\n"
    assert (
        command_line.run("-c", "../../flag.acl", "go", directory=deep).stdout == "from the flag\n"
    )


def test_another_model_answers_when_it_is_named(command_line: CommandLine) -> None:
    command_line.configure(says("yes"))
    command_line.run("-m", "openai/other", "go")

    assert command_line.server.requests[0].asked.model == "other"


def test_the_agent_works_in_the_directory_that_was_named(command_line: CommandLine) -> None:
    command_line.put("there/.keep")
    command_line.configure(calls("write", file_path="new.txt", content="hello"), says("Done."))
    command_line.run("-C", "there", "go")

    assert (command_line.root / "there/new.txt").read_text() == "hello"


# In a pipe and without an entry point


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_a_reader_that_has_seen_enough_is_no_failure(
    flags: tuple[str, ...], command_line: CommandLine
) -> None:
    command_line.configure(says("a" * 200_000, "b" * 200_000))
    script = '"$@" | head -c 1 >/dev/null'
    done = subprocess.run(
        ["bash", "-c", script, "bash", PROGRAM, *flags, "go"],
        cwd=command_line.root,
        env=command_line.variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )

    assert "Traceback" not in done.stderr


def test_an_answer_that_the_terminal_cannot_encode_is_still_shown(
    command_line: CommandLine,
) -> None:
    command_line.environment["PYTHONIOENCODING"] = "ascii"
    command_line.configure(says("Größe → 5"))
    done = command_line.run("go")

    assert done.returncode == 0
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "module",
    [
        "a3s_code",
        pytest.param(
            "a3s_code.cli.main",
        ),
    ],
)
def test_it_runs_as_a_module_too(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"],
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )

    assert "usage: a3s-code" in done.stdout
