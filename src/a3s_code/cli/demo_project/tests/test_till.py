import unittest

from discounts import discount_percent
from money import shown
from till import Item, due


class DiscountTest(unittest.TestCase):
    def test_nine_of_an_item_have_no_discount(self):
        self.assertEqual(discount_percent(9), 0)

    def test_ten_of_an_item_have_the_first_discount(self):
        self.assertEqual(discount_percent(10), 10)

    def test_a_hundred_of_an_item_have_the_second_discount(self):
        self.assertEqual(discount_percent(100), 20)


class DueTest(unittest.TestCase):
    def test_a_basket_is_the_sum_of_its_discounted_lines(self):
        basket = [Item("nails", 5, 200), Item("hammer", 1999, 1)]
        self.assertEqual(shown(due(basket)), "27.99")


if __name__ == "__main__":
    unittest.main()
