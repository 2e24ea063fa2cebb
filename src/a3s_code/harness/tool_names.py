"""Tools whose calls the gate reads more closely than their subject as one text."""

SHELL_TOOL = "bash"
SANDBOX_TOOL = "sandbox"
TASK_TOOL, TASKS_TOOL = "task", "parallel_task"
SHELL_TOOLS = frozenset({SHELL_TOOL, SANDBOX_TOOL})
"""Their subject is a command line."""

WRITE_TOOL = "write"
"""Whose rules decide about the files that redirections write."""
