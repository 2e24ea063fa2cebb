"""What a check has shown holds for the files that it ran on, and for those of no other tree."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_code.harness.verification.freshness import Step, Trail, doubts, is_cache, some
from a3s_code.kernel.snapshots import Difference
from a3s_code.kernel.verification import Check, CheckStatus, Ran, Report, Risk

Files = Mapping[str, str]


def tree(files: Files) -> str:
    return hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()


def between(before: Files, after: Files) -> tuple[Difference, ...]:
    paths = sorted({*before, *after})
    return tuple(
        Difference(path, before.get(path, ""), after.get(path, ""))
        for path in paths
        if before.get(path) != after.get(path)
    )


@dataclass
class Story:
    """Files, what checks and others did to them, and what is known of it."""

    files: dict[str, str]
    steps: list[Step] = field(default_factory=list)
    runs: list[Ran] = field(default_factory=list)
    ran_on: list[dict[str, str]] = field(default_factory=list)
    others: set[str] = field(default_factory=set)
    _left: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.others |= set(self.files)
        self._left = dict(self.files)

    def write(self, **files: str) -> None:
        for path, text in files.items():
            self.files[path] = text
            self.others.add(path)

    def remove(self, path: str) -> None:
        self.files.pop(path, None)

    def check(self, made: Files | None = None, gone: tuple[str, ...] = ()) -> Ran:
        before = dict(self.files)
        self.files.update(made or {})
        for path in gone:
            self.files.pop(path, None)
        meanwhile = between(self._left, before)
        self.steps.append(
            Step(tree(before), tree(self.files), meanwhile, between(before, self.files))
        )
        self._left = dict(self.files)
        ran = Ran(command="make", exit_code=0, tree=tree(before), tree_after=tree(self.files))
        self.runs.append(ran)
        self.ran_on.append(before)
        return ran

    def standing(self, ran: Ran) -> str:
        return Trail(self.steps).of(ran, tree(self.files)).standing


def reported(id_: str, ran: Ran | None, status: CheckStatus = "passed") -> Report:
    check = Check(id=id_, kind="test", description="", status=status, ran=ran)
    return Report(subject="s", checks=(check,))


NO_TREE = Risk(kind="no_tree", text="no git", check="t")


def test_a_check_holds_for_the_files_that_it_ran_on() -> None:
    story = Story({"a.py": "1"})
    ran = story.check()
    found = Trail(story.steps).of(ran, tree(story.files))
    assert (found.standing, found.why) == ("fresh", "")


def test_one_byte_that_is_changed_afterwards_makes_it_stale() -> None:
    story = Story({"a.py": "1"})
    ran = story.check()
    story.write(**{"a.py": "2"})
    assert story.standing(ran) == "stale"
    story.write(**{"a.py": "1"})
    assert story.standing(ran) == "fresh"  # the same files as those that it ran on


def test_a_deleted_file_and_a_new_one_make_it_stale() -> None:
    story = Story({"a.py": "1", "b.py": "1"})
    ran = story.check()
    story.remove("b.py")
    assert story.standing(ran) == "stale"
    story.write(**{"b.py": "1", "c.py": "1"})
    assert story.standing(ran) == "stale"


def test_what_checks_leave_behind_does_not_make_those_before_them_stale() -> None:
    story = Story({"a.py": "1"})
    lint = story.check()
    tests = story.check({"report.xml": "r1"})
    again = story.check({"report.xml": "r2", "out/b": "b"}, gone=("out/a",))
    assert [story.standing(ran) for ran in (lint, tests, again)] == ["fresh", "fresh", "fresh"]


def test_what_a_check_left_behind_is_a_write_when_somebody_else_changes_it() -> None:
    story = Story({"a.py": "1"})
    ran = story.check({"report.xml": "r1"})
    story.write(**{"report.xml": "mine"})
    assert story.standing(ran) == "stale"
    story.check({"report.xml": "r2"})
    assert story.standing(story.runs[1]) == "stale"  # it replaced a file of somebody else's


def test_what_a_check_left_behind_is_no_by_product_where_a_tool_has_written() -> None:
    story = Story({"a.py": "1"})
    ran = story.check({"b.py": "written by a tool while the check ran"})
    assert story.standing(ran) == "fresh"
    assert Trail(story.steps, {"b.py"}).of(ran, tree(story.files)).standing == "stale"


def test_a_check_that_rewrites_a_source_has_not_checked_what_it_left() -> None:
    story = Story({"a.py": "x=1"})
    ran = story.check({"a.py": "x = 1"})
    found = Trail(story.steps).of(ran, tree(story.files))
    assert (found.standing, found.changed) == ("stale", ("a.py",))
    (risk,) = doubts(reported("fmt", ran), Trail(story.steps), tree(story.files))
    assert (risk.kind, risk.check) == ("changed_files", "fmt")
    again = story.check()
    assert story.standing(again) == "fresh"
    assert story.standing(ran) == "stale"


def test_a_file_that_was_there_before_does_not_become_a_by_product() -> None:
    story = Story({"a.py": "1", "coverage.xml": "old"})
    ran = story.check({"coverage.xml": "new"})
    assert story.standing(ran) == "stale"
    deleted = Story({"a.py": "1", "coverage.xml": "old"})
    deleted.check()
    deleted.remove("coverage.xml")
    assert deleted.standing(deleted.check({"coverage.xml": "new"})) == "stale"


@pytest.mark.parametrize(
    "path", ["__pycache__/a.cpython-311.pyc", "x/.pytest_cache/v/lastfailed", ".coverage"]
)
def test_caches_that_were_there_before_may_be_made_anew_by_a_check_and_by_nobody_else(
    path: str,
) -> None:
    story = Story({"a.py": "1", path: "old"})
    ran = story.check({path: "new"})
    assert story.standing(ran) == "fresh"
    story.write(**{path: "by hand"})
    assert story.standing(ran) == "stale"


@pytest.mark.parametrize("path", ["pycache/a.py", "src/coverage.py", ".coveragerc", "cache/a"])
def test_only_the_caches_of_tools_are_caches(path: str) -> None:
    assert not is_cache(path)


def test_what_nobody_can_tell_holds_for_nothing() -> None:
    trail = Trail([])
    nowhere, there = Ran(command="x"), Ran(command="x", tree="t", tree_after="t")
    assert trail.of(nowhere, "t").standing == "unknown"
    assert trail.of(there, "").standing == "unknown"
    assert [risk.kind for risk in doubts(reported("t", nowhere), trail, "t")] == ["no_tree"]
    said = Report(subject="s", checks=reported("t", nowhere).checks, residual_risks=(NO_TREE,))
    assert doubts(said, trail, "t") == ()


def test_only_what_passed_can_lose_its_proof() -> None:
    story = Story({"a.py": "1"})
    ran = story.check()
    story.write(**{"a.py": "2"})
    trail, now = Trail(story.steps), tree(story.files)
    assert [risk.kind for risk in doubts(reported("t", ran), trail, now)] == ["stale"]
    assert doubts(reported("t", ran, "failed"), trail, now) == ()
    assert doubts(reported("t", None), trail, now) == ()


def test_a_step_that_nobody_can_follow_leads_nowhere() -> None:
    trail = Trail([Step("a", "b", (), None), Step("b", "", (), ())])
    ran = Ran(command="x", tree="a", tree_after="b")
    assert trail.of(ran, "b").standing == "stale"
    assert trail.of(ran, "a").standing == "fresh"


def test_a_few_paths_are_named_and_the_rest_is_counted() -> None:
    assert some(["a", "b"]) == "a, b"
    assert some([*"abcdefg"]) == "a, b, c, d, e and 2 more"


NAMES = st.sampled_from(["a.py", "b.py", "report.xml", "__pycache__/a.pyc"])
TEXTS = st.sampled_from(["1", "2"])
MADE = st.dictionaries(NAMES, TEXTS, max_size=2)
DEEDS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), NAMES, TEXTS),
        st.tuples(st.just("remove"), NAMES),
        st.tuples(st.just("check"), MADE, st.lists(NAMES, max_size=1)),
    ),
    max_size=12,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(NAMES, TEXTS), DEEDS)
def test_whatever_happens_fresh_evidence_is_about_the_sources_of_now(
    files: dict[str, str], deeds: list[tuple]
) -> None:
    """Where it is fresh, nothing differs but caches and what nobody but checks ever wrote."""
    story = Story(dict(files))
    for deed, *rest in deeds:
        if deed == "write":
            story.write(**{rest[0]: rest[1]})
        elif deed == "remove":
            story.remove(rest[0])
        else:
            story.check(rest[0], tuple(rest[1]))
    for ran, on in zip(story.runs, story.ran_on, strict=True):
        differing = {each.path for each in between(on, story.files)}
        trail = Trail(story.steps, story.others)
        standing = trail.of(ran, tree(story.files)).standing
        if not differing:
            assert standing == "fresh"
        elif any(path in story.others and not is_cache(path) for path in differing):
            assert standing == "stale"


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(NAMES, TEXTS, min_size=1), DEEDS, st.data())
def test_whatever_happened_a_byte_that_is_changed_by_hand_at_the_end_is_no_proof(
    files: dict[str, str], deeds: list[tuple], data: st.DataObject
) -> None:
    story = Story(dict(files))
    for deed, *rest in deeds:
        if deed == "check":
            story.check(rest[0], tuple(rest[1]))
    ran = story.check()
    path = data.draw(st.sampled_from(sorted(story.files) or ["a.py"]))
    story.write(**{path: "changed by hand"})
    assert story.standing(ran) == "stale"
