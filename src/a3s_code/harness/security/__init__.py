"""The security provider, and what a session makes of it."""
