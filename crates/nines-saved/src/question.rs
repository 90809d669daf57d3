use crate::SavedError;

/// Characters of a name or a team: a line that people read.
pub const NAME_CHARS_MAX: usize = 80;
/// Bytes of a filter or an SQL text; the filter language itself takes no more than this.
pub const TEXT_BYTES_MAX: usize = 16 * 1024;
/// Columns of a table: more than a wide screen shows.
pub const COLUMNS_MAX: usize = 40;
/// Bytes of the lesser parts: a description, a time, a field's name.
const PART_BYTES_MAX: usize = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QuestionKind {
    /// A filter over one dataset.
    Search,
    Sql,
}

impl QuestionKind {
    pub const ALL: [Self; 2] = [Self::Search, Self::Sql];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Sql => "sql",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What is asked, and how its author looked at the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub name: String,
    pub kind: QuestionKind,
    /// The team that it is for. `None`: everybody.
    pub team: Option<String>,
    /// What it is good for, in a line; may be empty.
    pub description: String,
    /// The dataset's name, of a search.
    pub dataset: Option<String>,
    /// The filter or the SQL.
    pub text: String,
    /// Times as people write them, such as `now-1h`; `None` leaves the time to whoever opens it.
    pub from: Option<String>,
    pub to: Option<String>,
    /// Fields shown as columns; empty: the usual ones.
    pub columns: Vec<String>,
    /// The field by which the histogram is split.
    pub split_by: Option<String>,
}

impl Question {
    /// A search without anything but its filter.
    pub fn search(name: &str, dataset: &str, filter: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind: QuestionKind::Search,
            team: None,
            description: String::new(),
            dataset: Some(dataset.to_owned()),
            text: filter.to_owned(),
            from: None,
            to: None,
            columns: Vec::new(),
            split_by: None,
        }
    }

    /// Whether it may be kept.
    ///
    /// # Errors
    /// [`SavedError::Invalid`], which names the part.
    pub fn check(&self) -> Result<(), SavedError> {
        check_name("name", &self.name)?;
        if let Some(team) = &self.team {
            check_name("team", team)?;
        }
        if self.text.len() > TEXT_BYTES_MAX {
            return Err(invalid(format!(
                "the text has {} bytes, more than {TEXT_BYTES_MAX}",
                self.text.len()
            )));
        }
        if self.kind == QuestionKind::Sql && self.text.trim().is_empty() {
            return Err(invalid("the SQL is empty".to_owned()));
        }
        if self.kind == QuestionKind::Search && self.dataset.is_none() {
            return Err(invalid("a search names its dataset".to_owned()));
        }
        if self.columns.len() > COLUMNS_MAX {
            return Err(invalid(format!(
                "{} columns are too many: at most {COLUMNS_MAX}",
                self.columns.len()
            )));
        }
        let parts = [Some(&self.description), self.from.as_ref(), self.to.as_ref(), self.split_by.as_ref()];
        match parts.into_iter().flatten().chain(&self.columns).find(|part| part.len() > PART_BYTES_MAX) {
            Some(part) => {
                let start: String = part.chars().take(20).collect();
                Err(invalid(format!("`{start}…` has {} bytes, more than {PART_BYTES_MAX}", part.len())))
            }
            None => Ok(()),
        }
    }
}

/// A line that can stand in a path without being read in two ways.
fn check_name(part: &str, name: &str) -> Result<(), SavedError> {
    if name.trim() != name || name.is_empty() {
        return Err(invalid(format!("the {part} is empty or has blanks around it")));
    }
    if name.chars().count() > NAME_CHARS_MAX {
        return Err(invalid(format!("the {part} has more than {NAME_CHARS_MAX} characters")));
    }
    if let Some(wrong) = name.chars().find(|c| c.is_control() || matches!(c, '/' | '\\' | ';' | '%')) {
        return Err(invalid(format!("the {part} holds {wrong:?}: use letters, digits, blanks and dashes")));
    }
    if name.chars().all(|c| c == '.') {
        return Err(invalid(format!("the {part} is only dots")));
    }
    Ok(())
}

fn invalid(message: String) -> SavedError {
    SavedError::Invalid(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lines_that_fit_a_path() {
        for good in ["Checkout errors", "結帳錯誤", "a", "v2.4.1: who?", &"x".repeat(NAME_CHARS_MAX)] {
            assert!(Question::search(good, "logs", "").check().is_ok(), "{good}");
        }
        for wrong in ["", " a", "a/b", "a\\b", "a;b", "100%", "a\nb", "..", &"x".repeat(NAME_CHARS_MAX + 1)] {
            assert!(Question::search(wrong, "logs", "").check().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_is_too_long_or_missing_is_named() {
        let told = |change: fn(&mut Question)| {
            let mut question = Question::search("a", "logs", "x");
            change(&mut question);
            question.check().unwrap_err().to_string()
        };
        assert_eq!(
            told(|q| q.text = "x".repeat(TEXT_BYTES_MAX + 1)),
            "the text has 16385 bytes, more than 16384"
        );
        assert_eq!(told(|q| q.dataset = None), "a search names its dataset");
        assert_eq!(told(|q| q.columns = vec![String::new(); 41]), "41 columns are too many: at most 40");
        assert!(told(|q| q.description = "y".repeat(1_001)).contains("1001 bytes"));
        assert_eq!(
            told(|q| {
                q.kind = QuestionKind::Sql;
                q.text = " ".to_owned();
            }),
            "the SQL is empty"
        );
    }
}
