"""Changing a text exactly where it was meant to change: the engines of `edit` and `patch`."""
