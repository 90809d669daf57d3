//! What a dashboard is made of, and the bounds of it.

/// Columns of the grid, as Grafana and Perses have them.
pub const COLUMNS: u32 = 24;
/// Panels of one dashboard. The largest that is widely used, "Node Exporter Full", has some 140 with its rows.
pub const PANELS_MAX: usize = 300;
/// More variables than fit above a dashboard.
pub const VARIABLES_MAX: usize = 40;
/// Lines of a chart come from a handful of queries.
pub const QUERIES_MAX: usize = 26;
/// Values that a variable lists of itself.
pub const OPTIONS_MAX: usize = 300;
pub const THRESHOLDS_MAX: usize = 20;
pub const LINKS_MAX: usize = 20;
/// Tables of a fleet hide a column or two of each of their dozens of queries.
pub const OVERRIDES_MAX: usize = 300;
/// Values with words of their own: the states of a machine, not a dictionary.
pub const MAPPINGS_MAX: usize = 100;
/// Bytes of a query or of a panel's text.
pub const TEXT_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a title, a label, a word.
pub const WORD_BYTES_MAX: usize = 500;
/// Height of a panel in rows of the grid; a row is 32 pixels, so this is some three screens.
pub const HEIGHT_MAX: u32 = 100;
/// The last row: every panel below the other at full height.
pub const ROWS_MAX: u32 = 30_000;
/// Bytes of a whole document in any of its forms.
pub const DOCUMENT_BYTES_MAX: usize = 512 * 1024;
/// A dashboard asks again this often at most; each panel is a query.
pub const REFRESH_SECS_MIN: u64 = 5;
pub const REFRESH_SECS_MAX: u64 = 86_400;

/// Units that values are shown with. A plain number has none.
pub const UNITS: [&str; 26] = [
    "seconds",
    "milliseconds",
    "microseconds",
    "nanoseconds",
    "bytes",
    "kibibytes",
    "mebibytes",
    "kilobytes",
    "megabytes",
    "bits",
    "ratio",
    "percent",
    "perSecond",
    "perMinute",
    "bytesPerSecond",
    "bitsPerSecond",
    "operationsPerSecond",
    "requestsPerSecond",
    "celsius",
    "hertz",
    "volts",
    "amperes",
    "watts",
    "rotationsPerMinute",
    "usDollars",
    "timestamp",
];

#[derive(Debug, Clone, PartialEq)]
pub struct Dashboard {
    /// A word: letters, digits, `-`, `_`, `.`.
    pub name: String,
    pub title: String,
    /// What it is good for; may be empty.
    pub description: String,
    /// The service that it is about.
    pub service: Option<String>,
    /// The team whose it is, where it is about no one service.
    pub team: Option<String>,
    /// As people write times: `now-1h` or RFC 3339.
    pub from: String,
    pub to: String,
    /// `None`: it is not asked again by itself.
    pub refresh_secs: Option<u64>,
    pub variables: Vec<Variable>,
    /// From top to bottom, left to right; none lies on another.
    pub panels: Vec<Panel>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// Letters, digits and `_`.
    pub name: String,
    /// Empty: the name is shown.
    pub title: String,
    pub kind: VariableKind,
    /// What is chosen at first.
    pub default: Vec<String>,
    pub multiple: bool,
    /// "All" can be chosen.
    pub all: bool,
    /// What "all" stands for in a query; `None`: every value.
    pub all_value: Option<String>,
    pub hidden: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum VariableKind {
    /// Values of a label of the series that a selector finds; `regex` picks among them, or the part in its first group.
    Label { label: String, of: String, regex: Option<String> },
    /// Labels of what a PromQL expression answers, or its values; `regex` picks the part.
    Query { promql: String, regex: Option<String> },
    /// These.
    List(Vec<String>),
    /// Durations, as PromQL writes them.
    Interval(Vec<String>),
    /// Always this one.
    Constant(String),
    /// What is typed.
    Text,
}

/// Where a panel lies: whole cells, from the upper left corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    pub x: u32,
    pub y: u32,
    pub w: u32,
    pub h: u32,
}

impl Cell {
    pub fn overlaps(self, other: Self) -> bool {
        self.x < other.x + other.w
            && other.x < self.x + self.w
            && self.y < other.y + other.h
            && other.y < self.y + self.h
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// A word, unique in the dashboard: what links and the layout hold on to.
    pub id: String,
    pub title: String,
    pub description: String,
    pub cell: Cell,
    pub view: View,
    pub queries: Vec<Query>,
    /// Markdown, of a [`View::Text`]. Markup of HTML in it is shown as text.
    pub text: String,
    /// One of [`UNITS`]; empty: a plain number.
    pub unit: String,
    pub decimals: Option<u32>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    /// Ascending.
    pub thresholds: Vec<Threshold>,
    /// The first that is about a value says it.
    pub mappings: Vec<Mapping>,
    pub legend: Legend,
    /// Lines are stacked.
    pub stack: bool,
    /// What one number is made of a line, where one is shown.
    pub calculation: Calculation,
    /// Drawn once for each chosen value of this variable; of a row, with all that is below it.
    pub repeat: Option<String>,
    /// Of a row: what is below it is folded away.
    pub collapsed: bool,
    pub overrides: Vec<Override>,
    pub links: Vec<Link>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum View {
    TimeSeries,
    Stat,
    Gauge,
    Bars,
    Table,
    Heatmap,
    /// A band for each line, coloured by the state that its value means.
    StateTimeline,
    Logs,
    Text,
    /// A heading over the panels below it.
    Row,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub source: Source,
    /// `{{label}}` stands for a label's value; empty: the labels that tell lines apart.
    pub legend: String,
    /// Asked for the end of the time alone.
    pub instant: bool,
    /// Kept, but not asked.
    pub hidden: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    Promql(String),
    /// A column named `time` or `timestamp` makes lines of the rest.
    Sql(String),
    /// A filter over a dataset: its rows as logs, their number over time elsewhere.
    Search {
        filter: String,
        dataset: String,
        split_by: Option<String>,
    },
    /// A promise by name: its indicator and its budget.
    Slo(String),
    /// A probe by name.
    Uptime(String),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold {
    /// From this value on.
    pub from: f64,
    pub tone: Tone,
}

/// A value that has words, a tone, or both.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapping {
    pub of: Mapped,
    /// `None`: it is said as it is.
    pub text: Option<String>,
    pub tone: Option<Tone>,
}

/// Which values.
#[derive(Debug, Clone, PartialEq)]
pub enum Mapped {
    /// A number or a word, as written.
    Value(String),
    /// Both ends belong to it; `None` is without end.
    Range {
        from: Option<f64>,
        to: Option<f64>,
    },
    Regex(String),
    /// There is none.
    Missing,
}

/// As the application shows states; colour never speaks alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Good,
    Warn,
    Bad,
    Info,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Legend {
    Bottom,
    Right,
    Table,
    Hidden,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calculation {
    Last,
    Mean,
    Max,
    Min,
    Sum,
}

/// What is different for some lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Override {
    /// The name of a line, or a regular expression between slashes.
    pub series: String,
    pub unit: Option<String>,
    pub name: Option<String>,
    /// Not shown, or not in this table.
    pub hidden: bool,
    /// Drawn downwards.
    pub negative: bool,
    /// `#rrggbb`.
    pub color: Option<String>,
}

impl Override {
    pub fn of(series: &str) -> Self {
        Self {
            series: series.to_owned(),
            unit: None,
            name: None,
            hidden: false,
            negative: false,
            color: None,
        }
    }

    /// Whether anything is different.
    pub fn says(&self) -> bool {
        self.unit.is_some() || self.name.is_some() || self.hidden || self.negative || self.color.is_some()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub title: String,
    /// Within the application, or https.
    pub url: String,
}

impl Dashboard {
    pub fn new(name: &str, title: &str) -> Self {
        Self {
            name: name.to_owned(),
            title: title.to_owned(),
            description: String::new(),
            service: None,
            team: None,
            from: "now-1h".to_owned(),
            to: "now".to_owned(),
            refresh_secs: None,
            variables: Vec::new(),
            panels: Vec::new(),
        }
    }

    /// Moves panels up as far as they go without passing one that was above, and puts them in the order of reading. A layout
    /// without overlaps keeps its shape but for gaps; one with overlaps loses them.
    pub fn settle(&mut self) {
        self.panels.sort_by_key(|panel| (panel.cell.y, panel.cell.x));
        // The lowest taken row of each column.
        let mut floor = [0_u32; COLUMNS as usize];
        for panel in &mut self.panels {
            let cell = &mut panel.cell;
            if panel.view == View::Row {
                // A heading stands alone in its line: nothing from above or below slides past it.
                (cell.x, cell.w, cell.h) = (0, COLUMNS, 1);
            }
            cell.w = cell.w.clamp(1, COLUMNS);
            cell.h = cell.h.clamp(1, HEIGHT_MAX);
            cell.x = cell.x.min(COLUMNS - cell.w);
            let columns = cell.x as usize..(cell.x + cell.w) as usize;
            cell.y = floor[columns.clone()].iter().copied().max().unwrap_or(0);
            floor[columns].fill(cell.y + cell.h);
        }
        self.panels.sort_by_key(|panel| (panel.cell.y, panel.cell.x));
    }
}

impl Panel {
    pub fn new(id: &str, title: &str, view: View, cell: Cell) -> Self {
        Self {
            id: id.to_owned(),
            title: title.to_owned(),
            description: String::new(),
            cell,
            view,
            queries: Vec::new(),
            text: String::new(),
            unit: String::new(),
            decimals: None,
            min: None,
            max: None,
            thresholds: Vec::new(),
            mappings: Vec::new(),
            legend: Legend::Bottom,
            stack: false,
            calculation: Calculation::Last,
            repeat: None,
            collapsed: false,
            overrides: Vec::new(),
            links: Vec::new(),
        }
    }

    #[must_use]
    pub fn query(mut self, source: Source, legend: &str) -> Self {
        self.queries.push(Query { source, legend: legend.to_owned(), instant: false, hidden: false });
        self
    }

    #[must_use]
    pub fn unit(mut self, unit: &str) -> Self {
        unit.clone_into(&mut self.unit);
        self
    }
}

/// The words of an enum, for reading and writing.
macro_rules! words {
    ($type:ty { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $type {
            pub const WORDS: &'static [(&'static str, Self)] = &[$(($word, Self::$variant)),+];

            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

words!(View {
    TimeSeries = "timeSeries",
    Stat = "stat",
    Gauge = "gauge",
    Bars = "bars",
    Table = "table",
    Heatmap = "heatmap",
    StateTimeline = "stateTimeline",
    Logs = "logs",
    Text = "text",
    Row = "row",
});
words!(Tone { Good = "good", Warn = "warn", Bad = "bad", Info = "info", None = "none" });
words!(Legend { Bottom = "bottom", Right = "right", Table = "table", Hidden = "hidden" });
words!(Calculation { Last = "last", Mean = "mean", Max = "max", Min = "min", Sum = "sum" });
