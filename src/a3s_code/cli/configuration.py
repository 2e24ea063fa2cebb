"""
The configuration of a terminal command, once it may be used.

One that was named (`-c`, `$A3S_CONFIG`) or is the user's own (`~/.a3s`) is used. One that was
only found, in the working directory or above it, may have come with a repository, and it
chooses which address the conversation and the key go to. So it is used when the user trusts
its digest, which covers the skills, agents and instructions that it names: asked at the terminal,
or said with `a3s-code trust`. A change asks again.

Source:
    INVARIANTS 14; DESIGN 5.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from a3s_code.cli.brought import Brought, brought
from a3s_code.cli.discovery import Found, find
from a3s_code.errors import ConfigError
from a3s_code.harness.trust import Trust
from a3s_code.kernel.visible import on_one_line, visible

if TYPE_CHECKING:  # the configuration's own module is imported when one is read
    from a3s_code.config.schema import Config

MAX_SHOWN = 20
"""Files that are named when somebody is asked about them."""
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")


def trust_of(home: Path) -> Trust:
    """Give the record of this user."""
    return Trust(home / ".a3s/trust.json")


def configuration(
    given: str | None, environment: Mapping[str, str], directory: Path, home: Path
) -> Config:
    """
    Find, read and check the configuration; what was read is what is used.

    Raises:
        ConfigError: there is none, it is wrong, or it is not trusted; says what to do.
    """
    from a3s_code.api.assembly import load_config

    found = find(given, environment, directory, home)
    config = load_config(found.path)
    if not found.is_chosen:
        _see_trust(found, config, trust_of(home))
    return config


def _see_trust(found: Found, config: Config, trust: Trust) -> None:
    now, known = brought(found, config), trust.known("configuration", found.path)
    if known is not None and known.sha256 == now.sha256:
        return
    news = now.news(known) if known is not None else None
    if sys.stdin.isatty() and sys.stderr.isatty() and _confirmed(found, config, now, news):
        grant(trust, found, now)
        return
    if news is None:
        why = "was found here and is not trusted"
    else:
        why = f"has changed since it was trusted: {on_one_line(', '.join(news))}"
    raise ConfigError(
        f"{visible(str(found.path))} {why}.",
        hint=f"read it, then a3s-code trust {visible(str(found.directory))}, or name it with -c",
    )


def grant(trust: Trust, found: Found, now: Brought) -> None:
    """Trust a configuration with what it brings along, as both are now."""
    trust.grant("configuration", found.path, now.sha256, now.files if now.others else None)


def _confirmed(found: Found, config: Config, now: Brought, news: list[str] | None) -> bool:
    head = "This configuration was found here:"
    if news is not None:
        head = f"This configuration has changed: {on_one_line(', '.join(news))}"
    said = ["", head, *described(found, config, now), "Use it until it changes? [y/N] "]
    sys.stderr.write("\n".join(said))
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def described(found: Found, config: Config, now: Brought) -> list[str]:
    """Give lines that say which file it is, what it decides, and what comes with it."""
    lines = [str(found.path), f"sha256 {now.sha256}"]
    if config.default_model:
        lines.append(f"model {config.default_model}")
    for provider in config.providers:
        address = _CREDENTIALS.sub("", str(provider.base_url or "its usual address"))
        lines.append(f"provider {provider.name} at {address}")
    others = sorted(config.declared - {"default_model", "providers"})
    if others:
        lines.append(f"sets {', '.join(others)}")
    lines += [f"text for the model in {path}" for path in now.others[:MAX_SHOWN]]
    if len(now.others) > MAX_SHOWN:
        lines.append(f"and in {len(now.others) - MAX_SHOWN} more files")
    if config.memory_dir:
        lines.append(
            f"memory in {config.memory_dir}, which changes as it is used: not in the digest"
        )
    return [f"  {visible(line)}".replace("\n", "\\n") for line in lines]
