//! Which rows of a part are chosen.

use arrow::array::BooleanBufferBuilder;
use arrow::buffer::BooleanBuffer;

#[derive(Debug, Clone)]
pub(crate) enum Rows {
    All(usize),
    /// At least one and not all.
    Some {
        mask: BooleanBuffer,
        count: usize,
    },
    None(usize),
}

impl Rows {
    pub fn of_mask(mask: BooleanBuffer) -> Self {
        match mask.count_set_bits() {
            0 => Self::None(mask.len()),
            count if count == mask.len() => Self::All(count),
            count => Self::Some { mask, count },
        }
    }

    /// The rows at these positions, which ascend, of `length` rows in all.
    pub fn at(positions: impl Iterator<Item = usize>, length: usize) -> Self {
        let mut mask = BooleanBufferBuilder::new(length);
        mask.append_n(length, false);
        positions.for_each(|position| mask.set_bit(position, true));
        Self::of_mask(mask.finish())
    }

    /// How many are chosen.
    pub fn count(&self) -> usize {
        match self {
            Self::All(count) | Self::Some { count, .. } => *count,
            Self::None(_) => 0,
        }
    }

    pub fn is_none(&self) -> bool {
        matches!(self, Self::None(_))
    }

    /// One bit per row of the part; none if all are chosen.
    pub fn mask(&self) -> Option<&BooleanBuffer> {
        match self {
            Self::Some { mask, .. } => Some(mask),
            Self::All(_) | Self::None(_) => None,
        }
    }

    /// Keeps those of the chosen rows for which `keep`, with one bit per chosen row, says so.
    pub fn refine(self, keep: BooleanBuffer) -> Self {
        debug_assert_eq!(keep.len(), self.count());
        match self {
            Self::All(_) => Self::of_mask(keep),
            Self::None(length) => Self::None(length),
            Self::Some { mask, .. } => {
                let length = mask.len();
                let kept = mask.set_indices().zip(keep.iter()).filter(|(_, keep)| *keep);
                Self::at(kept.map(|(position, _)| position), length)
            }
        }
    }

    /// The positions of the chosen rows, ascending.
    pub fn positions(&self) -> Box<dyn Iterator<Item = usize> + '_> {
        match self {
            Self::All(count) => Box::new(0..*count),
            Self::Some { mask, .. } => Box::new(mask.set_indices()),
            Self::None(_) => Box::new(std::iter::empty()),
        }
    }

    /// Memory that it takes.
    pub fn bytes(&self) -> usize {
        self.mask().map_or(0, |mask| mask.len() / 8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refining_keeps_positions() {
        let rows = Rows::at([1, 4, 5, 9].into_iter(), 12);
        assert_eq!(rows.count(), 4);
        let kept = rows.refine(BooleanBuffer::from(vec![false, true, false, true]));
        assert_eq!(kept.positions().collect::<Vec<_>>(), [4, 9]);
        assert!(kept.refine(BooleanBuffer::from(vec![false, false])).is_none());
        assert!(matches!(Rows::at(0..3, 3), Rows::All(3)));
    }
}
