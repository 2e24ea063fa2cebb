"""What the public surface must have, and how to tell whether a package has it."""

from __future__ import annotations

import ast
import enum
import importlib
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

ROOT = Path(__file__).parents[2]
SURFACE = ROOT.parent / "shared" / "peer" / "surface.json"
STILL_TO_COME = Path(__file__).parent / "still_to_come.txt"

DOCUMENTED = (
    # A3S Code README of the 0.9 crate
    "Agent",
    "Agent.create",
    "Agent.resume_session",
    "Agent.session",
    "Session.delegate_task",
    "Session.queue_stats",
    "Session.dead_letters",
    "Session.parallel_task",
    "Session.submit",
    "Session.submit_batch",
    "SessionOptions",
    "SessionOptions.ahp_executor",
    "SessionOptions.default_security",
    "SessionOptions.permissive",
    "Team",
    "Team.add_member",
    "TeamConfig",
    "TeamRunner",
    "TeamRunner.bind_session",
    "TeamRunner.run_until_done",
    "TeamRunner.task_board",
    "TeamTaskBoard",
    "TeamTaskBoard.approve",
    "TeamTaskBoard.by_status",
    "TeamTaskBoard.claim",
    "TeamTaskBoard.complete",
    "TeamTaskBoard.post",
    "TeamTaskBoard.reject",
    "TeamTaskBoard.stats",
    "builtin_skills",
    # A3S Code README of 3.x
    "ahp.AhpHookExecutor",
    "ahp.AhpTransport",
    "FileMemoryStore",
    "HttpTransport",
    "PermissionPolicy",
    # Python SDK 3.1, "Full API"
    "ArtifactStoreLimits",
    "AutoDelegationConfig",
    "ConfirmationPolicy",
    "DefaultSecurityProvider",
    "FileSessionStore",
    "LocalWorkspaceBackend",
    "S3WorkspaceBackend",
    "WorkerAgentSpec",
)
"""Names that the documents import or call."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    One name.

    Attributes:
        name: `name`, `Class.member` or `module.name`.
        signature: As Python text without `self`; empty = anything.
        constant: What a constant is; None = no constant.
    """

    name: str
    signature: str = ""
    is_static: bool = False
    is_special: bool = False
    constant: str | None = None


def documented() -> Iterator[Wanted]:
    return map(Wanted, DOCUMENTED)


def of_peer(surface: Path = SURFACE) -> Iterator[Wanted]:
    """Give every name of a description of a binding, as `surface.json` has it."""
    described: dict[str, Any] = msgspec.json.decode(surface.read_bytes())
    for name, function in described["functions"].items():
        yield Wanted(name, function["signature"])
    for name, about in described["classes"].items():
        yield Wanted(name, about["constructor"] or "")
        yield from _members(name, about)


def _members(owner: str, about: Mapping[str, Any]) -> Iterator[Wanted]:
    for name, method in about["methods"].items():
        yield Wanted(f"{owner}.{name}", method["signature"], is_static=method["static"])
    for name in about["properties"]:
        yield Wanted(f"{owner}.{name}")
    for name, constant in about["constants"].items():
        yield Wanted(f"{owner}.{name}", constant=constant)
    for name in set(about["special"]) - {"__repr__"}:  # which every object has
        yield Wanted(f"{owner}.{name}", is_special=True)


def fault(package: ModuleType, wanted: Wanted) -> str:
    """Say what `package` lacks of a name; nothing when it has it."""
    owner, _, member = wanted.name.rpartition(".")
    if not owner:
        found = getattr(package, wanted.name, None)
        if found is None:
            return f"there is no {wanted.name}"
        return _signature_fault(found, wanted.signature)
    holder = getattr(package, owner, None) or _submodule(package, owner)
    if holder is None:
        return f"there is no {owner}"
    if not _has(holder, member):
        return f"{owner} has no {member}"
    return _member_fault(holder, member, wanted)


def is_covered(wanted: Wanted, listed: frozenset[str]) -> bool:
    """Is the name, or what it belongs to, listed?"""
    return wanted.name in listed or wanted.name.rpartition(".")[0] in listed


def _submodule(package: ModuleType, name: str) -> ModuleType | None:
    try:
        return importlib.import_module(f"{package.__name__}.{name}")
    except ModuleNotFoundError:
        return None


def _has(holder: Any, member: str) -> bool:
    if hasattr(holder, member):
        return True
    if not inspect.isclass(holder):
        return False
    if any(member in vars(cls).get("__annotations__", {}) for cls in holder.__mro__):
        return True
    return member in _assigned(holder)


def _assigned(cls: type) -> set[str]:
    """Give the attributes that `__init__` assigns, for classes that declare none."""
    if not inspect.isfunction(cls.__init__):
        return set()
    body = ast.parse(textwrap.dedent(inspect.getsource(cls.__init__)))
    return {
        node.attr
        for node in ast.walk(body)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }


def _member_fault(holder: Any, member: str, wanted: Wanted) -> str:
    if wanted.constant is not None:
        value = getattr(holder, member)
        shown = repr(value) if isinstance(value, enum.Enum) else str(value)
        return "" if shown == wanted.constant else f"{wanted.name} is {shown}"
    if wanted.is_special:
        own = getattr(holder, member) is not getattr(object, member, None)
        return "" if own else f"{wanted.name} is that of every object"
    if not wanted.signature:
        return ""
    raw = inspect.getattr_static(holder, member)
    if wanted.is_static and not isinstance(raw, staticmethod | classmethod):
        return f"{wanted.name} is not static"
    method = getattr(holder, member)
    bound = wanted.is_static or not inspect.isclass(holder)
    return _signature_fault(method, wanted.signature, skip=0 if bound else 1)


def _signature_fault(function: Any, wanted: str, *, skip: int = 0) -> str:
    """Compare names, order and defaults; more parameters are welcome if they are optional."""
    if not wanted:
        return ""
    ours = list(inspect.signature(function).parameters.values())[skip:]
    theirs = _parameters(wanted)
    faults = [
        _parameter_fault(ours, place, name, default)
        for place, (name, default) in enumerate(theirs.items())
    ]
    needed = [p.name for p in ours if p.name not in theirs and _is_required(p)]
    if needed:
        faults.append(f"parameters {needed} are required")
    return "; ".join(filter(None, faults))


def _parameter_fault(ours: list[inspect.Parameter], place: int, name: str, default: Any) -> str:
    kinds = inspect.Parameter
    our = next((p for p in ours if p.name == name), None)
    if our is None:
        optional = default is not kinds.empty
        by_keyword = optional and any(p.kind is kinds.VAR_KEYWORD for p in ours)
        return "" if by_keyword else f"there is no parameter {name}"
    if our.kind is kinds.KEYWORD_ONLY or ours[place] is not our:
        return f"parameter {name} cannot be given at place {place + 1}"
    if not _same_default(our.default, default):
        return f"the default of {name} is {our.default!r}"
    return ""


def _is_required(parameter: inspect.Parameter) -> bool:
    collects = parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    return parameter.default is parameter.empty and not collects


def _same_default(ours: Any, theirs: Any) -> bool:
    """None stands for a default that the binding does not show."""
    if theirs is inspect.Parameter.empty or ours is inspect.Parameter.empty:
        return theirs is ours or theirs is inspect.Parameter.empty
    return theirs is None or ours == theirs


def _parameters(signature: str) -> dict[str, Any]:
    """Read `(a, b=1)`: the default by the name of the parameter."""
    (function,) = ast.parse(f"def f{signature}: ...").body
    assert isinstance(function, ast.FunctionDef)
    args = function.args.args
    defaults = [ast.literal_eval(default) for default in function.args.defaults]
    required = [inspect.Parameter.empty] * (len(args) - len(defaults))
    return dict(zip((arg.arg for arg in args), [*required, *defaults], strict=True))


def still_to_come() -> frozenset[str]:
    """Read the list; a line is a name, and may end in a comment after `#`."""
    lines = STILL_TO_COME.read_text(encoding="utf-8").splitlines()
    return frozenset(name for line in lines if (name := line.partition("#")[0].strip()))
