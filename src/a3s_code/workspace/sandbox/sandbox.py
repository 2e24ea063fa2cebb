"""
How one program is started at a level: what stands before it, and what is left to do after it.

    hygiene     as it is; the launcher only where there are limits
    landlock    [setpriv] launcher program       rules, filter and limits
    bwrap       [setpriv] bwrap launcher program a view of its own, then the same

The recorder of exit statuses stands before all of it, outside: what is confined cannot write
where it writes.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from functools import partial

import msgspec

from a3s_code.kernel.confinement import Confinement, SandboxLimits, expanded
from a3s_code.workspace.sandbox import bwrap, landlock, seccomp
from a3s_code.workspace.sandbox.blank import Blank
from a3s_code.workspace.sandbox.excludes import excludes, repositories
from a3s_code.workspace.sandbox.grounds import between
from a3s_code.workspace.sandbox.hidden import hidden
from a3s_code.workspace.sandbox.launcher import Orders, launcher, seccomp_orders
from a3s_code.workspace.sandbox.prepared import KEPT_FD, Prepared, handed
from a3s_code.workspace.sandbox.programs import trusted
from a3s_code.workspace.sandbox.protection import Protected, StandIns, protected_in
from a3s_code.workspace.sandbox.rights import can_enter, home_of
from a3s_code.workspace.sandbox.way_out import WayOut, inner_python

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/nix/store")
"""What programs need of the system; read with an allow-list, too."""

_DEVICES = tuple(
    f"/dev/{name}" for name in ["null", "zero", "full", "random", "urandom", "tty", "ptmx", "shm"]
)
"""Not `pts`: whoever reads there reads what the user types. A new one comes from `ptmx` itself."""

_OWN_PROCESSES = 2
"""That the sandbox itself needs."""

_CPU, _FILE_SIZE, _CORE, _PROCESSES, _OPEN_FILES, _ADDRESSES = 0, 1, 4, 6, 7, 9


class Sandbox:
    """
    Args:
        held: The level in force.
        root: The workspace.
        home: Of the user that this process has; keys there are hidden, and those in the home
            of the user whose rights programs have.
    """

    def __init__(self, held: Confinement, root: str, home: str = "") -> None:
        self.held = held
        self.stand_ins = StandIns()
        self._root, self._home = root, home or os.path.expanduser("~")  # noqa: PTH111
        self._homes = tuple(dict.fromkeys((self._home, *home_of(held.uid))))
        self._hidden: tuple[str, ...] | None = None
        self._filter = b""

    @property
    def is_plain(self) -> bool:
        """Whether programs are started as they are."""
        return not self.held.confines and not _limits(self.held)

    @property
    def starts_first(self) -> bool:
        """Whether `prepare` leaves all that changes the disk to `Prepared.finish`."""
        return self.held.level == "bwrap"

    @property
    def _write(self) -> tuple[str, ...]:
        """Give what can be written; the workspace may be made after this object."""
        own = () if self.held.read_only else (os.path.realpath(self._root),)
        return _directories((*own, *expanded(self.held.policy.write)))

    @property
    def _shown_only(self) -> tuple[str, ...]:
        """Give what can be read, and not written, wherever it lies."""
        return _directories((os.path.realpath(self._root),)) if self.held.read_only else ()

    @property
    def watched_processes(self) -> int | None:
        """How many processes there may be, where the kernel does not count them for us."""
        limit = self.held.policy.limits.processes
        return None if self._counts() or self.held.level == "none" else limit

    def prepare(
        self,
        argv: tuple[str, ...],
        environment: Mapping[str, str],
        extra: Mapping[str, str],
        cwd: str,
        way: WayOut | None = None,
    ) -> Prepared:
        """
        Say how a program is started; may block on the disk, unless it `starts_first`.

        Args:
            environment: What the launcher and bwrap themselves may see.
            extra: What only the program gets, such as the caller's own variables.
            cwd: Real path.
            way: The proxy by which it reaches hosts; None for none.

        Raises:
            OSError: the system gives no more descriptors, or the disk cannot be written.
        """
        if self.is_plain:
            return Prepared(argv, {**environment, **extra}, self.stand_ins)
        if self.held.level == "bwrap":
            return self._in_view(argv, environment, extra, cwd, way)
        if self.held.level == "landlock":
            return self._ruled(argv, environment, extra)
        prepared = Prepared((), environment, self.stand_ins)
        prepared.argv = self._launched(prepared, Orders(_numbers(), _limits(self.held)), extra)
        prepared.argv += argv
        return prepared

    # The levels

    def _in_view(
        self,
        argv: tuple[str, ...],
        environment: Mapping[str, str],
        extra: Mapping[str, str],
        cwd: str,
        way: WayOut | None,
    ) -> Prepared:
        seen = {**environment, **self._own(bwrap.TMP), **(way.environment if way else {})}
        prepared = Prepared((), seen, self.stand_ins)
        try:
            blanks = {path: prepared.blank() for path in repositories(self._write)}
            view = prepared.promised(partial(self._shown, prepared, blanks, cwd))
            inside = landlock.ruleset((*self._write, *bwrap.WRITABLE), None, tcp=True)
            orders = self._orders(inside if landlock.abi() else None)
            before = (*self._dropped(), trusted("bwrap"), "--args", view, "--")
            inner = (*self._launched(prepared, orders, extra), *argv)
            if way is not None:
                prepared.fds.append(way.handed(KEPT_FD))
                inner = way.argv(inner, prepared.fds[-1], inner_python())
            prepared.argv = (*before, *inner)
        except BaseException:
            prepared.close()
            prepared.end()
            raise
        return prepared

    def _shown(self, prepared: Prepared, blanks: Mapping[str, Blank], cwd: str) -> bytes:
        protected = protected_in(self._write, self._home)
        prepared.protect(protected)
        texts = tuple(
            (blank.filled(excludes(path, protected)), path) for path, blank in blanks.items()
        )
        return msgspec.structs.replace(self._view(protected), texts=texts).arguments(cwd)

    def _view(self, protected: Protected) -> bwrap.View:
        policy = self.held.policy
        return bwrap.View(
            write=self._write,
            shown=self._shown_only,
            read=self._readable(),
            hidden=(*self._concealed(), *filter(os.path.isdir, self.held.own)),
            pinned=(*protected.pinned, *self._above_own()),
            sealed=protected.present,
            absent_files=protected.absent_files,
            absent_directories=protected.absent_directories,
            shares_network=policy.network.mode == "full",
            tmp_bytes=policy.limits.tmp_bytes,
        )

    def _above_own(self) -> tuple[str, ...]:
        return tuple(path for own in self.held.own for path in between(own, self._write))

    def _ruled(
        self, argv: tuple[str, ...], environment: Mapping[str, str], extra: Mapping[str, str]
    ) -> Prepared:
        place = tempfile.mkdtemp(prefix="a3s-code-tmp-")
        if self.held.uid is not None:
            os.chown(place, self.held.uid, self.held.gid or 0)
        protected = protected_in(self._write, self._home, mounts=False)
        self.stand_ins.put(protected)
        own = Prepared((), {**environment, **self._own(place)}, self.stand_ins, protected, place)
        try:
            has_network = self.held.policy.network.mode == "full"
            rules = landlock.ruleset(
                (*self._write, place, *_DEVICES),
                (*self._read_rules(), *landlock.readable(self._shown_only)),
                tcp=has_network,
            )
            orders = self._orders(rules)
            own.argv = (*self._dropped(), *self._launched(own, orders, extra), *argv)
        except BaseException:
            own.close()
            own.end()
            raise
        return own

    # What they share

    def _orders(self, rules: landlock.Ruleset | None) -> Orders:
        return Orders(_numbers(), self._counted(), rules, self._calls())

    def _counted(self) -> tuple[tuple[int, int, int], ...]:
        limits, most = _limits(self.held), self.held.policy.limits.processes
        if most is None or not self._counts():
            return limits
        return (*limits, (_PROCESSES, most + _OWN_PROCESSES, most + _OWN_PROCESSES))

    def _counts(self) -> bool:
        """Whether the kernel counts the processes of this program alone, and for its user."""
        return self.held.level == "bwrap" and self.held.form != "kept_root"

    def _launched(
        self, prepared: Prepared, orders: Orders, extra: Mapping[str, str]
    ) -> tuple[str, ...]:
        kept = {name: value for name, value in prepared.environment.items() if name == "LC_ALL"}
        prepared.environment["LC_ALL"] = "C"
        text = msgspec.structs.replace(orders, environment={**kept, **extra}).text()
        return (*launcher(), handed(prepared, text))

    def _dropped(self) -> tuple[str, ...]:
        """Give what takes root's rights away before anything else."""
        none = ("--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all", "--no-new-privs")
        if self.held.form == "dropped":
            who = ("--reuid", str(self.held.uid), "--regid", str(self.held.gid), "--clear-groups")
            return (trusted("setpriv"), *who, *none, "--")
        if self.held.form == "kept_root" and self.held.level == "landlock":
            return (trusted("setpriv"), *none, "--")
        return ()

    def _own(self, tmp: str) -> dict[str, str]:
        names = dict.fromkeys(("TMPDIR", "TMP", "TEMP"), tmp)
        return names | ({"HOME": tmp} if self.held.form == "dropped" else {})

    def _calls(self) -> bytes:
        kind = seccomp.machine()
        if not self._filter and kind is not None:
            network = self.held.policy.network
            internet = self.held.level == "bwrap" or network.mode == "full"
            families = seccomp.socket_families(internet=internet, unix=network.unix_sockets)
            self._filter = seccomp.filter_program(kind, families)
        return self._filter

    def _concealed(self) -> tuple[str, ...]:
        if self._hidden is None:
            reads = self.held.policy.read
            denied = expanded(reads.paths) if reads.mode == "deny_list" else ()
            as_root = self.held.form == "kept_root"
            found = {
                path: None for home in self._homes for path in hidden(home, denied, as_root=as_root)
            }
            self._hidden = tuple(path for path in found if self._can_reach(path))
        return self._hidden

    def _can_reach(self, path: str) -> bool:
        """Whether there is anything to hide: another user may not even get there."""
        uid, gid = self.held.uid, self.held.gid
        if uid is not None and gid is not None:
            return can_enter(os.path.dirname(path), uid, gid)  # noqa: PTH120
        return os.access(path, os.R_OK)

    def _readable(self) -> tuple[str, ...] | None:
        """Give what an allow-list lets be read; None without one."""
        reads = self.held.policy.read
        return (*SYSTEM, *expanded(reads.paths)) if reads.mode == "allow_list" else None

    def _read_rules(self) -> tuple[landlock.Rule, ...]:
        listed = self._readable()
        if listed is not None:
            return landlock.readable((*listed, *_DEVICES, "/proc"))
        own = ("/dev", "/tmp", "/var/tmp", "/run")  # noqa: S108 - of others, at this level
        return landlock.readable_but((*self._concealed(), *own))


def _numbers() -> tuple[int, int, int]:
    kind = seccomp.machine()
    return seccomp_orders(kind.numbers) if kind is not None else (0, 0, 0)


def _limits(held: Confinement) -> tuple[tuple[int, int, int], ...]:
    """Give the limits that the kernel keeps for each process."""
    limits = held.policy.limits
    named = (
        (_CPU, limits.cpu_s),
        (_FILE_SIZE, limits.file_bytes),
        (_OPEN_FILES, limits.open_files),
        (_ADDRESSES, limits.memory_bytes),
        (_CORE, 0 if held.confines or _has_limits(limits) else None),
    )
    return tuple((number, value, value) for number, value in named if value is not None)


def _has_limits(limits: SandboxLimits) -> bool:
    kept = (limits.cpu_s, limits.file_bytes, limits.open_files, limits.memory_bytes)
    return any(value is not None for value in kept)


def shown_excludes(
    prepared: Prepared, roots: Iterable[str], protected: Protected
) -> tuple[tuple[str, str], ...]:
    """Hand over what git sees as its excludes: numbers of descriptors, and whose place it is."""
    return tuple(
        (handed(prepared, excludes(path, protected)), path) for path in repositories(roots)
    )


def _directories(paths: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(path for path in paths if os.path.isdir(path)))  # noqa: PTH112
