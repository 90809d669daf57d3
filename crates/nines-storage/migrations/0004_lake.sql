-- The catalog as a DuckLake 1.0, so that DuckDB and others read the segments as they lie (read only):
-- https://ducklake.select/docs/stable/specification/tables/overview
-- A snapshot is a time at which segments came or went; its number is that time in microseconds, so that it never changes.
-- DuckDB parses the text of the views it reads, takes types from it by its own rules, and prints it anew for SQLite. So the
-- views it reads (`ducklake_…`) only name and cast columns; what has a UNION, a function or a division lies in a view below
-- (`lake_…`), and no column there is named by a keyword.

-- Where the files are: the folder of this database as it was at the last start.
CREATE TABLE lake_location (
    location_id INTEGER PRIMARY KEY CHECK (location_id = 1),
    folder_path TEXT    NOT NULL
) STRICT;

CREATE VIEW lake_events AS
    SELECT created_ns / 1000 AS event_us FROM segments WHERE damage_reason IS NULL
    UNION SELECT removed_ns / 1000 FROM segments WHERE damage_reason IS NULL AND removed_ns IS NOT NULL;

-- One schema with a table for each dataset that was ever sealed; numbers by the order of their names.
CREATE VIEW lake_datasets AS
    SELECT dataset_name, row_number() OVER (ORDER BY dataset_name) AS dataset_number,
           printf('00000000-0000-4000-8000-%012d', row_number() OVER (ORDER BY dataset_name)) AS dataset_uuid
    FROM (SELECT DISTINCT dataset_name FROM dataset_columns);

CREATE VIEW lake_settings AS
    SELECT 'version' AS setting_name, '1.0' AS setting_text
    UNION ALL SELECT 'created_by', 'nines'
    UNION ALL SELECT 'encrypted', 'false'
    UNION ALL SELECT 'data_path', folder_path FROM lake_location;

CREATE VIEW ducklake_metadata AS
    SELECT CAST(setting_name AS VARCHAR) AS "key", CAST(setting_text AS VARCHAR) AS "value", CAST(NULL AS VARCHAR) AS "scope",
           CAST(NULL AS BIGINT) AS scope_id
    FROM lake_settings;

CREATE VIEW lake_snapshots AS
    SELECT 0 AS snapshot_id, '1970-01-01 00:00:00+00' AS snapshot_time, 1 AS schema_version, 1000000 AS next_catalog_id,
           0 AS next_file_id
    UNION ALL
    SELECT event_us, strftime('%Y-%m-%d %H:%M:%S', event_us / 1000000, 'unixepoch') || printf('.%06d+00', event_us % 1000000),
           1, 1000000, (SELECT coalesce(max(segment_id), 0) + 1 FROM segments)
    FROM lake_events;

CREATE VIEW ducklake_snapshot AS
    SELECT CAST(snapshot_id AS BIGINT) AS snapshot_id, CAST(snapshot_time AS VARCHAR) AS snapshot_time,
           CAST(schema_version AS BIGINT) AS schema_version, CAST(next_catalog_id AS BIGINT) AS next_catalog_id,
           CAST(next_file_id AS BIGINT) AS next_file_id
    FROM lake_snapshots;

CREATE VIEW ducklake_snapshot_changes AS
    SELECT CAST(snapshot_id AS BIGINT) AS snapshot_id, '' AS changes_made, CAST(NULL AS VARCHAR) AS author,
           CAST(NULL AS VARCHAR) AS commit_message, CAST(NULL AS VARCHAR) AS commit_extra_info
    FROM lake_snapshots;

CREATE VIEW ducklake_schema AS
    SELECT CAST(0 AS BIGINT) AS schema_id, '00000000-0000-4000-8000-000000000000' AS schema_uuid, CAST(0 AS BIGINT) AS begin_snapshot,
           CAST(NULL AS BIGINT) AS end_snapshot, 'main' AS schema_name, '' AS path, CAST(1 AS BIGINT) AS path_is_relative;

CREATE VIEW ducklake_table AS
    SELECT CAST(dataset_number AS BIGINT) AS table_id, CAST(dataset_uuid AS VARCHAR) AS table_uuid, CAST(0 AS BIGINT) AS begin_snapshot,
           CAST(NULL AS BIGINT) AS end_snapshot, CAST(0 AS BIGINT) AS schema_id, dataset_name AS table_name, '' AS path,
           CAST(1 AS BIGINT) AS path_is_relative
    FROM lake_datasets;

CREATE VIEW lake_columns AS
    SELECT dataset_number, ordinal + 1 AS column_number, column_name,
           CASE column_kind WHEN 'int' THEN 'int64' WHEN 'float' THEN 'float64' WHEN 'bool' THEN 'boolean' WHEN 'bytes' THEN 'blob'
               WHEN 'time' THEN 'timestamptz' ELSE 'varchar' END AS column_kind
    FROM dataset_columns AS own JOIN lake_datasets USING (dataset_name)
    -- DuckDB does not tell names apart by case: the first of them is what it sees.
    WHERE NOT EXISTS (
        SELECT 1 FROM dataset_columns AS other
        WHERE other.dataset_name = own.dataset_name AND lower(other.column_name) = lower(own.column_name)
            AND other.ordinal < own.ordinal
    );

CREATE VIEW ducklake_column AS
    SELECT CAST(column_number AS BIGINT) AS column_id, CAST(0 AS BIGINT) AS begin_snapshot, CAST(NULL AS BIGINT) AS end_snapshot,
           CAST(dataset_number AS BIGINT) AS table_id, CAST(column_number AS BIGINT) AS column_order, column_name,
           CAST(column_kind AS VARCHAR) AS column_type, CAST(NULL AS VARCHAR) AS initial_default, 'NULL' AS default_value,
           CAST(1 AS BIGINT) AS nulls_allowed, CAST(NULL AS BIGINT) AS parent_column, 'literal' AS default_value_type,
           'duckdb' AS default_value_dialect
    FROM lake_columns;

CREATE VIEW lake_files AS
    SELECT segment_id, dataset_number, created_ns / 1000 AS created_us, removed_ns / 1000 AS removed_us, file_path, row_count,
           byte_size,
           -- The first is rounded down, the last up: what is cut off must not be left out.
           strftime('%Y-%m-%d %H:%M:%S', min_time_ns / 1000000000, 'unixepoch')
               || printf('.%06d+00', min_time_ns % 1000000000 / 1000) AS min_time_text,
           strftime('%Y-%m-%d %H:%M:%S', (max_time_ns + 999) / 1000000000, 'unixepoch')
               || printf('.%06d+00', (max_time_ns + 999) % 1000000000 / 1000) AS max_time_text,
           (SELECT ordinal + 1 FROM dataset_columns
            WHERE dataset_columns.dataset_name = segments.dataset_name AND column_name = 'timestamp') AS time_column,
           min_time_ns >= 0 AS has_text
    FROM segments JOIN lake_datasets USING (dataset_name)
    WHERE damage_reason IS NULL;

CREATE VIEW ducklake_data_file AS
    SELECT CAST(segment_id AS BIGINT) AS data_file_id, CAST(dataset_number AS BIGINT) AS table_id,
           CAST(created_us AS BIGINT) AS begin_snapshot, CAST(removed_us AS BIGINT) AS end_snapshot,
           CAST(NULL AS BIGINT) AS file_order, CAST(file_path AS VARCHAR) AS path, CAST(1 AS BIGINT) AS path_is_relative,
           'parquet' AS file_format, CAST(row_count AS BIGINT) AS record_count, CAST(byte_size AS BIGINT) AS file_size_bytes,
           CAST(NULL AS BIGINT) AS footer_size, CAST(NULL AS BIGINT) AS row_id_start, CAST(NULL AS BIGINT) AS partition_id,
           CAST(NULL AS VARCHAR) AS encryption_key, CAST(dataset_number AS BIGINT) AS mapping_id, CAST(NULL AS BIGINT) AS partial_max
    FROM lake_files;

-- Times alone: whole files are left out by them.
CREATE VIEW ducklake_file_column_stats AS
    SELECT CAST(segment_id AS BIGINT) AS data_file_id, CAST(dataset_number AS BIGINT) AS table_id,
           CAST(time_column AS BIGINT) AS column_id, CAST(NULL AS BIGINT) AS column_size_bytes, CAST(row_count AS BIGINT) AS value_count,
           CAST(0 AS BIGINT) AS null_count, CAST(min_time_text AS VARCHAR) AS min_value, CAST(max_time_text AS VARCHAR) AS max_value,
           CAST(NULL AS BIGINT) AS contains_nan, CAST(NULL AS VARCHAR) AS extra_stats
    FROM lake_files
    WHERE has_text;

CREATE VIEW lake_totals AS
    SELECT dataset_number, sum(row_count) AS row_count, sum(byte_size) AS byte_size
    FROM lake_files WHERE removed_us IS NULL GROUP BY dataset_number;

CREATE VIEW ducklake_table_stats AS
    SELECT CAST(dataset_number AS BIGINT) AS table_id, CAST(row_count AS BIGINT) AS record_count,
           CAST(row_count AS BIGINT) AS next_row_id, CAST(byte_size AS BIGINT) AS file_size_bytes
    FROM lake_totals;

-- Files have no field numbers: columns are found by their names.
CREATE VIEW ducklake_column_mapping AS
    SELECT CAST(dataset_number AS BIGINT) AS mapping_id, CAST(dataset_number AS BIGINT) AS table_id, 'map_by_name' AS "type"
    FROM lake_datasets;

CREATE VIEW ducklake_name_mapping AS
    SELECT CAST(dataset_number AS BIGINT) AS mapping_id, CAST(column_number AS BIGINT) AS column_id, column_name AS source_name,
           CAST(column_number AS BIGINT) AS target_field_id, CAST(NULL AS BIGINT) AS parent_column, CAST(0 AS BIGINT) AS is_partition
    FROM lake_columns;

CREATE VIEW ducklake_schema_versions AS
    SELECT CAST(0 AS BIGINT) AS begin_snapshot, CAST(1 AS BIGINT) AS schema_version, CAST(NULL AS BIGINT) AS table_id
    FROM lake_location;

-- What DuckLake has and we do not, as empty views with the right columns.
CREATE VIEW ducklake_view AS SELECT 0 AS view_id, '' AS view_uuid, 0 AS begin_snapshot, 0 AS end_snapshot, 0 AS schema_id,
    '' AS view_name, '' AS dialect, '' AS "sql", '' AS column_aliases WHERE 0;
CREATE VIEW ducklake_tag AS SELECT 0 AS object_id, 0 AS begin_snapshot, 0 AS end_snapshot, '' AS "key", '' AS "value" WHERE 0;
CREATE VIEW ducklake_column_tag AS SELECT 0 AS table_id, 0 AS column_id, 0 AS begin_snapshot, 0 AS end_snapshot, '' AS "key",
    '' AS "value" WHERE 0;
CREATE VIEW ducklake_file_variant_stats AS SELECT 0 AS data_file_id, 0 AS table_id, 0 AS column_id, '' AS variant_path,
    '' AS shredded_type, 0 AS column_size_bytes, 0 AS value_count, 0 AS null_count, '' AS min_value, '' AS max_value,
    0 AS contains_nan, '' AS extra_stats WHERE 0;
CREATE VIEW ducklake_delete_file AS SELECT 0 AS delete_file_id, 0 AS table_id, 0 AS begin_snapshot, 0 AS end_snapshot,
    0 AS data_file_id, '' AS path, 0 AS path_is_relative, '' AS format, 0 AS delete_count, 0 AS file_size_bytes, 0 AS footer_size,
    '' AS encryption_key, 0 AS partial_max WHERE 0;
CREATE VIEW ducklake_table_column_stats AS SELECT 0 AS table_id, 0 AS column_id, 0 AS contains_null, 0 AS contains_nan,
    '' AS min_value, '' AS max_value, '' AS extra_stats WHERE 0;
CREATE VIEW ducklake_partition_info AS SELECT 0 AS partition_id, 0 AS table_id, 0 AS begin_snapshot, 0 AS end_snapshot WHERE 0;
CREATE VIEW ducklake_partition_column AS SELECT 0 AS partition_id, 0 AS table_id, 0 AS partition_key_index, 0 AS column_id,
    '' AS "transform" WHERE 0;
CREATE VIEW ducklake_file_partition_value AS SELECT 0 AS data_file_id, 0 AS table_id, 0 AS partition_key_index,
    '' AS partition_value WHERE 0;
CREATE VIEW ducklake_files_scheduled_for_deletion AS SELECT 0 AS data_file_id, '' AS path, 0 AS path_is_relative,
    '' AS schedule_start WHERE 0;
CREATE VIEW ducklake_inlined_data_tables AS SELECT 0 AS table_id, '' AS table_name, 0 AS schema_version WHERE 0;
CREATE VIEW ducklake_macro AS SELECT 0 AS schema_id, 0 AS macro_id, '' AS macro_name, 0 AS begin_snapshot, 0 AS end_snapshot WHERE 0;
CREATE VIEW ducklake_macro_impl AS SELECT 0 AS macro_id, 0 AS impl_id, '' AS dialect, '' AS "sql", '' AS "type" WHERE 0;
CREATE VIEW ducklake_macro_parameters AS SELECT 0 AS macro_id, 0 AS impl_id, 0 AS column_id, '' AS parameter_name,
    '' AS parameter_type, '' AS default_value, '' AS default_value_type WHERE 0;
CREATE VIEW ducklake_sort_info AS SELECT 0 AS sort_id, 0 AS table_id, 0 AS begin_snapshot, 0 AS end_snapshot WHERE 0;
CREATE VIEW ducklake_sort_expression AS SELECT 0 AS sort_id, 0 AS table_id, 0 AS sort_key_index, '' AS expression, '' AS dialect,
    '' AS sort_direction, '' AS null_order WHERE 0;

PRAGMA user_version = 4;
