//! What is done to a picture before it is kept.
//!
//! [`Header::read`] tells type, size and cost without decoding; [`process`] cuts metadata out of the container, decodes
//! the whole picture once, turns it if it must be, and makes the rendition.
//!
//! Invariant: no byte that leaves [`process`] was metadata, and what leaves it has been decoded to its end. It never
//! panics by design, whatever the bytes; it runs on the pool all the same, where a panic costs one upload.

mod decode;
mod gif;
mod header;
mod input;
mod jpeg;
mod lzw;
mod memory;
mod png;
mod rendition;
mod shrink;
mod vp8l;
mod webp;

use std::fmt;

use ::image::metadata::Orientation;

pub use header::{Header, SIDE_MAX};
pub use rendition::RENDITION_SIDE;

use crate::{ContentType, Error, Limits};

/// How many times the pixels of the largest picture all frames of an animation may have together. Each counts as its
/// canvas, since every viewer composes it there; the time that processing takes is bounded by it.
const ANIMATION_FACTOR: u64 = 16;

/// A picture that is ready to be kept.
pub struct Processed {
    /// The picture without metadata: the uploaded pixels as they were encoded, unless they had to be turned.
    pub original: Vec<u8>,
    /// Pixels across, as shown.
    pub width: u32,
    /// Pixels down, as shown.
    pub height: u32,
    /// The rendition.
    pub thumb: Vec<u8>,
    /// The rendition's type: JPEG, or PNG if the picture has transparent parts.
    pub thumb_type: ContentType,
}

impl fmt::Debug for Processed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Processed({} x {}, {} bytes)", self.width, self.height, self.original.len())
    }
}

/// Processes an upload whose header was read.
///
/// # Errors
/// The client's: [`Error::BadImage`] for a picture that is damaged or cut short, [`Error::TooManyPixels`] for an animation
/// with too many. [`Error::Processing`] is a bug.
pub fn process(upload: &[u8], header: &Header, limits: &Limits) -> Result<Processed, Error> {
    let stripped = strip(upload, header, limits)?;
    let decode::Decoded { mut picture, boxes, icc } = decode::decode(&stripped, header)?;
    let (mut original, mut size) = (stripped, header.size());
    if header.orientation != Orientation::NoTransforms {
        drop(original);
        picture.apply_orientation(header.orientation); // no kind that has one is shrunk
        size = (picture.width(), picture.height());
        (original, _) = rendition::jpeg(&picture, icc.as_deref())?;
    }
    let (thumb, thumb_type) = rendition::rendition(picture, boxes, size, icc.as_deref())?;
    Ok(Processed { original, width: size.0, height: size.1, thumb, thumb_type })
}

/// Cuts everything out of the container that is not the picture.
fn strip(upload: &[u8], header: &Header, limits: &Limits) -> Result<Vec<u8>, Error> {
    let frames_max = FramesMax::of(header, limits);
    match header.content_type {
        ContentType::Jpeg => jpeg::strip(upload),
        ContentType::Png => png::strip(upload, &frames_max),
        ContentType::Gif => gif::strip(upload, &frames_max),
        ContentType::Webp => webp::strip(upload, &frames_max),
    }
}

/// How many frames of its canvas an animation may have.
struct FramesMax {
    frames: u64,
    pixels: u64,
}

impl FramesMax {
    fn of(header: &Header, limits: &Limits) -> Self {
        let pixels = limits.pixels_max.saturating_mul(ANIMATION_FACTOR);
        Self { frames: pixels / header.pixels().max(1), pixels }
    }

    fn check(&self, frames: u64) -> Result<(), Error> {
        if frames > self.frames { Err(Error::TooManyPixels { max: self.pixels }) } else { Ok(()) }
    }
}
