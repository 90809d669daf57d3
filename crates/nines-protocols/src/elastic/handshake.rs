//! What clients and agents ask before they send, and the answers that let them go on. Nines has no templates, policies or
//! pipelines: it says yes to them, and columns appear as they are seen.

use crate::json::write_string;

/// Agents refuse a server that is older than themselves; the official clients only look at the major version of the
/// media type. The newest line that is published.
pub const VERSION: &str = "9.4.0";

/// The answer to one of the questions; `None` for a path that is none of them. `path` is what follows `/elastic`.
pub fn answer(path: &str, is_read: bool) -> Option<String> {
    let mut parts = path.trim_matches('/').split('/');
    let answer = match (parts.next().unwrap_or_default(), parts.next()) {
        ("", None) => root(),
        ("_license", None) => LICENSE.to_owned(),
        ("_xpack", None) => XPACK.to_owned(),
        ("_cluster", Some("health")) => HEALTH.to_owned(),
        ("_nodes" | "_cluster" | "_logstash" | "_cat" | "_security" | "_settings", _) => NODES.to_owned(),
        (
            "_index_template"
            | "_component_template"
            | "_template"
            | "_ilm"
            | "_ingest"
            | "_data_stream"
            | "_alias",
            _,
        )
        | (_, Some("_alias" | "_settings" | "_mapping")) => {
            if is_read { "{}" } else { "{\"acknowledged\":true}" }.to_owned()
        }
        _ => return None,
    };
    Some(answer)
}

fn root() -> String {
    let mut out = String::from(
        "{\"name\":\"nines\",\"cluster_name\":\"nines\",\"cluster_uuid\":\"nines\",\"version\":{\"number\":",
    );
    write_string(&mut out, VERSION);
    out.push_str(
        ",\"build_flavor\":\"default\",\"build_type\":\"nines\",\"build_hash\":\"unknown\",\
         \"build_date\":\"2026-01-01T00:00:00.000000000Z\",\"build_snapshot\":false,\"lucene_version\":\"10.3.0\",\
         \"minimum_wire_compatibility_version\":\"8.19.0\",\"minimum_index_compatibility_version\":\"8.0.0\"},\
         \"tagline\":\"You Know, for Search\"}",
    );
    out
}

const LICENSE: &str = "{\"license\":{\"status\":\"active\",\"uid\":\"nines\",\"type\":\"basic\",\
    \"issue_date\":\"2026-01-01T00:00:00.000Z\",\"issue_date_in_millis\":1767225600000,\"max_nodes\":1000,\
    \"issued_to\":\"nines\",\"issuer\":\"elasticsearch\",\"start_date_in_millis\":-1}}";

const XPACK: &str = "{\"build\":{\"hash\":\"unknown\",\"date\":\"2026-01-01T00:00:00.000Z\"},\
    \"license\":{\"uid\":\"nines\",\"type\":\"basic\",\"mode\":\"basic\",\"status\":\"active\"},\
    \"features\":{\"ilm\":{\"available\":true,\"enabled\":true},\"security\":{\"available\":true,\"enabled\":true}},\
    \"tagline\":\"You know, for X\"}";

const HEALTH: &str = "{\"cluster_name\":\"nines\",\"status\":\"green\",\"timed_out\":false,\"number_of_nodes\":1,\
    \"number_of_data_nodes\":1,\"active_primary_shards\":1,\"active_shards\":1,\"relocating_shards\":0,\
    \"initializing_shards\":0,\"unassigned_shards\":0,\"delayed_unassigned_shards\":0,\"number_of_pending_tasks\":0,\
    \"number_of_in_flight_fetch\":0,\"task_max_waiting_in_queue_millis\":0,\"active_shards_percent_as_number\":100.0}";

const NODES: &str =
    "{\"_nodes\":{\"total\":1,\"successful\":1,\"failed\":0},\"cluster_name\":\"nines\",\"nodes\":{}}";
