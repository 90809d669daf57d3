//! Answers of the query protocols as a small tree. Names without their prefix; attributes are not kept.

use quick_xml::Reader;
use quick_xml::events::Event;

/// EC2's deepest answer has 12 levels.
const DEPTH_MAX: usize = 32;
/// Elements of one answer: a page of 1000 machines has some 100 each.
const ELEMENTS_MAX: usize = 200_000;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Element {
    pub name: String,
    pub text: String,
    pub children: Vec<Element>,
}

impl Element {
    /// Parses a whole answer. Entities that XML does not define by itself are refused, and so is what nests or repeats too
    /// much: the size is bounded by whoever read the answer.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader::from_str(text);
        let mut stack = vec![Self::default()];
        let mut count = 0;
        loop {
            let event = reader.read_event().map_err(|error| error.to_string())?;
            match event {
                Event::Start(start) => {
                    count += 1;
                    if stack.len() > DEPTH_MAX || count > ELEMENTS_MAX {
                        return Err("the answer nests or repeats too much".to_owned());
                    }
                    stack.push(Self::named(start.local_name().as_ref()));
                }
                Event::Empty(start) => {
                    let element = Self::named(start.local_name().as_ref());
                    top(&mut stack).children.push(element);
                }
                Event::End(_) => {
                    let element = stack.pop().unwrap_or_default();
                    match stack.last_mut() {
                        Some(parent) => parent.children.push(element),
                        None => return Err("an element ends that never began".to_owned()),
                    }
                }
                Event::Text(text) => top(&mut stack).text.push_str(&text),
                Event::CData(data) => top(&mut stack).text.push_str(&data),
                Event::GeneralRef(reference) => top(&mut stack).text.push(entity(&reference)?),
                Event::DocType(_) => return Err("a document type is not expected".to_owned()),
                Event::Eof => break,
                Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
            }
        }
        let mut root = stack.pop().filter(|_| stack.is_empty()).ok_or("the answer ends too early")?;
        if root.children.len() == 1 { Ok(root.children.remove(0)) } else { Err("not one element".to_owned()) }
    }

    fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// The first element at a path such as `reservationSet/item`.
    pub fn find(&self, path: &str) -> Option<&Self> {
        path.split('/').try_fold(self, |element, name| element.child(name))
    }

    fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text at a path, without blanks around it; empty if it is not there.
    pub fn text_at(&self, path: &str) -> &str {
        self.find(path).map_or("", |element| element.text.trim())
    }

    /// The items of a list: `item` in EC2, `member` elsewhere.
    pub fn items(&self, path: &str) -> impl Iterator<Item = &Self> {
        let list = self.find(path).map_or(&[][..], |list| &list.children);
        list.iter().filter(|item| item.name == "item" || item.name == "member")
    }

    /// The first element of this name anywhere below.
    pub fn search(&self, name: &str) -> Option<&Self> {
        self.children.iter().find_map(
            |child| {
                if child.name == name { Some(child) } else { child.search(name) }
            },
        )
    }
}

fn top(stack: &mut [Element]) -> &mut Element {
    stack.last_mut().expect("the root is popped only at the end")
}

fn entity(name: &str) -> Result<char, String> {
    let code = match name {
        "amp" => return Ok('&'),
        "lt" => return Ok('<'),
        "gt" => return Ok('>'),
        "quot" => return Ok('"'),
        "apos" => return Ok('\''),
        name => match (name.strip_prefix("#x"), name.strip_prefix('#')) {
            (Some(digits), _) => u32::from_str_radix(digits, 16).ok(),
            (None, Some(digits)) => digits.parse().ok(),
            (None, None) => None,
        },
    };
    code.and_then(char::from_u32).ok_or_else(|| format!("unknown entity `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_become_trees_and_entities_characters() {
        let text = "<?xml version=\"1.0\"?><a:R xmlns:a=\"x\"><set><item><n>1 &amp; &#x7d50;</n></item><item/></set>\n</a:R>";
        let root = Element::parse(text).unwrap();
        assert_eq!(root.name, "R");
        assert_eq!(root.items("set").count(), 2);
        assert_eq!(root.text_at("set/item/n"), "1 & 結");
        assert_eq!(root.text_at("set/nothing"), "");
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        let deep = "<a>".repeat(100);
        for text in
            ["", "<a>", "</a>", "<a/><b/>", "<a>&evil;</a>", "<!DOCTYPE x [<!ENTITY y \"z\">]><a/>", &deep]
        {
            assert!(Element::parse(text).is_err(), "{text}");
        }
    }
}
