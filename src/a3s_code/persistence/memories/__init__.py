"""Stores of long-term memory, and the index that they recall from."""
