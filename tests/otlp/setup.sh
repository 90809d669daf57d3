#!/bin/sh
# Installs the OpenTelemetry SDKs that send.py and send.mjs use: Python's into target/otlp-venv, Node's into
# tests/otlp/node_modules. Does nothing the second time, until a pinned version changes.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
venv="$root/target/otlp-venv"
modules="$here/node_modules"

# up_to_date STAMP FILE: whether STAMP was made from FILE as it is now.
up_to_date() { [ -f "$1" ] && cmp -s "$1" "$2"; }

if ! up_to_date "$venv/.requirements" "$here/requirements.txt"; then
    echo "installing the Python SDK into target/otlp-venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/.requirements"
fi

if ! up_to_date "$modules/.package-lock-installed" "$here/package-lock.json"; then
    echo "installing the Node SDK into tests/otlp/node_modules"
    npm --prefix "$here" ci --silent --no-audit --no-fund
    cp "$here/package-lock.json" "$modules/.package-lock-installed"
fi
