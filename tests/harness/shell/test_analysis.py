"""What a shell command would run is seen, or said not to be known."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.harness.shell import syntax
from a3s_code.harness.shell.analysis import analyse
from a3s_code.harness.shell.source import Source
from a3s_code.harness.shell.tree import MAX_READS, tree_of
from a3s_code.harness.shell.words import GLOB, UNKNOWN, VALUE


def texts(command: str) -> list[str]:
    analysis = analyse(command)
    assert not analysis.unresolved, analysis.unresolved
    return [simple.text for simple in analysis.commands]


@pytest.mark.parametrize(
    "command",
    [
        "ls && rm x",
        "ls || rm x",
        "ls | rm x",
        "ls |& rm x",
        "ls & rm x",
        "ls\nrm x",
        "ls # comment\nrm x",
        "echo $(rm x)",
        'echo "$(rm x)"',
        "echo `rm x`",
        "echo `echo \\`rm x\\``",
        "cat <(rm x)",
        "cat <<EOF\n$(rm x)\nEOF",
        'cat <<< "$(rm x)"',
        "cat <<'EOF'\ntext\nEOF\nrm x",
        "(rm x)",
        "{ rm x; }",
        "! rm x",
        "if rm x; then ls; fi",
        "if ls; then ls; else rm x; fi",
        "while ls; do rm x; done",
        "for a in b; do rm x; done",
        "case a in a) rm x;; esac",
        "f() { rm x; }",
        "[[ -n $(rm x) ]]",
        "a=$(rm x) ls",
        "a=(1 $(rm x))",
        "time -p rm x",
        "time A=1 rm x",
        "env -u B A=1 rm x",
        "env -S 'nice' rm x",
        "sudo -u root rm x",
        "nohup nice -n 5 timeout -k 1 5 rm x",
        "command -- rm x",
        "exec -a ls rm x",
        "busybox rm x",
        "sh -c 'rm x'",
        "bash --norc -ec 'rm x'",
        "eval r''m x",
        "trap 'rm x' EXIT",
        "find . -name a -exec rm x \\;",
        "xargs -n 1 sh -c 'rm x'",
        "watch -n 1 rm x",
        "r''m x",
        "r\\m x",
        "r\\\nm x",
        "$'\\x72m' x",
        '$"rm" x',
        "rm{,} x",
        "> f rm x",
        "rm > f x",
    ],
)
def test_a_command_is_seen_through_every_way_of_writing_it(command: str) -> None:
    analysis = analyse(command)
    assert not analysis.unresolved, analysis.unresolved
    runs = {simple.words[0] for simple in analysis.commands}
    assert "rm" in runs


def test_a_wrapper_is_listed_together_with_what_it_runs() -> None:
    assert texts("env A=1 timeout 5 make all") == [
        "env A=1 timeout 5 make all",
        "timeout 5 make all",
        "make all",
    ]


@pytest.mark.parametrize(
    "command",
    ["echo '$(rm x)'", "echo \\`rm x\\`", "cat <<'EOF'\n$(rm x)\nEOF", "echo 'a; rm x'", "# rm x"],
)
def test_quoted_text_is_no_command(command: str) -> None:
    assert all(simple.words[0] != "rm" for simple in analyse(command).commands)


def test_what_only_a_run_can_tell_is_a_hole_in_the_words() -> None:
    assert texts("echo $a \"x$b\" *.py ~/c '$d'") == [
        f"echo {UNKNOWN} x{VALUE} {GLOB}.py {UNKNOWN}/c $d"
    ]


@pytest.mark.parametrize(
    ("command", "writes"),
    [
        ("ls > a", ("a",)),
        ("ls >> a 2> b", ("a", "b")),
        ("{ ls; } &> a", ("a",)),
        ("ls >& a", ("a",)),
        ("cat <<EOF > a\nx\nEOF", ("a",)),
        ("sh -c 'ls > a'", ("a",)),
        ('ls > "$a"', (VALUE,)),
        ("ls > /dev/null 2>&1", ()),
    ],
)
def test_the_files_that_redirections_write_are_known(command: str, writes: tuple[str, ...]) -> None:
    assert analyse(command).writes == writes


@pytest.mark.parametrize(
    "command",
    [
        "echo 'unterminated",
        "ls )",
        "echo \r ls",
        "echo a\0; rm x",
        "echo ${x@P}",
        "echo ${x:-$(ls)}",
        "echo $((a[1]))",
        "[[ $x -eq 1 ]]",
        "cat <<A <<B\n1\nA\n2\nB",
        "cat <<E\nno end",
        "echo \ud800",
        'sh -$"c "rm',
        "[[{r,}m a ]]",
        "nice " * 30 + "rm x",
        "echo " + "$(" * 200 + "ls" + ")" * 200 + "'",
        "echo " + "a" * syntax.MAX_BYTES,
    ],
)
def test_a_text_that_cannot_be_read_for_sure_is_unresolved(command: str) -> None:
    assert analyse(command).unresolved


@pytest.mark.parametrize(
    "command",
    [
        "$x -f",
        "$x{r,}m",
        "sh",
        "ls | bash",
        'sh -c "$x"',
        "xargs env",
        "find . $x",
        "python3 -c 'x'",
        "git -c core.pager=x log",
        "git log --ext-diff",
        "git z",
        "ssh host ls",
        "source <(ls)",
        "test -v 'a[$(rm x)]'",
        "tar xf a --to-command=x",
        "sed 's/a/b/e' f",
        "alias a=b",
        "git grep -nO'touch x;:' x",
        "git grep -e -- -nOx y",
        "git rebase -fx 'touch x' HEAD~1",
        "git merge -s x y",
        "tar cIf 'touch x;cat' o.tar f",
        "tar -xIf x y",
        "python3 -W ignore -c x",
        "python3 -X dev -c x",
        "python3 -Ic x",
        "python3 --check-hash-based-pycs always -c x",
        "python3 -m timeit x",
        "python3 -Im pdb x",
        "python3 -mtimeit x",
        "python3 /dev/stdin",
        "python3 -W ignore",
        "python3 <<E\nx\nE",
        "perl -I lib -e x",
        "perl -Ilib -ne x",
        "ruby -I lib -e x",
        "node --import data:text/javascript,x a.js",
        "node --require x -e y",
        "php -d a=b -r x",
        "tclsh",
        "lua -l x -e y",
        "Rscript -e x",
        "split --filter=x f",
        "sort --compress-program=x f",
        "dpkg --pre-invoke=x -i y",
        "apt-get -o APT::Update::Pre-Invoke::=x update",
        "logsave - x",
        "capsh -- -c x",
        "setarch -R x",
        "unshare -r x",
        "nsenter -t 1 x",
        "chroot . x",
        "prlimit x",
        "taskset 1 x",
        "flock f x",
        "script -c x",
        "parallel x",
        "batch",
        "su -c x",
        "systemd-run x",
        "gdb -ex x",
        "valgrind x",
        "rlwrap x",
        "expect -c x",
        "vim -c x",
        "ed f",
        "ex f",
        "vim f",
        "vim.tiny f",
        "ftp host",
        "mailx",
        "sqlite3 f.db",
        "sftp host",
        "psql -c 'select 1' -o '|x'",
        "m4",
        "make SHELL=x",
        "make -sf- x",
        "make -kE x",
        "fd -Hx x",
        "fd --exec-batch x",
        "rg --pre x y",
        "mapfile -tC x",
        "compgen -W '$(x)'",
        "awk -bf x y",
        "sed -ne '1e x' f",
        "npx -c x",
        "psql -c '\\! x'",
        "gcc -wrapper x y.c",
        "PAGER=x man y",
        "export EDITOR=x; git commit",
        "env GIT_SSH_COMMAND=x git fetch",
    ],
)
def test_a_command_that_runs_what_its_words_do_not_show_says_so(command: str) -> None:
    assert any(simple.unknown for simple in analyse(command).commands)


@pytest.mark.parametrize(
    "command",
    [
        "PATH=. ls",
        "FOO=1 git status",
        "export PATH=x; ls",
        "env PAGER=x git log",
        "sort -o a b",
        "tar -xPf a",
        "tar xPf a",
        "tar -xf a --absolute-names",
        "find . -delete",
        "sed -i s/a/b/ f",
        "git log --output=f",
    ],
)
def test_what_a_wildcard_does_not_grant_is_marked(command: str) -> None:
    assert analyse(command).commands[-1].beyond


def test_a_file_written_through_a_quoted_here_document_may_be_long() -> None:
    analysis = analyse("cat > f <<'EOF'\n" + "text $(x) `y\n" * 5_000 + "EOF\nls")
    assert not analysis.unresolved
    assert [simple.text for simple in analysis.commands] == ["cat", "ls"]
    assert analysis.writes == ("f",)


@pytest.mark.parametrize(
    "command",
    [
        "cd sub && python -m pytest tests -x -q 2>&1 | tail -20",
        "find . -name '*.py' -not -path './.git/*' | xargs wc -l | sort -n",
        'git add -A && git commit -m "Fix: it\'s done"',
        'for f in src/*.py; do echo "== $f"; sed -n \'1,20p\' "$f"; done',
        "if [ -f package.json ]; then npm test; else make test; fi",
        "test -d build || mkdir build",
        "mkdir -p a/{b,c} && touch a/b/x",
        'while read -r line; do echo "$line"; done < file',
        "awk '{print $1}' f | sort | uniq -c",
        'echo ${HOME%/} ${x:-default} "${all[@]}"',
        '[[ "$a" == b* ]] && echo yes',
        "set -euo pipefail; make -j4",
        "diff <(sort a) <(sort b)",
        "docker ps -a",
        'case "$1" in a) ls;; *) pwd;; esac',
        'cat <<EOF > f\n{"name": "$NAME"}\nEOF',
        "python3 -m pytest -x -c setup.cfg",
        "python3 -W error -X dev script.py -c conf",
        "python3 --version && node --version",
        "perl -I lib script.pl -e",
        "node --inspect server.js",
        "tar czf out.tgz src",
        "make -C sub -j4 all",
        "sed -i.bak 's/a/b/' f",
        "git commit -am 'größer 日本' && git rebase main",
        "PYTHONPATH=src NODE_ENV=test npm test",
        "uv run pytest",
        "cat dé/日本.txt",
    ],
)
def test_everyday_commands_are_fully_known(command: str) -> None:
    analysis = analyse(command)
    assert not analysis.unresolved, analysis.unresolved
    assert not [simple.unknown for simple in analysis.commands if simple.unknown]


def test_a_denied_looking_part_of_an_unreadable_text_is_a_suspect() -> None:
    assert "rm -f x" in analyse("{rm,-f,x}").suspects


TOKENS = st.sampled_from(
    [
        *"\"'`$(){}[]<>|&;\\#!*?~= \n\t\r\0\x01\ue000",
        *("$(", "<<E\n", "\nE\n", "rm", "ls", "${", "$((", "))", "[[", "]]"),
        *("case ", "esac", "if ", "fi", "do ", "done", "eval ", "sh -c "),
    ]
)


@given(st.one_of(st.text(max_size=60), st.lists(TOKENS, max_size=25).map("".join)))
def test_no_text_makes_the_analysis_fail(command: str) -> None:
    analysis = analyse(command)
    assert analysis == analyse(command)
    assert all(simple.words for simple in analysis.commands)


@pytest.mark.parametrize(
    "piece", ["a|", "))", "${x:-", "cat <<E ", "{a,b}", "a && ", "$(", "eval ", "`", "f() ", "`<f"]
)
def test_repetition_does_not_make_the_analysis_run_away(piece: str) -> None:
    analyse(piece * (syntax.MAX_BYTES // len(piece)))
    assert analyse(piece * (1024 * 1024 // len(piece))).unresolved


def test_characters_beyond_ascii_do_not_crash_the_parser() -> None:
    code = """
from a3s_code.harness.shell.analysis import analyse
for code in range(0x80, 0x110000, 997):
    if not 0xD800 <= code <= 0xDFFF:
        for text in ("{%s", "${%s", "$((%s", "echo <<%s", "[[ a =~ %s", "x[%s", "%s"):
            analyse(text % chr(code))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_parser_is_not_loaded_before_a_command_is_analysed() -> None:
    code = "import sys, a3s_code.harness.gate; print('tree_sitter' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_quote_in_backticks_between_double_quotes_is_no_part_of_a_word() -> None:
    """Bash takes the backslash off there, and leaves it where nothing quotes the backticks."""
    assert "rm -rf x" in texts(r'''echo "`rm \"-rf\" x`"''')
    assert 'rm "-rf" x' in texts(r"echo `rm \"-rf\" x`")


@pytest.mark.parametrize("command", ["rm x {fd}>f", "rm x {fd[0]}>&1", "rm x {fd}<f", "rm {a}>>f"])
def test_a_descriptor_kept_in_a_variable_is_not_taken_for_a_word(command: str) -> None:
    assert analyse(command).unresolved


@pytest.mark.parametrize("command", ["{ rm x; }>f", 'rm "{x}">f', "rm {x} >f"])
def test_a_brace_before_a_redirection_may_be_what_it_looks_like(command: str) -> None:
    assert not analyse(command).unresolved


def test_a_plus_ends_what_find_runs_only_behind_its_braces() -> None:
    assert "rm a + -rf b" in texts(r"find . -exec rm a + -rf b \;")
    assert "rm -rf \x00" in texts("find . -exec rm -rf {} + -print")
    assert "rm \x00 + b" in texts(r"find . -ok rm {} + b \;")


@pytest.mark.parametrize("command", [r"a=(b)\; rm x", "a=(b)c rm x", r"a+=(b $(ls))\; rm x"])
def test_what_touches_an_array_is_no_command(command: str) -> None:
    """For bash it belongs to the assignment, and the word behind it is the command."""
    assert analyse(command).unresolved


@pytest.mark.parametrize("shell", ["sh", "bash", "dash"])
def test_a_shell_takes_its_script_after_a_plus_too(shell: str) -> None:
    assert "rm x" in texts(f"{shell} +c 'rm x'")
    assert "rm x" in texts(f"{shell} +ec 'rm x'")


@pytest.mark.parametrize(
    "command",
    [
        "bash -oc posix 'rm x'",
        "bash -coO posix extglob 'rm x'",
        "bash +o posix -Oc extglob 'rm x'",
        "bash -norc -c 'rm x'",
        "bash -posix -c 'rm x'",
        "bash -c - 'rm x'",
        "dash -c - 'rm x'",
        "env -S '-i rm x'",
        "env -S '-u A -- rm x'",
        "env -S 'rm x' -S ls",
        "env -S '-S \"rm x\"'",
    ],
)
def test_options_in_unusual_places_hide_no_command(command: str) -> None:
    assert any(text == "rm x" or text.startswith("rm x ") for text in texts(command))


@pytest.mark.parametrize(
    "command",
    ["bash -rcfile f -c 'rm x'", "bash -init-file f -i", "xargs -ie rm e", "xargs -e5 rm"],
)
def test_options_that_bring_a_value_of_their_own_leave_the_command_unknown(command: str) -> None:
    assert any(simple.unknown for simple in analyse(command).commands)


def test_both_marks_of_xargs_stand_for_its_input() -> None:
    assert "rm \x00 \x00" in texts("xargs -I% -i rm % {}")


@pytest.mark.parametrize("text", ["a@" * 2_000 + ")" * 4_000, "a?" * 2_000 + ")" * 4_000])
def test_a_text_that_is_looked_ahead_in_again_and_again_is_given_up(text: str) -> None:
    """Each look reads once more, and a step of the parser may hold hundreds of them."""
    source = Reread(text.encode())

    assert tree_of(source) is None
    assert source.reads < 3 * MAX_READS
    assert analyse(text).unresolved


class Reread(Source):
    reads = 0

    def shape_at(self, start: int, count: int) -> bytes:
        self.reads += 1
        return super().shape_at(start, count)


@pytest.mark.parametrize("target", ["'$(rm x)'", '"\\$(rm x)"', '"$x"', "\\\\f", "'`rm x`'", "~/f"])
def test_a_target_that_bash_expands_twice_is_not_known(target: str) -> None:
    """Bash runs what stands between the single quotes of `ls >&'$(rm x)'`."""
    assert analyse(f"ls >&{target}").unresolved
    assert analyse(f"ls <&{target}").unresolved


@pytest.mark.parametrize("command", ["ls 2>&1", "ls >&f", "ls >& dir/f-1.txt", "ls 3<&0", "ls >&-"])
def test_a_target_that_expanding_leaves_alone_is_known(command: str) -> None:
    assert not analyse(command).unresolved


def test_a_script_is_only_read_as_bash_reads_it_for_shells_that_do() -> None:
    """Dash ends the string at the second quote, and runs what follows; zsh runs `noglob rm`."""
    ending = "$'" + "\\" + "'; rm x #'"
    for command in (f'sh -c "echo {ending}"', f'dash -c "echo {ending}"', "zsh -c 'noglob rm x'"):
        assert any(simple.unknown for simple in analyse(command).commands), command
    assert not any(simple.unknown for simple in analyse("sh -c \"echo 'a'\"").commands)


@pytest.mark.parametrize(
    "command",
    [
        "declare -a 'a=($(rm x))'",
        "declare -a a='($(rm x))'",
        "a=(1); declare a='($(rm x))'",
        "a=(1); v='($(rm x))'; declare a=\"$v\"",
        "a=(1); v='($(rm x))'; eval 'declare a=\"$v\"'",
        "v='($(rm x))'; declare -a a=\"$v\"",
        "readonly -a 'a=($(rm x))'",
        "declare -A h='([$(rm x)]=1)'",
        "f() { local -a 'a=($(rm x))'; }; f",
        "declare -i n; n='a[$(rm x)]'",
        "declare -n r; r='a[$(rm x)]'; : $r",
        "RANDOM='a[$(rm x)]'",
        "HISTCMD='a[$(rm x)]' ls",
        "read OPTIND <<< 'a[$(rm x)]'",
        "printf -v SRANDOM %s 'a[$(rm x)]'",
        "for RANDOM in 'a[$(rm x)]'; do ls; done",
        "set -- 'a[$(rm x)]'; : $(($1))",
        "set -- 'a[$(rm x)]'; : $[$1]",
    ],
)
def test_a_value_that_bash_evaluates_is_not_known(command: str) -> None:
    """Each of these runs `rm x`."""
    analysis = analyse(command)
    assert analysis.unresolved or any(simple.unknown for simple in analysis.commands)


@pytest.mark.parametrize(
    "command",
    ["declare x=1", "export A=$(ls)", 'local y="$1"', "a=(1 2); declare b=3", "echo $((1 + 2))"],
)
def test_an_ordinary_declaration_is_known(command: str) -> None:
    analysis = analyse(command)
    assert not analysis.unresolved
    assert not any(simple.unknown for simple in analysis.commands)
