#!/bin/sh
# The identity provider that issuer.mjs starts.
exec "$(dirname "$0")/../../scripts/clients" oidc
