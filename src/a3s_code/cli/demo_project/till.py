"""What is due for a basket of items."""

from dataclasses import dataclass

from discounts import discount_percent
from money import percent_of


@dataclass(frozen=True)
class Item:
    name: str
    cents: int
    quantity: int


def due(items: list[Item]) -> int:
    """Add up all items, each with its quantity discount, in cents."""
    return sum(_line(item) for item in items)


def _line(item: Item) -> int:
    full = item.cents * item.quantity
    return full - percent_of(full, discount_percent(item.quantity))
