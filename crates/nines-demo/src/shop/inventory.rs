//! Stock and reservations, kept in a database. With configuration revision 118 products are looked up by a regular
//! expression over all names, for which the database reads the whole table.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;

use super::Lookup;
use super::call::{Call, Failure};

pub(super) const STOCK: &str = "/stock";
pub(super) const RESERVATIONS: &str = "/reservations";

const BY_PREFIX: &str = "SELECT id, stock FROM product WHERE name LIKE $1 || '%' LIMIT 20";
const BY_REGEX: &str = r"SELECT id, stock FROM product WHERE name ~* '^(.*\s)*' || $1 || '(\s.*)*$' LIMIT 20";

const PREFIX_TIME: Duration = Duration::from_millis(5);
/// How long the database takes to match 1.2 million names.
const REGEX_TIME: Duration = Duration::from_millis(800);

pub(super) async fn stock(call: Call) -> Result<&'static str, Failure> {
    call.work(Duration::from_millis(2)).await;
    look_up(&call).await;
    Ok("stock")
}

pub(super) async fn reserve(call: Call) -> Result<&'static str, Failure> {
    look_up(&call).await;
    let update = query(
        &call,
        "UPDATE reservation",
        "UPDATE reservation SET held = held + 1 WHERE product_id = $1",
        "UPDATE",
    );
    update.work(Duration::from_millis(4)).await;
    update.end();
    Ok("reserved")
}

async fn look_up(call: &Call) {
    let settings = call.pod.world.settings.load_full();
    call.attribute("app.config.revision", settings.inventory_revision);
    match settings.lookup {
        Lookup::Prefix => {
            let select = query(call, "SELECT product", BY_PREFIX, "SELECT");
            select.work(PREFIX_TIME).await;
            select.end();
        }
        Lookup::Regex => {
            let select = query(call, "SELECT product by regex", BY_REGEX, "SELECT");
            select.attribute("db.rows_examined", 1_204_311_i64);
            select.work(REGEX_TIME).await;
            select.warn(
                "slow query: sequential scan on product".to_owned(),
                vec![("db.query.text", BY_REGEX.to_owned())],
            );
            select.end();
        }
    }
}

fn query(call: &Call, name: &'static str, text: &'static str, operation: &'static str) -> Call {
    let attributes = vec![
        KeyValue::new("db.system.name", "postgresql"),
        KeyValue::new("db.namespace", "inventory"),
        KeyValue::new("db.operation.name", operation),
        KeyValue::new("db.query.text", text),
    ];
    call.child(name, SpanKind::Client, attributes)
}
