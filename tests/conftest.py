"""What was not run, or is known not to hold, is said and never quietly left out."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from prefix_audit import PrefixAudit
from receipt_audit import ReceiptAudit

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background, we would hand an ignored Ctrl-C on to every program.
    signal.signal(signal.SIGINT, signal.default_int_handler)

TESTS = Path(__file__).parent
WITHOUT_SESSIONS = frozenset({"llm", "testing"})
"""Folders of tests that ask models by themselves, which nobody writes receipts of."""
SHARED = "reads ../shared"


@pytest.fixture(autouse=True)
def receipts_add_up(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Generator[None]:
    """Hold every request of every test to its receipt: the parts add up to what was sent."""
    audit = ReceiptAudit(every=request.path.relative_to(TESTS).parts[0] not in WITHOUT_SESSIONS)
    audit.listen(monkeypatch)
    yield
    assert audit.faults == []


@pytest.fixture(autouse=True)
def no_prefix_changes_silently(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """Hold every request of every test to the one before it, byte for byte."""
    audit = PrefixAudit()
    audit.listen(monkeypatch)
    yield
    assert audit.faults == []


@pytest.fixture
def open_path() -> Iterator[Path]:
    """
    Give an empty directory that everybody may reach.

    It is not below that of pytest, which every start of pytest, also by a test, closes to others.
    """
    with tempfile.TemporaryDirectory(prefix="a3s-code-tests-") as directory:
        path = Path(directory)
        path.chmod(0o755)
        yield path


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None]:
    return (yield from _skipping_without_git())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    return (yield from _skipping_without_git())


def _skipping_without_git() -> Generator[None]:
    """Skip a test that starts git itself, where there is none."""
    try:
        return (yield)
    except FileNotFoundError as error:
        if error.filename == "git" and shutil.which("git") is None:
            pytest.skip("needs git")
        raise


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count skips by what they need, and tell what is known not to hold."""
    _tell_what_was_not_run(terminalreporter)
    for report in terminalreporter.stats.get("xfailed", []):
        terminalreporter.write_line(f"known not to hold: {report.nodeid}: {report.wasxfail}")


def _tell_what_was_not_run(reporter: pytest.TerminalReporter) -> None:
    reasons: Counter[str] = Counter()
    for report in reporter.stats.get("skipped", []):
        reason = str(report.longrepr[2]).removeprefix("Skipped: ")
        # Tests that are made from rows of the shared material have none without it.
        reasons[SHARED if reason.startswith("got empty parameter set") else reason] += 1
    if reasons[SHARED]:
        reporter.write_line(f"only beside ../shared: {reasons.pop(SHARED)} tests")
    for reason, count in sorted(reasons.items()):
        reporter.write_line(f"not run: {count} tests need {reason.removeprefix('needs ')}")
