#!/bin/sh
# Make a virtual environment with the project and its development tools in it.
# usage: setup_venv.sh PYTHON DIRECTORY READY
# READY is a file in DIRECTORY that stands for one version of Python. It is there only while
# all that was to be installed is; without it, what stands in DIRECTORY is made anew.
set -eu
python=$1
venv=$2
ready=$3
"$python" - <<'CHECK'
import sys
if sys.version_info < (3, 11):
    sys.exit("A3S Code needs Python 3.11 or later; this is %d.%d. Set PYTHON=/path/to/python3.11." % sys.version_info[:2])
CHECK
if [ -e "$venv" ] && [ ! -e "$venv/pyvenv.cfg" ]; then
    echo "$venv is no virtual environment. Remove it, or set VENV to another directory." >&2
    exit 1
fi
if [ -e "$ready" ]; then
    rm "$ready"
else
    "$python" -m venv --clear "$venv"
fi
"$venv/bin/python" -m pip install -q --disable-pip-version-check --upgrade "pip>=25.1"
"$venv/bin/python" -m pip install -q --disable-pip-version-check -e . --group dev
touch "$ready"
