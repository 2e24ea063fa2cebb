"""Questions to git and changes by it: the tools are in `tool.py`."""
