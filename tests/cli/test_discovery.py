"""Which configuration is used, by the order that SPEC 16.4 gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from a3s_code.cli.discovery import VARIABLES, brought_by, find
from a3s_code.errors import ConfigError

# Weakest last; each is a place below the test's own directory.
PLACES = (
    "above/here/.a3s/config.acl",
    "above/.a3s/config.acl",
    "above/here/agent.acl",
    "above/here/agent.hcl",
    "home/.a3s/config.acl",
    "home/.a3s/config.hcl",
)


def look(base: Path, given: str | None = None, environment: dict[str, str] | None = None) -> Path:
    return find(given, environment or {}, base / "above/here", base / "home").path


def put(base: Path, *places: str) -> None:
    for place in places:
        (base / place).parent.mkdir(parents=True, exist_ok=True)
        (base / place).touch()


@pytest.mark.parametrize("first", range(len(PLACES)))
def test_the_first_place_that_has_one_is_used(first: int, tmp_path: Path) -> None:
    put(tmp_path, *PLACES[first:])

    assert look(tmp_path) == tmp_path / PLACES[first]


def test_variables_come_before_places_and_the_flag_before_variables(tmp_path: Path) -> None:
    put(tmp_path, *PLACES, "flag.acl", "one.acl", "two.acl")
    one, two = str(tmp_path / "one.acl"), str(tmp_path / "two.acl")
    both = {"A3S_CONFIG": one, "A3S_CONFIG_FILE": two}

    assert look(tmp_path, str(tmp_path / "flag.acl"), both) == tmp_path / "flag.acl"
    assert look(tmp_path, None, both) == tmp_path / "one.acl"
    assert look(tmp_path, None, {"A3S_CONFIG_FILE": two}) == tmp_path / "two.acl"


def test_an_empty_variable_is_as_good_as_none(tmp_path: Path) -> None:
    put(tmp_path, PLACES[2])

    assert look(tmp_path, None, {"A3S_CONFIG": ""}) == tmp_path / PLACES[2]


@pytest.mark.parametrize(
    ("given", "environment", "source"),
    [
        ("gone.acl", {}, "-c"),
        (None, {"A3S_CONFIG": "gone.acl"}, "$A3S_CONFIG"),
        (None, {"A3S_CONFIG_FILE": "gone.acl"}, "$A3S_CONFIG_FILE"),
    ],
)
def test_one_that_was_named_and_is_not_there_is_not_passed_over(
    given: str | None, environment: dict[str, str], source: str, tmp_path: Path
) -> None:
    put(tmp_path, *PLACES)

    with pytest.raises(ConfigError) as caught:
        look(tmp_path, given, environment)
    assert source in str(caught.value)
    assert "gone.acl" in str(caught.value)


def test_a_directory_is_no_configuration(tmp_path: Path) -> None:
    (tmp_path / PLACES[2]).mkdir(parents=True)
    put(tmp_path, PLACES[3])

    assert look(tmp_path) == tmp_path / PLACES[3]
    with pytest.raises(ConfigError, match="no file"):
        look(tmp_path, str(tmp_path / PLACES[2]))


def test_none_anywhere_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"write agent\.acl here"):
        look(tmp_path)


@pytest.mark.parametrize("place", PLACES)
def test_only_what_was_named_or_is_the_users_own_is_chosen(place: str, tmp_path: Path) -> None:
    put(tmp_path, place)
    here, home = tmp_path / "above/here", tmp_path / "home"

    assert find(None, {}, here, home).is_chosen == place.startswith("home")
    assert find(str(tmp_path / place), {}, here, home).is_chosen
    assert find(None, {VARIABLES[1]: str(tmp_path / place)}, here, home).is_chosen


def test_the_users_own_is_chosen_also_from_below_the_home_directory(tmp_path: Path) -> None:
    put(tmp_path, "home/.a3s/config.acl", "home/deep/.a3s/config.acl")
    home = tmp_path / "home"

    assert find(None, {}, home / "other", home).is_chosen
    assert not find(None, {}, home / "deep", home).is_chosen


def test_a_directory_brings_along_what_discovery_finds_in_it(tmp_path: Path) -> None:
    put(tmp_path, *PLACES)

    found = [one.path for one in brought_by(tmp_path / "above/here")]
    assert found == [tmp_path / PLACES[at] for at in (0, 2, 3)]
