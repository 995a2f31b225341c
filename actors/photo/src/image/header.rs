//! What a picture's header claims, read before anything is decoded.
//!
//! Invariant: the cost does not depend on what is claimed. At most one segment (64 KiB) is in memory at a time.

use std::io::{self, BufRead, ErrorKind, Read as _, Seek};

use image::metadata::Orientation;
use portico_kernel::StoreError;

use super::{jpeg, memory};
use crate::{ContentType, Error, Limits};

/// The longest side. JPEG and GIF cannot express more; in a PNG it would only serve to make scaling costly.
pub const SIDE_MAX: u32 = 65_535;

/// The bytes at a picture's beginning that tell its type and, except for JPEG, its dimensions.
const HEAD_BYTES: usize = 30;

/// What a picture's header claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Its type, told by its first bytes.
    pub content_type: ContentType,
    /// Pixels across, as encoded.
    pub width: u32,
    /// Pixels down, as encoded.
    pub height: u32,
    /// How a JPEG's pixels must be turned to be seen as they were taken (EXIF). What PNG and WebP say in EXIF is not
    /// followed: browsers differ on it, and their encoders turn the pixels themselves.
    pub orientation: Orientation,
    /// What processing it takes.
    pub(super) cost: memory::Cost,
}

impl Header {
    /// Reads a header from the beginning of `picture`.
    ///
    /// # Errors
    /// The client's: [`Error::UnsupportedType`] for anything but a picture of an accepted type, [`Error::BadImage`] for
    /// one that is cut short in its header, [`Error::TooManyPixels`] for one that is larger than `limits` allow.
    pub fn read(picture: &mut (impl BufRead + Seek), limits: &Limits) -> Result<Self, Error> {
        let mut head = Vec::with_capacity(HEAD_BYTES);
        picture.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(unreadable)?;
        let header = match content_type(&head).ok_or(Error::UnsupportedType)? {
            ContentType::Jpeg => {
                picture.seek(io::SeekFrom::Start(2)).map_err(unreadable)?;
                jpeg::header(picture)?
            }
            ContentType::Png => {
                let header = png(&head).ok_or(Error::BadImage)?.within(limits)?;
                if super::png::claims_animation(picture)? { Self { cost: memory::PNG_WHOLE, ..header } } else { header }
            }
            ContentType::Gif => gif(&head).ok_or(Error::BadImage)?,
            ContentType::Webp => webp(&head).ok_or(Error::BadImage)?,
        };
        header.within(limits)
    }

    /// Pixels across and down.
    pub(super) const fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// Pixels, width times height.
    pub fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// The memory that processing takes at the most, in bytes, given the upload's size.
    pub fn memory_bytes(&self, upload_bytes: u64) -> u64 {
        memory::needed(self, upload_bytes)
    }

    fn within(self, limits: &Limits) -> Result<Self, Error> {
        if self.width == 0 || self.height == 0 {
            return Err(Error::BadImage);
        }
        if self.pixels() > limits.pixels_max || self.width.max(self.height) > SIDE_MAX {
            return Err(Error::TooManyPixels { max: limits.pixels_max });
        }
        Ok(self)
    }
}

/// The type that a file's first bytes tell (the signatures of the WHATWG's MIME Sniffing Standard).
fn content_type(head: &[u8]) -> Option<ContentType> {
    match head {
        [0xFF, 0xD8, 0xFF, ..] => Some(ContentType::Jpeg),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Some(ContentType::Png),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(ContentType::Gif),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', b'V', b'P', ..] => Some(ContentType::Webp),
        _ => None,
    }
}

/// PNG: IHDR is the first chunk. Whether the picture is animated stands behind it.
fn png(head: &[u8]) -> Option<Header> {
    let ihdr = head.get(8..)?.strip_prefix(b"\0\0\0\x0DIHDR")?;
    let width = u32::from_be_bytes(*ihdr.first_chunk()?);
    let height = u32::from_be_bytes(*ihdr.get(4..)?.first_chunk()?);
    let cost = if *ihdr.get(12)? == 0 { memory::PNG } else { memory::PNG_WHOLE }; // interlaced
    Some(Header { content_type: ContentType::Png, width, height, orientation: Orientation::NoTransforms, cost })
}

/// GIF: the logical screen.
fn gif(head: &[u8]) -> Option<Header> {
    let width = u16::from_le_bytes(*head.get(6..)?.first_chunk()?).into();
    let height = u16::from_le_bytes(*head.get(8..)?.first_chunk()?).into();
    let orientation = Orientation::NoTransforms;
    Some(Header { content_type: ContentType::Gif, width, height, orientation, cost: memory::GIF })
}

/// WebP (RFC 9649): the canvas of the extended format, or the frame of a simple one.
fn webp(head: &[u8]) -> Option<Header> {
    let chunk = head.get(20..)?;
    let (width, height, cost) = match head.get(12..16)? {
        b"VP8X" => {
            let side = |at: usize| {
                Some(1 + u32::from_le_bytes([*chunk.get(at)?, *chunk.get(at + 1)?, *chunk.get(at + 2)?, 0]))
            };
            (side(4)?, side(7)?, memory::WEBP_EXTENDED)
        }
        b"VP8 " => super::webp::lossy_size(chunk).map(|(width, height)| (width, height, memory::WEBP_LOSSY))?,
        b"VP8L" => super::webp::lossless_size(chunk).map(|(width, height)| (width, height, memory::WEBP_LOSSLESS))?,
        _ => return None,
    };
    let orientation = Orientation::NoTransforms;
    Some(Header { content_type: ContentType::Webp, width, height, orientation, cost })
}

/// The next bytes, as many as fit the array.
pub(super) fn read<const N: usize>(picture: &mut impl BufRead) -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    picture.read_exact(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

/// A file that ends early is the client's fault, one that cannot be read is ours.
pub(super) fn unreadable(error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::UnexpectedEof => Error::BadImage,
        _ => Error::Store(StoreError::Unavailable(Box::new(error))),
    }
}
