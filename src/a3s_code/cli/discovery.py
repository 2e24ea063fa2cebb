"""
Which configuration a terminal command uses.

Order (SPEC 16.4): `-c FILE`, `$A3S_CONFIG`, `$A3S_CONFIG_FILE`, the nearest
`.a3s/config.acl` from the working directory upwards, `agent.acl` and `agent.hcl` there,
`~/.a3s/config.acl`, `~/.a3s/config.hcl`. The library itself discovers nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from a3s_code.errors import ConfigError

VARIABLES = ("A3S_CONFIG", "A3S_CONFIG_FILE")


def find(given: str | None, environment: Mapping[str, str], directory: Path, home: Path) -> Path:
    """
    Find the configuration file.

    Raises:
        ConfigError: the one that was named does not exist, or there is none anywhere.
    """
    for source, name in _named(given, environment):
        if not Path(name).is_file():
            raise ConfigError(f"{source} names {name}, which is no file.", hint="check the path")
        return Path(name)
    for candidate in _places(directory, home):
        if candidate.is_file():
            return candidate
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


def _places(directory: Path, home: Path) -> Iterator[Path]:
    for place in (directory, *directory.parents):
        yield place / ".a3s/config.acl"
    yield directory / "agent.acl"
    yield directory / "agent.hcl"
    yield home / ".a3s/config.acl"
    yield home / ".a3s/config.hcl"
