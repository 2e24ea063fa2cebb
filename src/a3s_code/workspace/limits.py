"""What holds of every limit that a workspace elsewhere can be given."""

from __future__ import annotations

from a3s_code.errors import InvalidValue


def check_limits(whose: str, **limits: int | None) -> None:
    """
    Check limits by their names; None leaves one to its default.

    Raises:
        InvalidValue: one of them is not positive; says which.
    """
    for name, limit in limits.items():
        if limit is not None and limit < 1:
            raise InvalidValue(
                f"{name} of {whose} is {limit}.", hint="give a number above 0, or leave it out"
            )
