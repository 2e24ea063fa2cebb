"""
Run the tests: all of them, then once more a part with asyncio's debug mode.

The debug run lists callbacks that held the loop for long; the list is for reading, and
decides nothing. Arguments are handed to pytest, and then the debug run is left out.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
DEBUGGED = ("tests/api", "tests/kernel")
SLOW = re.compile(r"Executing .* took [0-9.]+ seconds")


def main() -> int:
    extra = sys.argv[1:]
    status = _pytest(extra)
    if not extra:
        status = _debugged() or status
    return status


def _pytest(arguments: list[str]) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", "-q", *arguments], cwd=ROOT).returncode  # noqa: PLW1510 - the status is the result


def _debugged() -> int:
    """Run a part with asyncio's debug mode, and show what held its loops for long."""
    command = [
        sys.executable,
        "-X",
        "dev",
        "-m",
        "pytest",
        "-q",
        "-o",
        "log_level=WARNING",
        *DEBUGGED,
    ]
    command += ["-o", "log_file=.pytest_cache/asyncio-debug.log", "-W", "default"]
    (ROOT / ".pytest_cache").mkdir(exist_ok=True)
    print("\nOnce more with asyncio's debug mode:", flush=True)
    run = subprocess.run(command, cwd=ROOT)  # noqa: PLW1510 - as above
    log = (ROOT / ".pytest_cache/asyncio-debug.log").read_text(encoding="utf-8")
    slow = sorted(set(SLOW.findall(log)))
    print(f"callbacks over 100 ms: {len(slow)}")
    for line in slow[:20]:
        print(f"  {line[:200]}")
    return run.returncode


if __name__ == "__main__":
    raise SystemExit(main())
