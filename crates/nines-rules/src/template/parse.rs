//! Tokens to trees. Source: Go's `text/template/parse/parse.go`.

use std::collections::BTreeMap;

use super::functions::FUNCTIONS;
use super::lex::{Spotted, Token, tokens};
use super::{NESTING_MAX, TemplateError, Value};

/// A list of nodes.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Tree(pub Vec<Node>);

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Text(String),
    Action(Pipe),
    If { pipe: Pipe, then: Tree, otherwise: Tree },
    With { pipe: Pipe, then: Tree, otherwise: Tree },
    Range { pipe: Pipe, body: Tree, otherwise: Tree },
    Template { name: String, pipe: Option<Pipe>, place: Place },
    Break,
    Continue,
}

/// Line and column, for errors while a template is expanded.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Place {
    pub line: usize,
    pub column: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pipe {
    /// `$x :=`, or two for `range`.
    pub variables: Vec<String>,
    /// `=` instead of `:=`.
    pub assigns: bool,
    pub commands: Vec<Command>,
    pub place: Place,
}

/// A function with its arguments, or a single operand.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Command(pub Vec<Operand>);

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    Dot,
    Nil,
    Constant(Value),
    Variable(String),
    Function(String),
    Pipe(Box<Pipe>),
    /// Of what stands before the first dot; [`Operand::Dot`] for `.Labels`.
    Fields(Box<Operand>, Vec<String>),
}

impl Tree {
    pub fn is_text(&self) -> bool {
        self.0.iter().all(|node| matches!(node, Node::Text(_)))
    }
}

type Parsed = (Tree, BTreeMap<String, Tree>);

pub(super) fn parse(text: &str, variables: &[&str]) -> Result<Parsed, TemplateError> {
    let mut variables: Vec<String> = variables.iter().map(|name| (*name).to_owned()).collect();
    variables.push("$".to_owned());
    let tokens = tokens(text)?;
    let mut parser =
        Parser { text, tokens, at: 0, variables, defined: BTreeMap::new(), depth: 0, in_range: 0 };
    let (root, ended) = parser.list()?;
    match ended {
        Ended::End => {}
        other => return parser.fail_back(format!("unexpected `{{{{ {} }}}}`", other.word())),
    }
    Ok((root, parser.defined))
}

/// What a list ended with.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Ended {
    /// Of the text.
    End,
    EndWord,
    Else,
}

impl Ended {
    fn word(self) -> &'static str {
        match self {
            Self::End => "the end of the template",
            Self::EndWord => "end",
            Self::Else => "else",
        }
    }
}

struct Parser<'t> {
    text: &'t str,
    tokens: Vec<Spotted>,
    at: usize,
    /// In scope, the innermost last.
    variables: Vec<String>,
    defined: BTreeMap<String, Tree>,
    depth: usize,
    in_range: usize,
}

impl Parser<'_> {
    fn peek(&self) -> &Spotted {
        // The last token is the end, and nothing goes past it.
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn next(&mut self) -> Spotted {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn fail<T>(&self, at: usize, message: impl Into<String>) -> Result<T, TemplateError> {
        Err(TemplateError::at(self.text, at, message))
    }

    fn fail_back<T>(&self, message: impl Into<String>) -> Result<T, TemplateError> {
        let at = self.tokens[self.at.saturating_sub(1).min(self.tokens.len() - 1)].at;
        self.fail(at, message)
    }

    fn place(&self, at: usize) -> Place {
        let error = TemplateError::at(self.text, at, "");
        Place { line: error.line, column: error.column }
    }

    fn deeper(&mut self) -> Result<(), TemplateError> {
        self.depth += 1;
        if self.depth > NESTING_MAX {
            return self.fail(self.peek().at, format!("template nests deeper than {NESTING_MAX} levels"));
        }
        Ok(())
    }

    fn list(&mut self) -> Result<(Tree, Ended), TemplateError> {
        self.deeper()?;
        let mut nodes = Vec::new();
        let ended = loop {
            let token = self.next();
            match token.token {
                Token::Text(text) => nodes.push(Node::Text(text)),
                Token::End => break Ended::End,
                _ => match self.action()? {
                    Step::Node(node) => nodes.push(node),
                    Step::Nothing => {}
                    Step::Ended(ended) => break ended,
                },
            }
        };
        self.depth -= 1;
        Ok((Tree(nodes), ended))
    }

    fn action(&mut self) -> Result<Step, TemplateError> {
        let word = match &self.peek().token {
            Token::Word(word) => word.clone(),
            _ => String::new(),
        };
        let at = self.peek().at;
        let keyword = matches!(
            word.as_str(),
            "if" | "with" | "range" | "end" | "else" | "define" | "template" | "block" | "break" | "continue"
        );
        if keyword {
            self.at += 1;
        }
        match word.as_str() {
            "if" | "with" | "range" => self.control(&word).map(Step::Node),
            "end" => {
                self.close("end")?;
                Ok(Step::Ended(Ended::EndWord))
            }
            // What follows, another `if` perhaps, is for the control that it belongs to.
            "else" => Ok(Step::Ended(Ended::Else)),
            "define" => self.define(at),
            "template" => self.template(at).map(Step::Node),
            "block" => self.block(at).map(Step::Node),
            "break" | "continue" => {
                if self.in_range == 0 {
                    return self.fail(at, format!("`{word}` outside of a `range`"));
                }
                self.close(&word)?;
                Ok(Step::Node(if word == "break" { Node::Break } else { Node::Continue }))
            }
            _ => {
                let pipe = self.pipe(false)?;
                self.close("an action")?;
                Ok(Step::Node(Node::Action(pipe)))
            }
        }
    }

    fn close(&mut self, of: &str) -> Result<(), TemplateError> {
        let token = self.next();
        if token.token == Token::Close {
            return Ok(());
        }
        self.fail(token.at, format!("unexpected {} in {of}", shown(&token.token)))
    }

    /// Scopes: what is declared in the pipe or in the lists is gone behind the end.
    fn control(&mut self, word: &str) -> Result<Node, TemplateError> {
        let variables = self.variables.len();
        let at = self.peek().at;
        let pipe = self.pipe(word == "range")?;
        self.close(word)?;
        let in_body = usize::from(word == "range");
        self.in_range += in_body;
        let (then, ended) = self.list()?;
        self.in_range -= in_body;
        let mut otherwise = Tree::default();
        match ended {
            Ended::End => {
                return self.fail(at, format!("`{word}` has no end: close it with `{{{{ end }}}}`"));
            }
            Ended::EndWord => {}
            Ended::Else => {
                let again = match &self.peek().token {
                    Token::Word(next) if next == word && word != "range" => true,
                    Token::Close => false,
                    other => {
                        let message = format!("unexpected {} after `else`", shown(other));
                        return self.fail(self.peek().at, message);
                    }
                };
                self.at += 1;
                if again {
                    // `else if` is an `if` in the `else`, and one `end` is for both.
                    self.deeper()?;
                    otherwise = Tree(vec![self.control(word)?]);
                    self.depth -= 1;
                } else {
                    let (list, ended) = self.list()?;
                    if ended != Ended::EndWord {
                        return self.fail_back(format!("expected `{{{{ end }}}}`, found {}", ended.word()));
                    }
                    otherwise = list;
                }
            }
        }
        self.variables.truncate(variables);
        Ok(match word {
            "if" => Node::If { pipe, then, otherwise },
            "with" => Node::With { pipe, then, otherwise },
            _ => Node::Range { pipe, body: then, otherwise },
        })
    }

    fn name(&mut self, of: &str) -> Result<String, TemplateError> {
        let token = self.next();
        match token.token {
            Token::Quoted(name) => Ok(name),
            other => self.fail(
                token.at,
                format!("expected the name of the template in quotes in {of}, found {}", shown(&other)),
            ),
        }
    }

    /// A list of its own: it sees no variables but `$`.
    fn body(&mut self, of: &str, at: usize) -> Result<Tree, TemplateError> {
        let outer = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let in_range = std::mem::take(&mut self.in_range);
        let (tree, ended) = self.list()?;
        (self.variables, self.in_range) = (outer, in_range);
        if ended != Ended::EndWord {
            return self.fail(at, format!("`{of}` has no end: close it with `{{{{ end }}}}`"));
        }
        Ok(tree)
    }

    fn define(&mut self, at: usize) -> Result<Step, TemplateError> {
        if self.depth > 1 {
            return self.fail(at, "`define` inside of another action: put it outside");
        }
        let name = self.name("define")?;
        self.close("define")?;
        let tree = self.body("define", at)?;
        if self.defined.insert(name.clone(), tree).is_some() {
            return self.fail(at, format!("template `{name}` is defined twice"));
        }
        Ok(Step::Nothing)
    }

    fn template(&mut self, at: usize) -> Result<Node, TemplateError> {
        let name = self.name("template")?;
        let pipe = if self.peek().token == Token::Close { None } else { Some(self.pipe(false)?) };
        self.close("template")?;
        Ok(Node::Template { name, pipe, place: self.place(at) })
    }

    fn block(&mut self, at: usize) -> Result<Node, TemplateError> {
        let name = self.name("block")?;
        let pipe = self.pipe(false)?;
        self.close("block")?;
        let tree = self.body("block", at)?;
        self.defined.insert(name.clone(), tree);
        Ok(Node::Template { name, pipe: Some(pipe), place: self.place(at) })
    }

    fn pipe(&mut self, in_range: bool) -> Result<Pipe, TemplateError> {
        self.deeper()?;
        let start = self.peek().at;
        let place = self.place(start);
        let (variables, assigns) = self.declaration(in_range)?;
        let mut commands = Vec::new();
        loop {
            let command = self.command(!commands.is_empty())?;
            if !commands.is_empty() && !matches!(command.0[0], Operand::Function(_) | Operand::Fields(..)) {
                return self.fail_back("only a function can stand behind `|`");
            }
            commands.push(command);
            if self.peek().token != Token::Pipe {
                break;
            }
            self.at += 1;
        }
        if !assigns {
            self.variables.extend(variables.iter().cloned());
        }
        self.depth -= 1;
        Ok(Pipe { variables, assigns, commands, place })
    }

    fn declaration(&mut self, in_range: bool) -> Result<(Vec<String>, bool), TemplateError> {
        let before = self.at;
        let mut variables = Vec::new();
        while let Token::Variable(name) = self.peek().token.clone() {
            self.at += 1;
            variables.push(name);
            match self.peek().token {
                Token::Declare => {
                    self.at += 1;
                    return Ok((variables, false));
                }
                Token::Assign => {
                    self.at += 1;
                    for name in &variables {
                        self.known(name, before)?;
                    }
                    return Ok((variables, true));
                }
                Token::Comma if in_range && variables.len() == 1 => self.at += 1,
                _ => break,
            }
        }
        self.at = before;
        Ok((Vec::new(), false))
    }

    fn known(&self, name: &String, token: usize) -> Result<(), TemplateError> {
        if self.variables.contains(name) {
            return Ok(());
        }
        let near = nearest(name, self.variables.iter().map(String::as_str));
        let hint = near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
        self.fail(
            self.tokens[token.min(self.tokens.len() - 1)].at,
            format!("undefined variable `{name}`{hint}"),
        )
    }

    fn command(&mut self, piped: bool) -> Result<Command, TemplateError> {
        let mut operands: Vec<Operand> = Vec::new();
        loop {
            match self.peek().token {
                Token::Close | Token::Pipe | Token::Right => break,
                _ => {}
            }
            let at = self.peek().at;
            if !operands.is_empty() && !self.peek().spaced {
                let found = shown(&self.peek().token);
                return self.fail(at, format!("unexpected {found}: separate arguments by blanks"));
            }
            operands.push(self.operand()?);
        }
        match operands.as_slice() {
            [] => {
                self.fail(self.peek().at, if piped { "nothing stands behind `|`" } else { "action is empty" })
            }
            [first, _, ..] if !matches!(first, Operand::Function(_) | Operand::Fields(..)) => {
                self.fail_back("only a function takes arguments")
            }
            _ => Ok(Command(operands)),
        }
    }

    fn operand(&mut self) -> Result<Operand, TemplateError> {
        let position = self.at;
        let Spotted { token, at, .. } = self.next();
        let mut operand = match token {
            Token::Dot => Operand::Dot,
            Token::Quoted(text) => Operand::Constant(Value::text(text)),
            Token::Int(number) => Operand::Constant(Value::Int(number)),
            Token::Float(number) => Operand::Constant(Value::Float(number)),
            Token::Variable(name) => {
                self.known(&name, position)?;
                Operand::Variable(name)
            }
            Token::Field(name) => Operand::Fields(Box::new(Operand::Dot), vec![name]),
            Token::Left => {
                let pipe = self.pipe(false)?;
                let token = self.next();
                if token.token != Token::Right {
                    return self.fail(token.at, format!("expected `)`, found {}", shown(&token.token)));
                }
                Operand::Pipe(Box::new(pipe))
            }
            Token::Word(word) => match word.as_str() {
                "true" => Operand::Constant(Value::Bool(true)),
                "false" => Operand::Constant(Value::Bool(false)),
                "nil" => Operand::Nil,
                name if FUNCTIONS.contains(&name) => Operand::Function(word),
                name => {
                    let hint = nearest(name, FUNCTIONS.iter().copied());
                    let hint = hint.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
                    return self.fail(at, format!("function `{name}` is not defined{hint}"));
                }
            },
            other => return self.fail(at, format!("unexpected {} in an action", shown(&other))),
        };
        // Fields that follow without a blank belong to it.
        let mut more = Vec::new();
        while let Spotted { token: Token::Field(name), spaced: false, .. } = self.peek().clone() {
            self.at += 1;
            more.push(name);
        }
        if !more.is_empty() {
            operand = match operand {
                Operand::Fields(of, mut fields) => {
                    fields.extend(more);
                    Operand::Fields(of, fields)
                }
                Operand::Constant(_) | Operand::Nil | Operand::Function(_) => {
                    return self
                        .fail(at, "a constant or a function has no fields: put a call into parentheses");
                }
                of => Operand::Fields(Box::new(of), more),
            };
        }
        Ok(operand)
    }
}

enum Step {
    Node(Node),
    Nothing,
    Ended(Ended),
}

fn shown(token: &Token) -> String {
    match token {
        Token::Text(_) => "text".to_owned(),
        Token::Open => "`{{`".to_owned(),
        Token::Close => "`}}`".to_owned(),
        Token::Word(word) => format!("`{word}`"),
        Token::Field(name) => format!("`.{name}`"),
        Token::Variable(name) => format!("`{name}`"),
        Token::Dot => "`.`".to_owned(),
        Token::Quoted(text) => format!("{text:?}"),
        Token::Int(number) => format!("`{number}`"),
        Token::Float(number) => format!("`{number}`"),
        Token::Pipe => "`|`".to_owned(),
        Token::Left => "`(`".to_owned(),
        Token::Right => "`)`".to_owned(),
        Token::Declare => "`:=`".to_owned(),
        Token::Assign => "`=`".to_owned(),
        Token::Comma => "`,`".to_owned(),
        Token::End => "the end of the template".to_owned(),
    }
}

fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    nines_yaml::nearest(word, known)
}
