//! Whole numbers in as few bits as their range needs.
//!
//! A run is cut into miniblocks of [`MINIBLOCK`] numbers. Each stores its least number, a width, and every number's
//! distance from the least in that many bits, lowest bits first ("frame of reference"). One number that is far off, as at a
//! counter reset, widens only its own miniblock.
//!
//! A width of 3 is stored as 4, and 7 as 8: what is aligned to half bytes and bytes compresses further in the
//! block (zstd sees repeated symbols), and on series that mostly stand still this is worth more than the spare bit.

use super::cursor::{Cursor, Damaged, put_varint, put_zigzag};

/// Numbers per miniblock: a multiple of 8, so that a full one of any width ends at a byte. At 64 its header of two or
/// three bytes costs a third of a bit a number.
pub const MINIBLOCK: usize = 64;

/// The widest miniblock, and what an unaligned read of the last number may look at beyond it.
const UNPACK_BYTES: usize = MINIBLOCK * 8 + 16;

pub fn pack(out: &mut Vec<u8>, numbers: &[i64]) {
    for block in numbers.chunks(MINIBLOCK) {
        let (least, width) = frame(block);
        put_zigzag(out, least);
        out.push(width);
        pack_block(out, block, least, width);
    }
}

/// The size that `pack` would give, headers taken as three bytes.
pub fn packed_size(numbers: &[i64]) -> usize {
    numbers.chunks(MINIBLOCK).map(|block| 3 + (block.len() * usize::from(frame(block).1)).div_ceil(8)).sum()
}

fn frame(block: &[i64]) -> (i64, u8) {
    let (mut least, mut most) = (i64::MAX, i64::MIN);
    for &number in block {
        least = least.min(number);
        most = most.max(number);
    }
    let range = most.wrapping_sub(least) as u64;
    let width = match 64 - range.leading_zeros() {
        3 => 4,
        7 => 8,
        width => width as u8,
    };
    (least, width)
}

fn pack_block(out: &mut Vec<u8>, block: &[i64], least: i64, width: u8) {
    if width == 0 {
        return;
    }
    let width = u32::from(width);
    // At most 7 bits wait when a number of up to 64 comes.
    let (mut waiting, mut bits) = (0u128, 0u32);
    for &number in block {
        waiting |= u128::from(number.wrapping_sub(least) as u64) << bits;
        bits += width;
        while bits >= 8 {
            out.push(waiting as u8);
            waiting >>= 8;
            bits -= 8;
        }
    }
    if bits > 0 {
        out.push(waiting as u8);
    }
}

/// Appends `count` numbers.
pub fn unpack(cursor: &mut Cursor<'_>, count: usize, out: &mut Vec<i64>) -> Result<(), Damaged> {
    let mut left = count;
    while left > 0 {
        let block = left.min(MINIBLOCK);
        let least = cursor.zigzag()?;
        let width = cursor.u8()?;
        if width > 64 {
            return Err(cursor.damaged());
        }
        let packed = cursor.take((block * usize::from(width)).div_ceil(8))?;
        unpack_block(packed, block, least, u32::from(width), out);
        left -= block;
    }
    Ok(())
}

fn unpack_block(packed: &[u8], count: usize, least: i64, width: u32, out: &mut Vec<i64>) {
    if width == 0 {
        out.extend(std::iter::repeat_n(least, count));
        return;
    }
    let mut padded = [0u8; UNPACK_BYTES];
    padded[..packed.len()].copy_from_slice(packed);
    // The highest bit of a number lies at most 7 + width bits behind the start of its first byte.
    if width <= 56 {
        let mask = (1u64 << width) - 1;
        out.extend((0..count).map(|index| {
            let bit = index * width as usize;
            let word = u64::from_le_bytes(load(&padded, bit / 8));
            least.wrapping_add((word >> (bit % 8) & mask) as i64)
        }));
    } else {
        let mask = if width == 64 { u64::MAX } else { (1u64 << width) - 1 };
        out.extend((0..count).map(|index| {
            let bit = index * width as usize;
            let word = u128::from_le_bytes(load(&padded, bit / 8));
            least.wrapping_add(((word >> (bit % 8)) as u64 & mask) as i64)
        }));
    }
}

#[inline]
fn load<const N: usize>(bytes: &[u8; UNPACK_BYTES], at: usize) -> [u8; N] {
    // The callers read inside the padding, so the fallback never happens and costs one compare.
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

/// Differences of differences, as often as pays: what is stored, and how it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Plain,
    Delta,
    DeltaOfDelta,
}

impl Order {
    pub const ALL: [Self; 3] = [Self::Plain, Self::Delta, Self::DeltaOfDelta];

    /// How many numbers are stored before the packed ones.
    fn heads(self) -> usize {
        self as usize
    }
}

/// Packs by the order that gives the fewest bytes. `numbers` is used up.
pub fn pack_best(out: &mut Vec<u8>, numbers: &mut [i64]) {
    let mut best = (packed_size(numbers), Order::Plain);
    let mut trial = numbers.to_vec();
    let mut deltas = Vec::new();
    for order in [Order::Delta, Order::DeltaOfDelta] {
        if trial.len() < 2 {
            break;
        }
        difference(&mut trial);
        // A head is up to 10 bytes; most are shorter.
        let size = packed_size(&trial) + 4 * order.heads();
        if size < best.0 {
            best = (size, order);
            deltas.clone_from(&trial);
        }
    }
    out.push(best.1 as u8);
    match best.1 {
        Order::Plain => pack(out, numbers),
        Order::Delta => {
            put_zigzag(out, numbers[0]);
            pack(out, &deltas);
        }
        Order::DeltaOfDelta => {
            put_zigzag(out, numbers[0]);
            put_zigzag(out, numbers[1].wrapping_sub(numbers[0]));
            pack(out, &deltas);
        }
    }
}

fn difference(numbers: &mut Vec<i64>) {
    for index in 0..numbers.len() - 1 {
        numbers[index] = numbers[index + 1].wrapping_sub(numbers[index]);
    }
    numbers.pop();
}

/// The reverse of [`pack_best`]: appends `count` numbers.
pub fn unpack_best(cursor: &mut Cursor<'_>, count: usize, out: &mut Vec<i64>) -> Result<(), Damaged> {
    let tag = cursor.u8()?;
    let order = Order::ALL.get(usize::from(tag)).copied().ok_or(cursor.damaged())?;
    if order.heads() > count {
        return Err(cursor.damaged());
    }
    let start = out.len();
    let mut heads = [0i64; 2];
    for head in heads.iter_mut().take(order.heads()) {
        *head = cursor.zigzag()?;
    }
    if order == Order::Plain {
        return unpack(cursor, count, out);
    }
    // The packed numbers go one place later, behind the first.
    out.push(heads[0]);
    if order == Order::DeltaOfDelta {
        out.push(heads[1]);
    }
    unpack(cursor, count - order.heads(), out)?;
    let numbers = &mut out[start..];
    if order == Order::DeltaOfDelta {
        sum(&mut numbers[1..]);
    }
    sum(numbers);
    Ok(())
}

fn sum(numbers: &mut [i64]) {
    let mut total = 0i64;
    for number in numbers {
        total = total.wrapping_add(*number);
        *number = total;
    }
}

/// A varint for a size that is small.
pub fn put_count(out: &mut Vec<u8>, count: usize) {
    put_varint(out, count as u64);
}
