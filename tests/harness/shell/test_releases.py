"""What publishes is known by its name, however it is spelled or wrapped."""

from __future__ import annotations

import pytest

from a3s_code.harness.shell.analysis import analyse
from a3s_code.harness.shell.releases import release_in


def released(command: str) -> set[str]:
    return {simple.release for simple in analyse(command).commands} - {""}


@pytest.mark.parametrize(
    ("command", "release"),
    [
        ("git push", "git push"),
        ("git -C a --no-pager push -f origin", "git push"),
        ("/usr/bin/git push", "git push"),
        ("git -c alias.p=push p", "git push"),
        ("git subtree push -P a origin b", "git subtree push"),
        ("git $x", "git push"),
        ("npm publish", "npm publish"),
        ("npm --loglevel silent pub", "npm publish"),
        ("pnpm -r publish", "pnpm publish"),
        ("yarn npm publish", "yarn npm publish"),
        ("cargo +nightly publish", "cargo publish"),
        ("twine upload dist/*", "twine upload"),
        ("python3.12 -m twine upload x", "twine upload"),
        ("python -Wi -mtwine upload x", "twine upload"),
        ("python setup.py sdist upload", "setup.py upload"),
        ("uv publish", "uv publish"),
        ("docker push a/b", "docker push"),
        ("docker image push a/b", "docker image push"),
        ("docker buildx build . --push", "docker build --push"),
        ("gh release create v1", "gh release create"),
        ("gh -R a/b pr merge 1", "gh pr merge"),
        ("gh api repos/a/b -X DELETE", "gh api"),
        ("gh api repos/a/b -f name=x", "gh api"),
        ("gem push a.gem", "gem push"),
        ("./gradlew publish", "gradlew publish"),
        ("mvn -B deploy", "mvn deploy"),
        # inside others
        ("sudo git push", "git push"),
        ("env A=1 timeout 5 git push", "git push"),
        ("sh -c 'cd a && git push'", "git push"),
        ("find . -name .git -execdir git push ;", "git push"),
        ("echo origin | xargs git push", "git push"),
        ("x=$(git push)", "git push"),
        ("f() { git push; }; f", "git push"),
        ("uv run twine upload x", "twine upload"),
        ("ssh host git push", "git push"),
        ("docker run x git push", "git push"),
        ("git rebase -x 'git push' main", "git push"),
        ("git submodule foreach git push", "git push"),
    ],
)
def test_a_release_is_named(command: str, release: str) -> None:
    assert release in released(command)


@pytest.mark.parametrize(
    "command",
    [
        "git stash push",
        "git log --grep push",
        "git commit -m push",
        "git push --dry-run",
        "git push origin main -n",
        "echo git push",
        "npm run test",
        "npm install",
        "npm publish --dry-run",
        "cargo test",
        "cargo publish --dry-run",
        "docker build .",
        "docker pull a",
        "gh pr view 1",
        "gh api repos/a/b",
        "python -m build",
        "python setup.py test",
        "uv build",
        "make release",
    ],
)
def test_what_publishes_nothing_or_says_that_it_only_tries_is_none(command: str) -> None:
    assert released(command) == set()


@pytest.mark.parametrize(
    "command",
    [
        "git push -o --dry-run",
        "git push --dry-run --no-dry-run",
        "git push -- --dry-run",
        "git push --dry-run $x",
        "npm publish --dry-run=false",
        "npm publish --dry-run false",
        "twine upload --dry-run x",
    ],
)
def test_a_dry_run_is_only_believed_where_nothing_can_undo_it(command: str) -> None:
    assert released(command)


@pytest.mark.parametrize(
    ("pattern", "release"),
    [
        ("git push*", "git push"),
        ("git push**", "git push"),
        ("git push origin *", "git push"),
        ("npm publish", "npm publish"),
        ("git *", ""),
        ("git pu*", ""),
        ("*push*", ""),
        ("*", ""),
        ("", ""),
        ("gh pr *", ""),
    ],
)
def test_a_pattern_names_a_release_only_in_so_many_words(pattern: str, release: str) -> None:
    assert release_in(pattern) == release
