"""All checks of a policy, in the order in which their findings are read."""

from __future__ import annotations

from collections.abc import Sequence

from a3s_code.harness.policy import CompiledPolicy
from a3s_code.harness.policy_lint import breadth, cover, emptiness, evasion, names, swallow
from a3s_code.harness.policy_lint.case import Case, Finding
from a3s_code.harness.trial import Trial

_CHECKS = (names.check, emptiness.check, cover.check, evasion.check, swallow.check, breadth.check)


def findings(
    policy: CompiledPolicy, trial: Trial, names: Sequence[str] = ()
) -> tuple[Finding, ...]:
    """
    Look a policy over.

    A finding with a witness is proved by it: the gate decided that very call as the finding
    says. That a rule covers another is proved for all texts.

    Args:
        names: Of tools that there may be, beside those of `trial`.
    """
    case = Case(policy, trial, frozenset((*trial.tools, *names)))
    return tuple(dict.fromkeys(found for check in _CHECKS for found in check(case)))
