"""What a session is told of code intelligence: the map of its workspace, and diagnostics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from a3s_code.errors import InvalidType, InvalidValue


class CodeOptions(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    None = nothing was said, which is off.

    Attributes:
        map: The map of the repository is a source of context.
        map_tokens: How large it may be.
        diagnostics: True: of the first server for each language that is installed; or of those
            that are named.
    """

    map: bool | None = None
    map_tokens: int | None = None
    diagnostics: bool | tuple[str, ...] | None = None

    @property
    def is_on(self) -> bool:
        return bool(self.map or self.diagnostics)


MAX_MAP_TOKENS = 2_400
"""A source of context has room for 2,500, with the marks around what it gives."""

NO_CODE = CodeOptions()


def code_options(given: Mapping[str, Any]) -> CodeOptions:
    """Take what was given of it; `check_diagnostics` has looked at it before."""
    names = given.get("diagnostics")
    options = CodeOptions(
        map=given.get("repository_map"),
        map_tokens=given.get("repository_map_tokens"),
        diagnostics=names if names is None or isinstance(names, bool) else tuple(names),
    )
    return NO_CODE if options == NO_CODE else options


def check_map_tokens(given: int) -> None:
    """
    Raises:
        InvalidValue: no map of a run can be that large.
    """
    if given > MAX_MAP_TOKENS:
        raise InvalidValue(
            f"repository_map_tokens is {given}.",
            hint=f"give {MAX_MAP_TOKENS} at most; session.repository_map gives larger ones",
        )


def check_diagnostics(given: object) -> None:
    """
    Refuse what names no language servers.

    Raises:
        InvalidType, InvalidValue: says what is accepted.
    """
    if isinstance(given, bool):
        return
    from a3s_code.capabilities.language_server.servers import named  # few sessions need it

    names: list[object] = list(given) if isinstance(given, list | tuple) else [given]  # pyright: ignore[reportUnknownArgumentType] - the border
    for name in names:
        if not isinstance(name, str):
            raise InvalidType(
                f"diagnostics holds a {type(name).__name__}, not the name of a language server.",
                hint="give True, or a list such as ['ruff', 'pyright']",
            )
    named([str(name) for name in names])
