"""What a model of the caller's own gives that no log could hold is refused at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from a3s_code.errors import ModelRefused
from a3s_code.kernel.events import TextDelta
from a3s_code.kernel.messages import Message, Text, Usage
from a3s_code.kernel.ports import ModelRequest, Reply, ReplyListener
from a3s_code.persistence.codec import decode, encode
from kernel.bench import Bench, Play

SAID = Message("assistant", (Text("Hello."),))


class Foreign:
    """Gives what it was told to, after it showed what it was told to."""

    ref, context_window = "own/model", 1_000

    def __init__(self, reply: Any, shown: Any = "Hel") -> None:
        self._reply, self._shown = reply, shown

    async def reply(self, request: ModelRequest, listener: ReplyListener) -> Reply:
        listener.delta(TextDelta(text=self._shown))
        return self._reply


async def test_an_answer_that_is_one_is_taken(tmp_path: Path) -> None:
    assert (await Play(Bench(tmp_path), Foreign(Reply(SAID, Usage()))).run()).text == "Hello."


@pytest.mark.parametrize(
    "model",
    [
        Foreign("Hello."),
        Foreign(None),
        Foreign(Reply(SAID, Usage(), stop=5)),  # type: ignore[arg-type]
        Foreign(Reply(SAID, Usage("many"))),  # type: ignore[arg-type]
        Foreign(Reply(Message("foo", ()), Usage())),  # type: ignore[arg-type]
        Foreign(Reply(Message("assistant", (Text(5),)), Usage())),  # type: ignore[arg-type]
        Foreign(Reply(SAID, Usage()), shown=5),
    ],
)
async def test_an_answer_that_no_log_could_hold_is_refused(model: Foreign, tmp_path: Path) -> None:
    run = Play(Bench(tmp_path), model)
    with pytest.raises(ModelRefused):
        await run.run()

    for record in run.bench.log.records:
        assert decode(encode(record)) == record
