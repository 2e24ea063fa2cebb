"""Names of programs that start others in ways that are not modelled one by one."""

from __future__ import annotations

from a3s_code.harness.shell.words import listed

# Programs that start others in ways of their own, or on another machine.
LAUNCHERS = listed(
    """
    aa-exec ansible ansible-playbook apptainer at authbind autossh batch bear bpftrace busctl
    bwrap caffeinate capsh catchsegv ccache cgexec check_by_ssh choom chpst chroot chrt
    concurrently coproc coreutils cpulimit crontab cset csh csvtool daemon daemonize dbus-launch
    dbus-run-session direnv distcc dmsetup dotenv dumb-init eatmydata entr expect fakechroot
    fakeroot faketime firejail fish flock foreman gdb gosu gpg-agent heaptrack honcho hyperfine
    i386 ifne intercept-build jexec ksu lckdo ld.so lftp libtool linux32 linux64 lldb logsave
    ltrace lxc machinectl minijail0 mispipe mosh msgexec msgfilter multitime nc ncat netcat
    nix-shell nodemon nsenter nsjail numactl open openvpn openvt osqueryi parallel pee perf
    pexec pidproxy pkexec prlimit proot proxychains proxychains4 pssh puppet rlogin rlwrap rr
    rsh run-mailcap run-parts runcon runit runuser salt scan-build sccache schedtool schroot
    screen script scriptlive scriptreplay sem setarch setlock setpriv setuidgid sg singularity
    slsh socat softlimit ssh ssh-agent sshpass sshuttle start-stop-daemon startx strace su
    su-exec sudoedit systemd-cat systemd-inhibit systemd-nspawn systemd-run taskset tcsh tini
    tmux torify torsocks toybox trickle uclampset uname26 unbuffer unshare vagrant valgrind
    varlinkctl vipe watchexec x86_64 xdg-open xdotool xinit xterm xvfb-run zrun
    """
)
# Tools of a project that run a program in its environment, and by which of their subcommands;
# an empty one stands for a tool that does nothing else.
RUNNERS = {
    "asdf": ("exec",),
    "bunx": ("",),
    "bundle": ("exec",),
    "conda": ("run",),
    "hatch": ("run",),
    "mise": ("exec", "x"),
    "nix": ("develop", "run", "shell"),
    "npm": ("exec", "x"),
    "npx": ("",),
    "pdm": ("run",),
    "pipenv": ("run",),
    "pipx": ("run",),
    "pnpm": ("dlx", "exec"),
    "pnpx": ("",),
    "poetry": ("run",),
    "pyenv": ("exec",),
    "rbenv": ("exec",),
    "rye": ("run",),
    "uv": ("run",),
    "uvx": ("",),
    "yarn": ("dlx", "exec", "run"),
}
CONTAINER_TOOLS = listed("docker kubectl nerdctl podman")
