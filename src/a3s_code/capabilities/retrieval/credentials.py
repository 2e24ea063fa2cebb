"""
Files that are there to hold keys and passwords, by what they are called.

A model may be allowed to read them, but nobody asked for them when context is gathered, so they
are sent nowhere by that.
"""

from __future__ import annotations

import re

_DIRECTORIES = frozenset(
    {".aws", ".azure", ".docker", ".gnupg", ".kube", ".password-store", ".ssh", ".terraform.d"}
)
_NAMES = frozenset(
    {
        *(".dockercfg", ".git-credentials", ".htpasswd", ".my.cnf", ".netrc", ".npmrc"),
        *(".pgpass", ".pypirc", ".vault-token", "_netrc", "credentials", "credentials.json"),
        *("id_dsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "id_rsa"),
        *("secrets.json", "secrets.toml", "secrets.yaml", "secrets.yml", "terraform.tfstate"),
    }
)
_ENDINGS = (
    *(".jks", ".kdbx", ".key", ".keystore", ".ovpn", ".p12", ".pem", ".pfx", ".pkcs12", ".ppk"),
    ".tfvars",
)
_ENVIRONMENT = re.compile(r"\.env(?:rc|\..+)?|.+\.env")
_EXAMPLES = (".dist", ".example", ".sample", ".template")


def holds_credentials(path: str) -> bool:
    """Say whether a path below the root names such a file, in any case."""
    *directories, name = path.lower().split("/")
    if not _DIRECTORIES.isdisjoint(directories) or ".git" in directories:
        return True
    if name.endswith(_EXAMPLES):
        return False
    return name in _NAMES or name.endswith(_ENDINGS) or _ENVIRONMENT.fullmatch(name) is not None
