"""
Commands that publish: what they make known to others cannot be taken back.

`release_of` names the action (`git push`, `npm publish`), so that a rule can be asked whether
it names the same one: `bash(git push*)` does, `bash(git *)` and `bash` do not. A dry run is
no release where the program has such an option and the words leave no doubt about it.

Tables cannot know what a script of the project publishes (`make release`, `npm run deploy`),
nor what an alias of git stands for.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

from a3s_code.harness.shell import git
from a3s_code.harness.shell.options import letters_of
from a3s_code.harness.shell.words import Words, has_hole, listed

_VERBS = """
anaconda upload
arc diff|land
buildah push
bun publish
bzr push
cabal upload
cargo publish|yank|release|owner
changeset publish
conan upload
conda upload
cosign sign|attest
crane append|copy|cp|push
dart pub publish
darcs push|send
deno publish
docker push
docker compose push
docker image push
docker manifest push
docker plugin push
dotnet nuget push|delete
elm publish
flit publish
flutter pub publish
fossil push|sync
gem push|yank|owner
gh gist create|delete|edit
gh pr create|merge
gh release create|delete|delete-asset|edit|upload
gh repo archive|create|delete|edit|rename|sync
gh workflow run
git push
git lfs push
git p4 submit
git send-email
git send-pack
git subtree push
git svn commit-diff|dcommit
glab mr create|merge
glab release create|delete|upload
goreleaser release|publish
gradle publish|publishPlugins|publishToSonatype|uploadArchives
gradlew publish|publishPlugins|publishToSonatype|uploadArchives
hatch publish
helm cm-push|push
hg push
hub push|release|pull-request
jj git push
jsr publish
lein deploy
lerna publish
luarocks upload
maturin publish|upload
mix hex.publish
mvn deploy|release:perform
mvnw deploy|release:perform
nerdctl image push
nerdctl push
nimble publish
npm dist-tag|deprecate|owner|publish|unpublish|unpub
nuget push
nx release
opam publish
oras copy|cp|push
ovsx publish
pdm publish
pnpm deprecate|publish|unpublish
pod trunk push
podman image push
podman manifest push
podman push
poetry publish
rake release
rye publish
sbt publish|publishSigned|release
skopeo copy|sync
spago publish
stack upload
svn ci|commit|import
twine register|upload
uv publish
vsce publish
yarn npm publish
yarn publish
"""
_ALONE = listed("cpan-upload git-push git-send-pack np release-it semantic-release")
_DRY_RUN = {
    "cargo publish": ("--dry-run", "-n"),
    "git push": ("--dry-run", "-n"),
    "lerna publish": (),
    "npm publish": ("--dry-run",),
    "pnpm publish": ("--dry-run",),
    "poetry publish": ("--dry-run",),
    "uv publish": ("--dry-run",),
}
"""How a release says that it only shows what it would do."""
_NOT = frozenset({"0", "false", "no", "null", "off"})
"""Behind a switch npm takes such a word for its value."""

_PYTHON = re.compile(r"(?:python|pypy)[0-9.]*")
_BUILDS_AND_PUSHES = ("build", "buildx", "bake")
_ASKS_ONLY = ("GET", "get", "HEAD", "head")


def _table() -> dict[str, tuple[Words, ...]]:
    """Give the verbs of each program, every way to say them apart."""
    found: dict[str, list[Words]] = {}
    for line in _VERBS.strip().splitlines():
        program, *verbs, last = line.split()
        found.setdefault(program, []).extend((*verbs, way) for way in last.split("|"))
    return {program: tuple(ways) for program, ways in found.items()}


_WAYS = _table()
_LAST_VERBS = {program: frozenset(way[-1] for way in ways) for program, ways in _WAYS.items()}


def release_of(words: Words) -> str:
    """
    Name what the simple command of `words` publishes; empty when that is nothing known.

    A word that only a run can tell, where a verb would stand, is taken for one.
    """
    name = words[0].rstrip("/").rpartition("/")[2]
    if name in _ALONE:
        return name.replace("git-", "git ")
    if _PYTHON.fullmatch(name):
        return _by_python(words[1:])
    return _by_verb(name, words[1:]) if name in _WAYS else ""


def _by_verb(name: str, args: Words) -> str:
    if name == "git" and any(map(_is_alias_of_push, args)):
        return "git push"
    args = git.subcommand(args) if name == "git" else args
    if _LAST_VERBS[name].isdisjoint(args) and not any(map(has_hole, args)):
        return _by_option(name, args)
    for way in _WAYS[name]:
        if _leads(args, way):
            release = " ".join((name, *way))
            return "" if _is_dry(release, args) else release
    return _by_option(name, args)


def release_among(texts: Iterable[str]) -> str:
    """Name the first release among commands that are given as texts."""
    return next((found for text in texts if (found := _of_text(text))), "")


@functools.lru_cache(maxsize=1024)
def release_in(pattern: str) -> str:
    """Name the release that the pattern of a rule says in so many words; mostly none."""
    words = tuple(pattern.rstrip("*").split())
    if not words or any(mark in words[0] for mark in "*?"):
        return ""
    return release_of(tuple(word for word in words if "*" not in word))


def _of_text(text: str) -> str:
    words = tuple(text.split())
    return release_of(words) if words else ""


def _leads(args: Words, way: Words) -> bool:
    """
    Whether the operands begin with the words of `way`.

    An option without `=` before them may have the next word for its value, so as many
    operands may be passed over as there were such options.
    """
    at = spare = 0
    for word in args:
        if word.startswith("-"):
            spare += "=" not in word
        elif word.startswith("+"):  # `cargo +nightly`
            continue
        elif word == way[at] or has_hole(word):
            at += 1
            if at == len(way):
                return True
        elif spare:
            spare -= 1
        else:
            return False
    return False


def _is_dry(release: str, args: Words) -> bool:
    """Whether the words surely say that it only shows what it would do."""
    flags = _DRY_RUN.get(release)
    end = args.index("--") if "--" in args else len(args)
    before = args[:end]
    if not flags or any(map(has_hole, args)) or any("dry-run=" in word for word in args):
        return False
    if any(word.startswith("--no-d") or word.lower() in _NOT for word in args):
        return False
    return any(
        # What follows an option may be its value.
        word in flags and not before[at - 1].startswith("-")
        for at, word in enumerate(before)
        if at
    )


def _by_python(args: Words) -> str:
    """Name what `python -m twine upload` and `python setup.py upload` publish."""
    for at, word in enumerate(args):
        if word == "-m" or (letters_of(word).endswith("m") and not word.startswith("--")):
            return release_of(args[at + 1 :]) if args[at + 1 :] else ""
        if letters_of(word).startswith("m"):
            return release_of((word[2:], *args[at + 1 :]))
        if not word.startswith("-"):
            uploads = word.endswith("setup.py") and {"register", "upload"} & set(args[at + 1 :])
            return "setup.py upload" if uploads else ""
    return ""


def _by_option(name: str, args: Words) -> str:
    if name in ("docker", "podman", "nerdctl"):
        pushes = any(word.partition("=")[0] == "--push" or "push=true" in word for word in args)
        return f"{name} build --push" if pushes and set(_BUILDS_AND_PUSHES) & set(args) else ""
    if name == "gh" and args[:1] == ("api",):
        return "gh api" if _changes(args) else ""
    if name == "npm":
        operands = [word for word in args if not word.startswith("-")]
        verbs = operands[: 1 + len(args) - len(operands)]
        short = any(len(verb) > 1 and "publish".startswith(verb) for verb in verbs)
        return "npm publish" if short else ""
    return ""


def _changes(args: Words) -> bool:
    """Whether a request to an interface may be another than one that only asks."""
    given = ""
    for at, word in enumerate(args):
        if word in ("-X", "--method"):
            given = "".join(args[at + 1 : at + 2])
        elif word.startswith(("-X", "--method=")):
            given = word.removeprefix("-X").removeprefix("--method=")
    fields = any(
        word.startswith(("-f", "-F", "--field", "--raw-field", "--input")) for word in args
    )
    return given not in _ASKS_ONLY if given else fields


def _is_alias_of_push(word: str) -> bool:
    return word.startswith("alias.") and any(verb in word for verb in ("push", "send-"))
