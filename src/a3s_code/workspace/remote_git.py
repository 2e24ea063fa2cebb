"""The service that runs git for a workspace which cannot, as a value."""

from __future__ import annotations

from dataclasses import dataclass, field

from a3s_code.checks import check_address, check_limits
from a3s_code.errors import InvalidValue


@dataclass(frozen=True, slots=True)
class RemoteGitBackendConfig:
    """
    Where git questions about a remote workspace are asked, for the option `remote_git`.

    Attributes:
        base_url: An `http` or `https` address.
        repo_id: The repository's name there.
        bearer_token, client_cert_pem, client_key_pem: Who asks; the token and the key are
            never shown. Certificate and key go together.
        request_timeout_ms: None = 30,000.
        max_diff_bytes: Bytes of a diff that are taken; None = 1 MiB.
        max_log_entries: Commits that one log shows; None = 200.

    Raises:
        InvalidValue: `base_url` is no such address, `repo_id` is empty, only one of
            certificate and key is given, or a limit is not positive.

    Source:
        SPEC 16.1.
    """

    base_url: str
    repo_id: str
    bearer_token: str | None = field(default=None, repr=False)
    client_cert_pem: str | None = field(default=None, repr=False)
    client_key_pem: str | None = field(default=None, repr=False)
    request_timeout_ms: int | None = None
    max_diff_bytes: int | None = None
    max_log_entries: int | None = None

    def __post_init__(self) -> None:
        check_address(
            "base_url of the remote git",
            self.base_url,
            ("http", "https"),
            "https://git.example.com",
        )
        if not self.repo_id:
            raise InvalidValue("repo_id of the remote git is empty.", hint="name the repository")
        if (self.client_cert_pem is None) != (self.client_key_pem is None):
            raise InvalidValue(
                "The remote git was given only one of client_cert_pem and client_key_pem.",
                hint="give both or neither",
            )
        check_limits(
            "the remote git",
            request_timeout_ms=self.request_timeout_ms,
            max_diff_bytes=self.max_diff_bytes,
            max_log_entries=self.max_log_entries,
        )
