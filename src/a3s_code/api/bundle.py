"""
A run as one file, to be checked by whoever gets it: without the store, the workspace, the
network or the model.

    manifest.json     what this is of, and what the rest has to give; see `Manifest`
    log.jsonl         the bodies of the session's records, byte for byte, up to the end of the
                      run; one a line, an empty line where one was pruned
    hashes.txt        the hash of each of them, in hex, one a line
    tools.json        the schemas of the tools that the model was shown last
    trees.pack        the files when the run began and when it ended, as trees in a pack of git
    blobs/<sha256>    what records name and the session still kept

It is a zip without dates or host names, members in the order of their names, so the same run
gives the same file. Everything in it but `made_by` follows from the log, and the log from the
head of its chain: whoever knows that hash from elsewhere has proof, and anybody else has
protection against accidents and partial edits only.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from a3s_code.errors import BundleError
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.plain import canonical

FORMAT = 1
MANIFEST, LOG, HASHES, TOOLS, TREES = (
    "manifest.json",
    "log.jsonl",
    "hashes.txt",
    "tools.json",
    "trees.pack",
)
BLOBS = "blobs/"

MAX_BYTES: Mapping[str, int] = {
    MANIFEST: 64 << 20,
    LOG: 512 << 20,
    HASHES: 256 << 20,
    TOOLS: 64 << 20,
    TREES: 1 << 30,
}
"""Of one member when it is unpacked; of a blob `MAX_BLOB_BYTES`."""
MAX_BLOB_BYTES = 256 << 20
MAX_TOTAL_BYTES = 3 << 30
MAX_MEMBERS = 60_000
"""Above this, and above 4 GiB, a zip has another form, which is not read."""

_PIECE = 1 << 20
_DATE = (1980, 1, 1, 0, 0, 0)
_BLOB = re.compile(r"blobs/[0-9a-f]{64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_END = struct.Struct("<4s4H2LH")
"""The end of a zip; APPNOTE 4.3.16."""
_MAX_DIRECTORY_BYTES = 16 << 20
_HINT = "ask for the file again; it is not what `a3s-code export` wrote"


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`sequence` is that of the last record, `hash` in hex."""

    sequence: int
    hash: str


class Trees(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """
    Attributes:
        begin, end: The files when the run began and ended, as ids of git; empty where nobody
            can tell.
        why: What is not there, and why; empty when both are.
    """

    begin: str = ""
    end: str = ""
    why: str = ""


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """
    Attributes:
        made_by: Version of A3S Code that wrote this.
        workspace: Name of the directory; its path is in the log.
        state: What the fold of the log has to give; see `facts`.
        gone: Digests of blobs that records name and the session did not keep.
        members: SHA-256 of each other member that is no blob.
        sha256: Of this manifest with this field empty.
    """

    format: int
    made_by: str
    session: str
    run: str
    workspace: str
    head: Head
    state: JsonObject
    trees: Trees
    gone: tuple[str, ...]
    members: dict[str, str]
    sha256: str = ""

    def sealed(self) -> bytes:
        """Give it as it is written, with its own digest in it."""
        blank = msgspec.structs.replace(self, sha256="")
        digest = hashlib.sha256(canonical(blank)).hexdigest()
        return canonical(msgspec.structs.replace(self, sha256=digest))


class _Format(msgspec.Struct):
    """What even the manifest of a later format has."""

    format: int


def read_manifest(data: bytes) -> Manifest:
    """
    Raises:
        BundleError: it is none, is of another format, or was changed.
    """
    try:
        given: object = json.loads(data)
        number = msgspec.convert(given, _Format).format
        if number != FORMAT:
            raise BundleError(
                f"The bundle has format {number}; this version knows {FORMAT}.",
                hint="use the version of A3S Code that wrote it, or a later one",
            )
        manifest = msgspec.convert(given, Manifest)
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        raise BundleError(f"{MANIFEST} cannot be read: {error}.", hint=_HINT) from None
    if manifest.sealed() != data:
        raise BundleError(f"{MANIFEST} was changed after it was written.", hint=_HINT)
    return manifest


# Writing


class BundleWriter:
    """Puts members into a new file, in the order of their names."""

    __slots__ = ("_count", "_total", "_zip")

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._zip, self._count, self._total = file, 0, 0

    def put(self, name: str, data: bytes) -> None:
        """
        Raises:
            BundleError: it would be too large to be read again.
        """
        self._count += 1
        self._total += len(data)
        if len(data) > _limit(name) or self._total > MAX_TOTAL_BYTES or self._count > MAX_MEMBERS:
            raise BundleError(
                f"The bundle would be too large: {name} has {len(data):,} bytes.",
                hint="export a run of a shorter session",
            )
        entry = zipfile.ZipInfo(name, _DATE)
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.create_system, entry.external_attr = 3, 0o600 << 16
        self._zip.writestr(entry, data)


# Reading


class BundleFile:
    """A bundle that is open. What is read comes from anybody, and is bounded before it is."""

    __slots__ = ("_entries", "_zip", "names")

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._zip = file
        self._entries = {entry.filename: entry for entry in file.infolist()}
        _check(file.infolist())
        self.names = frozenset(self._entries)

    @property
    def blobs(self) -> frozenset[str]:
        return frozenset(name.removeprefix(BLOBS) for name in self.names if name.startswith(BLOBS))

    def read(self, name: str) -> bytes:
        """
        Raises:
            BundleError: there is no such member, or it is damaged.
        """
        return b"".join(self._pieces(name))

    def digest(self, name: str) -> str:
        """Give the SHA-256 of a member, in hex; raises as `read`."""
        whole = hashlib.sha256()
        for piece in self._pieces(name):
            whole.update(piece)
        return whole.hexdigest()

    def _pieces(self, name: str) -> Iterator[bytes]:
        entry = self._entries.get(name)
        if entry is None:
            raise BundleError(f"The bundle has no {name}.", hint=_HINT)
        with _damage(name), self._zip.open(entry) as member:
            while piece := member.read(_PIECE):
                yield piece


@contextmanager
def opened(path: Path) -> Generator[BundleFile]:
    """
    Open a bundle during the block.

    Raises:
        BundleError: it cannot be read, or is none.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}.") from None
    with file:
        with _damage(str(path)):
            _check_end(file.read(4), _tail(path))
            archive = zipfile.ZipFile(file)
        with archive:
            yield BundleFile(archive)


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _END.size - 20))
        return file.read()


def _check_end(first: bytes, tail: bytes) -> None:
    """See that the directory of the zip is small before anything reads it."""
    if first != b"PK\x03\x04" or len(tail) < _END.size + 20:
        raise BundleError("It is no bundle.", hint=_HINT)
    mark, *_, count, size, _, comment = _END.unpack(tail[-_END.size :])
    is_large = tail.startswith(b"PK\x06\x07") or count > MAX_MEMBERS or size > _MAX_DIRECTORY_BYTES
    if mark != b"PK\x05\x06" or comment or is_large:
        raise BundleError("It is no bundle: the directory in it is too large, or none.", hint=_HINT)


def _check(entries: list[zipfile.ZipInfo]) -> None:
    seen = set[str]()
    for entry in entries:
        name = entry.filename
        if name in seen or (name not in MAX_BYTES and not _BLOB.fullmatch(name)):
            raise BundleError(f"The bundle holds {name!a}, which is no part of one.", hint=_HINT)
        seen.add(name)
        plain = entry.compress_type in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
        if entry.flag_bits & 1 or not plain:
            raise BundleError(f"{name} is encrypted, or packed in another way.", hint=_HINT)
        if entry.file_size > _limit(name):
            raise BundleError(f"{name} would be {entry.file_size:,} bytes.", hint=_HINT)
    if sum(entry.file_size for entry in entries) > MAX_TOTAL_BYTES:
        raise BundleError("The bundle would be too large when unpacked.", hint=_HINT)


def _limit(name: str) -> int:
    return MAX_BYTES.get(name, MAX_BLOB_BYTES)


@contextmanager
def _damage(what: str) -> Generator[None]:
    """Turn what the library says of bytes that anybody made into our error."""
    try:
        yield
    except (BundleError, GeneratorExit):
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
        raise BundleError(f"{what} is damaged: {error}.", hint=_HINT) from None
    except (NotImplementedError, RuntimeError, LookupError, TypeError, struct.error) as error:
        raise BundleError(f"{what} cannot be unpacked: {error}.", hint=_HINT) from None


def split_lines(data: bytes) -> list[bytes]:
    """
    Give the lines of `log.jsonl` or `hashes.txt`, each of which ends with a newline.

    Raises:
        BundleError: the last one does not.
    """
    lines = data.split(b"\n")
    if lines.pop():
        raise BundleError("The log in the bundle was cut off.", hint=_HINT)
    return lines


def is_sha256(text: str) -> bool:
    return _SHA256.fullmatch(text) is not None
