from __future__ import annotations

from pathlib import Path

import pytest

from a3s_code.testing import MEDIUM_CHECKS, MediumCheck
from ports.mediums import BROKEN, Directory, Shelf


@pytest.mark.parametrize("check", MEDIUM_CHECKS, ids=lambda check: check.__name__)
async def test_what_our_store_leaves_behind_is_as_it_promised(
    check: MediumCheck, tmp_path: Path
) -> None:
    await check(Directory(tmp_path))


@pytest.mark.parametrize("check", MEDIUM_CHECKS, ids=lambda check: check.__name__)
async def test_every_check_passes_a_medium_that_keeps_its_promise(check: MediumCheck) -> None:
    await check(Shelf())


@pytest.mark.parametrize("check", MEDIUM_CHECKS, ids=lambda check: check.__name__)
async def test_every_check_notices_a_medium_that_breaks_its_promise(check: MediumCheck) -> None:
    with pytest.raises(AssertionError):
        await check(BROKEN[check]())
