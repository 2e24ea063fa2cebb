"""
`a3s-code demo`: the main job, end to end, on a small project with a failing test.

The agent looks around, runs the tests, finds the bug, edits the file and runs the tests
again. Without `--model` the model is scripted, over the same wire as a real one, and the
output says so. Files, edits and commands are real either way.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from a3s_code.api.options import SessionOptions
from a3s_code.api.sync import Agent
from a3s_code.cli import discovery
from a3s_code.cli.transcript import show
from a3s_code.errors import ConfigError
from a3s_code.harness.policy import PermissionPolicy
from a3s_code.testing import Script, ScriptedServer, When, calls, on, says

TASK = "The tests of this project fail. Find the bug, mend it, and show that the tests pass."
TESTS = "python3 -m unittest"
ALLOWED = ("read", "ls", "glob", "grep", "edit", f"bash({TESTS}*)")
SESSION = "demo"
CHECK_TIMEOUT_S = 60


def main(arguments: Sequence[str]) -> int:
    """Run the demo; 0 when the tests of the project pass in the end."""
    given = _parser().parse_args(arguments)
    place = Path(tempfile.mkdtemp(prefix="a3s-code-demo-"))
    try:
        return _run(given, place)
    finally:
        if given.keep:
            _say(f"Kept: {place}")
        else:
            shutil.rmtree(place)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="a3s-code demo", description=__doc__)
    parser.add_argument("--model", metavar="PROVIDER/MODEL", help="let a real model do it")
    parser.add_argument("-c", "--config", metavar="FILE", help="configuration of that model")
    parser.add_argument("--keep", action="store_true", help="keep the project and the record")
    return parser


def _run(given: argparse.Namespace, place: Path) -> int:
    project = place / "project"
    source = resources.files("a3s_code.cli").joinpath("demo_project")
    with resources.as_file(source) as files:
        shutil.copytree(files, project, ignore=shutil.ignore_patterns("__pycache__"))
    policy = PermissionPolicy(allow=list(ALLOWED), default_decision="deny")
    _say(f"Project:   {project}")
    _say(f"Task:      {TASK}")
    _say(f"Policy:    allow {', '.join(ALLOWED)}; deny everything else")
    with _configured(given) as config:
        agent = Agent(config)
        try:
            options = SessionOptions(
                permission_policy=policy,
                file_session_store=place / "record",
                session_id=SESSION,
                model=given.model,
            )
            session = agent.session(project, options)
            answered = show(session.stream(TASK)) == 0
            _report(session.runs()[-1], place / "record" if given.keep else None)
        finally:
            agent.close()
    return 0 if answered and _tests_pass(project) else 1


@contextmanager
def _configured(given: argparse.Namespace) -> Generator[str | Path]:
    """Give the configuration: of the scripted model, of a file, or of a key alone."""
    if given.model is None:
        with ScriptedServer(_script()) as server:
            _say("Model:     SCRIPTED, no real model is asked (--model asks one)\n")
            yield server.acl()
        return
    _say(f"Model:     {given.model}\n")
    if given.config is not None:
        path = discovery.find(given.config, os.environ, Path.cwd(), Path.home()).path
        yield path
        return
    yield _keyed(given.model)


def _keyed(ref: str) -> str:
    """Write a configuration for a provider whose key is in the environment."""
    provider = ref.partition("/")[0]
    variable = f"{provider.upper().replace('-', '_')}_API_KEY"
    if not os.environ.get(variable):
        raise ConfigError(
            f"{variable} is not set.", hint=f"set it, or name a configuration for {ref} with -c"
        )
    return (
        f'default_model = "{ref}"\nproviders "{provider}" {{\n  api_key = env("{variable}")\n}}\n'
    )


def _script() -> Script:
    """What the scripted model answers; the end depends on what the tests really said."""
    return Script(
        says("I will look at the project and run its tests first.\n")
        + calls("ls")
        + calls("bash", command=f"{TESTS} 2>&1"),
        says("Quantities on the step itself get no discount. Where is that decided?\n")
        + calls("grep", pattern="quantity >", glob="*.py")
        + calls("read", file_path="discounts.py"),
        says("`>` leaves out the step itself; the docstring says from ten on.\n")
        + calls(
            "edit",
            file_path="discounts.py",
            old_string="if quantity > least:",
            new_string="if quantity >= least:",
        ),
        says("Now the tests again.\n") + calls("bash", command=f"{TESTS} 2>&1"),
        rules=(
            on(
                When(last="\nOK"),
                says(
                    "All tests pass. The bug was in discounts.py: `quantity > least` left out "
                    "exactly ten and exactly a hundred; it is `>=` now.\n"
                ),
            ),
        ),
        default=says("The tests still fail, and I stop here.\n"),
    )


def _report(run: dict[str, object], record: Path | None) -> None:
    _say("")
    _say(f"Run:       {run['id']}, {run['status']}, {run['event_count']} events")
    _say(f"Record:    {record or 'removed with the project; --keep keeps both'}")


def _tests_pass(project: Path) -> bool:
    """Run the tests once more from outside, so that the claim is not the agent's own."""
    try:
        run = subprocess.run(
            TESTS.split(),
            cwd=project,
            capture_output=True,
            text=True,
            timeout=CHECK_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        _say(f"Checked:   {TESTS} was not done after {CHECK_TIMEOUT_S} s")
        return False
    last = (run.stderr.strip() or "no output").splitlines()[-1]
    _say(f"Checked:   {TESTS} says {last}")
    return run.returncode == 0


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
