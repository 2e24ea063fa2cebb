"""
Verdicts are those of the JSON-Schema-Test-Suite for every keyword that is checked.

The suite is not part of the project: `JSON_SCHEMA_TEST_SUITE` names a checkout of it, or it lies
beside the shared material. A few cases of our own stand in `test_verdicts.py`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from a3s_code.harness.objects.keywords import KEYWORDS, REFUSED, walk
from a3s_code.harness.objects.schema import SchemaRefused, accept

BESIDE = Path(__file__).parents[3] / "../shared/corpora/json-schema-test-suite"
SUITE = Path(os.environ.get("JSON_SCHEMA_TEST_SUITE") or BESIDE) / "tests/draft2020-12"

NOT_CHECKED = frozenset({"dynamicRef", "refRemote", "vocabulary"})
"""Files about what is refused: what leads out of a schema, or gives its words another meaning."""


class Case(NamedTuple):
    file: str
    group: str
    schema: Any
    tests: list[dict[str, Any]]


def cases() -> Iterator[Case]:
    for path in sorted(SUITE.glob("*.json")):
        for group in json.loads(path.read_text(encoding="utf-8")):
            yield Case(path.stem, group["description"], group["schema"], group["tests"])


def verdict(schema: Any, value: Any) -> bool | None:
    """Give ours; None when the schema is refused. A boolean schema stands inside another."""
    whole = {"allOf": [schema]} if isinstance(schema, bool) else schema
    try:
        return not accept(whole).faults(value)
    except SchemaRefused:
        return None


def may_be_refused(schema: Any) -> bool:
    """Say whether a schema uses what is not checked, or leads to another document."""
    for steps, each in walk(schema):
        if isinstance(each, bool):
            continue
        if not {*REFUSED}.isdisjoint(each) or (steps and "$id" in each):
            return True
        ref = each.get("$ref")
        if isinstance(ref, str) and not ref.startswith("#"):
            return True
        dialect = each.get("$schema")
        if isinstance(dialect, str) and "json-schema.org" not in dialect:
            return True
    return False


CASES = list(cases()) if SUITE.exists() else []


@pytest.mark.skipif(not CASES, reason="reads ../shared")
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.file}: {case.group}")
def test_a_verdict_is_that_of_the_suite(case: Case) -> None:
    for test in case.tests:
        ours = verdict(case.schema, test["data"])
        if ours is None:
            assert may_be_refused(case.schema), case.schema
        else:
            assert ours is test["valid"], (case.schema, test)


@pytest.mark.skipif(not CASES, reason="reads ../shared")
def test_every_file_of_the_suite_is_about_what_is_checked_or_known_not_to_be() -> None:
    about = {
        **dict.fromkeys(("defs", "infinite-loop-detection", "ref"), "$ref"),
        "if-then-else": "if",
        "anchor": "$anchor",
        "boolean_schema": "not",
        **dict.fromkeys(("content", "default", "format"), ""),  # notes, which decide nothing
    }
    for file in {case.file for case in CASES} - NOT_CHECKED:
        assert about.get(file, file) in {*KEYWORDS, ""}, file
