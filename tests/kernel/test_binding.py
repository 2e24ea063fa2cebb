"""What is approved is what runs: whatever changes between the question and the run voids it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from a3s_code.capabilities.tools import CORE_TOOLS
from a3s_code.errors import InvalidValue
from a3s_code.harness.gate import PolicyGate
from a3s_code.harness.policy import PermissionPolicy
from a3s_code.harness.touched import touched
from a3s_code.kernel.actions import Ready, prepare
from a3s_code.kernel.events import ConfirmationReceived, ConfirmationRequired, PermissionDenied
from a3s_code.kernel.messages import JsonObject, ToolCall, ToolResult
from a3s_code.kernel.ports import Action, Allow, Ask, Authority, Deny, Sink
from a3s_code.kernel.records import EffectIntended, EffectSettled, FileChanging
from a3s_code.kernel.tool import Effect, Observation, Tool, ToolContext, tool
from kernel.bench import Bench, Unhooked, call
from kernel.probes import GivenAny

ASK_ALL = PermissionPolicy(ask=["*"])
RAN: list[Any] = []


async def _keep(args: GivenAny, context: ToolContext) -> Observation:
    """Keep the value."""
    RAN.append(args.value)
    return Observation("kept")


KEEP = tool(GivenAny, effect=Effect.EXECUTE, name="keep")(_keep)

Mutation: TypeAlias = Callable[["Scene"], None]


class Scene:
    """One call that somebody is asked about, and all that it depends on."""

    def __init__(self, root: Path, **options: Any) -> None:
        self.root = root
        (root / "docs").mkdir()
        (root / "docs" / "a.txt").write_text("alpha\n")
        (root / "docs" / "b.txt").write_text("beta\n")
        (root / "other").mkdir()
        (root / "other" / "a.txt").write_text("alpha\n")
        (root / "log").write_text("line\n")
        self.bench = Bench(root, tools=(*CORE_TOOLS, KEEP), policy=ASK_ALL, **options)
        self.bench.executor.touches = touched
        self.call = call("write", file_path="docs/a.txt", content="new\n")

    def replace_tool(self, name: str, **changes: Any) -> None:
        executor = self.bench.executor
        executor.tools = {**executor.tools, name: replace(executor.tools[name], **changes)}


@dataclass
class Meddler:
    """Says yes, and does something to the scene before or after that."""

    scene: Scene
    meddle: Callable[[Scene], None]

    async def approve(self, action: Action, ask: Ask) -> Allow | Deny:
        self.meddle(self.scene)
        return Allow("yes")

    async def dispatch(
        self, action: Action, run: Callable[[], Awaitable[Observation]]
    ) -> Observation:
        self.meddle(self.scene)
        return await run()


class Yes:
    async def approve(self, action: Action, ask: Ask) -> Allow | Deny:
        return Allow("yes")


def nothing(scene: Scene) -> None: ...


def edit(scene: Scene) -> None:
    (scene.root / "docs/a.txt").write_text("alphA\n")


def remove(scene: Scene) -> None:
    (scene.root / "docs/a.txt").unlink(missing_ok=True)


def link_file(scene: Scene) -> None:
    remove(scene)
    (scene.root / "docs/a.txt").symlink_to("b.txt")


def link_outside(scene: Scene) -> None:
    remove(scene)
    (scene.root / "docs/a.txt").symlink_to("/etc/passwd")


def link_directory(scene: Scene) -> None:
    (scene.root / "docs").rename(scene.root / "docs.old")
    (scene.root / "docs").symlink_to("other")


def swap_directory(scene: Scene) -> None:
    """Another directory with the same content is no longer the one that was looked at."""
    (scene.root / "docs").rename(scene.root / "docs.old")
    (scene.root / "other").rename(scene.root / "docs")


def change_input(scene: Scene) -> None:
    scene.call.input["content"] = "evil\n"


def add_input(scene: Scene) -> None:
    scene.call.input["more"] = 1


def replace_policy(scene: Scene) -> None:
    policy = PermissionPolicy(ask=["*", "bash"]).compile()
    scene.bench.executor.gate = PolicyGate(policy, str(scene.root))


def replace_tool(scene: Scene) -> None:
    scene.replace_tool("write")


def change_schema(scene: Scene) -> None:
    scene.replace_tool("write", schema={**scene.bench.executor.tools["write"].schema, "x": 1})


MUTATIONS: dict[str, tuple[Mutation, str]] = {
    "edit": (edit, "docs/a.txt was changed"),
    "remove": (remove, "docs/a.txt was removed"),
    "link_file": (link_file, "docs/a.txt leads to docs/b.txt, not to docs/a.txt"),
    "link_outside": (link_outside, "docs/a.txt cannot be reached any more"),
    "link_directory": (link_directory, "docs/a.txt leads to other/a.txt, not to docs/a.txt"),
    "swap_directory": (swap_directory, "another directory stands where docs/a.txt was"),
    "change_input": (change_input, "its arguments were changed"),
    "add_input": (add_input, "its arguments were changed"),
    "replace_policy": (replace_policy, "the policy was replaced"),
    "replace_tool": (replace_tool, "the tool write was replaced"),
    "change_schema": (change_schema, "the tool write was replaced"),
}


async def settled(scene: Scene, meddler: Meddler, when: str) -> ToolResult:
    """Have the call approved and run, and the meddler at work `when`."""
    executor = scene.bench.executor
    executor.approver = meddler if when == "while it is asked" else Yes()
    executor.dispatcher = meddler if when == "before it is run" else None
    (result,) = await scene.bench.execute(scene.call)
    return result


def content(scene: Scene) -> set[str]:
    """Give all contents of files below the workspace."""
    return {path.read_text() for path in scene.root.rglob("*") if path.is_file()}


WHEN = ("while it is asked", "before it is run")


@pytest.mark.parametrize("when", WHEN)
async def test_a_call_that_is_as_it_was_approved_runs(when: str, tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    result = await settled(scene, Meddler(scene, nothing), when)

    assert not result.is_error, result.content
    assert (tmp_path / "docs/a.txt").read_text() == "new\n"


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("mutation", MUTATIONS)
async def test_whatever_changes_after_the_question_voids_the_yes(
    mutation: str, when: str, tmp_path: Path
) -> None:
    scene = Scene(tmp_path)
    mutate, reason = MUTATIONS[mutation]
    result = await settled(scene, Meddler(scene, mutate), when)

    assert result.is_error
    assert reason in result.content
    assert not content(scene) & {"new\n", "evil\n"}
    (denied,) = scene.bench.all(PermissionDenied)
    assert reason in denied.reason
    assert scene.bench.all(FileChanging) == []
    assert [each.outcome for each in scene.bench.all(EffectSettled)] == ["failed"]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    chosen=st.lists(st.sampled_from(sorted(set(MUTATIONS) - {"link_directory"})), unique=True),
    when=st.sampled_from(WHEN),
)
async def test_no_mixture_of_changes_gets_by(
    chosen: list[str], when: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    scene = Scene(tmp_path_factory.mktemp("scene"))

    def meddle(scene: Scene) -> None:
        for name in chosen:
            MUTATIONS[name][0](scene)

    result = await settled(scene, Meddler(scene, meddle), when)

    assert result.is_error is bool(chosen), result.content
    assert ("new\n" in content(scene)) is not bool(chosen)


@given(value=st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5))
@settings(max_examples=25, deadline=None)
async def test_no_other_value_than_the_approved_one_runs(
    value: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The arguments nest, and whoever made the call still holds what is nested in it."""
    scene = Scene(tmp_path_factory.mktemp("scene"))
    nested = {"inner": ["good"]}
    scene.call = call("keep", value=nested)
    RAN.clear()

    def meddle(_: Scene) -> None:
        nested["inner"] = [value]

    result = await settled(scene, Meddler(scene, meddle), WHEN[0])

    assert result.is_error is (value != "good")
    assert RAN in ([], [{"inner": ["good"]}])


async def test_what_runs_is_decoded_from_what_was_shown(tmp_path: Path) -> None:
    """Even a change behind the last look, by whoever holds what is nested, does not run."""
    scene = Scene(tmp_path)
    nested = {"inner": ["good"]}
    scene.call = call("keep", value=nested)
    RAN.clear()

    class Late(dict[str, Any]):
        def get(self, *asked: Any) -> Any:
            nested["inner"] = ["evil"]
            return super().get(*asked)

    def meddle(scene: Scene) -> None:
        scene.bench.executor.tools = Late(scene.bench.executor.tools)

    result = await settled(scene, Meddler(scene, meddle), WHEN[0])

    assert not result.is_error, result.content
    assert nested == {"inner": ["evil"]}
    assert RAN == [{"inner": ["good"]}]


async def test_a_file_that_a_command_would_write_belongs_to_it(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.call = call("bash", command="echo done > log")
    result = await settled(scene, Meddler(scene, lambda _: _append(tmp_path / "log")), WHEN[0])

    assert "log was changed" in result.content
    assert (tmp_path / "log").read_text() == "line\nmore\n"


def _append(path: Path) -> None:
    path.write_text(path.read_text() + "more\n")


async def test_a_file_that_comes_into_being_voids_the_yes_to_create_it(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.call = call("write", file_path="docs/new/c.txt", content="new\n")

    def create(scene: Scene) -> None:
        (scene.root / "docs/new").mkdir()
        (scene.root / "docs/new/c.txt").write_text("mine\n")

    result = await settled(scene, Meddler(scene, create), WHEN[0])

    assert "docs/new/c.txt was created" in result.content
    assert (tmp_path / "docs/new/c.txt").read_text() == "mine\n"


async def test_a_directory_on_the_way_that_comes_into_being_voids_nothing(tmp_path: Path) -> None:
    """Two files of one new directory in one answer: the first makes it."""
    bench = Bench(tmp_path, policy=ASK_ALL, approver=Yes())
    results = await bench.execute(
        call("write", "c1", file_path="new/a", content="a"),
        call("write", "c2", file_path="new/b", content="b"),
    )

    assert [result.is_error for result in results] == [False, False]


async def test_a_file_that_changes_while_the_tool_runs_is_not_overwritten(tmp_path: Path) -> None:
    """The last look is where the file is written, after the tool has read it."""

    async def slow(args: Any, context: ToolContext) -> Observation:
        _append(tmp_path / "docs/a.txt")
        await context.files.write(context.resolved, b"new\n")
        return Observation("written")

    scene = Scene(tmp_path)
    scene.replace_tool("write", run=slow)
    (result,) = await _approved(scene)

    assert "docs/a.txt was changed after this call was approved" in result.content
    assert (tmp_path / "docs/a.txt").read_text() == "alpha\nmore\n"


async def _approved(scene: Scene) -> tuple[ToolResult, ...]:
    scene.bench.executor.approver = Yes()
    return await scene.bench.execute(scene.call)


async def test_a_yes_is_good_for_one_run(tmp_path: Path) -> None:
    class Twice:
        async def dispatch(
            self, action: Action, run: Callable[[], Awaitable[Observation]]
        ) -> Observation:
            await run()
            return await run()

    scene = Scene(tmp_path)
    scene.call = call("bash", command="echo x >> count")
    scene.bench.executor.touches = None
    scene.bench.executor.dispatcher = Twice()
    (result,) = await _approved(scene)

    assert "the approval was used already" in result.content
    assert (tmp_path / "count").read_text() == "x\n"


async def test_the_question_records_what_it_is_about(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    await _approved(scene)
    (asked,) = scene.bench.all(ConfirmationRequired)
    (intended,) = scene.bench.all(EffectIntended)

    assert asked.binding is not None
    assert asked.binding.args_sha256 == intended.args_sha256
    assert asked.binding.policy_version == intended.policy_version
    assert asked.binding.target == "docs/a.txt"
    assert asked.binding.before == {"docs/a.txt": sha256(b"alpha\n").hexdigest()}


# After a restart


async def _left_behind(scene: Scene) -> None:
    """Approve the call, and end before it runs."""
    executor = scene.bench.executor
    executor.approver = Yes()
    step = await prepare(scene.call, Authority.SESSION, scene.bench.sink, executor)
    assert isinstance(step, Ready)
    step.release()


def _again(scene: Scene, **options: Any) -> None:
    """Begin once more in another process: new objects, and the same log."""
    records = scene.bench.log.records
    scene.call = ToolCall(scene.call.id, scene.call.name, dict(scene.call.input))
    scene.bench = Bench(scene.root, policy=ASK_ALL, tools=(*CORE_TOOLS, KEEP), **options)
    scene.bench.resume(records)


async def test_an_answer_of_before_holds_after_a_restart(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    await _left_behind(scene)
    _again(scene)
    (result,) = await scene.bench.execute(scene.call)

    assert not result.is_error, result.content
    assert (tmp_path / "docs/a.txt").read_text() == "new\n"


LASTING = sorted(set(MUTATIONS) - {"replace_tool", "swap_directory"})
"""What differs for another process; that has tools and descriptors of its own anyway."""
REFUSALS = ("what was approved is not what would run", "outside the workspace", "unknown field")


@pytest.mark.parametrize("mutation", LASTING)
async def test_an_answer_of_before_is_void_when_something_changed_meanwhile(
    mutation: str, tmp_path: Path
) -> None:
    scene = Scene(tmp_path)
    await _left_behind(scene)
    _again(scene)
    MUTATIONS[mutation][0](scene)
    (result,) = await scene.bench.execute(scene.call)

    assert result.is_error
    assert any(said in result.content for said in REFUSALS)
    assert not content(scene) & {"new\n", "evil\n"}


async def test_a_yes_of_before_that_names_no_digests_is_asked_for_again(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    asked = ConfirmationRequired(
        tool_id="c1", tool_name="write", args=scene.call.input, timeout_ms=0
    )
    scene.bench.sink.emit(asked)
    scene.bench.sink.emit(ConfirmationReceived(tool_id="c1", approved=True))
    _again(scene)
    (result,) = await scene.bench.execute(scene.call)

    assert "nobody is there to confirm it" in result.content
    assert (tmp_path / "docs/a.txt").read_text() == "alpha\n"


class Heard(Unhooked):
    """Remembers what it is told of calls that ran, and of those that did not."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.refused: list[str] = []

    async def after_tool(
        self, action: Action, observation: Observation, seconds: float, sink: Sink
    ) -> None:
        self.ran.append(action.call.id)

    async def after_refusal(self, call: ToolCall, observation: Observation, sink: Sink) -> None:
        self.refused.append(call.id)


@pytest.mark.parametrize(("meddle", "ran"), [(nothing, True), (edit, False)])
@pytest.mark.parametrize("when", WHEN)
async def test_hooks_are_not_told_that_a_call_ran_whose_approval_was_void(
    when: str, meddle: Mutation, ran: bool, tmp_path: Path
) -> None:
    scene, heard = Scene(tmp_path), Heard()
    scene.bench.executor.hooks = heard
    await settled(scene, Meddler(scene, meddle), when)

    assert (heard.ran, heard.refused) == ((["c1"], []) if ran else ([], ["c1"]))


class Forgetful:
    """Knows what a placeholder stands for until somebody has answered."""

    def __init__(self, then: str | None) -> None:
        self.then, self.known = then, True

    def restored(self, tool: Tool, args: JsonObject) -> JsonObject:
        if not self.known and self.then is None:
            raise InvalidValue("nobody knows it any more")
        secret = "new\n" if self.known else self.then
        return {name: secret if name == "content" else value for name, value in args.items()}

    def inspect(self, action: Action) -> None: ...

    def brought(self, call: ToolCall, text: str) -> None: ...

    def advise(self, tool: str, text: str) -> None: ...


@pytest.mark.parametrize("then", [None, "evil\n"])
async def test_a_placeholder_that_means_something_else_by_now_voids_the_yes(
    then: str | None, tmp_path: Path
) -> None:
    scene, guard = Scene(tmp_path), Forgetful(then)
    scene.call = call("write", file_path="docs/a.txt", content="[REDACTED:KEY]")
    scene.bench.executor.guard = guard

    def forget(_: Scene) -> None:
        guard.known = False

    result = await settled(scene, Meddler(scene, forget), WHEN[0])

    assert "its arguments were changed" in result.content
    assert not content(scene) & {"new\n", "evil\n"}
