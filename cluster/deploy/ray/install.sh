#!/bin/sh
# Installs the wheel in ~/warbler/dist, where it is not the installed one already. `install.sh cloud` adds what Ray needs to
# start machines at AWS or GCP. Needs Python 3.11 or newer.
set -eu
cd ~/warbler
line='export PATH=$HOME/warbler/venv/bin:$PATH'
grep -qxF "$line" ~/.bashrc 2>/dev/null || echo "$line" >> ~/.bashrc
set -- "$(ls dist/*.whl)" ${1:+"[$1]"}
[ -f "$1" ] || { echo "install.sh: dist needs one wheel; it has: $1" >&2; exit 1; }
sum="$(sha256sum "$1") ${2:-}"
[ "$(cat installed 2>/dev/null)" != "$sum" ] || exit 0
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "install.sh: this machine needs Python 3.11 or newer" >&2; exit 1; }
python3 -m venv venv
venv/bin/pip install --quiet --upgrade "$1${2:-}"
echo "$sum" > installed
