#!/bin/sh
# The clients that send.py and send.mjs use.
exec "$(dirname "$0")/../../scripts/clients" ways-in
