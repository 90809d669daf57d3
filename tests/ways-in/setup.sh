#!/bin/sh
# Installs the clients that send.py and send.mjs use: Python's into target/ways-in-venv, Node's into
# tests/ways-in/node_modules. Does nothing the second time, until a pinned version changes.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
venv="$root/target/ways-in-venv"
modules="$here/node_modules"

# up_to_date STAMP FILE: whether STAMP was made from FILE as it is now.
up_to_date() { [ -f "$1" ] && cmp -s "$1" "$2"; }

if ! up_to_date "$venv/.requirements" "$here/requirements.txt"; then
    echo "installing Python clients into target/ways-in-venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/.requirements"
fi

if ! up_to_date "$modules/.package-lock-installed" "$here/package-lock.json"; then
    echo "installing Node clients into tests/ways-in/node_modules"
    npm --prefix "$here" ci --silent --no-audit --no-fund
    cp "$here/package-lock.json" "$modules/.package-lock-installed"
fi
