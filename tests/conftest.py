"""What was not run is said, and never quietly left out."""

from __future__ import annotations

import signal
from collections import Counter

import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background, we would hand an ignored Ctrl-C on to every program.
    signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED = "reads ../shared"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count skips by what they need, and what runs only beside the shared material."""
    reasons: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        reason = str(report.longrepr[2]).removeprefix("Skipped: ")
        # Tests that are made from rows of the shared material have none without it.
        reasons[SHARED if reason.startswith("got empty parameter set") else reason] += 1
    if reasons[SHARED]:
        terminalreporter.write_line(f"only beside ../shared: {reasons.pop(SHARED)} tests")
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"not run: {count} tests need {reason.removeprefix('needs ')}")
