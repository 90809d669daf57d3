#!/bin/sh
# The OpenTelemetry SDKs that send.py and send.mjs use.
exec "$(dirname "$0")/../../scripts/clients" otlp
