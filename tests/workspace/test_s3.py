from __future__ import annotations

import pytest

from a3s_code.errors import InvalidValue
from a3s_code.workspace.s3 import S3WorkspaceBackend


def test_an_s3_workspace_holds_its_arguments_in_the_documented_order() -> None:
    backend = S3WorkspaceBackend("b", "p", "AKIA", "k3y", "https://e", "eu", "t0ken", True)

    assert (backend.bucket, backend.prefix, backend.access_key_id) == ("b", "p", "AKIA")
    assert (backend.endpoint, backend.region) == ("https://e", "eu")
    assert backend.force_path_style
    assert not backend.search_enabled
    assert backend.max_read_bytes is None


def test_secrets_of_an_s3_workspace_are_attributes_and_are_never_shown() -> None:
    backend = S3WorkspaceBackend("b", "p", "AKIA", "k3y", session_token="t0ken")

    assert (backend.secret_access_key, backend.session_token) == ("k3y", "t0ken")
    assert "k3y" not in repr(backend)
    assert "t0ken" not in repr(backend)


def test_a_workspace_without_a_bucket_is_refused() -> None:
    with pytest.raises(InvalidValue):
        S3WorkspaceBackend("", "p", "a", "s")


@pytest.mark.parametrize(
    "name",
    [
        "max_read_bytes",
        "max_objects_scanned",
        "max_grep_bytes_per_object",
        "search_concurrency",
    ],
)
def test_a_limit_that_is_not_positive_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(InvalidValue, match=name):
        S3WorkspaceBackend("b", "p", "a", "s", **{name: 0})
