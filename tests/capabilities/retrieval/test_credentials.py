"""Files that hold credentials are known by their names, and others are not taken for them."""

from __future__ import annotations

import pytest

from a3s_code.capabilities.retrieval.credentials import holds_credentials


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        "a/.ENV",
        ".env.production",
        "prod.env",
        ".envrc",
        ".netrc",
        ".npmrc",
        ".ssh/config",
        "a/.aws/credentials",
        "id_rsa",
        "deploy/id_ed25519",
        "tls/server.key",
        "tls/CA.PEM",
        "store.jks",
        ".git/config",
        "sub/.git/HEAD",
        "credentials.json",
        "terraform.tfstate",
        "prod.tfvars",
        ".kube/config",
    ],
)
def test_what_holds_credentials(path: str) -> None:
    assert holds_credentials(path)


@pytest.mark.parametrize(
    "path",
    [
        ".env.example",
        ".env.sample",
        "env.py",
        "environment.md",
        "src/credentials.py",
        "id_rsa.pub",
        "keys.py",
        ".github/workflows/ci.yml",
        ".gitignore",
        "docs/secrets.md",
        "monkey.py",
        "tokens.ts",
    ],
)
def test_what_holds_none(path: str) -> None:
    assert not holds_credentials(path)
