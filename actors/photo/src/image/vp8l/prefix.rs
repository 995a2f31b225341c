//! The bits of lossless WebP, and its prefix codes (RFC 9649, section 3.7.2).
//!
//! Invariant: a code is complete, or has a single symbol: whatever bits follow, they stand for one of its symbols.

use crate::Error;

/// What `image-webp` allocates for a code that has more than one symbol: the least, with what the allocator adds;
const CODE_BYTES: u64 = 128;
/// a table of all prefixes up to this many bits, four bytes each;
const TABLE_BITS: usize = 10;
/// and a branch and a leaf for every symbol with a longer one.
const LONG_SYMBOL_BYTES: u64 = 32;

/// The longest code, in bits.
const BITS_MAX: usize = 15;

/// Reads bits, the least significant of each byte first.
pub(super) struct Bits<'a> {
    stream: &'a [u8],
    /// The next bit.
    at: usize,
}

impl<'a> Bits<'a> {
    pub(super) const fn new(stream: &'a [u8]) -> Self {
        Self { stream, at: 0 }
    }

    pub(super) fn bit(&mut self) -> Result<bool, Error> {
        let byte = *self.stream.get(self.at / 8).ok_or(Error::BadImage)?;
        let bit = byte >> (self.at % 8) & 1;
        self.at += 1;
        Ok(bit == 1)
    }

    /// A number of at most 25 bits.
    pub(super) fn read(&mut self, count: u32) -> Result<u32, Error> {
        let byte = |index: usize| self.stream.get(self.at / 8 + index).copied().unwrap_or_default();
        let window = u32::from_le_bytes([byte(0), byte(1), byte(2), byte(3)]);
        let value = window >> (self.at % 8) & ((1 << count) - 1);
        self.at += count as usize;
        if self.at > 8 * self.stream.len() { Err(Error::BadImage) } else { Ok(value) }
    }

    /// The same, to count or to index with.
    pub(super) fn index(&mut self, count: u32) -> Result<usize, Error> {
        self.read(count).map(|value| value as usize)
    }

    /// A length or a distance, of which the prefix tells the magnitude.
    pub(super) fn number(&mut self, prefix: usize) -> Result<usize, Error> {
        if prefix < 4 {
            return Ok(prefix + 1);
        }
        let (half, odd) = ((prefix - 2) / 2, prefix % 2);
        let more = self.index(u32::try_from(half).map_err(|_| Error::BadImage)?)?;
        Ok(((2 + odd) << half) + more + 1)
    }
}

/// A prefix code.
pub(super) struct Code {
    /// How many symbols have a code of so many bits.
    counts: [usize; BITS_MAX + 1],
    /// The symbols, in the order of their codes.
    symbols: Vec<usize>,
}

impl Code {
    /// Reads the code of so many symbols.
    pub(super) fn read(bits: &mut Bits<'_>, symbols: usize) -> Result<Self, Error> {
        if bits.bit()? { Self::read_simple(bits, symbols) } else { Self::of(&read_lengths(bits, symbols)?) }
    }

    /// One symbol without any bits, or two of one bit.
    fn read_simple(bits: &mut Bits<'_>, symbols: usize) -> Result<Self, Error> {
        let two = bits.bit()?;
        let first_bits = if bits.bit()? { 8 } else { 1 };
        let mut known = vec![bits.index(first_bits)?];
        if two {
            known.push(bits.index(8)?);
        }
        if known.iter().any(|symbol| *symbol >= symbols) {
            return Err(Error::BadImage);
        }
        let mut counts = [0; BITS_MAX + 1];
        counts[1] = known.len();
        Ok(Self { counts, symbols: known })
    }

    /// The code whose symbols have codes of so many bits, or none where it is zero.
    fn of(lengths: &[usize]) -> Result<Self, Error> {
        let mut counts = [0; BITS_MAX + 1];
        for length in lengths {
            counts[*length] += 1;
        }
        counts[0] = 0;
        let mut places = [0; BITS_MAX + 1];
        let (mut used, mut free) = (0, 1_usize);
        for length in 1..=BITS_MAX {
            places[length] = used;
            used += counts[length];
            free = (2 * free).checked_sub(counts[length]).ok_or(Error::BadImage)?;
        }
        if free > 0 && used != 1 {
            return Err(Error::BadImage);
        }
        let mut symbols = vec![0; used];
        for (symbol, length) in lengths.iter().enumerate().filter(|(_, length)| **length > 0) {
            symbols[places[*length]] = symbol;
            places[*length] += 1;
        }
        Ok(Self { counts, symbols })
    }

    /// The next symbol. Codes of a length are consecutive, and follow those of the length before.
    pub(super) fn next(&self, bits: &mut Bits<'_>) -> Result<usize, Error> {
        if let [only] = *self.symbols {
            return Ok(only);
        }
        let (mut code, mut first, mut place) = (0, 0, 0);
        for count in &self.counts[1..] {
            code = 2 * code + usize::from(bits.bit()?);
            if code < first + count {
                return Ok(self.symbols[place + code - first]);
            }
            place += count;
            first = 2 * (first + count);
        }
        Err(Error::BadImage)
    }

    /// What the decoder's tables for it take.
    pub(super) fn built_bytes(&self) -> u64 {
        if self.symbols.len() == 1 {
            return 0;
        }
        let longest = self.counts.iter().rposition(|count| *count > 0).unwrap_or_default();
        let long: usize = self.counts[TABLE_BITS + 1..].iter().sum();
        CODE_BYTES + (4 << longest.min(TABLE_BITS)) + LONG_SYMBOL_BYTES * long as u64
    }
}

/// Reads how many bits the code of each symbol has. They have a prefix code of their own.
fn read_lengths(bits: &mut Bits<'_>, symbols: usize) -> Result<Vec<usize>, Error> {
    const ORDER: [usize; 19] = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    let mut lengths = [0; ORDER.len()];
    for symbol in &ORDER[..4 + bits.index(4)?] {
        lengths[*symbol] = bits.index(3)?;
    }
    let code = Code::of(&lengths)?;
    let mut left = symbols;
    if bits.bit()? {
        let size = 2 + 2 * bits.read(3)?;
        left = 2 + bits.index(size)?;
    }
    let (mut lengths, mut last) = (Vec::with_capacity(symbols), 8);
    while lengths.len() < symbols && left > 0 {
        left -= 1;
        let (length, times) = match code.next(bits)? {
            16 => (last, 3 + bits.index(2)?),
            17 => (0, 3 + bits.index(3)?),
            18 => (0, 11 + bits.index(7)?),
            length => (length, 1),
        };
        lengths.extend(std::iter::repeat_n(length, times));
        last = if length > 0 { length } else { last };
    }
    if lengths.len() > symbols {
        return Err(Error::BadImage);
    }
    Ok(lengths)
}
