"""Discounts by quantity: from ten of an item on, and more from a hundred on."""

STEPS = ((100, 20), (10, 10))


def discount_percent(quantity: int) -> int:
    """Give the discount for a quantity, in percent; 0 below the first step."""
    for least, percent in STEPS:
        if quantity > least:
            return percent
    return 0
