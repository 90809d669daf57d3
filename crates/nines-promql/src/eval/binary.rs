//! Operators between scalars and vectors: arithmetic, comparisons, trimming, and sets.

use std::collections::HashMap;
use std::sync::Arc;

use crate::annotations::Note;
use crate::ast::{Binary, BinaryOp, Cardinality, Expr, Kind, Matching, Span};
use crate::error::QueryError;
use crate::eval::{Evaluated, Evaluator};
use crate::histogram::{Histogram, ResetHint};
use crate::labels::{Grouping, Groups, Labels};
use crate::row::{ABSENT, Cell, Row, SAME_LABELS, is_absent, merge_same_labels, present};

/// What an operator makes of two samples.
struct Outcome {
    /// The left sample for comparisons, the result for everything else.
    cell: Cell,
    /// Whether a comparison holds.
    keep: bool,
}

impl Evaluator<'_> {
    /// A chain of operators. The left sides are followed with a loop, as there may be thousands of them.
    pub(super) fn operators(&self, expr: &Expr) -> Result<Evaluated, QueryError> {
        let mut chain: Vec<(&Binary, Span)> = Vec::new();
        let mut first = expr;
        while let Kind::Binary(binary) = &first.kind {
            chain.push((binary, first.span));
            first = &binary.left;
        }
        let mut left = self.eval(first)?;
        while let Some((binary, span)) = chain.pop() {
            self.run.go_on()?;
            let right = self.eval(&binary.right)?;
            left = self.operator(binary, span, left, right)?;
        }
        Ok(left)
    }

    fn operator(
        &self,
        binary: &Binary,
        span: Span,
        left: Evaluated,
        right: Evaluated,
    ) -> Result<Evaluated, QueryError> {
        match (left, right) {
            (Evaluated::Scalar(left), Evaluated::Scalar(right)) => {
                let values = left.into_iter().zip(right);
                let values = values.map(|(left, right)| of_scalars(binary.op, left, right)).collect();
                Ok(Evaluated::Scalar(values))
            }
            (Evaluated::Rows(rows), Evaluated::Scalar(scalar)) => {
                Ok(Evaluated::Rows(self.with_scalar(binary, span, rows, &scalar, false)?))
            }
            (Evaluated::Scalar(scalar), Evaluated::Rows(rows)) => {
                Ok(Evaluated::Rows(self.with_scalar(binary, span, rows, &scalar, true)?))
            }
            (Evaluated::Rows(left), Evaluated::Rows(right)) => {
                let rows = if binary.op.is_set() {
                    self.set(binary, left, right)?
                } else {
                    self.matched(binary, span, &left, &right)?
                };
                Ok(Evaluated::Rows(rows))
            }
            _ => Err(QueryError::execution("operators are for scalars and instant vectors")),
        }
    }

    fn with_scalar(
        &self,
        binary: &Binary,
        span: Span,
        mut rows: Vec<Row>,
        scalar: &[f64],
        swapped: bool,
    ) -> Result<Vec<Row>, QueryError> {
        let op = binary.op;
        for row in &mut rows {
            let histograms = std::mem::take(&mut row.histograms);
            let arithmetic = arithmetic(op);
            if histograms.is_empty()
                && let Some(apply) = arithmetic
            {
                for (value, scalar) in row.values.iter_mut().zip(scalar) {
                    if !is_absent(*value) {
                        let (left, right) = if swapped { (*scalar, *value) } else { (*value, *scalar) };
                        *value = present(apply(left, right));
                    }
                }
            } else {
                for (step, scalar) in scalar.iter().enumerate() {
                    let histogram = histograms.get(step).and_then(Option::as_ref);
                    let cell = match histogram {
                        Some(histogram) => Cell::Histogram(histogram.clone()),
                        None if is_absent(row.values[step]) => continue,
                        None => Cell::Float(row.values[step]),
                    };
                    row.values[step] = ABSENT;
                    let scalar = Cell::Float(*scalar);
                    let outcome = if swapped {
                        self.apply(op, &scalar, &cell, span)
                    } else {
                        self.apply(op, &cell, &scalar, span)
                    };
                    let Some(mut outcome) = outcome else { continue };
                    if op.is_comparison() && swapped {
                        outcome.cell = cell;
                    }
                    if let Some(cell) = settled(outcome, binary.returns_bool) {
                        row.set(step, cell);
                    }
                }
            }
            if changes_metric(op) || binary.returns_bool {
                self.drop_name(row);
            }
        }
        rows.retain(|row| !row.is_empty());
        self.merged(rows)
    }

    fn set(&self, binary: &Binary, left: Vec<Row>, right: Vec<Row>) -> Result<Vec<Row>, QueryError> {
        let mut groups = groups_of(&binary.matching);
        let left_groups: Vec<usize> = left.iter().map(|row| groups.of(&row.labels)).collect();
        let right_groups: Vec<usize> = right.iter().map(|row| groups.of(&row.labels)).collect();
        let steps = self.grid.steps;
        let presence = |rows: &[Row], of: &[usize]| {
            let mut present = vec![false; groups.labels.len() * steps];
            for (row, group) in rows.iter().zip(of) {
                for step in 0..steps {
                    present[group * steps + step] |= row.has(step);
                }
            }
            present
        };
        let keep_where = |rows: Vec<Row>, of: &[usize], present: &[bool], wanted: bool| {
            let mut kept = Vec::with_capacity(rows.len());
            for (mut row, group) in rows.into_iter().zip(of) {
                for step in 0..steps {
                    if present[group * steps + step] != wanted {
                        row.values[step] = ABSENT;
                        if let Some(histogram) = row.histograms.get_mut(step) {
                            *histogram = None;
                        }
                    }
                }
                if row.histograms.iter().all(Option::is_none) {
                    row.histograms = Vec::new();
                }
                if !row.is_empty() {
                    kept.push(row);
                }
            }
            kept
        };
        match binary.op {
            BinaryOp::Or => {
                let present = presence(&left, &left_groups);
                let mut rows = left;
                rows.extend(keep_where(right, &right_groups, &present, false));
                merge_same_labels(rows)
            }
            op => {
                let present = presence(&right, &right_groups);
                Ok(keep_where(left, &left_groups, &present, op == BinaryOp::And))
            }
        }
    }

    /// Vector with vector: each series of the "many" side with the one of the other side that has the same labels.
    fn matched(
        &self,
        binary: &Binary,
        span: Span,
        left: &[Row],
        right: &[Row],
    ) -> Result<Vec<Row>, QueryError> {
        let matching = &binary.matching;
        let swapped = matching.cardinality == Cardinality::OneToMany;
        let (many, one) = if swapped { (right, left) } else { (left, right) };
        // As upstream, which has swapped the sides for `group_right` when it fills: there too `fill_left` stands for the
        // "many" side.
        let (fill_many, fill_one) = (matching.fill_left, matching.fill_right);
        let mut groups = groups_of(matching);
        let mut sides: Vec<(Vec<usize>, Vec<usize>)> = Vec::new();
        for (rows, is_many) in [(many, true), (one, false)] {
            for (at, row) in rows.iter().enumerate() {
                let group = groups.of(&row.labels);
                if group == sides.len() {
                    sides.push(Default::default());
                }
                let side = if is_many { &mut sides[group].0 } else { &mut sides[group].1 };
                side.push(at);
            }
        }
        let steps = self.grid.steps;
        let fills = fill_many.is_some() || fill_one.is_some();
        // Duplicates on the "one" side only matter where there is something on the other.
        let relevant: Vec<bool> =
            (0..steps).map(|step| fills || many.iter().any(|row| row.has(step))).collect();
        let mut joined = Joined { binary, evaluator: self, rows: Vec::new(), places: HashMap::new(), steps };
        for (group, (many_at, one_at)) in sides.iter().enumerate() {
            self.run.go_on()?;
            self.refuse_duplicates(one, one_at, &relevant, binary, &groups.labels[group])?;
            if (many_at.is_empty() && fill_many.is_none()) || (one_at.is_empty() && fill_one.is_none()) {
                continue;
            }
            let one_for = |step: usize| one_at.iter().copied().find(|at| one[*at].has(step));
            let single = (one_at.len() == 1).then(|| one_at[0]);
            let mut matched = vec![false; steps];
            let mut taken: HashMap<Labels, Vec<bool>> = HashMap::new();
            for &many_row in many_at {
                let row = &many[many_row];
                let mut pair: Option<(usize, Labels)> = None;
                for step in 0..steps {
                    let Some(cell) = row.get(step) else { continue };
                    let partner = match single {
                        Some(only) => Some(only).filter(|only| one[*only].has(step)),
                        None => one_for(step),
                    };
                    let other = match (partner, fill_one) {
                        (Some(partner), _) => one[partner].get(step),
                        (None, Some(fill)) => Some(Cell::Float(fill)),
                        (None, None) => None,
                    };
                    let Some(other) = other else { continue };
                    let key = partner.unwrap_or(usize::MAX);
                    let labels = match &pair {
                        Some((known, labels)) if *known == key => labels.clone(),
                        _ => {
                            let other_labels = match partner {
                                Some(partner) => one[partner].labels.clone(),
                                None => groups.labels[group].clone(),
                            };
                            let labels = joined.result_labels(&row.labels, &other_labels);
                            pair = Some((key, labels.clone()));
                            labels
                        }
                    };
                    let outcome = joined.apply(&cell, &other, swapped, span);
                    let Some(outcome) = outcome else { continue };
                    if matching.cardinality == Cardinality::OneToOne {
                        if matched[step] {
                            return Err(QueryError::execution(
                                "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
                            ));
                        }
                    } else {
                        let taken = taken.entry(labels.clone()).or_insert_with(|| vec![false; steps]);
                        if taken[step] {
                            return Err(QueryError::execution(
                                "multiple matches for labels: grouping labels must ensure unique matches",
                            ));
                        }
                        taken[step] = true;
                    }
                    matched[step] = true;
                    joined.put(labels, step, outcome)?;
                }
            }
            let Some(fill) = fill_many else { continue };
            for &one_row in one_at {
                let row = &one[one_row];
                let labels = joined.result_labels(&groups.labels[group], &row.labels);
                for step in 0..steps {
                    let Some(cell) = row.get(step).filter(|_| !matched[step]) else { continue };
                    if let Some(outcome) = joined.apply(&Cell::Float(fill), &cell, swapped, span) {
                        joined.put(labels.clone(), step, outcome)?;
                    }
                }
            }
        }
        let rows = joined.rows;
        self.run.keep(rows.len() * steps)?;
        if binary.returns_bool { self.merged(rows) } else { Ok(rows) }
    }

    fn refuse_duplicates(
        &self,
        rows: &[Row],
        members: &[usize],
        relevant: &[bool],
        binary: &Binary,
        group: &Labels,
    ) -> Result<(), QueryError> {
        if members.len() < 2 {
            return Ok(());
        }
        for (step, relevant) in relevant.iter().enumerate() {
            let mut found = members.iter().filter(|at| *relevant && rows[**at].has(step));
            if let (Some(first), Some(second)) = (found.next(), found.next()) {
                let swapped = binary.matching.cardinality == Cardinality::OneToMany;
                let side = if swapped { "left" } else { "right" };
                return Err(QueryError::execution(format!(
                    "found duplicate series for the match group {group} on the {side} hand-side of the operation: [{}, {}];many-to-many matching not allowed: matching labels must be unique on one side",
                    rows[*first].labels.clone().min(rows[*second].labels.clone()),
                    rows[*first].labels.clone().max(rows[*second].labels.clone())
                )));
            }
        }
        Ok(())
    }

    /// One operation on two samples. `None` where they do not go together, which is told.
    fn apply(&self, op: BinaryOp, left: &Cell, right: &Cell, span: Span) -> Option<Outcome> {
        let kept = |cell: Cell| Some(Outcome { cell, keep: true });
        let incompatible = |left: &'static str, right: &'static str| {
            self.run.note(Note::IncompatibleTypes { left, op: op.symbol(), right }, span);
            None
        };
        match (left, right) {
            (Cell::Float(a), Cell::Float(b)) => {
                if let Some(apply) = arithmetic(op) {
                    return kept(Cell::Float(apply(*a, *b)));
                }
                match compares(op, *a, *b) {
                    Some(keep) => Some(Outcome { cell: left.clone(), keep }),
                    None => incompatible("float", "float"),
                }
            }
            (Cell::Float(a), Cell::Histogram(b)) => match op {
                BinaryOp::Mul => kept(histogram((**b).clone().scaled(*a))),
                _ => incompatible("float", "histogram"),
            },
            (Cell::Histogram(a), Cell::Float(b)) => match op {
                BinaryOp::Mul => kept(histogram((**a).clone().scaled(*b))),
                BinaryOp::Div => kept(histogram((**a).clone().divided(*b))),
                BinaryOp::TrimUpper => kept(histogram(a.trimmed(*b, true))),
                BinaryOp::TrimLower => kept(histogram(a.trimmed(*b, false))),
                _ => incompatible("histogram", "float"),
            },
            (Cell::Histogram(a), Cell::Histogram(b)) => match op {
                BinaryOp::Add | BinaryOp::Sub => {
                    let add = op == BinaryOp::Add;
                    let mut result = (**a).clone();
                    let combined = if add { result.add(b) } else { result.subtract(b) };
                    let Ok(added) = combined else {
                        self.run.note(Note::IncompatibleLayout { op: op.symbol() }, span);
                        return None;
                    };
                    let operation = if add { "addition" } else { "subtraction" };
                    if added.hint_collision {
                        self.run.note(Note::HintCollision { operation }, span);
                    }
                    if added.bounds_reconciled {
                        self.run.note(Note::BoundsReconciled { operation }, span);
                    }
                    if !add {
                        result.hint = ResetHint::Gauge;
                    }
                    kept(histogram(result))
                }
                BinaryOp::Equal => Some(Outcome { cell: left.clone(), keep: same_compacted(a, b) }),
                BinaryOp::NotEqual => Some(Outcome { cell: left.clone(), keep: !same_compacted(a, b) }),
                _ => incompatible("histogram", "histogram"),
            },
        }
    }
}

fn same_compacted(a: &Histogram, b: &Histogram) -> bool {
    a.same_as(b) || a.clone().compacted().same_as(&b.clone().compacted())
}

fn histogram(result: Histogram) -> Cell {
    Cell::Histogram(Arc::new(result.compacted()))
}

/// What goes into the result: the outcome, or whether it holds.
fn settled(outcome: Outcome, returns_bool: bool) -> Option<Cell> {
    if returns_bool {
        Some(Cell::Float(f64::from(u8::from(outcome.keep))))
    } else {
        outcome.keep.then_some(outcome.cell)
    }
}

/// The result of an operation between vectors under construction.
struct Joined<'j, 'e> {
    binary: &'j Binary,
    evaluator: &'j Evaluator<'e>,
    rows: Vec<Row>,
    places: HashMap<Labels, usize>,
    steps: usize,
}

impl Joined<'_, '_> {
    fn apply(&self, many: &Cell, one: &Cell, swapped: bool, span: Span) -> Option<Outcome> {
        let (left, right) = if swapped { (one, many) } else { (many, one) };
        self.evaluator.apply(self.binary.op, left, right, span)
    }

    /// Those of the "many" side, less what the matching or the operation takes away, plus what `group_left` adds.
    fn result_labels(&self, many: &Labels, one: &Labels) -> Labels {
        let matching = &self.binary.matching;
        let mut labels = if changes_metric(self.binary.op) { many.without_metadata() } else { many.clone() };
        if matching.cardinality == Cardinality::OneToOne {
            labels = if matching.on {
                labels.keeping(&matching.labels)
            } else {
                labels.dropping(&matching.labels)
            };
        }
        for name in &matching.include {
            labels = labels.with(name, one.get(name));
        }
        if self.binary.returns_bool { self.evaluator.dropped(&labels) } else { labels }
    }

    fn put(&mut self, labels: Labels, step: usize, outcome: Outcome) -> Result<(), QueryError> {
        let Some(cell) = settled(outcome, self.binary.returns_bool) else { return Ok(()) };
        let place = match self.places.get(&labels) {
            Some(place) => *place,
            None => {
                self.places.insert(labels.clone(), self.rows.len());
                self.rows.push(Row::empty(labels, self.binary.returns_bool, self.steps));
                self.rows.len() - 1
            }
        };
        let row = &mut self.rows[place];
        if row.has(step) {
            return Err(QueryError::execution(SAME_LABELS));
        }
        row.set(step, cell);
        Ok(())
    }
}

fn groups_of(matching: &Matching) -> Groups {
    Groups::new(Grouping::new(&matching.labels, !matching.on))
}

/// Whether the result is another metric than the operands.
fn changes_metric(op: BinaryOp) -> bool {
    arithmetic(op).is_some()
}

fn arithmetic(op: BinaryOp) -> Option<fn(f64, f64) -> f64> {
    Some(match op {
        BinaryOp::Add => |a, b| a + b,
        BinaryOp::Sub => |a, b| a - b,
        BinaryOp::Mul => |a, b| a * b,
        BinaryOp::Div => |a, b| a / b,
        BinaryOp::Mod => |a, b| a % b,
        BinaryOp::Pow => f64::powf,
        BinaryOp::Atan2 => f64::atan2,
        _ => return None,
    })
}

fn compares(op: BinaryOp, a: f64, b: f64) -> Option<bool> {
    Some(match op {
        BinaryOp::Equal => a == b,
        BinaryOp::NotEqual => a != b,
        BinaryOp::Greater => a > b,
        BinaryOp::Less => a < b,
        BinaryOp::GreaterOrEqual => a >= b,
        BinaryOp::LessOrEqual => a <= b,
        _ => return None,
    })
}

fn of_scalars(op: BinaryOp, a: f64, b: f64) -> f64 {
    match arithmetic(op) {
        Some(apply) => apply(a, b),
        None => compares(op, a, b).map_or(f64::NAN, |holds| f64::from(u8::from(holds))),
    }
}
