"""Two edits of one file at the same time: both are there in the end, or one says why not."""

from __future__ import annotations

import asyncio
import os

from api.house import House

ROUNDS = 500 if os.environ.get("A3S_RACES") == "all" else 50


async def test_no_edit_is_lost_without_a_word(house: House) -> None:
    session = house.async_session()
    file = house.put("both.txt")
    try:
        for _ in range(ROUNDS):
            file.write_text("a\nb\n")
            done = await asyncio.gather(
                session.tool(
                    "edit", {"file_path": "both.txt", "old_string": "a", "new_string": "A"}
                ),
                session.tool(
                    "edit", {"file_path": "both.txt", "old_string": "b", "new_string": "B"}
                ),
            )
            took = [result.exit_code == 0 for result in done]
            assert any(took)
            assert file.read_text() == f"{'A' if took[0] else 'a'}\n{'B' if took[1] else 'b'}\n"
    finally:
        await session.close()
