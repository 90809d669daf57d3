//! Trees to texts. Source: Go's `text/template/exec.go`.

use std::collections::BTreeMap;

use super::functions::call;
use super::parse::{Command, Node, Operand, Pipe, Place, Tree};
use super::print::plain;
use super::{NESTING_MAX, OUTPUT_BYTES_MAX, QUERIES_MAX, STEPS_MAX, Surroundings, TemplateError, Value};

pub(super) fn run(
    root: &Tree,
    defined: &BTreeMap<String, Tree>,
    dot: Value,
    mut variables: Vec<(String, Value)>,
    around: &mut Surroundings<'_>,
) -> Result<String, TemplateError> {
    variables.insert(0, ("$".to_owned(), dot.clone()));
    let mut machine = Machine {
        defined,
        variables,
        out: String::new(),
        steps: 0,
        depth: 0,
        queries: 0,
        place: Place::default(),
        around,
    };
    match machine.list(root, &dot) {
        Ok(_) => Ok(machine.out),
        Err(Stop(message)) => {
            let Place { line, column } = machine.place;
            Err(TemplateError { line: line.max(1), column: column.max(1), message })
        }
    }
}

/// Why an expansion ends.
struct Stop(String);

impl From<String> for Stop {
    fn from(message: String) -> Self {
        Self(message)
    }
}

/// How a list was left.
#[derive(PartialEq)]
enum Flow {
    Through,
    Break,
    Continue,
}

struct Machine<'t, 'a, 'b> {
    defined: &'t BTreeMap<String, Tree>,
    variables: Vec<(String, Value)>,
    out: String,
    steps: usize,
    depth: usize,
    queries: usize,
    /// Of the action that runs.
    place: Place,
    around: &'b mut Surroundings<'a>,
}

impl<'t> Machine<'t, '_, '_> {
    fn step(&mut self) -> Result<(), Stop> {
        self.steps += 1;
        if self.steps > STEPS_MAX {
            return Err(Stop(format!("template takes more than {STEPS_MAX} steps: make it simpler")));
        }
        if self.out.len() > OUTPUT_BYTES_MAX {
            return Err(Stop(format!("template writes more than {OUTPUT_BYTES_MAX} bytes: write less")));
        }
        Ok(())
    }

    fn list(&mut self, tree: &'t Tree, dot: &Value) -> Result<Flow, Stop> {
        for node in &tree.0 {
            self.step()?;
            let flow = self.node(node, dot)?;
            if flow != Flow::Through {
                return Ok(flow);
            }
        }
        Ok(Flow::Through)
    }

    fn node(&mut self, node: &'t Node, dot: &Value) -> Result<Flow, Stop> {
        match node {
            Node::Text(text) => self.out.push_str(text),
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
            Node::Action(pipe) => {
                let value = self.pipe(pipe, dot)?;
                if pipe.variables.is_empty() {
                    match value {
                        Value::Nil => self.out.push_str("<no value>"),
                        value => plain(&value, &mut self.out),
                    }
                }
            }
            Node::If { pipe, then, otherwise } | Node::With { pipe, then, otherwise } => {
                let scope = self.variables.len();
                let value = self.pipe(pipe, dot)?;
                let inner = if matches!(node, Node::With { .. }) && value.is_true() { &value } else { dot };
                let flow = self.list(if value.is_true() { then } else { otherwise }, inner)?;
                self.variables.truncate(scope);
                return Ok(flow);
            }
            Node::Range { pipe, body, otherwise } => return self.range(pipe, body, otherwise, dot),
            Node::Template { name, pipe, place } => {
                self.place = *place;
                let value = match pipe {
                    Some(pipe) => self.pipe(pipe, dot)?,
                    None => Value::Nil,
                };
                let Some(tree) = self.defined.get(name) else {
                    return Err(Stop(format!("template `{name}` is not defined")));
                };
                self.depth += 1;
                if self.depth > NESTING_MAX {
                    return Err(Stop(format!("templates call each other deeper than {NESTING_MAX} levels")));
                }
                let outer = std::mem::replace(&mut self.variables, vec![("$".to_owned(), value.clone())]);
                self.list(tree, &value)?;
                self.variables = outer;
                self.depth -= 1;
            }
        }
        Ok(Flow::Through)
    }

    fn range(
        &mut self,
        pipe: &'t Pipe,
        body: &'t Tree,
        otherwise: &'t Tree,
        dot: &Value,
    ) -> Result<Flow, Stop> {
        let scope = self.variables.len();
        let value = self.pipe_value(pipe, dot)?;
        let items: Vec<(Value, Value)> = match &value {
            Value::List(list) => {
                list.iter().enumerate().map(|(at, item)| (Value::Int(at as i64), item.clone())).collect()
            }
            Value::Map(map) => map.iter().map(|(key, item)| (Value::text(key), item.clone())).collect(),
            Value::Int(count) => {
                let count = usize::try_from(*count).unwrap_or(0).min(STEPS_MAX);
                (0..count as i64).map(|at| (Value::Int(at), Value::Int(at))).collect()
            }
            Value::Nil => Vec::new(),
            other => return Err(Stop(format!("`range` cannot go over a {}", other.type_name()))),
        };
        if items.is_empty() {
            let flow = self.list(otherwise, dot)?;
            self.variables.truncate(scope);
            return Ok(flow);
        }
        for (key, item) in items {
            self.step()?;
            let named: Vec<(&String, Value)> = match pipe.variables.as_slice() {
                [] => Vec::new(),
                [only] => vec![(only, item.clone())],
                [first, second, ..] => vec![(first, key), (second, item.clone())],
            };
            for (name, value) in named {
                if pipe.assigns {
                    self.assign(name, value);
                } else {
                    self.variables.push((name.clone(), value));
                }
            }
            let flow = self.list(body, &item)?;
            self.variables.truncate(scope);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::Through)
    }

    fn assign(&mut self, name: &str, value: Value) {
        if let Some(variable) = self.variables.iter_mut().rev().find(|(known, _)| known == name) {
            variable.1 = value;
        }
    }

    /// The value, which its variables get.
    fn pipe(&mut self, pipe: &'t Pipe, dot: &Value) -> Result<Value, Stop> {
        let value = self.pipe_value(pipe, dot)?;
        for name in &pipe.variables {
            if pipe.assigns {
                self.assign(name, value.clone());
            } else {
                self.variables.push((name.clone(), value.clone()));
            }
        }
        Ok(value)
    }

    fn pipe_value(&mut self, pipe: &'t Pipe, dot: &Value) -> Result<Value, Stop> {
        self.place = pipe.place;
        let mut last = None;
        for command in &pipe.commands {
            self.step()?;
            last = Some(self.command(command, dot, last)?);
        }
        Ok(last.unwrap_or(Value::Nil))
    }

    fn command(&mut self, command: &'t Command, dot: &Value, piped: Option<Value>) -> Result<Value, Stop> {
        let (first, rest) = (&command.0[0], &command.0[1..]);
        let Operand::Function(name) = first else {
            // Only a method takes arguments, and values have none here.
            if !rest.is_empty() || piped.is_some() {
                return Err(Stop("a field takes no arguments".to_owned()));
            }
            return self.operand(first, dot);
        };
        if matches!(name.as_str(), "and" | "or") {
            let mut value = None;
            for operand in rest {
                let next = self.operand(operand, dot)?;
                let decided = next.is_true() == (name == "or");
                value = Some(next);
                if decided {
                    return Ok(value.unwrap_or(Value::Nil));
                }
            }
            return piped.or(value).ok_or_else(|| Stop(format!("`{name}` needs arguments")));
        }
        let mut arguments = Vec::with_capacity(rest.len() + 1);
        for operand in rest {
            arguments.push(self.operand(operand, dot)?);
        }
        arguments.extend(piped);
        if name == "query" {
            self.queries += 1;
            if self.queries > QUERIES_MAX {
                return Err(Stop(format!("template asks more than {QUERIES_MAX} queries")));
            }
        }
        let value = call(name, &arguments, self.around)?;
        if let Value::Text(text) = &value
            && text.len() > OUTPUT_BYTES_MAX
        {
            return Err(Stop(format!("`{name}` makes more than {OUTPUT_BYTES_MAX} bytes")));
        }
        Ok(value)
    }

    fn operand(&mut self, operand: &'t Operand, dot: &Value) -> Result<Value, Stop> {
        self.step()?;
        match operand {
            Operand::Dot => Ok(dot.clone()),
            Operand::Nil => Ok(Value::Nil),
            Operand::Constant(value) => Ok(value.clone()),
            Operand::Variable(name) => {
                let found = self.variables.iter().rev().find(|(known, _)| known == name);
                found
                    .map(|(_, value)| value.clone())
                    .ok_or_else(|| Stop(format!("undefined variable `{name}`")))
            }
            // A function without arguments, as an argument.
            Operand::Function(name) => Ok(call(name, &[], self.around)?),
            Operand::Pipe(pipe) => {
                let place = self.place;
                let value = self.pipe(pipe, dot)?;
                self.place = place;
                Ok(value)
            }
            Operand::Fields(of, fields) => {
                let mut value = self.operand(of, dot)?;
                for field in fields {
                    value = value.field(field)?;
                }
                Ok(value)
            }
        }
    }
}
