"""
Which configuration a terminal command uses.

Order (SPEC 16.4): `-c FILE`, `$A3S_CONFIG`, `$A3S_CONFIG_FILE`, the nearest
`.a3s/config.acl` from the working directory upwards, `agent.acl` and `agent.hcl` there,
`~/.a3s/config.acl`, `~/.a3s/config.hcl`. The library itself discovers nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from a3s_code.errors import ConfigError

VARIABLES = ("A3S_CONFIG", "A3S_CONFIG_FILE")


_IN_DIRECTORY = (".a3s/config.acl", "agent.acl", "agent.hcl")
_OWN = (".a3s/config.acl", ".a3s/config.hcl")


@dataclass(frozen=True, slots=True)
class Found:
    """
    A configuration file.

    Attributes:
        directory: Which directory it is for.
        is_chosen: The user named it, or it is the user's own; else it was only come across.
    """

    path: Path
    directory: Path
    is_chosen: bool


def find(given: str | None, environment: Mapping[str, str], directory: Path, home: Path) -> Found:
    """
    Find the configuration file.

    Raises:
        ConfigError: the one that was named does not exist, or there is none anywhere.
    """
    for source, name in _named(given, environment):
        if not Path(name).is_file():
            raise ConfigError(f"{source} names {name}, which is no file.", hint="check the path")
        return Found(Path(name), directory, is_chosen=True)
    own = [(home, name) for name in _OWN]
    for place, name in (*_around(directory), *own):
        if (place / name).is_file():
            return Found(place / name, place, is_chosen=(place, name) in own)
    raise ConfigError(
        "There is no configuration.",
        hint="write agent.acl here (see the README), or name a file with -c",
    )


def _named(given: str | None, environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if given is not None:
        yield "-c", given
    for variable in VARIABLES:
        if environment.get(variable):
            yield f"${variable}", environment[variable]


def _around(directory: Path) -> Iterator[tuple[Path, str]]:
    """Give the places that a repository may fill."""
    own, *others = _IN_DIRECTORY
    for place in (directory, *directory.parents):
        yield place, own
    for name in others:
        yield directory, name


def brought_by(directory: Path) -> Iterator[Found]:
    """Give the configuration files that a directory brings along itself."""
    for name in _IN_DIRECTORY:
        if (directory / name).is_file():
            yield Found(directory / name, directory, is_chosen=False)
