"""Names of programs that start others in ways that are not modelled one by one."""

from __future__ import annotations

from a3s_code.harness.shell.words import listed

# Programs that start others in ways of their own, or on another machine.
LAUNCHERS = listed(
    """
    aa-exec apptainer at authbind autossh batch bwrap caffeinate capsh catchsegv cgexec choom
    chpst chroot chrt concurrently coproc coreutils cpulimit crontab cset daemon daemonize
    dbus-launch dbus-run-session direnv dotenv dumb-init eatmydata entr expect fakechroot
    fakeroot faketime firejail fish flock foreman gdb gosu gpg-agent honcho hyperfine i386 ifne
    jexec ld.so lckdo lftp libtool linux32 linux64 lldb logsave ltrace lxc machinectl minijail0
    mispipe mosh nc ncat netcat nix-shell nodemon nsenter nsjail numactl open parallel pee perf
    pidproxy pkexec proot proxychains proxychains4 prlimit pssh rlogin rlwrap rr rsh run-mailcap
    run-parts runcon runuser schedtool schroot screen script scriptlive scriptreplay sem setarch
    setpriv setuidgid sg singularity socat softlimit ssh ssh-agent sshpass start-stop-daemon
    startx strace su su-exec sudoedit systemd-cat systemd-inhibit systemd-nspawn systemd-run
    taskset tcsh csh tini tmux torify torsocks toybox trickle uclampset unbuffer unshare uname26
    valgrind vipe x86_64 xdg-open xinit xterm xvfb-run zrun
    """
)
# Tools of a project that run a program in its environment, and by which of their subcommands.
RUNNERS = {
    "asdf": ("exec",),
    "bundle": ("exec",),
    "conda": ("run",),
    "hatch": ("run",),
    "mise": ("exec", "x"),
    "nix": ("develop", "run", "shell"),
    "npm": ("exec", "x"),
    "pdm": ("run",),
    "pipenv": ("run",),
    "pnpm": ("exec",),
    "poetry": ("run",),
    "pyenv": ("exec",),
    "rbenv": ("exec",),
    "rye": ("run",),
    "uv": ("run",),
    "yarn": ("exec", "run"),
}
CONTAINER_TOOLS = listed("docker kubectl nerdctl podman")
