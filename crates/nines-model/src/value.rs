use bytes::Bytes;
use smol_str::SmolStr;

/// A field's name. Cheap to clone: short names are inline, long ones are shared.
pub type Name = SmolStr;

/// What a field holds. Arrays and maps travel as JSON text: they are searchable and selectable, not typed columns.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Str(SmolStr),
    Int(i64),
    Float(f64),
    Bool(bool),
    Bytes(Bytes),
    /// Compact JSON text of an array or an object.
    Json(SmolStr),
}

/// A value, borrowed from wherever it lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValueRef<'a> {
    Str(&'a str),
    Int(i64),
    Float(f64),
    Bool(bool),
    Bytes(&'a [u8]),
    /// Compact JSON text of an array or an object.
    Json(&'a str),
}

/// The type of a column. Registered by the first value that a dataset sees under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ValueType {
    Str,
    Int,
    Float,
    Bool,
    Bytes,
    Json,
    /// Nanoseconds since the Unix epoch, UTC. Only fixed fields have it.
    Time,
}

impl Value {
    pub fn str(text: impl AsRef<str>) -> Self {
        Self::Str(SmolStr::new(text))
    }

    pub fn value_type(&self) -> ValueType {
        match self {
            Self::Str(_) => ValueType::Str,
            Self::Int(_) => ValueType::Int,
            Self::Float(_) => ValueType::Float,
            Self::Bool(_) => ValueType::Bool,
            Self::Bytes(_) => ValueType::Bytes,
            Self::Json(_) => ValueType::Json,
        }
    }

    /// The text of a string or JSON value; `None` for the other types.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) | Self::Json(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The value as a number, integers included (lossy beyond 2^53).
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }
}

impl<'a> ValueRef<'a> {
    pub fn value_type(self) -> ValueType {
        match self {
            Self::Str(_) => ValueType::Str,
            Self::Int(_) => ValueType::Int,
            Self::Float(_) => ValueType::Float,
            Self::Bool(_) => ValueType::Bool,
            Self::Bytes(_) => ValueType::Bytes,
            Self::Json(_) => ValueType::Json,
        }
    }

    /// The text of a string or JSON value; `None` for the other types.
    pub fn as_str(self) -> Option<&'a str> {
        match self {
            Self::Str(text) | Self::Json(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_int(self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(number),
            _ => None,
        }
    }

    /// The value as a number, integers included (lossy beyond 2^53).
    pub fn as_f64(self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(number as f64),
            Self::Float(number) => Some(number),
            _ => None,
        }
    }

    /// A copy of its own.
    pub fn to_value(self) -> Value {
        match self {
            Self::Str(text) => Value::Str(text.into()),
            Self::Int(number) => Value::Int(number),
            Self::Float(number) => Value::Float(number),
            Self::Bool(flag) => Value::Bool(flag),
            Self::Bytes(bytes) => Value::Bytes(Bytes::copy_from_slice(bytes)),
            Self::Json(text) => Value::Json(text.into()),
        }
    }
}

impl<'a> From<&'a Value> for ValueRef<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Str(text) => Self::Str(text),
            Value::Int(number) => Self::Int(*number),
            Value::Float(number) => Self::Float(*number),
            Value::Bool(flag) => Self::Bool(*flag),
            Value::Bytes(bytes) => Self::Bytes(bytes),
            Value::Json(text) => Self::Json(text),
        }
    }
}

impl<'a> From<&'a str> for ValueRef<'a> {
    fn from(text: &'a str) -> Self {
        Self::Str(text)
    }
}

impl ValueType {
    /// The name used on disk, in the API and on screen.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Str => "string",
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Bytes => "bytes",
            Self::Json => "json",
            Self::Time => "time",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Str, Self::Int, Self::Float, Self::Bool, Self::Bytes, Self::Json, Self::Time]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::str(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}
