//! PNG (W3C, third edition): its container without metadata.
//!
//! Invariant: what is kept is what the picture is drawn with, animations included. Texts (XMP among them), EXIF, times,
//! private chunks and whatever follows the end go. Chunks are copied whole, with their checksums, which the decoder
//! verifies. Data that unpack to more than the picture needs are a bomb for whoever draws it next, and are refused.

use std::io::{self, Read as _};

use flate2::read::ZlibDecoder;

use super::input::Input;
use crate::Error;

const SIGNATURE: [u8; 8] = [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n'];

/// Type, length and checksum.
const FRAMING_BYTES: usize = 12;

/// Copies a picture without its metadata.
///
/// # Errors
/// [`Error::BadImage`] if it does not reach its end, [`Error::TooManyPixels`] if it has more than `frames_max` frames.
pub(super) fn strip(upload: &[u8], frames_max: &super::FramesMax) -> Result<Vec<u8>, Error> {
    let mut input = Input::new(upload);
    let (mut kept, mut needed, mut data) = (Vec::with_capacity(upload.len()), 0, Vec::new());
    let mut frames = 0;
    if input.array()? != SIGNATURE {
        return Err(Error::BadImage);
    }
    kept.extend(SIGNATURE);
    loop {
        let chunk = input.rest();
        let length = input.length_be()?;
        let kind = input.array()?;
        let content = input.take(length)?;
        input.take(4)?;
        match &kind {
            b"IHDR" => needed = unpacked_bytes(content)?,
            b"IDAT" => data.extend(content),
            _ => {}
        }
        if is_drawn(kind) {
            kept.extend(&chunk[..length + FRAMING_BYTES]);
        }
        frames += u64::from(kind == *b"fcTL");
        frames_max.check(frames)?;
        if kind == *b"IEND" {
            return if unpacks_to_more_than(needed, &data) { Err(Error::BadImage) } else { Ok(kept) };
        }
    }
}

/// How much the data of a picture unpack to by its header: each row behind a filter byte, in one pass or in Adam7's seven
/// (sections 7.2 and 8.1).
fn unpacked_bytes(header: &[u8]) -> Result<u64, Error> {
    /// First column and row, and the distance to the next ones.
    const ADAM7: [(u64, u64, u64, u64); 7] =
        [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];
    let &[w0, w1, w2, w3, h0, h1, h2, h3, depth, colour, _, _, interlaced] = header else {
        return Err(Error::BadImage);
    };
    let (width, height) = (u32::from_be_bytes([w0, w1, w2, w3]).into(), u32::from_be_bytes([h0, h1, h2, h3]).into());
    let samples = match colour {
        0 | 3 => 1,
        4 => 2,
        2 => 3,
        6 => 4,
        _ => return Err(Error::BadImage),
    };
    let bits = samples * u64::from(depth);
    let pass = |(left, top, across, down): (u64, u64, u64, u64)| {
        let columns = u64::saturating_sub(width, left).div_ceil(across);
        let rows = u64::saturating_sub(height, top).div_ceil(down);
        if columns == 0 { 0 } else { rows.saturating_mul(1 + (columns.saturating_mul(bits)).div_ceil(8)) }
    };
    Ok(if interlaced == 0 { pass((0, 0, 1, 1)) } else { ADAM7.into_iter().map(pass).sum() })
}

/// Whether there is more in `data` than the picture has. Damaged data are left to the decoder.
fn unpacks_to_more_than(needed: u64, data: &[u8]) -> bool {
    let mut unpacked = ZlibDecoder::new(data).take(needed.saturating_add(1));
    io::copy(&mut unpacked, &mut io::sink()).is_ok_and(|bytes| bytes > needed)
}

/// Whether a chunk says how the picture is drawn, and holds nothing else.
const fn is_drawn(kind: [u8; 4]) -> bool {
    matches!(
        &kind,
        b"IHDR" | b"PLTE" | b"IDAT" | b"IEND" | b"tRNS" // the picture
        | b"cHRM" | b"cICP" | b"cLLI" | b"gAMA" | b"iCCP" | b"mDCV" | b"sBIT" | b"sRGB" // its colours
        | b"bKGD" | b"pHYs" // background and the pixels' shape
        | b"acTL" | b"fcTL" | b"fdAT" // animation
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(interlaced: u8) -> [u8; 13] {
        [0, 0, 0, 8, 0, 0, 0, 8, 8, 2, 0, 0, interlaced]
    }

    #[test]
    fn a_header_tells_what_its_data_unpack_to() {
        assert_eq!(unpacked_bytes(&header(0)).unwrap(), 8 * (1 + 8 * 3));
        assert_eq!(unpacked_bytes(&header(1)).unwrap(), 4 + 4 + 7 + 14 + 26 + 52 + 100);
    }

    #[test]
    fn a_header_of_an_unknown_colour_type_is_refused() {
        let mut unknown = header(0);
        unknown[9] = 5;

        assert!(matches!(unpacked_bytes(&unknown), Err(Error::BadImage)));
    }
}
