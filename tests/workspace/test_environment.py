from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from a3s_code.workspace.environment import ALLOWED, child_environment


@given(st.dictionaries(st.text(min_size=1), st.text()))
def test_only_names_on_the_list_pass(host: dict[str, str]) -> None:
    chosen = child_environment(host)
    assert all(n in ALLOWED or n.startswith("LC_") for n in chosen)


def test_nothing_on_the_list_names_a_secret_or_loads_code() -> None:
    words = ("KEY", "TOKEN", "SECRET", "PASS", "AUTH", "CRED", "PRELOAD", "PYTHONPATH", "PROXY")
    assert not [name for name in ALLOWED for word in words if word in name]


def test_what_a_call_gives_wins() -> None:
    assert child_environment({"HOME": "/a"}, (), {"HOME": "/b", "X": "1"})["HOME"] == "/b"


def test_a_program_is_never_looked_for_in_the_directory_of_the_call() -> None:
    assert child_environment({"PATH": ".:/usr/bin::bin:/bin"})["PATH"] == "/usr/bin:/bin"
    assert child_environment({"PATH": "."})["PATH"]
    assert child_environment({})["PATH"]
