//! A zlib stream (RFC 1950), measured piece by piece.
//!
//! Invariant: nothing of it is held, neither packed nor unpacked, and it is unpacked no further than it may be.

use flate2::{Decompress, FlushDecompress, Status};

use crate::Error;

/// What is unpacked at once, only to be counted.
const COUNTED_BYTES: usize = 8 << 10;

/// A stream that is being read.
pub(super) struct Packed {
    stream: Decompress,
    /// The bytes that it may unpack to.
    most: u64,
    begun: bool,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Unfinished,
    Ended,
    Damaged,
}

impl Packed {
    /// A stream that unpacks to at most so many bytes.
    pub(super) fn new(most: u64) -> Self {
        Self { stream: Decompress::new(true), most, begun: false, state: State::Unfinished }
    }

    /// Reads the next piece; answers what of it stands behind the stream's end. Of a damaged stream no end is known.
    ///
    /// # Errors
    /// [`Error::BadImage`] if more comes out of it than may.
    pub(super) fn read<'a>(&mut self, mut piece: &'a [u8]) -> Result<&'a [u8], Error> {
        self.begun |= !piece.is_empty();
        let mut counted = [0; COUNTED_BYTES];
        while self.state == State::Unfinished {
            let before = (self.stream.total_in(), self.stream.total_out());
            let status = self.stream.decompress(piece, &mut counted, FlushDecompress::None);
            let after = (self.stream.total_in(), self.stream.total_out());
            let taken = usize::try_from(after.0 - before.0).map_err(|_| Error::BadImage)?;
            piece = piece.get(taken..).ok_or(Error::BadImage)?;
            if after.1 > self.most {
                return Err(Error::BadImage);
            }
            match status {
                Err(_) => self.state = State::Damaged,
                Ok(Status::StreamEnd) => self.state = State::Ended,
                Ok(_) if after == before => break, // it wants more
                Ok(_) => {}
            }
        }
        Ok(if self.state == State::Damaged { &[] } else { piece })
    }

    /// Whether anything was read.
    pub(super) const fn has_begun(&self) -> bool {
        self.begun
    }

    /// Whether it has come to its end, undamaged.
    pub(super) fn has_ended(&self) -> bool {
        self.state == State::Ended
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut data = Vec::new();
        flate2::read::ZlibEncoder::new(bytes, flate2::Compression::fast()).read_to_end(&mut data).unwrap();
        data
    }

    #[test]
    fn a_stream_ends_where_its_data_end_however_they_are_cut() {
        // As a filtered picture's: some repeat others from afar, most have a few values.
        let unpacked: Vec<u8> = (0..60_000_u32).flat_map(|at| (at * at / 977 % 5_000).to_le_bytes()).collect();
        let data = [packed(&unpacked), b"hidden".to_vec()].concat();
        for size in [1, 7, 4096, 8192, 10_000, data.len()] {
            let mut stream = Packed::new(unpacked.len() as u64);

            let behind: Vec<u8> = data.chunks(size).flat_map(|piece| stream.read(piece).unwrap().to_vec()).collect();

            assert!(stream.has_ended());
            assert_eq!(behind, b"hidden", "in pieces of {size}");
        }
    }

    #[test]
    fn a_stream_that_is_cut_short_or_damaged_has_no_end() {
        let data = packed(&[7; 100]);
        let mut damaged = data.clone();
        damaged[1] ^= 1;
        damaged.extend(b"hidden");
        for data in [&data[..data.len() - 1], &damaged] {
            let mut stream = Packed::new(100);

            let behind = stream.read(data).unwrap();

            assert!(behind.is_empty() && !stream.has_ended());
        }
    }

    #[test]
    fn a_stream_that_unpacks_to_more_than_it_may_is_refused() {
        let data = packed(&vec![7; 100_000]);

        assert!(Packed::new(100_000).read(&data).is_ok());
        assert!(matches!(Packed::new(99_999).read(&data), Err(Error::BadImage)));
    }

    #[test]
    fn a_stream_begins_with_its_first_byte() {
        let mut stream = Packed::new(1);
        stream.read(&[]).unwrap();
        let before = stream.has_begun();
        stream.read(&[0x78]).unwrap();

        assert_eq!((before, stream.has_begun()), (false, true));
    }
}
