from __future__ import annotations

from a3s_code import SkillInfo, builtin_skills
from a3s_code.capabilities.skills.builtin import texts
from a3s_code.capabilities.skills.validator import RESERVED_NAMES, DefaultSkillValidator

CODE = ("read(*)", "grep(*)", "glob(*)")


def test_there_are_seven_and_each_says_what_it_is_for() -> None:
    listed = builtin_skills()
    assert {each.name for each in listed} == RESERVED_NAMES
    assert len(listed) == 7
    assert all(isinstance(each, SkillInfo) and each.description for each in listed)
    assert [each.kind for each in listed] == ["instruction"] * 4 + ["tool"] * 3


def test_each_names_no_more_tools_than_it_needs() -> None:
    assert {skill.name: skill.allowed_tools for skill in texts()} == {
        "code-search": CODE,
        "code-review": CODE,
        "explain-code": CODE,
        "find-bugs": CODE,
        "builtin-tools": None,
        "delegate-task": ("task(*)",),
        "find-skills": ("search_skills(*)",),
    }


def test_they_keep_the_rules_for_others_but_for_their_names() -> None:
    public = DefaultSkillValidator(is_public=True)
    for skill in texts():
        public.validate(skill)
        assert len(skill.body.encode()) < 2_500
