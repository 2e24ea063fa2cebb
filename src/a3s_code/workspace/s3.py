"""The workspace in object storage that speaks S3, as a value."""

from __future__ import annotations

from dataclasses import dataclass, field

from a3s_code.checks import check_limits
from a3s_code.errors import InvalidValue


@dataclass(frozen=True, slots=True)
class S3WorkspaceBackend:
    """
    The objects a session works on, for the option `workspace_backend`.

    Attributes:
        prefix: Of all keys; the workspace's root.
        access_key_id, secret_access_key, session_token: Who asks; the latter two are
            never shown.
        endpoint: Address of the service; None = AWS.
        region: None = `us-east-1`.
        force_path_style: Address buckets by path, as MinIO, RustFS and R2 want it.
        max_read_bytes: Largest object that is read; None = 10 MiB.
        search_enabled: Let `grep` and `glob` list and read objects.
        max_objects_scanned: Objects that one search looks at; None = 500.
        max_grep_bytes_per_object: Bytes of an object that are searched; None = 1 MiB.
        search_concurrency: Objects read at once by a search; None = 8.

    Raises:
        InvalidValue: the bucket is empty, or a limit is not positive.

    Source:
        A3S Code Python SDK, "Full API"; SPEC 16.1.
    """

    bucket: str
    prefix: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    endpoint: str | None = None
    region: str | None = None
    session_token: str | None = field(default=None, repr=False)
    force_path_style: bool = False
    max_read_bytes: int | None = None
    search_enabled: bool = False
    max_objects_scanned: int | None = None
    max_grep_bytes_per_object: int | None = None
    search_concurrency: int | None = None

    def __post_init__(self) -> None:
        if not self.bucket:
            raise InvalidValue("The bucket of an S3 workspace is empty.", hint="name the bucket")
        check_limits(
            "an S3 workspace",
            max_read_bytes=self.max_read_bytes,
            max_objects_scanned=self.max_objects_scanned,
            max_grep_bytes_per_object=self.max_grep_bytes_per_object,
            search_concurrency=self.search_concurrency,
        )
