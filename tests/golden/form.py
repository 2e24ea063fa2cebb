"""
Golden logs: sessions as versions of this project have stored them.

    tests/golden/<version>/<name>.log           a line for each record: its hash in hex, its body
    tests/golden/<version>/<name>.state.json    what their fold was then

They are written once, by `tools/golden_log.py`, and never again.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, cast

import msgspec

from a3s_code.kernel.messages import Conversation, JsonObject
from a3s_code.kernel.records import Record
from a3s_code.kernel.state import SessionState
from a3s_code.persistence.codec import GENESIS, encode, link

GOLDEN = Path(__file__).parent


class Line(NamedTuple):
    hash: bytes
    body: bytes


def golden_logs(root: Path = GOLDEN) -> list[Path]:
    """List every golden log, all versions."""
    return sorted(root.glob("*/*.log"))


def lines_of(log: Path) -> list[Line]:
    split = (line.split(b" ", 1) for line in log.read_bytes().splitlines())
    return [Line(bytes.fromhex(hash_.decode()), body) for hash_, body in split]


def state_file(log: Path) -> Path:
    return log.with_suffix(".state.json")


def write_log(log: Path, records: Iterable[Record], state: SessionState) -> None:
    """
    Raises:
        FileExistsError: there is a golden log of this name.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("xb") as file:
        head = GENESIS
        for record in records:
            body = encode(record)
            head = link(head, body)
            file.write(head.hex().encode() + b" " + body + b"\n")
    text = json.dumps(state_as_json(state), indent=1)
    state_file(log).write_text(text + "\n", encoding="ascii")


def state_as_json(state: SessionState) -> JsonObject:
    """Give every part of a state; mappings as lists of pairs, so that their order counts."""
    return {name: _as_json(getattr(state, name)) for name in sorted(SessionState.__slots__)}


def _as_json(part: object) -> Any:
    if isinstance(part, Conversation):
        part = part.messages
    if isinstance(part, dict):
        part = list(part.items())
    if isinstance(part, set):
        part = sorted(cast("set[str]", part))
    return json.loads(json.dumps(msgspec.to_builtins(part)))


def differences(then: Any, now: Any, place: str = "") -> list[str]:
    """
    Say where `now` is not what `then` was.

    A field that objects have gained since is no difference: it has a default, or nothing of
    that time could be read.
    """
    if isinstance(then, dict) and isinstance(now, dict):
        lost = [f"{place}.{name} is gone" for name in then if name not in now]
        both = [name for name in then if name in now]
        inside = [differences(then[name], now[name], f"{place}.{name}") for name in both]
        return list(itertools.chain(lost, *inside))
    if isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        pairs = enumerate(zip(then, now, strict=True))
        inside = [differences(*pair, f"{place}[{at}]") for at, pair in pairs]
        return list(itertools.chain(*inside))
    return [] if then == now else [f"{place} was {then!r} and is {now!r}"]
