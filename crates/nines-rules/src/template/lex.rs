//! Texts to tokens. Source: Go's `text/template/parse/lex.go`.

use super::TemplateError;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// Outside of actions.
    Text(String),
    Open,
    Close,
    /// `foo`: a function or a keyword.
    Word(String),
    /// `.foo`
    Field(String),
    /// `$foo`, or `$`.
    Variable(String),
    Dot,
    Quoted(String),
    Int(i64),
    Float(f64),
    Pipe,
    Left,
    Right,
    Declare,
    Assign,
    Comma,
    End,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spotted {
    pub token: Token,
    pub at: usize,
    /// A blank stands before it.
    pub spaced: bool,
}

pub(super) fn tokens(text: &str) -> Result<Vec<Spotted>, TemplateError> {
    let mut all = Vec::new();
    let mut at = 0;
    // The text before an action may lose its blanks to the action's mark.
    let mut trim_left = false;
    loop {
        let open = text[at..].find("{{").map(|step| at + step);
        let mut piece = &text[at..open.unwrap_or(text.len())];
        if trim_left {
            piece = piece.trim_start_matches(is_blank);
        }
        let inside = open.map(|open| open + 2);
        let trims = inside.is_some_and(|inside| {
            let rest = &text.as_bytes()[inside..];
            rest.first() == Some(&b'-') && rest.get(1).is_some_and(|byte| is_blank(char::from(*byte)))
        });
        if trims {
            piece = piece.trim_end_matches(is_blank);
        }
        if !piece.is_empty() {
            all.push(Spotted { token: Token::Text(piece.to_owned()), at, spaced: false });
        }
        let (Some(open), Some(inside)) = (open, inside) else { break };
        let start = if trims { inside + 1 } else { inside };
        let lexed = action(text, open, start, &mut all)?;
        (at, trim_left) = lexed;
    }
    all.push(Spotted { token: Token::End, at: text.len(), spaced: true });
    Ok(all)
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

/// From behind `{{` to behind `}}`; and whether the text after it loses its blanks.
fn action(
    text: &str,
    open: usize,
    start: usize,
    all: &mut Vec<Spotted>,
) -> Result<(usize, bool), TemplateError> {
    let bytes = text.as_bytes();
    let trimmed = text[start..].trim_start_matches(is_blank);
    if trimmed.starts_with("/*") {
        let from = text.len() - trimmed.len();
        let Some(end) = text[from..].find("*/").map(|end| from + end + 2) else {
            return Err(TemplateError::at(text, from, "comment has no end: close it with `*/}}`"));
        };
        let rest = &text[end..];
        if rest.starts_with("}}") {
            return Ok((end + 2, false));
        }
        let marked = rest.trim_start_matches(is_blank);
        if marked.len() < rest.len() && marked.starts_with("-}}") {
            return Ok((text.len() - marked.len() + 3, true));
        }
        return Err(TemplateError::at(text, end, "a comment must end the action: write `*/}}`"));
    }
    let mut push = |token: Token, at: usize, spaced: bool| all.push(Spotted { token, at, spaced });
    push(Token::Open, open, true);
    let mut at = start;
    let mut spaced = true;
    let mut parentheses = 0_usize;
    loop {
        let Some(&byte) = bytes.get(at) else {
            return Err(TemplateError::at(text, open, "action has no end: close it with `}}`"));
        };
        let rest = &text[at..];
        if is_blank(char::from(byte)) {
            let blanks = rest.len() - rest.trim_start_matches(is_blank).len();
            if text[at + blanks..].starts_with("-}}") {
                push(Token::Close, at + blanks, true);
                return closed(text, at + blanks + 3, true, parentheses);
            }
            at += blanks;
            spaced = true;
            continue;
        }
        if rest.starts_with("}}") {
            push(Token::Close, at, spaced);
            return closed(text, at + 2, false, parentheses);
        }
        let (token, length) = one(text, at)?;
        match token {
            Token::Left => parentheses += 1,
            Token::Right => {
                let Some(fewer) = parentheses.checked_sub(1) else {
                    return Err(TemplateError::at(text, at, "unexpected `)`"));
                };
                parentheses = fewer;
            }
            _ => {}
        }
        push(token, at, spaced);
        spaced = false;
        at += length;
    }
}

fn closed(text: &str, end: usize, trims: bool, parentheses: usize) -> Result<(usize, bool), TemplateError> {
    if parentheses > 0 {
        return Err(TemplateError::at(text, end, "a parenthesis has no end: close it with `)`"));
    }
    Ok((end, trims))
}

/// The token at `at` and its length.
fn one(text: &str, at: usize) -> Result<(Token, usize), TemplateError> {
    let rest = &text[at..];
    let fail = |message: String| Err(TemplateError::at(text, at, message));
    let mut characters = rest.chars();
    let first = characters.next().unwrap_or(' ');
    let second = characters.next();
    let name_length = |from: usize| {
        let name = &rest[from..];
        let end = name.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(name.len());
        (name[..end].to_owned(), from + end)
    };
    match first {
        '|' => Ok((Token::Pipe, 1)),
        '(' => Ok((Token::Left, 1)),
        ')' => Ok((Token::Right, 1)),
        ',' => Ok((Token::Comma, 1)),
        '=' => Ok((Token::Assign, 1)),
        ':' if second == Some('=') => Ok((Token::Declare, 2)),
        '"' => quoted(text, at, '"'),
        '\'' => match quoted(text, at, '\'')? {
            (Token::Quoted(character), length) if character.chars().count() == 1 => {
                let code = character.chars().next().map_or(0, u32::from);
                Ok((Token::Int(i64::from(code)), length))
            }
            _ => {
                fail("a character in single quotes is one character: put texts into double quotes".to_owned())
            }
        },
        '`' => match rest[1..].find('`') {
            Some(end) => Ok((Token::Quoted(rest[1..=end].to_owned()), end + 2)),
            None => fail("raw text has no end: close it with a backquote".to_owned()),
        },
        '$' => {
            let (name, length) = name_length(1);
            Ok((Token::Variable(format!("${name}")), length))
        }
        '.' if !second.is_some_and(|c| c.is_ascii_digit()) => {
            let (name, length) = name_length(1);
            Ok(if name.is_empty() { (Token::Dot, 1) } else { (Token::Field(name), length) })
        }
        c if c.is_ascii_digit() || matches!(c, '.' | '+' | '-') => number(text, at),
        c if c.is_alphabetic() || c == '_' => {
            let (name, length) = name_length(0);
            Ok((Token::Word(name), length))
        }
        other => fail(format!("unexpected `{other}` in an action")),
    }
}

fn number(text: &str, at: usize) -> Result<(Token, usize), TemplateError> {
    let rest = &text[at..];
    let mut before = ' ';
    let end = rest
        .char_indices()
        .find(|(place, c)| {
            let sign = matches!(c, '+' | '-') && (*place == 0 || matches!(before, 'e' | 'E'));
            before = *c;
            !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_') || sign)
        })
        .map_or(rest.len(), |(place, _)| place);
    let word = &rest[..end];
    let plain = word.replace('_', "");
    let digits = plain.trim_start_matches(['+', '-']);
    let negative = plain.starts_with('-');
    let radix = |prefix: &str, radix: u32| {
        let digits = digits.strip_prefix(prefix).or_else(|| digits.strip_prefix(&prefix.to_uppercase()))?;
        let number = i64::from_str_radix(digits, radix).ok()?;
        Some(if negative { -number } else { number })
    };
    let whole = plain
        .parse::<i64>()
        .ok()
        .or_else(|| radix("0x", 16))
        .or_else(|| radix("0o", 8))
        .or_else(|| radix("0b", 2));
    let starts_well = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    match (whole, plain.parse::<f64>()) {
        (Some(number), _) => Ok((Token::Int(number), end)),
        (None, Ok(number)) if starts_well => Ok((Token::Float(number), end)),
        _ => Err(TemplateError::at(text, at, format!("`{word}` is no number"))),
    }
}

/// A text in quotes with Go's escapes.
fn quoted(text: &str, at: usize, quote: char) -> Result<(Token, usize), TemplateError> {
    let rest = &text[at..];
    let mut out = String::new();
    let mut characters = rest.char_indices().skip(1);
    let fail = |place: usize, message: &str| Err(TemplateError::at(text, at + place, message));
    loop {
        let Some((place, character)) = characters.next() else {
            return fail(0, "text in quotes has no end");
        };
        match character {
            '\n' => return fail(0, "text in quotes has no end on its line"),
            c if c == quote => return Ok((Token::Quoted(out), place + c.len_utf8())),
            '\\' => {
                let Some((_, escaped)) = characters.next() else {
                    return fail(place, "text in quotes has no end");
                };
                let mut code = |digits: usize, radix: u32, first: Option<char>| {
                    let mut written: String = first.into_iter().collect();
                    while written.len() < digits {
                        written.push(characters.next()?.1);
                    }
                    u32::from_str_radix(&written, radix).ok().and_then(char::from_u32)
                };
                let plain = match escaped {
                    'n' => Some('\n'),
                    't' => Some('\t'),
                    'r' => Some('\r'),
                    'a' => Some('\u{7}'),
                    'b' => Some('\u{8}'),
                    'f' => Some('\u{c}'),
                    'v' => Some('\u{b}'),
                    '\\' => Some('\\'),
                    c if c == quote => Some(quote),
                    'x' => code(2, 16, None),
                    'u' => code(4, 16, None),
                    'U' => code(8, 16, None),
                    digit @ '0'..='7' => code(3, 8, Some(digit)),
                    _ => None,
                };
                let Some(plain) = plain else {
                    return fail(place, "escape is not known: write `\\\\` for a backslash");
                };
                out.push(plain);
            }
            other => out.push(other),
        }
    }
}
