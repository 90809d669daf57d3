//! What a write changes, as the triggers of its connection see it.

use parking_lot::RwLock;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row, SqliteConnection, TypeInfo, ValueRef};

use super::format::{self, Change, Columns, Value};

/// Columns of the table of changes: the widest table has 22, and an update has its key besides.
const COLUMNS_MAX: usize = 64;

const INSERT: i64 = 0;
const UPDATE: i64 = 1;
const DELETE: i64 = 2;

/// What is not shipped: each node has its own.
fn is_own(table: &str) -> bool {
    table.starts_with("sqlite_") || table.starts_with("pair_") || table == "migrations"
}

#[derive(Debug, Clone)]
struct Table {
    name: String,
    columns: Vec<String>,
    key: Vec<String>,
}

/// The tables that the triggers of a connection know. Set once for a file, when its tables are up to date.
#[derive(Debug, Default)]
pub(crate) struct Capture {
    tables: RwLock<Vec<Table>>,
}

impl Capture {
    /// Puts the triggers on a connection.
    pub async fn install(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let tables = tables(connection).await?;
        let values: Vec<String> = (0..COLUMNS_MAX).map(|index| format!("c{index}")).collect();
        // Without types, so that each value keeps its own.
        let mut sql = format!(
            "CREATE TEMP TABLE IF NOT EXISTS pair_changes (number INTEGER PRIMARY KEY, operation, source, {});\n",
            values.join(", ")
        );
        for (source, table) in tables.iter().enumerate() {
            let of = |row: &str, columns: &[String]| {
                columns.iter().map(|column| format!("{row}.{}", quoted(column))).collect::<Vec<_>>()
            };
            let events = [
                (INSERT, "INSERT", of("new", &table.columns)),
                (UPDATE, "UPDATE", [of("old", &table.key), of("new", &table.columns)].concat()),
                (DELETE, "DELETE", of("old", &table.key)),
            ];
            for (operation, event, values) in events {
                if table.key.is_empty() || values.len() > COLUMNS_MAX {
                    let reason = format!("table `{}` cannot be shipped: no key, or too wide", table.name);
                    return Err(sqlx::Error::Configuration(reason.into()));
                }
                let places: Vec<String> = (0..values.len()).map(|index| format!("c{index}")).collect();
                sql += &format!(
                    "CREATE TEMP TRIGGER IF NOT EXISTS pair_{operation}_{source} AFTER {event} ON main.{} BEGIN \
                     INSERT INTO pair_changes (operation, source, {}) VALUES ({operation}, {source}, {}); END;\n",
                    quoted(&table.name),
                    places.join(", "),
                    values.join(", ")
                );
            }
        }
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await?;
        *self.tables.write() = tables;
        Ok(())
    }

    /// The changes of the write so far, encoded, and none of them left. `None`: it changes nothing.
    pub async fn take(&self, connection: &mut SqliteConnection) -> Result<Option<Vec<u8>>, sqlx::Error> {
        let rows = sqlx::query("SELECT * FROM temp.pair_changes ORDER BY number").fetch_all(&mut *connection);
        let rows = rows.await?;
        if rows.is_empty() {
            return Ok(None);
        }
        sqlx::query("DELETE FROM temp.pair_changes").execute(connection).await?;
        let changes = {
            let tables = self.tables.read();
            rows.iter().map(|row| change(row, &tables)).collect::<Result<Vec<_>, _>>()?
        };
        Ok(Some(format::encode(changes)))
    }
}

fn change(row: &SqliteRow, tables: &[Table]) -> Result<Change, sqlx::Error> {
    let (operation, source): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
    let table = usize::try_from(source).ok().and_then(|source| tables.get(source));
    let table = table.ok_or(sqlx::Error::RowNotFound)?;
    let columns = |from: usize, names: &[String]| -> Result<Columns, sqlx::Error> {
        let one = |(index, name): (usize, &String)| Ok((name.clone(), value(row, 3 + from + index)?));
        names.iter().enumerate().map(one).collect()
    };
    let name = table.name.clone();
    Ok(match operation {
        INSERT => Change::Insert { table: name, row: columns(0, &table.columns)? },
        UPDATE => {
            let key = columns(0, &table.key)?;
            Change::Update { table: name, key, row: columns(table.key.len(), &table.columns)? }
        }
        _ => Change::Delete { table: name, key: columns(0, &table.key)? },
    })
}

fn value(row: &SqliteRow, index: usize) -> Result<Value, sqlx::Error> {
    let raw = row.try_get_raw(index)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let kind = raw.type_info().name().to_owned();
    Ok(match kind.as_str() {
        "INTEGER" => Value::Integer(row.try_get_unchecked(index)?),
        "REAL" => Value::Real(row.try_get_unchecked(index)?),
        "TEXT" => Value::Text(row.try_get_unchecked(index)?),
        _ => Value::Blob(row.try_get_unchecked(index)?),
    })
}

async fn tables(connection: &mut SqliteConnection) -> Result<Vec<Table>, sqlx::Error> {
    let names: Vec<String> =
        sqlx::query_scalar("SELECT name FROM main.sqlite_master WHERE type = 'table' ORDER BY name")
            .fetch_all(&mut *connection)
            .await?;
    let mut tables = Vec::with_capacity(names.len());
    for name in names.into_iter().filter(|name| !is_own(name)) {
        let rows = sqlx::query("SELECT name, pk FROM pragma_table_info(?, 'main') ORDER BY cid")
            .bind(&name)
            .fetch_all(&mut *connection)
            .await?;
        let mut columns = Vec::with_capacity(rows.len());
        let mut key = Vec::new();
        for row in rows {
            let (column, place): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
            if place > 0 {
                key.push((place, column.clone()));
            }
            columns.push(column);
        }
        key.sort();
        tables.push(Table { name, columns, key: key.into_iter().map(|(_, column)| column).collect() });
    }
    Ok(tables)
}

pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
