"""
The environment that programs get: an allow-list, so that a key of the host never leaks.

What is not named here, the host names with `pass_env`, or a call gives it itself. There are
no proxies on the list, since their addresses often hold a password, and nothing that makes
a program load code (`LD_PRELOAD`, `PYTHONPATH`, `BASH_ENV`, `GIT_SSH_COMMAND`).

Source: INVARIANTS 21.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping

ALLOWED = frozenset(
    {
        # who and where
        *("HOME", "LOGNAME", "PATH", "SHELL", "TMPDIR", "USER"),
        # language, time and terminal
        *("COLORTERM", "LANG", "LANGUAGE", "NO_COLOR", "TERM", "TZ"),
        # where toolchains live; each is a path
        *("CARGO_HOME", "CONDA_PREFIX", "GOPATH", "GOROOT", "JAVA_HOME", "NVM_DIR"),
        *("PYENV_ROOT", "RUSTUP_HOME", "VIRTUAL_ENV"),
        # which authorities are trusted; each is a path
        *("NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR", "SSL_CERT_FILE"),
    }
)


def child_environment(
    host: Mapping[str, str], also: Collection[str] = (), extra: Mapping[str, str] | None = None
) -> dict[str, str]:
    """
    Choose from the host's environment.

    Args:
        also: More names to let through.
        extra: Wins over the host. A value here is the caller's own decision.

    Returns:
        With a `PATH` in any case, from which entries that are no absolute path are gone:
        they would run whatever lies in the directory of the call.
    """
    chosen = {
        name: value
        for name, value in host.items()
        if name in ALLOWED or name.startswith("LC_") or name in also
    }
    entries = chosen.get("PATH", os.defpath).split(os.pathsep)
    chosen["PATH"] = os.pathsep.join(filter(os.path.isabs, entries)) or os.defpath
    return chosen | dict(extra or {})
