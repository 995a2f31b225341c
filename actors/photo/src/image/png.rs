//! PNG (W3C, third edition): its container without metadata.
//!
//! Invariant: what is kept is what the picture is drawn with, animations included. Texts (XMP among them), EXIF, times,
//! private chunks and whatever follows the end go. Chunks are copied whole, with their checksums, which the decoder
//! verifies.

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
    let mut kept = Vec::with_capacity(upload.len());
    let mut frames = 0;
    if input.array()? != SIGNATURE {
        return Err(Error::BadImage);
    }
    kept.extend(SIGNATURE);
    loop {
        let chunk = input.rest();
        let length = input.length_be()?;
        let kind = input.array()?;
        input.take(length)?;
        input.take(4)?;
        if is_drawn(kind) {
            kept.extend(&chunk[..length + FRAMING_BYTES]);
        }
        frames += u64::from(kind == *b"fcTL");
        frames_max.check(frames)?;
        if kind == *b"IEND" {
            return Ok(kept);
        }
    }
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
