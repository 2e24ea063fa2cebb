"""
Whether a request may need a plan, told by its form alone, in no language.

In the mode `auto` a question to the model decides whether a request is planned, and this decides
whether it is asked. It counts what a request asks for one by one: items of a list, statements,
and the parts of a row ("do this, do that, do the other, and the last"). It knows no words, so
it is neither fooled nor helped by them, and it is on the side of not asking: a greeting, a
question, a sentence or two are answered straight away. A wrong yes costs one small request; a
wrong no costs nothing but the plan, which `planning_mode="enabled"` forces.

Source:
    A3S Code README 3.x, "Planning" (no brittle keyword gate); DESIGN 6, row "planning".
"""

from __future__ import annotations

LEAST_CHARS = 80
"""What is shorter is never asked about; a sign of a script without spaces counts for several."""


def has_several_demands(prompt: str) -> bool:
    """Say whether a request asks for so much that a plan may help; microseconds."""
    if prompt.isascii() and len(prompt) < LEAST_CHARS:
        return False
    from a3s_code.harness.planning.demand_forms import are_several  # compiles many patterns

    return are_several(prompt, LEAST_CHARS)
