"""Why a store does not take a record or a blob: the words that all stores use."""

from __future__ import annotations

from a3s_code.errors import SessionInUse, SessionTakenOver, StoreError
from a3s_code.kernel.events import SessionId


def not_next(session: SessionId, sequence: int, expected: int) -> StoreError:
    """Refuse record `sequence` of a log whose next record is `expected`."""
    if sequence == 0:
        hint = "the store holds a session of this id; resume it, delete it, or take another id"
    elif sequence < expected:
        hint = "another writer went on with this session; resume it to have its records"
    else:
        hint = "the session was deleted or cut while it was in use; begin a new one"
    return StoreError(
        f"Record {sequence} of session {session!r} cannot be added: {expected} would be the next.",
        hint=hint,
    )


def not_its_digest(session: SessionId, sha256: str) -> StoreError:
    """Refuse a blob that was put under a digest that is not its own."""
    return StoreError(
        f"A blob of session {session!r} does not have the digest {sha256!r}.",
        hint="give the SHA-256 of the data in lower-case hex",
    )


def in_use(session: SessionId) -> SessionInUse:
    """Refuse a writer while another one is at work."""
    return SessionInUse(
        f"Session {session!r} is being written by somebody else now.",
        hint="wait until that run has ended, then resume the session",
    )


def taken_over(session: SessionId) -> SessionTakenOver:
    """Refuse a writer after another one has gone on with the session, or begun it anew."""
    return SessionTakenOver(
        f"Somebody else has gone on with session {session!r} since this one read it.",
        hint="resume it to go on from there",
    )
