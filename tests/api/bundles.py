"""Runs that are exported, and bundles that somebody changed."""

from __future__ import annotations

import asyncio
import hashlib
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from a3s_code import FileSessionStore, Session
from a3s_code.api.bundle import HASHES, LOG, MANIFEST, Manifest
from a3s_code.api.export import Exported, export_run
from a3s_code.api.replay import Difference, Replay, replay
from a3s_code.kernel.messages import JsonObject
from a3s_code.persistence.codec import GENESIS, link

Members = dict[str, bytes]


def sealed(manifest: JsonObject) -> bytes:
    """Write a manifest anew, with its digest, as somebody would who knows how."""
    return msgspec.convert({**manifest, "sha256": ""}, Manifest).sealed()


class Bundle:
    """A bundle on the disk, taken apart and put together again."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def members(self) -> Members:
        with zipfile.ZipFile(self.path) as file:
            return {name: file.read(name) for name in file.namelist()}

    @property
    def manifest(self) -> JsonObject:
        return json.loads(self.members[MANIFEST])

    @property
    def rows(self) -> list[JsonObject]:
        """What the records say; None where one was pruned."""
        lines = self.members[LOG].splitlines()
        return [json.loads(line) if line else None for line in lines]

    def with_members(self, change: Callable[[Members], object], *, seal: bool = True) -> Bundle:
        """Give a copy in which `change` was made, and the digests in the manifest again."""
        members = self.members
        change(members)
        if seal and MANIFEST in members:
            manifest = json.loads(members[MANIFEST])
            for name in manifest["members"].keys() & members.keys():
                manifest["members"][name] = hashlib.sha256(members[name]).hexdigest()
            members[MANIFEST] = sealed(manifest)
        return self.put_together(members)

    def with_manifest(self, **changes: Any) -> Bundle:
        return self.with_members(
            lambda members: members.update({MANIFEST: sealed({**self.manifest, **changes})})
        )

    def with_rows(
        self,
        change: Callable[[list[JsonObject]], object],
        holes: Mapping[int, str] | None = None,
    ) -> Bundle:
        """
        Change records, and make all hashes after them anew: a log that was forged.

        Args:
            holes: Sequences of records that get no body, and the hash that they get.
        """
        rows, empty = self.rows, holes or {}
        change(rows)
        bodies = [json.dumps(row, separators=(",", ":")).encode() for row in rows]
        bodies = [b"" if n in empty else body for n, body in enumerate(bodies)]
        heads = [GENESIS]
        for place, body in enumerate(bodies):
            made = link(heads[-1], body)
            heads.append(bytes.fromhex(empty[place]) if place in empty else made)
        hashes = [head.hex() for head in heads[1:]]

        def forge(members: Members) -> None:
            members[LOG] = b"".join(body + b"\n" for body in bodies)
            members[HASHES] = "".join(f"{hashed}\n" for hashed in hashes).encode()
            head = {"sequence": len(rows) - 1, "hash": hashes[-1]}
            members[MANIFEST] = sealed({**self.manifest, "head": head})

        return self.with_members(forge)

    def put_together(self, members: Members) -> Bundle:
        path = self.path.with_name("changed.a3s")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, data in members.items():
                file.writestr(name, data)
        return Bundle(path)

    def replay(self, **options: Any) -> Replay:
        return asyncio.run(replay(self.path, **options))

    def difference(self, **options: Any) -> Difference:
        found = self.replay(**options).difference
        assert found is not None, "it replays as if nothing had been changed"
        return found


def export(
    store: FileSessionStore,
    session: Session | str,
    path: Path,
    run: int = -1,
    session_id: str | None = None,
    *,
    force: bool = False,
) -> tuple[Exported, Bundle]:
    """Export a run of a session, the last one unless it is said, or the run of an id."""
    run_id = session if isinstance(session, str) else session.runs()[run]["id"]

    async def write() -> Exported:
        own = FileSessionStore(store.dir)
        try:
            return await export_run(own, run_id, path, session=session_id, force=force)
        finally:
            await own.close()

    return asyncio.run(write()), Bundle(path)
