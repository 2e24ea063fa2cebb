"""How the programs of a session are held, and that its log says so first."""

from __future__ import annotations

import pytest

from a3s_code.testing import calls, says
from api.house import House


def test_x(house):
    s = house.session(
        calls(
            "bash",
            command="id; pwd; echo hi > a; echo x > /etc/zz; cat /etc/shadow; curl http://example.org; git init; mkdir .vscode; ls -la . ; cat /proc/1/cmdline",
        ),
        says("ok"),
    )
    for e in s.stream("go"):
        print(e)
    print(list((house.root).iterdir()))
    s._inner if hasattr(s, "_inner") else None
    assert 0
