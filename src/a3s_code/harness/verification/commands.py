"""What is to be run to check something, as a host writes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, cast

import msgspec

from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.kernel.plain import plain

MAX_TIMEOUT_MS = 600_000
"""That `bash` accepts; SPEC 5.8."""
MAX_NAME_CHARS = 500

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME_CHARS)]


class CheckCommand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    A command line whose exit status says whether something holds.

    Attributes:
        id: No other check of the same report has it.
        kind: Such as `test`, `lint`, `type_check`, `format`.
        command: For bash, in the workspace root; 0 is a yes. Of a pipe it is the status of the
            last program, unless it begins with `set -o pipefail;`.
        required: The report cannot pass without it.
        timeout_ms: Milliseconds; None = what `bash` gives a command (120,000).

    Source:
        SPEC 4.4 and 1.10.
    """

    id: Name
    kind: Name = "test"
    description: Annotated[str, msgspec.Meta(max_length=10_000)] = ""
    command: Annotated[str, msgspec.Meta(min_length=1)]
    required: bool = True
    timeout_ms: Annotated[int, msgspec.Meta(ge=1, le=MAX_TIMEOUT_MS)] | None = None


def commands_of(given: object) -> tuple[CheckCommand, ...]:
    """
    Take a list of checks as objects of the fields of `CheckCommand`.

    Raises:
        InvalidType: it is no list.
        InvalidValue: one of them is not as it should be, two have the same id, or there is
            none; says which and why.
    """
    found = items_of(given, "commands", 'give [{"id": "tests", "command": "make test"}]')
    commands = tuple(_command(at, one) for at, one in enumerate(found, 1))
    if not commands:
        raise InvalidValue("There is nothing to verify.", hint="give at least one command")
    check_ids([command.id for command in commands])
    return commands


def items_of(given: object, name: str, hint: str) -> list[object]:
    """
    Give the items of a list.

    Raises:
        InvalidType: it is none; one text or one object is no list of its parts.
    """
    if isinstance(given, str | bytes | Mapping | msgspec.Struct) or not isinstance(given, Iterable):
        kind = type(cast("object", given)).__name__
        raise InvalidType(f"The {name} of a verification are a {kind}, not a list.", hint=hint)
    return list(cast("Iterable[object]", given))


def _command(at: int, given: object) -> CheckCommand:
    if isinstance(given, CheckCommand):
        return given
    try:
        command = msgspec.convert(plain(given), CheckCommand)
        msgspec.json.encode(command)
    except (msgspec.ValidationError, TypeError, RecursionError, UnicodeError) as error:
        raise InvalidValue(
            f"Command {at} of the verification is not accepted: {error}.",
            hint=f"its fields are {', '.join(CheckCommand.__struct_fields__)}",
        ) from error
    return command


def check_subject(subject: object) -> str:
    """
    Raises:
        InvalidType: it is no text.
        InvalidValue: it is empty, or longer than `MAX_NAME_CHARS`.
    """
    if not isinstance(subject, str):
        raise InvalidType(f"The subject of a verification is a {type(subject).__name__}, not str.")
    hint = f"name in 1 to {MAX_NAME_CHARS} characters what is checked, such as sdk:tests"
    if not subject or len(subject) > MAX_NAME_CHARS:
        raise InvalidValue(
            f"The subject of a verification has {len(subject)} characters.", hint=hint
        )
    try:
        subject.encode()
    except UnicodeError as error:
        raise InvalidValue(f"The subject of a verification is no text: {error}.") from error
    return subject


def check_ids(ids: Iterable[str]) -> None:
    """
    Raises:
        InvalidValue: one of them is there twice.
    """
    seen: set[str] = set()
    for each in ids:
        if each in seen:
            raise InvalidValue(f"Two checks have the id {each!r}.", hint="give each its own")
        seen.add(each)
