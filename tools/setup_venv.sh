#!/bin/sh
# Make a virtual environment with the project and its development tools in it.
# usage: setup_venv.sh PYTHON DIRECTORY
set -eu
python=$1
venv=$2
"$python" - <<'CHECK'
import sys
if sys.version_info < (3, 11):
    sys.exit("A3S Code needs Python 3.11 or later; this is %d.%d. Set PYTHON=/path/to/python3.11." % sys.version_info[:2])
CHECK
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$venv/bin/python" -m pip install -q --disable-pip-version-check --upgrade "pip>=25.1"
"$venv/bin/python" -m pip install -q --disable-pip-version-check -e . --group dev
