"""Amounts of money in cents; no floats, so that nothing is lost in between."""


def percent_of(cents: int, percent: int) -> int:
    """Take a percentage, rounded half up to a whole cent."""
    return (cents * percent + 50) // 100


def shown(cents: int) -> str:
    """Write an amount for people: 1234 is 12.34."""
    return f"{cents // 100}.{cents % 100:02d}"
