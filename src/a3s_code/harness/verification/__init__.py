"""Verification: what was checked, by whom, and what it comes to."""
