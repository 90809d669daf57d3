//! Composed actions: a runbook is a YAML document of steps, each an action of the catalogue or something that a person
//! does, and runs on the same machine as a single action.
//!
//! ```yaml
//! apiVersion: nines/v1
//! kind: Runbook
//! metadata:
//!   name: replace-machine
//! spec:
//!   description: put a fresh machine into service, then take the old one out
//!   parameters:
//!     - {name: fresh, type: instance, description: the machine that comes}
//!     - {name: old, type: instance, description: the machine that goes}
//!   steps:
//!     - name: bring-in
//!       action: ec2.in_service
//!       with: {instanceIds: ["${fresh}"], targetGroup: shop-blue}
//!     - name: look
//!       manual: watch the error rate for five minutes
//!     - name: take-out
//!       action: ec2.off_service
//!       with: {instanceIds: ["${old}"], targetGroup: shop-blue}
//!       when: {done: bring-in}
//!       onFailure: human
//! ```
//!
//! A value is either written out or is `${name}` as a whole: there is no templating inside a text, so a parameter can never
//! become part of something else. Values are checked by the action's own parameters when a plan is made.

use std::collections::BTreeSet;
use std::time::Duration;

use nines_base::ErrorKind;
use serde_json::{Map, Value};

use crate::ActionError;
use crate::bar::Part;
use crate::catalog::{self, Level};
use crate::error::{hint, nearest, shown};
use crate::parameter::{ADDRESSES_MAX, Arguments, Kind, Parameter};
use crate::plan::{Draft, Intent, OnFailure, StepWork, When};

mod yaml;

use yaml::{Node, Raw};

/// Steps of a runbook: what a person reads before they approve.
pub const STEPS_MAX: usize = 50;
/// How long a manual step may take is for people to decide; its timeout is never used.
const MANUAL_TIMEOUT: Duration = Duration::from_secs(0);

/// A position in the text, from 1, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    pub line: u32,
    pub column: u32,
}

/// The first mistake of a runbook, at its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {}, column {}: {message}", mark.line, mark.column)]
pub struct RunbookError {
    pub mark: Mark,
    pub message: String,
}

impl RunbookError {
    fn new(mark: Mark, message: String) -> Self {
        Self { mark, message }
    }

    pub fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}

/// A runbook that was read and checked.
#[derive(Debug, Clone)]
pub struct Runbook {
    pub name: String,
    pub description: String,
    pub level: Level,
    pub four_eyes: bool,
    pub parameters: Vec<RunbookParameter>,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunbookParameter {
    pub name: String,
    pub kind: Kind,
    pub required: bool,
    pub description: String,
}

#[derive(Debug, Clone)]
struct Step {
    name: String,
    work: Work,
    when: When,
    on_failure: OnFailure,
    timeout: Option<Duration>,
    mark: Mark,
}

#[derive(Debug, Clone)]
enum Work {
    Action { action: &'static catalog::Action, with: Node },
    Manual(String),
}

impl Runbook {
    /// Reads one document.
    ///
    /// # Errors
    /// [`RunbookError`] with the line and column of the first mistake.
    pub fn parse(text: &str) -> Result<Self, RunbookError> {
        let root = yaml::parse(text)?;
        let mut spec = None;
        let mut name = None;
        let (mut version, mut kind) = (None, None);
        for (key, node) in root.entries("a runbook", &["apiVersion", "kind", "metadata", "spec"])? {
            match key {
                "apiVersion" => version = Some(expect(node, key, "nines/v1")?),
                "kind" => kind = Some(expect(node, key, "Runbook")?),
                "metadata" => name = metadata(node)?,
                _ => spec = Some(node),
            }
        }
        let missing = |what: &str| root.wrong(format!("`{what}` is missing"));
        version.ok_or_else(|| missing("apiVersion: nines/v1"))?;
        kind.ok_or_else(|| missing("kind: Runbook"))?;
        let name = name.ok_or_else(|| missing("metadata.name"))?;
        read_spec(name, spec.ok_or_else(|| missing("spec"))?)
    }

    /// The runbook with values, as something to plan.
    ///
    /// # Errors
    /// A value that does not fit a parameter of the runbook or of the action that it is handed to; the message names the
    /// step and its line.
    pub fn intent(&self, values: &Map<String, Value>) -> Result<Intent, ActionError> {
        let action = format!("runbook/{}", self.name);
        let parameters: Vec<_> = self
            .parameters
            .iter()
            .map(|parameter| Parameter {
                name: &parameter.name,
                kind: parameter.kind,
                required: parameter.required,
                about: &parameter.description,
            })
            .collect();
        let arguments = Arguments::read(&action, &parameters, values)?;
        let (mut drafts, mut parts) = (Vec::new(), Vec::new());
        for step in &self.steps {
            drafts.extend(self.drafts_of(step, &arguments, &mut parts)?);
        }
        Ok(Intent { action, arguments, level: self.level, four_eyes: self.four_eyes, drafts, parts })
    }

    /// What its steps do, in order, for people who choose one.
    pub fn outline(&self) -> Vec<String> {
        let line = |step: &Step| match &step.work {
            Work::Action { action, .. } => format!("{}: {}", step.name, action.summary),
            Work::Manual(text) => format!("{}: by hand: {text}", step.name),
        };
        self.steps.iter().map(line).collect()
    }

    fn drafts_of(
        &self,
        step: &Step,
        arguments: &Arguments,
        parts: &mut Vec<Part>,
    ) -> Result<Vec<Draft>, ActionError> {
        let at = |error: String| {
            ActionError::Invalid(format!("step `{}` (line {}): {error}", step.name, step.mark.line))
        };
        let mut drafts = match &step.work {
            Work::Manual(text) => vec![Draft::new(StepWork::Manual(text.clone()), MANUAL_TIMEOUT)],
            Work::Action { action, with } => {
                let values = with
                    .to_json(&|text, node| self.value_of(text, node, Some(arguments)))
                    .map_err(|error| at(error.message))?;
                let values = values.as_object().cloned().unwrap_or_default();
                let intent =
                    Intent::of_action(action.name, &values).map_err(|error| at(error.to_string()))?;
                parts.push(Part { action: intent.action, arguments: intent.arguments });
                intent.drafts
            }
        };
        for draft in &mut drafts {
            draft.group = step.name.clone();
            draft.when = step.when.clone();
            draft.on_failure = step.on_failure;
            draft.timeout = step.timeout.unwrap_or(draft.timeout);
        }
        Ok(drafts)
    }

    /// `${name}` as a whole is the parameter's value; without `arguments` only the name is checked.
    fn value_of(
        &self,
        text: &str,
        node: &Node,
        arguments: Option<&Arguments>,
    ) -> Result<Value, RunbookError> {
        let Some(start) = text.find("${") else { return Ok(Value::from(text)) };
        let name = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).filter(|_| start == 0);
        let Some(name) = name.filter(|name| !name.contains(['{', '}'])) else {
            let message = "a parameter stands alone, as `${name}`: it cannot be part of a longer text";
            return Err(node.wrong(message));
        };
        if !self.parameters.iter().any(|parameter| parameter.name == name) {
            let known = self.parameters.iter().map(|parameter| parameter.name.as_str());
            let hint = hint(nearest(name, known).as_deref());
            return Err(node.wrong(format!("there is no parameter `{}`{hint}", shown(name))));
        }
        let value = arguments.and_then(|arguments| arguments.to_json().get(name).cloned());
        Ok(value.unwrap_or(Value::Null))
    }
}

fn expect(node: &Node, key: &str, wanted: &str) -> Result<(), RunbookError> {
    if node.text(key)? == wanted { Ok(()) } else { Err(node.wrong(format!("`{key}` must be `{wanted}`"))) }
}

fn metadata(node: &Node) -> Result<Option<String>, RunbookError> {
    let mut name = None;
    for (key, node) in node.entries("metadata", &["name", "labels"])? {
        if key == "name" {
            name = Some(word(node, "metadata.name")?);
        }
    }
    Ok(name)
}

/// A name that can stand in a path and in an action's name.
fn word(node: &Node, what: &str) -> Result<String, RunbookError> {
    let text = node.text(what)?;
    let fits = (1..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !text.starts_with('-');
    if fits {
        return Ok(text.to_owned());
    }
    Err(node.wrong(format!("`{what}` must have 1 to 63 lower-case letters, digits or dashes")))
}

fn read_spec(name: String, node: &Node) -> Result<Runbook, RunbookError> {
    let mut book = Runbook {
        name,
        description: String::new(),
        level: Level::Protected,
        four_eyes: false,
        parameters: Vec::new(),
        steps: Vec::new(),
    };
    let known = ["description", "level", "fourEyes", "parameters", "steps"];
    let entries = node.entries("spec", &known)?;
    let mut steps = None;
    for (key, node) in entries {
        match key {
            "description" => book.description = node.text(key)?.to_owned(),
            "level" => {
                book.level = Level::parse(node.text(key)?)
                    .filter(|level| *level > Level::Public)
                    .ok_or_else(|| node.wrong("`level` must be `protected` or `private`"))?;
            }
            "fourEyes" => match node.raw {
                Raw::Bool(value) => book.four_eyes = value,
                _ => return Err(node.wrong("`fourEyes` must be true or false")),
            },
            "parameters" => {
                for item in node.items(key)? {
                    let parameter = parameter(item)?;
                    if book.parameters.iter().any(|known| known.name == parameter.name) {
                        return Err(item.wrong(format!("there are two parameters `{}`", parameter.name)));
                    }
                    book.parameters.push(parameter);
                }
            }
            _ => steps = Some(node),
        }
    }
    let steps = steps.ok_or_else(|| node.wrong("`steps` is missing"))?;
    let items = steps.items("steps")?;
    if items.is_empty() || items.len() > STEPS_MAX {
        return Err(steps.wrong(format!("a runbook has 1 to {STEPS_MAX} steps, not {}", items.len())));
    }
    let mut names = BTreeSet::new();
    for item in items {
        let step = step(&book, &names, item)?;
        if let Work::Action { action, .. } = &step.work {
            // A runbook asks for no less than what it does.
            book.level = book.level.max(action.level);
            book.four_eyes |= action.four_eyes;
        }
        names.insert(step.name.clone());
        book.steps.push(step);
    }
    Ok(book)
}

fn parameter(node: &Node) -> Result<RunbookParameter, RunbookError> {
    const KINDS: [(&str, Kind); 12] = [
        ("instance", Kind::Instance),
        ("instances", Kind::Instances),
        ("target-group", Kind::TargetGroup),
        ("listener", Kind::Listener),
        ("scaling-group", Kind::ScalingGroup),
        ("block-list", Kind::BlockList),
        ("name", Kind::Name { chars_max: 255 }),
        ("host", Kind::Host),
        ("text", Kind::Text { chars_max: 500 }),
        ("number", Kind::Number { min: 0, max: 1_000_000 }),
        ("networks", Kind::Networks { count_max: ADDRESSES_MAX }),
        ("weights", Kind::Weights),
    ];
    let (mut name, mut kind, mut required, mut description) = (None, None, true, String::new());
    for (key, node) in node.entries("a parameter", &["name", "type", "required", "description"])? {
        match key {
            "name" => name = Some(word(node, "name")?),
            "type" => {
                let text = node.text(key)?;
                let found = KINDS.iter().find(|(known, _)| *known == text);
                let hint = hint(nearest(text, KINDS.iter().map(|(known, _)| *known)).as_deref());
                let wrong = || node.wrong(format!("there is no type `{}`{hint}", shown(text)));
                kind = Some(found.ok_or_else(wrong)?.1);
            }
            "required" => match node.raw {
                Raw::Bool(value) => required = value,
                _ => return Err(node.wrong("`required` must be true or false")),
            },
            _ => description = node.text(key)?.to_owned(),
        }
    }
    let missing = |what: &str| node.wrong(format!("a parameter needs `{what}`"));
    Ok(RunbookParameter {
        name: name.ok_or_else(|| missing("name"))?,
        kind: kind.ok_or_else(|| missing("type"))?,
        required,
        description,
    })
}

fn step(book: &Runbook, names: &BTreeSet<String>, node: &Node) -> Result<Step, RunbookError> {
    let known = ["name", "action", "with", "manual", "when", "onFailure", "timeout"];
    let entries = node.entries("a step", &known)?;
    let get = |key: &str| entries.iter().find(|(known, _)| *known == key).map(|(_, node)| *node);
    let name = word(get("name").ok_or_else(|| node.wrong("a step needs `name`"))?, "name")?;
    if names.contains(&name) {
        return Err(node.wrong(format!("there are two steps `{name}`")));
    }
    let work = match (get("action"), get("manual")) {
        (Some(action), None) => action_work(book, node, action, get("with"))?,
        (None, Some(manual)) => match get("with") {
            Some(with) => return Err(with.wrong("a manual step takes no `with`")),
            None => Work::Manual(manual.text("manual")?.to_owned()),
        },
        _ => return Err(node.wrong("a step has either `action` or `manual`")),
    };
    let on_failure = match get("onFailure") {
        None => OnFailure::Compensate,
        Some(node) => match node.text("onFailure")? {
            "compensate" => OnFailure::Compensate,
            "continue" => OnFailure::Continue,
            "human" => OnFailure::Human,
            _ => return Err(node.wrong("`onFailure` must be `compensate`, `continue` or `human`")),
        },
    };
    Ok(Step {
        when: get("when").map_or(Ok(When::Always), |node| when(names, node))?,
        timeout: get("timeout").map(timeout).transpose()?,
        name,
        work,
        on_failure,
        mark: node.mark,
    })
}

fn action_work(book: &Runbook, step: &Node, node: &Node, with: Option<&Node>) -> Result<Work, RunbookError> {
    let action = catalog::find(node.text("action")?).map_err(|error| node.wrong(error.to_string()))?;
    if matches!(action.work, catalog::Work::Read(_)) {
        return Err(node.wrong(format!("`{}` only reads: a step changes something", action.name)));
    }
    let empty = Node { raw: Raw::Map(Vec::new()), mark: step.mark };
    let with = with.unwrap_or(&empty);
    let names: Vec<_> = action.parameters.iter().map(|parameter| parameter.name).collect();
    let given = with.entries(&format!("with of {}", action.name), &names)?;
    let is_missing = |parameter: &&Parameter<'_>| {
        parameter.required && !given.iter().any(|(name, _)| *name == parameter.name)
    };
    if let Some(missing) = action.parameters.iter().find(is_missing) {
        return Err(with.wrong(format!("`{}` needs `{}`: {}", action.name, missing.name, missing.about)));
    }
    // Names of parameters are checked now, their values when there are any.
    with.to_json(&|text, node| book.value_of(text, node, None))?;
    Ok(Work::Action { action, with: with.clone() })
}

fn when(names: &BTreeSet<String>, node: &Node) -> Result<When, RunbookError> {
    let entries = node.entries("when", &["done", "failed", "changed"])?;
    let [(key, node)] = entries.as_slice() else {
        return Err(node.wrong("`when` has one of `done`, `failed` and `changed`"));
    };
    let name = node.text(key)?.to_owned();
    if !names.contains(&name) {
        let hint = hint(nearest(&name, names.iter().map(String::as_str)).as_deref());
        return Err(node.wrong(format!("there is no earlier step `{}`{hint}", shown(&name))));
    }
    Ok(match *key {
        "done" => When::Done(name),
        "failed" => When::Failed(name),
        _ => When::Changed(name),
    })
}

/// Seconds, or a number with `s`, `m` or `h`; at most a day.
fn timeout(node: &Node) -> Result<Duration, RunbookError> {
    const SECS_MAX: u64 = 24 * 3_600;
    let secs = match &node.raw {
        Raw::Int(secs) => u64::try_from(*secs).ok(),
        Raw::Str(text) => {
            let unit = |unit: char, secs: u64| {
                text.strip_suffix(unit).and_then(|count| count.parse::<u64>().ok()?.checked_mul(secs))
            };
            unit('s', 1).or_else(|| unit('m', 60)).or_else(|| unit('h', 3_600))
        }
        _ => None,
    };
    let secs = secs.filter(|secs| (1..=SECS_MAX).contains(secs));
    secs.map(Duration::from_secs)
        .ok_or_else(|| node.wrong("`timeout` must be from 1s to 24h, such as `90s`, `10m` or `2h`"))
}
