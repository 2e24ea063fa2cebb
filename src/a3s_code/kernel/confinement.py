"""
What holds the programs of a session: the policy that is asked for, and what came of it.

A `SandboxPolicy` says what a program may touch; it is the value of the option `sandbox`, and is
recorded with the session. A `Confinement` is what it came to on this machine. How each level
is applied is in `workspace/sandbox/`.

Source:
    DESIGN 5, last paragraph; INVARIANTS, "Sandbox levels and policy shape".
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterable
from typing import Any, Literal, TypeAlias, cast, get_args

import msgspec

from a3s_code.errors import InvalidType, InvalidValue

Level: TypeAlias = Literal["none", "hygiene", "landlock", "bwrap", "container"]
"""From the weakest to the strongest."""

Asked: TypeAlias = Literal["auto", "none", "hygiene", "landlock", "bwrap", "container"]
"""A level, or `auto`: the strongest that works here, `container` never."""

LEVELS: tuple[Level, ...] = get_args(Level)
CONFINING: frozenset[str] = frozenset({"landlock", "bwrap", "container"})
"""Levels at which the system holds a program that a rule was wrong about."""

MAX_PATHS = 256
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PARTS = {
    "level": "use auto, none, hygiene, landlock or bwrap",
    "fallback": "use refuse, landlock, hygiene or none",
    "read": "give SandboxReads(...)",
    "network": "give SandboxNetwork(...)",
    "limits": "give SandboxLimits(...)",
    "write": "give a list of directories",
    "env": "give a list of names of variables",
}
"""What the fields of a `SandboxPolicy` take, for who gave something else."""


class SandboxReads(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """
    What may be read.

    Attributes:
        mode: `deny_list`: everything but `paths` and what is always hidden (keys and
            passwords of the user, of the system, and of other users). `allow_list`: only
            `paths`, the programs and libraries of the system, and what may be written.
        paths: Absolute, or from the user's home with `~`.
    """

    mode: Literal["deny_list", "allow_list"] = "deny_list"
    paths: tuple[str, ...] = ()


class SandboxNetwork(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """
    What may be reached.

    Attributes:
        mode: `none`: nothing outside the sandbox. `proxy`: the hosts of `allow`, through a
            proxy. `full`: what the machine itself reaches.
        allow, deny: For `proxy`: `host`, `host:port` or `*.domain`, which stands for
            subdomains alone; an IPv6 address stands in brackets. What is denied stays denied.
        allow_private: The proxy may reach this machine and its neighbours, too, where `allow`
            has them; without it a name that leads to such an address is refused.
        unix_sockets: Programs may open sockets of the file system, such as an agent's for
            keys. Pairs of connected sockets can always be made.
    """

    mode: Literal["none", "proxy", "full"] = "none"
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    allow_private: bool = False
    unix_sockets: bool = False


class SandboxLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """
    Bounds of one command and all that it starts; None for no bound.

    Attributes:
        cpu_s: Seconds of processor time, for each process.
        wall_s: Seconds from its start; the shortest of this and the call's own limit counts.
        memory_bytes: Address space, for each process.
        processes: That live at the same time.
        open_files: For each process.
        file_bytes: Size of any file that is written.
        output_bytes: Kept of what it prints; the middle is dropped.
        tmp_bytes: What fits into the private directory for temporary files (`bwrap`).
    """

    cpu_s: int | None = None
    wall_s: float | None = None
    memory_bytes: int | None = None
    processes: int | None = 1024
    open_files: int | None = None
    file_bytes: int | None = None
    output_bytes: int | None = None
    tmp_bytes: int | None = 2 * 1024**3


class SandboxPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """
    What programs of a session may touch: the value of the option `sandbox`.

        SandboxPolicy(level="bwrap", write=("/var/cache/build",))

    What is protected (`.git/hooks`, `.git/config`, settings of agents and editors) is built
    in and cannot be taken out. The directory for temporary files is private in any case.

    Attributes:
        level: Which mechanism; `auto` takes the strongest that works here.
        read: What may be read.
        write: Directories that may be written besides the workspace: absolute, or with `~`.
        network: What may be reached.
        env: Names of the host's variables that programs get besides the usual ones.
        limits: Bounds of each command.
        fallback: The weakest level to go on with when `level` does not work here; `refuse`:
            there is no session then.

    Raises:
        InvalidType: a field is of a wrong kind; names it. What no sandbox could hold is an
            InvalidValue when the session is made.
    """

    level: Asked = "auto"
    read: SandboxReads = SandboxReads()
    write: tuple[str, ...] = ()
    network: SandboxNetwork = SandboxNetwork()
    env: tuple[str, ...] = ()
    limits: SandboxLimits = SandboxLimits()
    fallback: Literal["refuse", "landlock", "hygiene", "none"] = "refuse"

    def __post_init__(self) -> None:
        """Refuse values of a wrong kind, which a struct takes from a constructor."""
        for name, kind in _kinds(type(self)):
            try:
                made = msgspec.convert(msgspec.to_builtins(getattr(self, name)), kind, strict=True)
            except (msgspec.ValidationError, TypeError) as error:
                raise InvalidType(
                    f"{name} of SandboxPolicy cannot be used: {error}.", hint=_PARTS.get(name, "")
                ) from None
            msgspec.structs.force_setattr(self, name, made)  # lists are tuples in it

    def validate(self) -> None:
        """
        Refuse what no sandbox could hold.

        Raises:
            InvalidType, InvalidValue: names the field, and what it takes.
        """
        _check_paths("read.paths", self.read.paths)
        _check_paths("write", self.write)
        _check_hosts((*self.network.allow, *self.network.deny))
        if self.network.allow and self.network.mode != "proxy":
            raise InvalidValue(
                f"sandbox.network.allow names hosts, and the mode is {self.network.mode!r}.",
                hint="set network.mode to 'proxy', or leave allow out",
            )
        for name in self.env:
            if not _VARIABLE.fullmatch(name):
                raise InvalidValue(f"sandbox.env: {name!r} is no name of a variable.")
        for name, value in msgspec.structs.asdict(self.limits).items():
            if value is not None and value <= 0:
                hint = "give a positive number, or None for no bound"
                raise InvalidValue(f"sandbox.limits.{name} is {value}.", hint=hint)

    @classmethod
    def of(cls, given: object) -> SandboxPolicy:
        """
        Read the option `sandbox`: a policy, or the name of a level.

        Raises:
            InvalidType, InvalidValue: it is neither; says what is accepted.
        """
        if isinstance(given, str):
            if given not in get_args(Asked):
                names = ", ".join(get_args(Asked))
                raise InvalidValue(f"{given!r} is no level of a sandbox.", hint=f"use {names}")
            return cls(level=cast("Asked", given))
        if not isinstance(given, SandboxPolicy):
            raise InvalidType(
                f"sandbox is a {type(given).__name__}, not the name of a level or a SandboxPolicy.",
                hint="use sandbox='auto', a SandboxPolicy, a SandboxConfig, or an object "
                "with exec_command(command, guest_workspace)",
            )
        given.validate()
        return given


def _check_hosts(patterns: tuple[str, ...]) -> None:
    if patterns:
        from a3s_code.network.host_rules import HostPattern  # loads what few sessions need

        for pattern in patterns:
            HostPattern.read(pattern)


@functools.cache  # to read annotations takes some 0.4 ms
def _kinds(struct: type[msgspec.Struct]) -> tuple[tuple[str, Any], ...]:
    return tuple((field.name, field.type) for field in msgspec.structs.fields(struct))


class Confinement(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    What a policy came to on this machine: how the programs of a session are held.

    Attributes:
        level: The mechanism in force.
        form: Whose rights programs have: `user` those of this process, without any
            capability; `dropped` those of an unprivileged user, since this process is root;
            `kept_root` root's number alone, since only root can write in the workspace.
            Empty where nothing is taken away.
        uid, gid: For `dropped`: whose rights those are.
        without: What is not held at this level, a phrase each.
        policy: What was asked for.
        own: Real paths of directories in the workspace that are the harness's own, such as a
            store: no program sees or changes what is in them.
        read_only: The workspace is read and not written, where the level confines.
    """

    level: Level = "hygiene"
    form: Literal["", "user", "dropped", "kept_root"] = ""
    uid: int | None = None
    gid: int | None = None
    without: tuple[str, ...] = ()
    policy: SandboxPolicy = SandboxPolicy(level="hygiene", limits=SandboxLimits(processes=None))
    own: tuple[str, ...] = ()
    read_only: bool = False

    @property
    def confines(self) -> bool:
        """Whether the system holds what a rule was wrong about."""
        return self.level in CONFINING

    @property
    def has_network(self) -> bool:
        """Whether programs reach more than themselves."""
        return not self.confines or self.policy.network.mode != "none"


HYGIENE = Confinement()
"""What every program gets that nothing more was said of."""


class SandboxState(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    How the programs of a session are held, as its log says it first.

    Attributes:
        level, form, without: Of the calls of the model; see `Confinement`.
        direct: Level of the calls that the host makes itself.
        asked: What the session was told; empty when it was told nothing.
        network: `none`, `proxy` or `full`.
        elsewhere: Where command lines run when that is not this machine's own system.
    """

    level: Level
    form: str = ""
    without: tuple[str, ...] = ()
    direct: Level = "hygiene"
    asked: str = ""
    network: str = "full"
    elsewhere: str = ""

    @classmethod
    def of(
        cls, held: Confinement, direct: Confinement, asked: str, elsewhere: str = ""
    ) -> SandboxState:
        """Say how the model's calls and those of the host are held."""
        network = held.policy.network.mode if held.confines else "full"
        return cls(held.level, held.form, held.without, direct.level, asked, network, elsewhere)


class Violation(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    Something that the sandbox did not let a program do.

    Attributes:
        kind: `path`, `host`, `syscall` or `limit`.
        name: The path, the host, what was called, or which limit.
        is_certain: The sandbox saw it itself; otherwise it was read from what the program
            printed, and the program may have had another reason.
    """

    kind: Literal["path", "host", "syscall", "limit"]
    name: str
    is_certain: bool = False


def weaker(one: str, other: str) -> bool:
    """Say whether level `one` holds less than `other`."""
    return LEVELS.index(cast("Level", one)) < LEVELS.index(cast("Level", other))


def expanded(paths: Iterable[str]) -> tuple[str, ...]:
    """Give the paths of a policy as real absolute ones."""
    return tuple(os.path.realpath(os.path.expanduser(path)) for path in paths)  # noqa: PTH111


def _check_paths(field: str, paths: tuple[str, ...]) -> None:
    if len(paths) > MAX_PATHS:
        raise InvalidValue(f"sandbox.{field} has {len(paths)} paths.", hint=f"{MAX_PATHS} at most")
    for path in paths:
        if "\0" in path or not path.startswith(("/", "~/")) or ".." in path.split("/"):
            raise InvalidValue(
                f"sandbox.{field}: {path!r} is no place that a sandbox can hold.",
                hint="give an absolute path, or one that begins with ~/, without '..'",
            )
        if field == "write" and os.path.realpath(os.path.expanduser(path)) == "/":  # noqa: PTH111
            raise InvalidValue(
                "sandbox.write: '/' would let programs write everywhere.",
                hint="name directories, or use level 'hygiene'",
            )
