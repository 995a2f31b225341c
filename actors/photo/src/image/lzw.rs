//! GIF's LZW (version 89a, appendix F), as far as it takes to see where a frame's data ends.
//!
//! Invariant: only the lengths of strings are followed, in a table of fixed size; no pixel is produced.

use crate::Error;

const CODE_BITS_MAX: u32 = 12;
const CODES_MAX: usize = 1 << CODE_BITS_MAX;

/// How many bytes of `data` the codes of `pixels` take, with the end code if it is there.
///
/// # Errors
/// [`Error::BadImage`] if they end before, or cannot be.
pub(super) fn length(data: &[u8], least_code_bits: u8, pixels: u64) -> Result<usize, Error> {
    if !(1..CODE_BITS_MAX).contains(&least_code_bits.into()) {
        return Err(Error::BadImage);
    }
    let mut codes = Codes { data, at: 0, table: Table::new(least_code_bits.into()) };
    let mut left = pixels;
    while left > 0 {
        match codes.next()? {
            Code::String(length) => left = left.saturating_sub(length.into()),
            Code::Clear => {}
            Code::End => return Err(Error::BadImage),
        }
    }
    let last = codes.at;
    let end = if matches!(codes.next(), Ok(Code::End)) { codes.at } else { last };
    Ok(end.div_ceil(8))
}

enum Code {
    /// A string of this many pixels.
    String(u32),
    Clear,
    End,
}

struct Codes<'a> {
    data: &'a [u8],
    /// The next code's first bit.
    at: usize,
    table: Table,
}

impl Codes<'_> {
    fn next(&mut self) -> Result<Code, Error> {
        let code = self.bits(self.table.code_bits).ok_or(Error::BadImage)?;
        self.at += self.table.code_bits as usize;
        self.table.read(code).ok_or(Error::BadImage)
    }

    /// The next bits, the least significant first.
    fn bits(&self, count: u32) -> Option<usize> {
        let byte = |index: usize| self.data.get(self.at / 8 + index).copied();
        let window = u32::from_le_bytes([byte(0)?, byte(1).unwrap_or(0), byte(2).unwrap_or(0), 0]);
        let there = (self.at + count as usize).div_ceil(8) <= self.data.len();
        there.then_some((window >> (self.at % 8)) as usize & ((1 << count) - 1))
    }
}

/// How long the string is that each code stands for.
struct Table {
    lengths: [u32; CODES_MAX],
    least_code_bits: u32,
    code_bits: u32,
    next: usize,
    previous: Option<u32>,
}

impl Table {
    fn new(least_code_bits: u32) -> Self {
        let mut lengths = [0; CODES_MAX];
        lengths[..1 << least_code_bits].fill(1);
        let next = (1 << least_code_bits) + 2;
        Self { lengths, least_code_bits, code_bits: least_code_bits + 1, next, previous: None }
    }

    /// What a code means; none if it cannot be.
    fn read(&mut self, code: usize) -> Option<Code> {
        let clear = 1 << self.least_code_bits;
        if code == clear {
            (self.code_bits, self.next, self.previous) = (self.least_code_bits + 1, clear + 2, None);
            return Some(Code::Clear);
        }
        if code == clear + 1 {
            return Some(Code::End);
        }
        let length = match self.previous {
            _ if code < clear => 1,
            Some(_) if code < self.next => self.lengths[code],
            Some(previous) if code == self.next => previous + 1,
            _ => return None,
        };
        if let Some(previous) = self.previous
            && self.next < CODES_MAX
        {
            self.lengths[self.next] = previous + 1;
            self.next += 1;
            if self.next == 1 << self.code_bits && self.code_bits < CODE_BITS_MAX {
                self.code_bits += 1;
            }
        }
        self.previous = Some(length);
        Some(Code::String(length))
    }
}
