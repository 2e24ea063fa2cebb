"""
The judges of programs and builtins by their names.

The tables name what is known to be dangerous among programs people allow. A program that
is not in them is judged by the policy on its text alone.
"""

from __future__ import annotations

import re

from a3s_code.harness.shell import git
from a3s_code.harness.shell.hazard import Hazard, Judge, always, by_options, by_start
from a3s_code.harness.shell.interpreters import INTERPRETERS
from a3s_code.harness.shell.little_languages import LITTLE_LANGUAGES
from a3s_code.harness.shell.options import is_long, letters_of, options
from a3s_code.harness.shell.started import program
from a3s_code.harness.shell.words import Words, has_hole, listed, may_be_option


def hazard_of(words: Words) -> Hazard:
    """Tell what the words of one command do beyond its name."""
    name = program(words[0])
    if has_hole(words[0]):
        return Hazard(unknown="a command whose name is only known when it runs")
    judge = _PROGRAMS.get(name) or _PROGRAMS.get(name.rstrip("0123456789.-"))
    if judge is not None:
        return judge(words[1:])
    return Hazard()


def _subscripts(*options: str) -> Judge:
    """Judge a builtin that evaluates the subscript of a variable it is given."""

    def judge(args: Words) -> Hazard:
        used = not options or any(word.startswith(options) or may_be_option(word) for word in args)
        if used and any("[" in word or has_hole(word) for word in args):
            return Hazard(unknown="what the subscript of a variable evaluates to")
        return Hazard()

    return judge


def _double_bracket(args: Words) -> Hazard:
    """Judge `[[ … ]]`, whose operators are fixed before anything is expanded."""
    named = {"-v", "-R"} & set(args)
    evaluates = named and any("[" in word or has_hole(word) for word in args)
    return Hazard("what the subscript of a variable evaluates to" if evaluates else "")


def _declare(args: Words) -> Hazard:
    """Judge `declare` and its like, which read an array out of a value, as `eval` would."""
    flags = {letter for word in args if word[:1] in ("-", "+") for letter in word}
    values = [word.partition("=")[2] for word in args]
    if any(value.startswith("(") for value in values):
        return Hazard(unknown="what the array in a value evaluates to")
    if flags & set("in") or (flags & set("aA") and any(map(has_hole, values))):
        return Hazard(unknown="what an assigned value evaluates to")
    return _subscripts()(tuple(word.partition("=")[0] for word in args))


_DECLARING = listed("declare export local readonly typeset")


def declares_unknown(words: Words) -> bool:
    """Whether a command declares a variable with a value that is not known."""
    return words[0] in _DECLARING and any(has_hole(word.partition("=")[2]) for word in words[1:])


def _let(args: Words) -> Hazard:
    plain = all(re.fullmatch(r"[A-Za-z_]\w*(=[0-9]+|\+\+|--)|[0-9+*/-]+", word) for word in args)
    return Hazard("" if plain else "what arithmetic on variables evaluates")


def _set(args: Words) -> Hazard:
    risky = any(word[:1] in "-+" and set(word[1:]) & set("ako") for word in args if word)
    known = all(word in ("pipefail", "errexit", "nounset", "xtrace") for word in args[1:])
    return Hazard(beyond="a shell option that later commands feel" if risky and not known else "")


def _database(args: Words) -> Hazard:
    """Judge a client whose own commands start programs, such as `\\!`."""
    given = any(word.startswith(("-c", "-e", "--command", "--execute")) for word in args)
    text = " ".join(args).lower()
    risky = any(mark in text for mark in ("\\", "|", "program", "system", "pager", "edit"))
    return Hazard("" if given and not risky else "what its own commands run")


def _first(*verbs: str, unknown: str) -> Judge:
    """Judge a program by its subcommand, the first of its operands."""

    def judge(args: Words) -> Hazard:
        verb = next((word for word in args if not word.startswith("-")), "")
        return Hazard(unknown if verb in verbs or may_be_option(verb) else "")

    return judge


def _time(args: Words) -> Hazard:
    """Judge the options of `time` itself; what it runs is a command of its own."""
    for word in args:
        if not word.startswith("-"):
            break
        if "o" in letters_of(word) or is_long(word, "--output"):
            return Hazard(beyond="time writes a file")
    return Hazard()


def _date(args: Words) -> Hazard:
    """Judge `date`, which sets the clock by an option or by an operand that is no format."""
    found = by_options("--set", shorts="s", beyond="date sets the clock")(args)
    operands = (each.value for each in options(args, "dfrs") if not each.name)
    sets = any(word[:1].isdigit() for word in operands)
    return Hazard(found.unknown, found.beyond or ("date sets the clock" if sets else ""))


def _cpio(args: Words) -> Hazard:
    started = by_options("--rsh-command", "--rmt-command", unknown=_STARTS_ONE)(args)
    makes = by_options("--extract", "--pass-through", "--file", shorts="ipOF", beyond=_EXTRACTS)
    return Hazard(started.unknown, started.beyond or makes(args).beyond)


def _mapfile(args: Words) -> Hazard:
    called = by_options(shorts="C", unknown="what its callback runs")(args)
    return called if called.unknown else _subscripts()(args)


def _history(args: Words) -> Hazard:
    writes = by_options(shorts="aw", beyond="history writes a file")(args)
    return writes if writes.beyond else Hazard("what an earlier command holds" if args else "")


def _go(args: Words) -> Hazard:
    """Judge `go`, some options of which name a program, with one dash or two."""
    starting = ("-exec", "-toolexec", "-vettool", "-overlay", "-modfile")
    names = [f"-{word.lstrip('-').partition('=')[0]}" for word in args if word.startswith("-")]
    if args[:1] == ("run",) and any("@" in word or "://" in word for word in args):
        return Hazard("which program go fetches and runs")
    return Hazard(_STARTS_ONE if set(starting) & set(names) else "")


_EXTRACTS = "it writes files that its words do not name"
_STARTS_ONE = "which program it starts"
_EDITORS = listed("joe kak mg micro pico red")
# These take commands from whatever their input is, without an option for it.
_INPUT_EDITORS = listed(
    """
    ed ex gview gvim nvi nvim rview rvim vi view vim vim.basic vim.gtk3 vim.nox vim.tiny vimdiff
    """
)
_WITH_OWN_COMMANDS = listed("ftp mail mailx sftp telnet")

_CODE = "what the code among its words does"
# Programs with an option or two that name a program, a library or code; the rest is harmless.
_WITH_OPTIONS: dict[str, Judge] = {
    **dict.fromkeys(
        listed("latex latexmk lualatex luatex pdflatex pdftex tex xelatex xetex"),
        by_start(
            ("-shell-escape", "--shell-escape", "-enable-write18", "-e", "--luaonly"), _STARTS_ONE
        ),
    ),
    **dict.fromkeys(
        listed("ag ack bat batcat delta"),
        by_options("--pager", "--syntax-pager", unknown=_STARTS_ONE),
    ),
    **dict.fromkeys(
        listed("fzf sk"), by_options("--preview", "--bind", "--with-shell", unknown=_STARTS_ONE)
    ),
    **dict.fromkeys(
        listed("composer facter certbot dhclient logrotate mutt restic nmap tshark"),
        by_start(("-", "exec", "run"), _STARTS_ONE),
    ),
    "aria2c": by_start(("--on-", "--conf-path"), _STARTS_ONE),
    "cargo": by_options("--config", unknown="what cargo runs with it set"),
    "cowsay": by_options(shorts="f", unknown=_CODE),
    "ctest": by_start(("-S", "--script", "--build-and-test", "--test-command"), _STARTS_ONE),
    "diff3": by_options("--diff-program", unknown=_STARTS_ONE),
    "curl": by_options("--config", shorts="K", unknown="what the options that it reads do"),
    "dmesg": by_options("--human", shorts="H", unknown="which pager it starts"),
    "gem": by_options("--editor", shorts="e", unknown=_STARTS_ONE),
    "getopts": _subscripts(),
    "gh": _first("alias", "codespace", "cs", "extension", "ext", unknown=_STARTS_ONE),
    "go": _go,
    "gzexe": by_options(beyond=_EXTRACTS),
    "history": _history,
    "jj": _first("util", unknown=_STARTS_ONE),
    "openssl": by_start(("engine", "-engine", "-provider", "-config"), "which library it loads"),
    "pandoc": by_options(
        "--filter", "--lua-filter", "--pdf-engine", shorts="FL", unknown=_STARTS_ONE
    ),
    "patch": by_options("--ed", shorts="e", unknown="what an editor script runs"),
    "pidstat": by_options(shorts="e", unknown=_STARTS_ONE),
    "pylint": by_options("--init-hook", "--load-plugins", unknown=_CODE),
    "pytest": by_options(shorts="p", unknown="what a plugin that is named for it does"),
    "rake": by_options(
        "--execute", "--execute-print", "--execute-continue", shorts="epE", unknown=_CODE
    ),
    "rustc": by_start(("-Clinker", "-C", "--codegen"), _STARTS_ONE),
    "sdiff": by_options("--diff-program", "--output", shorts="o", unknown=_STARTS_ONE),
    "service": by_start(("/", ".", "-"), _STARTS_ONE),
    "ssh-keygen": by_start(("-",), "which library it loads, and which file it writes"),
    "ssh-add": by_start(("-s", "-S"), "which library it loads"),
    "systemctl": by_start(("edit", "start", "restart", "enable", "link", "-H", "-M"), _STARTS_ONE),
    "time": _time,
    "xdg-user-dir": always("what its words are expanded to"),
}

_PROGRAMS: dict[str, Judge] = {
    **_WITH_OPTIONS,
    **INTERPRETERS,
    **LITTLE_LANGUAGES,
    **dict.fromkeys(_EDITORS, by_start(("-", "+"), "what an editor is told to run")),
    **dict.fromkeys(_INPUT_EDITORS, always("what an editor is told to run")),
    **dict.fromkeys(
        listed("apt apt-cache apt-get aptitude"),
        by_options("--option", "--config-file", shorts="oc", unknown=_STARTS_ONE),
    ),
    **dict.fromkeys(
        listed("c++ cc clang clang++ g++ gcc gfortran"),
        by_start(("-wrapper", "-fplugin", "-specs", "--specs", "-B", "@"), _STARTS_ONE),
    ),
    **dict.fromkeys(listed("mapfile readarray"), _mapfile),
    **dict.fromkeys(listed("mariadb mysql psql"), _database),
    **dict.fromkeys(_WITH_OWN_COMMANDS, always("what its own commands run")),
    "alias": lambda args: Hazard("what an alias stands for" if args else ""),
    "bind": always("what a key binding runs"),
    "cmake": by_start(("-E", "-P"), _STARTS_ONE),
    "compgen": by_options(shorts="CFW", unknown="what completion runs"),
    "complete": by_options(shorts="CFW", unknown="what completion runs"),
    "cpio": _cpio,
    "crontab": always("what the schedule runs"),
    "date": _date,
    "declare": _declare,
    "deno": by_start(("eval", "repl"), "what the code among its words does"),
    "dotnet": by_start(("fsi", "script", "exec"), "what the code it reads does"),
    "dpkg": by_options("--pre-invoke", "--post-invoke", "--status-logger", unknown=_STARTS_ONE),
    "emacs": by_start(("-", "+"), "what an editor is told to run"),
    "emacsclient": by_start(("-", "+"), "what an editor is told to run"),
    "enable": by_options(shorts="f", unknown="what a loaded builtin does"),
    "export": _declare,
    "fc": always("which earlier command runs again"),
    "git": git.judge,
    "gs": by_start(("-",), "what a page description runs"),
    "hash": by_options(shorts="p", unknown="which program a name stands for"),
    "hg": by_options("--config", "--tool", unknown=_STARTS_ONE),
    "ip": by_start(("netns", "vrf", "-b", "-n"), _STARTS_ONE),
    "jrunscript": always("what the code it reads does"),
    "less": by_start(("+", "-o", "-O", "-k", "--"), "what a pager is told to run"),
    "let": _let,
    "local": _declare,
    "man": by_options("--pager", "--html", shorts="PH", unknown="which pager it starts"),
    "more": by_start(("+",), "what a pager is told to run"),
    "nano": by_options("--speller", shorts="s", unknown=_STARTS_ONE),
    "npm": by_options("--call", "--script-shell", shorts="c", unknown=_STARTS_ONE),
    "npx": by_options("--call", "--script-shell", shorts="c", unknown=_STARTS_ONE),
    "printf": _subscripts("-v"),
    "read": _subscripts(),
    "readonly": _declare,
    "rg": by_options("--pre", "--hostname-bin", unknown=_STARTS_ONE),
    "rpm": by_options("--eval", "--pipe", "--define", shorts="ED", unknown=_STARTS_ONE),
    "rsync": by_options("--rsh", "--rsync-path", shorts="e", unknown=_STARTS_ONE),
    "scp": by_options(shorts="SoF", unknown=_STARTS_ONE),
    "set": _set,
    "shopt": always("how the rest of the text is read"),
    "split": by_options("--filter", unknown=_STARTS_ONE),
    "sqlite3": always("what its dot commands run"),
    "svn": by_options(
        "--editor-cmd",
        "--diff-cmd",
        "--diff3-cmd",
        "--merge-cmd",
        "--config-option",
        unknown=_STARTS_ONE,
    ),
    "tcpdump": by_options("--postrotate-command", shorts="z", unknown=_STARTS_ONE),
    "test": _subscripts("-v", "-R"),
    "[": _subscripts("-v", "-R"),
    "[[": _double_bracket,
    "tree": by_options("--output", shorts="o", beyond="tree writes a file"),
    "typeset": _declare,
    "unset": _subscripts(),
    "wait": _subscripts("-p"),
    "wget": by_options("--execute", "--use-askpass", "--config", shorts="e", unknown=_STARTS_ONE),
    "zip": by_options("--unzip-command", shorts="T", unknown=_STARTS_ONE),
}
