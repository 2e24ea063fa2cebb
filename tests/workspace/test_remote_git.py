from __future__ import annotations

from typing import Any

import pytest

from a3s_code.errors import InvalidValue
from a3s_code.workspace.remote_git import RemoteGitBackendConfig


def test_a_remote_git_holds_its_arguments_in_the_documented_order() -> None:
    remote = RemoteGitBackendConfig("https://git", "r1", "t0ken", "CERT", "K3Y", 1, 2, 3)

    assert (remote.base_url, remote.repo_id) == ("https://git", "r1")
    assert (remote.bearer_token, remote.client_cert_pem, remote.client_key_pem) == (
        "t0ken",
        "CERT",
        "K3Y",
    )
    assert (remote.request_timeout_ms, remote.max_diff_bytes, remote.max_log_entries) == (1, 2, 3)


def test_secrets_of_a_remote_git_are_never_shown() -> None:
    shown = repr(RemoteGitBackendConfig("https://git", "r1", "t0ken", "CERT", "K3Y"))

    assert "t0ken" not in shown
    assert "K3Y" not in shown


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": "git.example.com"},
        {"base_url": "ssh://git"},
        {"base_url": "http://["},
        {"repo_id": ""},
        {"client_cert_pem": "CERT"},
        {"client_key_pem": "K3Y"},
        {"request_timeout_ms": 0},
        {"max_diff_bytes": 0},
        {"max_log_entries": -1},
    ],
)
def test_a_remote_git_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue) as caught:
        RemoteGitBackendConfig(**{"base_url": "https://git", "repo_id": "r", **wrong})
    assert "K3Y" not in str(caught.value)
