#!/bin/sh
# DuckDB with what reads a DuckLake.
exec "$(dirname "$0")/../../scripts/clients" lake
