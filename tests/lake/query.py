"""Attaches a node's catalog as a DuckLake, read only, and prints the rows of each query as one JSON array a line.

  query.py <data folder of a node> <query> ...    the tables are nines.logs, nines.spans, ...
"""
import json
import pathlib
import sys

import duckdb
import duckdb_extension_ducklake
import duckdb_extension_sqlite_scanner

folder, queries = pathlib.Path(sys.argv[1]), sys.argv[2:]
connection = duckdb.connect(config={"allow_unsigned_extensions": True})
for package in (duckdb_extension_sqlite_scanner, duckdb_extension_ducklake):
    (extension,) = pathlib.Path(package.__file__).parent.rglob("*.duckdb_extension")
    connection.execute(f"LOAD '{extension}'")
connection.execute(f"ATTACH 'ducklake:sqlite:{folder}/telemetry/catalog.db' AS nines (READ_ONLY)")
connection.execute("SET TimeZone = 'UTC'")
for query in queries:
    print(json.dumps(connection.execute(query).fetchall()))
