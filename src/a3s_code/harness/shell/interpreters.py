"""
Programs that run code, and whether their words show it.

A script named by its path is shown: what is in the file is the workspace's. Code among the
words, code read from the input, from a device or a pipe, and modules that run such code
are not.
"""

from __future__ import annotations

import msgspec

from a3s_code.harness.shell.hazard import Hazard, Judge, always
from a3s_code.harness.shell.options import Option, is_long, options
from a3s_code.harness.shell.words import HOLES, Words, has_hole, listed, may_be_option

_INLINE = Hazard("what the code among its words does")
_INPUT = Hazard("what the code it reads does")


class _Interpreter(msgspec.Struct, frozen=True):
    """
    How an interpreter takes its code.

    Attributes:
        code: Letters of options that bring code, or load it by a name.
        long_code: Long options that do.
        values, attached: Letters of options with a value; see `options`.
        module: The letter whose value names a module.
        code_modules: Those that run code, or programs.
        writing_modules: Those that write files which the words do not name, or serve files.
        flags: Long options that are known to take no value.
        shows: Options with which it only says something about itself.
    """

    code: str = ""
    long_code: str = ""
    values: str = ""
    attached: str = ""
    module: str = ""
    code_modules: frozenset[str] = frozenset()
    writing_modules: frozenset[str] = frozenset()
    flags: str = ""
    shows: str = "h v --help --version"

    def judge(self, args: Words) -> Hazard:
        """
        Judge the words up to the script.

        A long option that is not known may have its value in the next word, so one operand
        after it is not yet believed to be the script.
        """
        maybe_value = shown = False
        for option in options(args, self.values + self.module, attached=self.attached):
            if option.name and not maybe_value and option.name in self.shows.split():
                shown = True
            if option.name:
                found = self._option(option)
                if found is not None:
                    return found
                bare = option.name.startswith("--") and not option.value
                maybe_value = bare and option.name not in self.flags.split()
            elif _is_stream(option.value):
                return _INPUT
            elif maybe_value:
                maybe_value = False
            else:
                return Hazard()
        return Hazard() if shown else _INPUT

    def _option(self, option: Option) -> Hazard | None:
        name, value, _ = option
        if any(map(has_hole, name)):
            return _INPUT
        if name.startswith("--"):
            return _INLINE if is_long(name, *self.long_code.split()) else None
        if name in self.code:
            return _INLINE
        if name == self.module and name:
            module = value.partition(".")[0]
            writes = module in self.writing_modules
            beyond = f"the module {module} writes files, or serves them" if writes else ""
            runs = has_hole(value) or module in self.code_modules
            return _INLINE if runs else Hazard(beyond=beyond)
        return _INPUT if value and _is_stream(value) else None


def _is_stream(path: str) -> bool:
    return path == "-" or path.startswith(("/dev/", "/proc/", *HOLES)) or may_be_option(path)


_PYTHON_MODULES = listed(
    """
    IPython asyncio bdb bpython cProfile code codeop coverage debugpy doctest fabric idlelib
    invoke ipykernel kernprof line_profiler memory_profiler pdb profile ptpython py_spy pyinstrument
    pyrepl runpy scalene timeit trace viztracer xonsh
    """
)
_PYTHON = _Interpreter(
    "c",
    values="WXQ",
    module="m",
    code_modules=_PYTHON_MODULES,
    writing_modules=listed("compileall ensurepip gzip http py_compile tarfile venv zipapp zipfile"),
    shows="V h ? --help --version",
)
_NODE = _Interpreter(
    "epi",
    "--eval --print --import --loader --experimental-loader --interactive --run",
    values="rC",
    flags="--enable-source-maps --expose-gc --inspect --inspect-brk --no-warnings --test"
    " --trace-warnings --watch",
)
_SHELL_LIKE = _Interpreter("cCeEx", "--command --commands --eval --execute", shows="--version")

_INTERPRETERS = {
    "bun": _Interpreter("epi", "--eval --print", values="r"),
    "csi": _Interpreter("epPR", "--eval --print"),
    "elixir": _Interpreter("erS", "--eval --rpc-eval"),
    "erl": _Interpreter("ers"),
    "ghc": _Interpreter("e"),
    "gnuplot": _Interpreter("e"),
    "groovy": _Interpreter("e"),
    "guile": _Interpreter("ce", values="lLs"),
    "julia": _Interpreter("eEpLi", "--eval --print --load"),
    "kotlin": _Interpreter("e"),
    "lua": _Interpreter("ei", values="l", shows="v"),
    "luajit": _Interpreter("eij", values="l", shows="v"),
    "m4": _Interpreter(values="DIULFdlostTEBHNS", attached="dEs"),
    "node": _NODE,
    "nodejs": _NODE,
    "ocaml": _Interpreter("e"),
    "octave": _Interpreter("", "--eval"),
    # `-n` and `-p` only make sense with code; `-d` starts a debugger.
    "perl": _Interpreter("eEMmnpd", values="I", attached="0CDFVilx"),
    "php": _Interpreter(
        "rBREa", "--run --process-begin --process-code --process-end", values="cdfFtzS"
    ),
    "pypy": _PYTHON,
    "python": _PYTHON,
    "racket": _Interpreter("efr", "--eval --load --require"),
    "ruby": _Interpreter("er", values="ICE", attached="0FKTWxi"),
    "scala": _Interpreter("ei"),
    "swift": _Interpreter("e"),
    "tclsh": _Interpreter(shows=""),
    "wish": _Interpreter(shows=""),
    **dict.fromkeys(
        listed("elvish es ipython nu powershell pwsh rc sbcl clisp xonsh"), _SHELL_LIKE
    ),
    **dict.fromkeys(listed("R Rscript"), _Interpreter("ef", "--args")),
    **dict.fromkeys(
        listed("ghci irb jshell pry runghc runhaskell gp maxima"), _Interpreter("eEr", "--startup")
    ),
}

INTERPRETERS: dict[str, Judge] = {
    **{name: found.judge for name, found in _INTERPRETERS.items()},
    "dc": always("what a calculator that starts programs is told"),
    "osascript": always("what the code among its words does"),
}
"""Judges by the name of the program, without its version."""
