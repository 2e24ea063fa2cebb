"""
The sandbox of the documents: an image, and what a program in it may use.

Source: SPEC 16.2; document 001, "Sandbox Execution".
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from typing import Literal

import msgspec

from a3s_code.errors import InvalidType, InvalidValue

MIB = 1024 * 1024
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REFERENCE = re.compile(r"[a-z0-9]+([._:/@-]+[A-Za-z0-9_]+)*")
_MAX_REFERENCE_CHARS = 512
_KINDS: dict[str, object] = {
    "image": str,
    "memory_mb": int,
    "cpus": float,
    "network": bool | list[str],
    "env": dict[str, str],
}


class SandboxConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """
    Where the command lines of a session run, for the option `sandbox`.

        SandboxConfig(image="/srv/images/ubuntu", memory_mb=1024, network=["pypi.org"])

    The workspace is at `/workspace` there, and the only thing of this machine.

    Attributes:
        image: A directory or a tar archive with the files of a system, by a path with a `/`
            in it; or the name of an image for podman or docker, where one of them works.
        memory_mb: Mebibytes: of a container; without one, of address space for each process.
        cpus: Processors that a container gets; without a container they are not held.
        network: False for none, True for all that this machine reaches, or a list of hosts
            (`example.com`, `*.example.com`, `example.com:8443`) that are reached by a proxy.
        env: Variables that programs get; nothing else of this machine's environment.

    Raises:
        InvalidType, InvalidValue: names the field, and what it takes.

    Source:
        SPEC 16.2.
    """

    image: str = "alpine:latest"
    memory_mb: int = 512
    cpus: float = 1
    network: bool | Sequence[str] = False
    env: dict[str, str] = msgspec.field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        """
        Raises:
            InvalidType, InvalidValue: names the field, and what it takes.
        """
        self._check_kinds()
        if not isinstance(self.network, bool):
            msgspec.structs.force_setattr(self, "network", tuple(self.network))
        if not self.image or not (self.is_path or _is_reference(self.image)):
            raise InvalidValue(
                f"image {self.image!r} is neither a path nor the name of an image.",
                hint="write /path/to/rootfs, ./rootfs.tar or alpine:latest",
            )
        for name, value in (("memory_mb", self.memory_mb), ("cpus", self.cpus)):
            if not 0 < value < math.inf:
                raise InvalidValue(f"{name} is {value}.", hint="give a number above 0")
        if self.hosts:
            from a3s_code.network.host_rules import HostRules  # loads what few sessions need

            HostRules.of(self.hosts)
        for name, value in self.env.items():
            if not _VARIABLE.fullmatch(name) or "\0" in value:
                raise InvalidValue(f"env: {name!r} cannot be a variable with this value.")

    def _check_kinds(self) -> None:
        for name, kind in _KINDS.items():
            try:
                msgspec.convert(getattr(self, name), kind)
            except msgspec.ValidationError as error:
                raise InvalidType(f"{name} of SandboxConfig cannot be used: {error}.") from None

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that the proxy leads to; empty when there is no proxy."""
        return () if isinstance(self.network, bool) else tuple(self.network)

    @property
    def network_mode(self) -> Literal["none", "proxy", "full"]:
        if isinstance(self.network, bool):
            return "full" if self.network else "none"
        return "proxy" if self.network else "none"

    @property
    def is_path(self) -> bool:
        """Whether `image` is files of this machine, and not the name of an image."""
        return self.image.startswith(("/", "./", "../", "~"))

    @property
    def path(self) -> str:
        """The absolute path of the image, with `~` expanded."""
        return os.path.abspath(os.path.expanduser(self.image))  # noqa: PTH100, PTH111


def _is_reference(text: str) -> bool:
    return len(text) <= _MAX_REFERENCE_CHARS and _REFERENCE.fullmatch(text) is not None
