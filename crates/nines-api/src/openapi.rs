//! The OpenAPI 3.1 document, from [`ROUTES`] and the wire types alone.

use serde_json::{Map, Value, json};

use crate::route::{Access, Body, Route};
use crate::{Problem, ROUTES};
use utoipa::{PartialSchema, ToSchema};

/// The document as JSON. Deterministic: the same build gives the same bytes.
pub fn openapi(version: &str) -> Value {
    let mut schemas = Vec::new();
    schemas.push((Problem::name().into_owned(), Problem::schema()));
    Problem::schemas(&mut schemas);
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES {
        for body in [route.request, route.response].into_iter().flatten() {
            (body.collect)(&mut schemas);
        }
        let item = paths.entry(route.path.replace("{*", "{")).or_insert_with(|| json!({}));
        item[route.method.as_str().to_ascii_lowercase()] = operation(route);
    }
    let schemas: std::collections::BTreeMap<String, Value> = schemas
        .into_iter()
        .map(|(name, schema)| (name, serde_json::to_value(schema).expect("schemas are plain data")))
        .collect();
    sorted(json!({
        "openapi": "3.1.0",
        "info": { "title": "Nines", "version": version, "description": "SRE as a service" },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": { "type": "http", "scheme": "bearer" },
                "session": { "type": "apiKey", "in": "cookie", "name": "nines_session" },
            },
        },
    }))
}

/// Keys in order at every depth, whether or not a dependency has asked JSON objects to keep theirs as they come.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(entries) => {
            let entries: std::collections::BTreeMap<String, Value> =
                entries.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

fn operation(route: &Route) -> Value {
    let mut parameters = Vec::new();
    for part in route.path.split('/').filter(|part| part.starts_with('{')) {
        let name = part.trim_matches(['{', '}', '*']);
        parameters
            .push(json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }));
    }
    for name in route.query {
        parameters
            .push(json!({ "name": name, "in": "query", "required": false, "schema": { "type": "string" } }));
    }
    let success = match route.response {
        Some(body) => {
            json!({ "description": "success", "content": { "application/json": { "schema": reference(body) } } })
        }
        None => json!({ "description": "success" }),
    };
    let problem = json!({
        "description": "a problem document",
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
    });
    let mut operation = json!({
        "operationId": route.operation,
        "summary": route.summary,
        "parameters": parameters,
        "responses": { "200": success, "default": problem },
        "x-nines-access": access(route.access),
    });
    if let Some(request) = route.request {
        operation["requestBody"] =
            json!({ "required": true, "content": { "application/json": { "schema": reference(request) } } });
    } else if matches!(route.operation, "apply" | "import_slos") {
        operation["requestBody"] = json!({ "required": true, "content": { "application/yaml": { "schema": { "type": "string" } } } });
    }
    if !matches!(route.access, Access::Public | Access::Signed) {
        operation["security"] = json!([{ "key": [] }, { "session": [] }]);
    }
    operation
}

fn reference(body: Body) -> Value {
    json!({ "$ref": format!("#/components/schemas/{}", (body.name)()) })
}

fn access(access: Access) -> String {
    match access {
        Access::Public => "public".to_owned(),
        Access::Signed => "signed body".to_owned(),
        Access::Ingest => "ingest".to_owned(),
        Access::AtLeast(role) => format!("at least {}", role.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::Method;

    #[test]
    fn every_route_and_operation_is_named_once() {
        let mut seen = HashSet::new();
        let mut operations = HashSet::new();
        for route in ROUTES {
            assert!(seen.insert((route.method, route.path)), "{:?} {} twice", route.method, route.path);
            assert!(operations.insert(route.operation), "{} twice", route.operation);
        }
        assert!(Method::ALL.iter().all(|method| ROUTES.iter().any(|route| route.method == *method)));
    }

    #[test]
    fn every_reference_in_the_document_leads_somewhere() {
        let document = openapi("test");
        let text = document.to_string();
        for reference in text.split("#/components/schemas/").skip(1) {
            let name: String = reference.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            assert!(document["components"]["schemas"].get(&name).is_some(), "{name} is not described");
        }
    }

    /// The checked-in document is what the web's types are generated from. `NINES_BLESS=1` rewrites it.
    #[test]
    fn the_checked_in_document_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/openapi.json");
        let fresh = serde_json::to_string_pretty(&openapi(env!("CARGO_PKG_VERSION"))).unwrap() + "\n";
        if std::env::var_os("NINES_BLESS").is_some() {
            #[expect(clippy::disallowed_methods, reason = "a test that rewrites its golden file")]
            std::fs::write(path, &fresh).unwrap();
        }
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(kept == fresh, "docs/reference/openapi.json is stale: run `make bless`");
    }
}
