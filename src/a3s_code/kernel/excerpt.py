"""What is shown of a text that is too long to be shown as a whole."""

from __future__ import annotations


def excerpt(text: str, head: int, tail: int = 0) -> str:
    """
    Give a text, or the beginning and the end of a longer one, which says how much it leaves out.

    Args:
        head, tail: Characters of each.
    """
    left = len(text) - head - tail
    if left <= 0:
        return text
    end = f"\n{text[head + left :]}" if tail else ""
    return f"{text[:head]}\n[{left} characters left out]{end}"
