"""Which names are protected, and which commands would write there."""

from __future__ import annotations

import pytest

from a3s_code.harness.shell.analysis import analyse
from a3s_code.harness.shell.protected import protected, written

ROOT = "/work/project"


@pytest.mark.parametrize(
    "path",
    [
        ".git",
        ".git/config",
        "a/.git/hooks/pre-commit",
        ".GIT/config",
        ".Git./config",
        ".git /config",
        ".git::$INDEX_ALLOCATION/config",
        "GIT~1/config",
        ".g\u200cit/config",
        "\uff0egit/config",
        ".git\\config",
        ".gitmodules",
        "sub/.mcp.json",
        ".vscode/tasks.json",
        ".idea/x",
        ".claude/settings.json",
        ".codex/x",
        ".a3s/x",
        ".agents/x",
        ".bashrc",
        "home/.PROFILE",
        ".zshenv",
        f"{ROOT}/.git/config",
        ".envrc",
        "sub/.ENVRC. ",
        ".agent/hooks/pre_tool_use.sh",
        "agent.acl",
        ".husky/pre-commit",
        ".devcontainer/devcontainer.json",
        ".cursor/mcp.json",
        ".ssh/authorized_keys",
        ".config/fish/config.fish",
        "hooks/pre-commit",
        "bare/hooks/Post-Receive",
        "x.git/config",
        "x.git/hooks/made-up",
        "X.GIT./HEAD",
        "HEAD",
        "planted/HEAD",
        ".git/modules/sub/config",
        ".e\u200bnvrc",
        "\uff0eenvrc",
    ],
)
def test_a_protected_name_is_known_in_any_spelling(path: str) -> None:
    assert protected(path)


@pytest.mark.parametrize(
    "path",
    [
        *("a", ".gitignore", ".github/workflows/x", "git/config", "x.git/a", ".env", "a.b/c"),
        *("hooks/update/index.ts", "src/hooks/use.ts", "hooks", "config", "HEAD/x", "AGENTS.md"),
        *(".gitattributes", ".npmrc", "Makefile", "HEAD.md", "x/headers", "agent.py"),
    ],
)
def test_an_ordinary_name_is_not_protected(path: str) -> None:
    assert not protected(path)


@pytest.mark.parametrize(
    "command",
    [
        "cp x .git/hooks/pre-commit",
        "cp -t.git/hooks x",
        "mv x .vscode/tasks.json",
        "install -m755 x .git/hooks/x",
        "ln -s x .mcp.json",
        "tee .bashrc",
        "touch .claude/x",
        "mkdir -p .agents",
        "rm -rf .git",
        "dd if=x of=.git/config",
        "sed -i s/a/b/ .git/config",
        "sort -uo .git/config x",
        "curl -so .bashrc host",
        "wget -O .bashrc host",
        "rsync -a x/ .git/",
        "tar -xf x -C .git",
        "cp x .g*/config",
        "git mv x .vscode/tasks.json",
        "git -c color.ui=never checkout main -- .vscode",
        "git bundle create .bashrc HEAD",
        "split -b 9 x .git/hooks/pre-",
        "cc x.c -o .git/hooks/pre-commit",
        "cc x.c -o.git/hooks/pre-commit",
        "go build -o=.git/hooks/pre-commit .",
        "openssl rand -out .bashrc 9",
        "pandoc x --output .vscode/tasks.json",
        "pandoc x --output=.vscode/tasks.json",
        "cp x bare/hooks/post-receive",
        "install x x.git/config",
        "tee .envrc",
        "curl --libcurl .git/hooks/pre-commit localhost",
        "curl -sw %output{.git/config} localhost",
        "tar -cf .bashrc x",
        "tar cf .bashrc x",
        "tar --create --file=.bashrc x",
        "tar -c -f.bashrc x",
        "find . -fprintf .git/hooks/pre-commit x",
        "find . -fls .bashrc",
        "xxd -r x .git/config",
        "uniq x .git/config",
    ],
)
def test_a_known_writer_of_a_protected_place_is_seen(command: str) -> None:
    assert any(written(simple.words) for simple in analyse(command).commands)


@pytest.mark.parametrize(
    "command",
    [
        "cat .git/config",
        "sed -n p .git/config",
        "grep -r x .vscode",
        "find . -not -path ./.git",
        "rsync -a --exclude .git a b",
        "tar -czf x.tgz --exclude=.git .",
        "tar -czf x.tgz .git",
        "tar tf .git/x.tar",
        "curl -s -H 'a: b' https://example.org/x/.git/config",
        "find .git -name x",
        "cp .gitignore a",
        "git add .vscode",
        "rm *",
        "rm -r *.git",
        "touch $name",
        "git diff .vscode",
        "git commit -m .git",
        "grep -o .git/config x",
        "find . -name x -o -name .git",
        "pytest --ignore .git --output-format x",
        "git checkout HEAD",
        "git restore --source=HEAD~1 a.py",
    ],
)
def test_reading_a_protected_place_or_passing_it_by_is_no_writing(command: str) -> None:
    assert not any(written(simple.words) for simple in analyse(command).commands)


@pytest.mark.parametrize(
    ("command", "place"),
    [
        ("dd if=x of=.git/config", ".git/config"),
        ("cc x.c -o.git/hooks/x", ".git/hooks/x"),
        ("cp -t.git/hooks x", ".git/hooks"),
        ("openssl rand --out=.bashrc 9", ".bashrc"),
        ("rsync a host:.bashrc", ".bashrc"),
    ],
)
def test_the_place_in_a_word_is_what_is_protected(command: str, place: str) -> None:
    (simple,) = analyse(command).commands
    assert written(simple.words) == place
    assert protected(place)
