"""
The last program before a confined one: it gives rights up, and becomes that program.

What has to be called between fork and exec cannot be called in a process with threads, so it
is done by a program of its own: in Perl where the system has one (2 ms), else in Python (8 ms).
Both read the same orders, lines of words, from a descriptor:

    calls PRCTL PRLIMIT SECCOMP      the numbers of these system calls here
    limit RESOURCE SOFT HARD
    landlock ATTRIBUTES              in hexadecimal, as all that follows
    rule ACCESS PATH                 access in decimal
    filter PROGRAM
    env NAME VALUE

and are followed in that order: limits, Landlock, filter, environment. What the caller adds to
the environment is set last, so `LD_PRELOAD` and its like never reach a program that is not
yet confined. The launcher itself runs with `LC_ALL=C`, since a locale costs Perl 0.4 ms, and takes
that away again. Any order that fails ends it with `FAILED`, and the program is not started.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from a3s_code.workspace.sandbox.landlock import Ruleset
from a3s_code.workspace.sandbox.programs import trusted

FAILED = 125
SAID = b"a3s-code sandbox: "
"""How the launcher begins what it says when it fails."""

_PERL = r"""
my $fd = shift @ARGV;
sub fail { print STDERR "a3s-code sandbox: $_[0]: $!\n"; exit 125 }
open(my $orders, '<&=', $fd) or fail('orders');
my (%calls, $rules, $lines, %add);
while (my $line = <$orders>) {
    my ($what, @w) = split ' ', $line;
    if ($what eq 'calls') { @calls{qw(prctl prlimit seccomp)} = map { $_ + 0 } @w }
    elsif ($what eq 'limit') {
        my $limit = pack('QQ', $w[1], $w[2]);
        syscall($calls{prlimit}, 0, $w[0] + 0, $limit, 0) == 0 or fail("limit $w[0]");
    } elsif ($what eq 'landlock') {
        my $attributes = pack('H*', $w[0]);
        $rules = syscall(444, $attributes, length($attributes), 0);
        $rules >= 0 or fail('landlock');
    } elsif ($what eq 'rule') {
        my $path = pack('H*', $w[1]);
        sysopen(my $at, $path, 010000000 | 02000000) or next;
        my $rule = pack('QL', $w[0], fileno($at));
        syscall(445, $rules, 1, $rule, 0) == 0 or fail("rule for $path");
    } elsif ($what eq 'filter') { $lines = pack('H*', $w[0])
    } elsif ($what eq 'env') { $add{pack('H*', $w[0])} = pack('H*', $w[1] // '') }
    else { fail("order $what") }
}
close($orders);
syscall($calls{prctl}, 38, 1, 0, 0, 0) == 0 or fail('no_new_privs');
if (defined $rules) {
    syscall(446, $rules, 0) == 0 or fail('landlock');
    open(my $own, '<&=', $rules);
    close($own);
}
if (defined $lines) {
    my $program = pack('Sx6P', length($lines) / 8, $lines);
    syscall($calls{seccomp}, 1, 0, $program) == 0 or fail('filter');
}
delete $ENV{LC_ALL};
@ENV{keys %add} = values %add;
exec { $ARGV[0] } @ARGV;
print STDERR "$ARGV[0]: $!\n";
exit($! == 2 ? 127 : 126);
"""


class Orders(msgspec.Struct, frozen=True):
    """
    What the launcher does.

    Attributes:
        calls: Numbers of `prctl`, `prlimit64` and `seccomp`.
        limits: Resource, soft and hard limit each.
        filter: See `seccomp.filter_program`; empty for none.
        environment: Added to what the launcher got itself.
    """

    calls: tuple[int, int, int]
    limits: tuple[tuple[int, int, int], ...] = ()
    landlock: Ruleset | None = None
    filter: bytes = b""
    environment: Mapping[str, str] = {}

    def text(self) -> bytes:
        """Give them as the launcher reads them."""
        lines = ["calls " + " ".join(map(str, self.calls))]
        lines += [f"limit {number} {soft} {hard}" for number, soft, hard in self.limits]
        if self.landlock is not None:
            lines.append(f"landlock {self.landlock.attributes.hex()}")
            lines += [f"rule {rule.access} {_hex(rule.path)}" for rule in self.landlock.rules]
        if self.filter:
            lines.append(f"filter {self.filter.hex()}")
        lines += [f"env {_hex(name)} {_hex(value)}" for name, value in self.environment.items()]
        return "\n".join(lines).encode() + b"\n"


def launcher() -> tuple[str, ...]:
    """Give the command of the launcher; the descriptor and then the program follow."""
    perl = trusted("perl")
    if perl:
        return (perl, "-e", _PERL, "--")
    return (sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py")))


def seccomp_orders(numbers: Mapping[str, int]) -> tuple[int, int, int]:
    """Give the numbers that the launcher needs."""
    return numbers["prctl"], numbers["prlimit64"], numbers["seccomp"]


def _hex(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").hex()


def failure(argv: Sequence[str], status: int, output: bytes) -> str:
    """Say why the launcher did not start a program; empty when it did."""
    if status != FAILED or not output.startswith(SAID):
        return ""
    said = output[len(SAID) :].split(b"\n", 1)[0].decode(errors="replace")
    return f"{argv[0]} was not started: the sandbox could not be set up ({said})."
