//! Calls that are made again when they are throttled, and lists that are read to their end.

use std::collections::BTreeMap;
use std::time::Duration;

use nines_egress::Response;
use serde_json::{Value, json};

use super::super::form;
use super::super::wire::{Fault, Form, Service, Wire};
use super::super::xml::Element;
use super::tree::value_of;
use super::{ITEMS_MAX, Item, LOOKED_INTO_MAX, PAGES_MAX};
use crate::CloudError;

/// How often a throttled call is made again: with doubled pauses from 200 ms that is 12.6 s, which refills every bucket
/// of these services.
const RETRIES_MAX: u32 = 6;
const PAUSE: Duration = Duration::from_millis(200);

pub struct Calls<'a> {
    pub wire: &'a Wire,
}

/// What is known of a kind so far.
pub struct Kind {
    pub kind: &'static str,
    pub is_global: bool,
    pub items: Vec<Item>,
    pub incomplete: Option<String>,
}

/// A list of a query protocol: the call, where its items are, and how its pages are asked for and found.
pub struct List {
    pub service: Service,
    pub action: &'static str,
    pub items: &'static str,
    pub next: (&'static str, &'static str),
}

/// What was listed, and why that is not all.
pub struct Listed {
    pub items: Vec<Value>,
    pub incomplete: Option<String>,
}

impl Listed {
    /// Adds a page; whether to go on.
    fn take(&mut self, items: Vec<Value>, has_more: bool) -> bool {
        self.items.extend(items);
        if self.items.len() > ITEMS_MAX {
            self.items.truncate(ITEMS_MAX);
            self.incomplete = Some(format!("there are more than {ITEMS_MAX}"));
            return false;
        }
        has_more
    }

    /// As a kind, each item made by `item`; one without an id is left out.
    pub fn into_kind(self, kind: &'static str, item: impl Fn(Value) -> Option<Item>) -> Kind {
        let items = self.items.into_iter().filter_map(item).collect();
        Kind { kind, is_global: false, items, incomplete: self.incomplete }
    }
}

impl Kind {
    pub fn global(self) -> Self {
        Self { is_global: true, ..self }
    }

    /// The things that are looked into; of the others `part` is not known.
    pub fn looked_into(&mut self, part: &str) -> impl Iterator<Item = &mut Item> {
        for item in self.items.iter_mut().skip(LOOKED_INTO_MAX) {
            item.attributes[part] = unknown(&format!("only {LOOKED_INTO_MAX} of a kind are looked into"));
        }
        self.items.iter_mut().take(LOOKED_INTO_MAX)
    }
}

impl Calls<'_> {
    /// Waits before a call is made again, if that can help: a read may always be repeated. Whether to go on.
    async fn again<T>(&self, attempt: u32, answer: &Result<T, Fault>) -> bool {
        let is_passing = matches!(
            answer,
            Err(Fault { error: CloudError::Throttled { .. } | CloudError::Lost { .. }, .. })
        );
        if is_passing && attempt < RETRIES_MAX {
            self.wire.clock.sleep(PAUSE * 2_u32.pow(attempt)).await;
        }
        is_passing && attempt < RETRIES_MAX
    }

    pub async fn query(&self, service: Service, action: &str, parameters: Form) -> Result<Element, Fault> {
        let mut attempt = 0;
        loop {
            let answer = self.wire.query(service, action, parameters.clone()).await;
            if !self.again(attempt, &answer).await {
                return answer;
            }
            attempt += 1;
        }
    }

    /// `version` is that of the protocol, `target` the service's prefix and the action.
    pub async fn json(
        &self,
        service: &'static str,
        version: &str,
        target: &str,
        body: &Value,
    ) -> Result<Value, Fault> {
        let mut attempt = 0;
        loop {
            let answer = self.wire.json(service, version, target, body).await;
            if !self.again(attempt, &answer).await {
                return map(target, answer?);
            }
            attempt += 1;
        }
    }

    async fn get(&self, service: &'static str, path: &str, query: &str) -> Result<Response, Fault> {
        let mut attempt = 0;
        loop {
            let answer = self.wire.get(service, path, query).await;
            if !self.again(attempt, &answer).await {
                return answer;
            }
            attempt += 1;
        }
    }

    pub async fn xml(&self, service: &'static str, path: &str, query: &str) -> Result<Value, Fault> {
        let response = self.get(service, path, query).await?;
        let parsed = Element::parse(&String::from_utf8_lossy(&response.body));
        match parsed.map(|element| value_of(&element)).map_err(|reason| garbled(path, &reason))? {
            // An empty element: nothing is set.
            Value::Null => Ok(Value::Null),
            answer => map(path, answer),
        }
    }

    pub async fn rest(&self, service: &'static str, path: &str, query: &str) -> Result<Value, Fault> {
        let response = self.get(service, path, query).await?;
        let answer = serde_json::from_slice(&response.body);
        map(path, answer.map_err(|error| garbled(path, &error.to_string()))?)
    }

    /// Every item of every page of a query protocol.
    pub async fn list(&self, list: &List, parameters: &[(&str, &str)]) -> Listed {
        let mut listed = Listed { items: Vec::new(), incomplete: None };
        let mut next = String::new();
        for _ in 0..PAGES_MAX {
            let mut parameters = form(parameters);
            if !next.is_empty() {
                parameters.push((list.next.0.to_owned(), next.clone()));
            }
            let page = match self.query(list.service, list.action, parameters).await {
                Ok(page) => page,
                Err(fault) => {
                    listed.incomplete = Some(fault.error.to_string());
                    return listed;
                }
            };
            next = page.text_at(list.next.1).to_owned();
            let items = page.items(list.items).map(value_of).filter(Value::is_object);
            if !listed.take(items.collect(), !next.is_empty()) {
                return listed;
            }
        }
        listed.incomplete = Some(format!("there are more than {PAGES_MAX} pages"));
        listed
    }

    /// Every item of every page of a JSON protocol: where the items are, and the names of the marker in answer and call.
    pub async fn list_json(
        &self,
        call: (&'static str, &str, &str),
        body: &Value,
        items: &str,
        next: (&str, &str),
    ) -> Listed {
        let (service, version, target) = call;
        let mut listed = Listed { items: Vec::new(), incomplete: None };
        let mut body = body.clone();
        for _ in 0..PAGES_MAX {
            let page = match self.json(service, version, target, &body).await {
                Ok(page) => page,
                Err(fault) => {
                    listed.incomplete = Some(fault.error.to_string());
                    return listed;
                }
            };
            let found = page.get(items).and_then(Value::as_array).cloned().unwrap_or_default();
            let marker = page.get(next.0).filter(|marker| !marker.is_null()).cloned();
            // Some services give a marker with their last, empty page.
            let has_more = marker.is_some() && !found.is_empty();
            if !listed.take(found, has_more) {
                return listed;
            }
            body[next.1] = marker.unwrap_or_default();
        }
        listed.incomplete = Some(format!("there are more than {PAGES_MAX} pages"));
        listed
    }
}

/// A part of a thing: what was answered, `null` if the provider says by one of these codes that there is none, and else
/// that it is not known and why.
pub fn part(answer: Result<Value, Fault>, absent: &[&str]) -> Value {
    match answer {
        Ok(value) => value,
        Err(fault) if absent.contains(&fault.code.as_str()) => Value::Null,
        Err(fault) => unknown(&fault.error.to_string()),
    }
}

/// What stands at a pointer such as `/Table`, taken out; `null` if there is nothing.
pub fn taken(answer: &mut Value, pointer: &str) -> Value {
    answer.pointer_mut(pointer).map_or(Value::Null, Value::take)
}

/// Whether this is a description, and not the mark of one that was refused.
pub fn is_known_map(value: &Value) -> bool {
    value.is_object() && value.get("$unknown").is_none()
}

/// Answers are maps; anything else is not read further.
fn map(operation: &str, answer: Value) -> Result<Value, Fault> {
    if answer.is_object() { Ok(answer) } else { Err(garbled(operation, "it is no map")) }
}

pub fn unknown(reason: &str) -> Value {
    json!({"$unknown": reason})
}

fn garbled(operation: &str, reason: &str) -> Fault {
    let reason = format!("the answer cannot be read: {reason}");
    let error = CloudError::Unreachable { operation: operation.to_owned(), reason };
    Fault { code: String::new(), error }
}

/// A thing with its tags from its attributes; `None` without an id.
pub fn item(attributes: Value, id: &str, name: &str) -> Option<Item> {
    let text = |key: &str| attributes.get(key).and_then(Value::as_str).map(str::to_owned);
    let id = text(id).filter(|id| !id.is_empty())?;
    let tags = attributes.get("Tags").filter(|tags| tags.get("$unknown").is_none()).map(tags_of);
    let called = tags.as_ref().and_then(|tags| tags.get("Name").cloned()).filter(|name| !name.is_empty());
    let name = called.or_else(|| text(name)).unwrap_or_else(|| id.clone());
    Some(Item { id, name, tags, attributes })
}

/// `[{Key, Value}]` or a map.
pub fn tags_of(tags: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match tags {
        Value::Array(pairs) => pairs
            .iter()
            .filter_map(|pair| Some((pair["Key"].as_str()?.to_owned(), text(&pair["Value"]))))
            .collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), text(value))).collect(),
        _ => BTreeMap::new(),
    }
}

/// Gives a thing its tags, asked for by a call of their own.
pub fn set_tags(item: &mut Item, tags: Value) {
    item.tags = tags.get("$unknown").is_none().then(|| tags_of(&tags));
    item.attributes["Tags"] = tags;
}
