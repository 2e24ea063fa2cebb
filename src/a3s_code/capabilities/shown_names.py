"""How the names of files are shown: one line each, in text that any sink can encode."""

from __future__ import annotations


def shown_name(name: str) -> str:
    """Give `name` as it is where it can be printed, else with its odd parts escaped."""
    if name.isprintable():
        return name
    return name.encode("unicode_escape").decode("ascii")
