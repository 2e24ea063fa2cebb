from __future__ import annotations

from pathlib import Path

import pytest

from a3s_code.errors import InvalidValue
from a3s_code.workspace.backend import LocalWorkspaceBackend


def test_a_local_workspace_holds_its_root_as_given() -> None:
    assert LocalWorkspaceBackend("/my-project").root == "/my-project"
    assert LocalWorkspaceBackend(Path("p")).root == Path("p")


def test_a_local_workspace_without_a_root_is_refused() -> None:
    with pytest.raises(InvalidValue):
        LocalWorkspaceBackend("")
