"""A map of the workspace: what is defined where, the most used first."""
