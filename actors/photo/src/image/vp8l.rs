//! The bitstream of lossless WebP (RFC 9649, section 3), as far as it takes to see what its prefix codes cost.
//!
//! A picture may be coded in up to 65,536 groups of five prefix codes, and a decoder builds a table for each: out of four
//! megabytes more than a gibibyte. `image-webp` takes no limit for that, so its bitstream is walked here before it is
//! decoded: through the transforms and the entropy image, which tells how many groups there are, and through their codes.
//!
//! Invariant: no code is built for decoding but those of the images in front of the picture, which have a sixteenth of its
//! pixels; and the walk ends as soon as the codes cost more than allowed.

mod prefix;

use self::prefix::{Bits, Code};
use crate::Error;

/// What `image-webp` allocates for a group of codes, while the list of them grows: 280 bytes, and as much for those to come
/// and for those that are moved.
const GROUP_BYTES: u64 = 3 * 280;

/// Symbols of the first code: shades of green, then prefixes of lengths. Those of the colour cache come on top.
const GREENS: usize = 256 + 24;
/// Prefixes of distances.
const DISTANCES: usize = 40;

/// A pixel: red, green, blue, alpha.
type Pixel = [u8; 4];

/// Checks that the prefix codes of a picture take at most `bytes_max` of memory. `stream` begins behind the header, which a
/// `VP8L` chunk has and an alpha plane has not.
///
/// # Errors
/// [`Error::BadImage`] if they take more, are damaged or cut short.
pub(super) fn check_codes(stream: &[u8], width: u32, height: u32, bytes_max: u64) -> Result<(), Error> {
    let mut bits = Bits::new(stream);
    let width = skip_transforms(&mut bits, width, height)?;
    let cache = Cache::read(&mut bits)?;
    let groups = if bits.bit()? { groups(&mut bits, width, height)? } else { 1 };
    let mut bytes = 0;
    for _ in 0..groups {
        let codes = Codes::read(&mut bits, cache.as_ref())?;
        bytes += GROUP_BYTES + codes.0.iter().map(Code::built_bytes).sum::<u64>();
        if bytes > bytes_max {
            tracing::debug!(groups, bytes_max, "picture has too many prefix codes");
            return Err(Error::BadImage);
        }
    }
    Ok(())
}

/// Skips the transforms; answers how wide the picture is that they are applied to.
fn skip_transforms(bits: &mut Bits<'_>, mut width: u32, height: u32) -> Result<u32, Error> {
    let mut seen = [false; 4];
    while bits.bit()? {
        let kind = bits.index(2)?;
        if std::mem::replace(&mut seen[kind], true) {
            return Err(Error::BadImage);
        }
        match kind {
            0 | 1 => drop(block_image(bits, width, height)?), // predictor, colour
            3 => width = skip_palette(bits, width)?,
            _ => {} // subtract green: without data
        }
    }
    Ok(width)
}

/// Skips a palette; answers how wide the picture is once its pixels are packed.
fn skip_palette(bits: &mut Bits<'_>, width: u32) -> Result<u32, Error> {
    let colours = bits.index(8)? + 1;
    image(bits, colours, 1)?;
    let pixels_packed = match colours {
        0..=2 => 8,
        3..=4 => 4,
        5..=16 => 2,
        _ => 1,
    };
    Ok(width.div_ceil(pixels_packed))
}

/// How many groups of codes there are: one more than the highest in the entropy image, used or not.
fn groups(bits: &mut Bits<'_>, width: u32, height: u32) -> Result<u32, Error> {
    let indexes = block_image(bits, width, height)?;
    let highest = indexes.iter().map(|[high, low, ..]| u32::from(*high) << 8 | u32::from(*low)).max();
    Ok(highest.unwrap_or_default() + 1)
}

/// Reads an image that has a pixel for every square block of the picture.
fn block_image(bits: &mut Bits<'_>, width: u32, height: u32) -> Result<Vec<Pixel>, Error> {
    let side = 1 << (bits.read(3)? + 2);
    let (width, height) = (width.div_ceil(side) as usize, height.div_ceil(side) as usize);
    image(bits, width, height)
}

/// Reads an image of its own, which has one group of codes: literal pixels, copies, and pixels from the colour cache.
fn image(bits: &mut Bits<'_>, width: usize, height: usize) -> Result<Vec<Pixel>, Error> {
    let mut cache = Cache::read(bits)?;
    let Codes([greens, reds, blues, alphas, distances]) = Codes::read(bits, cache.as_ref())?;
    let pixels = width * height;
    let mut image = Vec::with_capacity(pixels);
    while image.len() < pixels {
        let begin = image.len();
        match greens.next(bits)? {
            green @ 0..256 => {
                image.push([reds.next(bits)?, green, blues.next(bits)?, alphas.next(bits)?].map(low_byte));
            }
            prefix @ 256..GREENS => {
                let length = bits.number(prefix - 256)?;
                let prefix = distances.next(bits)?;
                let distance = distance(bits.number(prefix)?, width);
                if distance > begin || length > pixels - begin {
                    return Err(Error::BadImage);
                }
                for at in begin - distance..begin - distance + length {
                    image.push(image[at]);
                }
            }
            cached => {
                image.push(cache.as_ref().ok_or(Error::BadImage)?.colours[cached - GREENS]);
                continue; // it is in the cache
            }
        }
        if let Some(cache) = &mut cache {
            image[begin..].iter().for_each(|pixel| cache.insert(*pixel));
        }
    }
    Ok(image)
}

fn low_byte(symbol: usize) -> u8 {
    symbol.to_le_bytes()[0]
}

/// The colours that were used last, by their hash.
struct Cache {
    bits: u32,
    colours: Vec<Pixel>,
}

impl Cache {
    fn read(bits: &mut Bits<'_>) -> Result<Option<Self>, Error> {
        if !bits.bit()? {
            return Ok(None);
        }
        match bits.read(4)? {
            size @ 1..=11 => Ok(Some(Self { bits: size, colours: vec![[0; 4]; 1 << size] })),
            _ => Err(Error::BadImage),
        }
    }

    fn insert(&mut self, pixel: Pixel) {
        let [red, green, blue, alpha] = pixel;
        let hash = 0x1E35_A7BD_u32.wrapping_mul(u32::from_be_bytes([alpha, red, green, blue]));
        self.colours[(hash >> (32 - self.bits)) as usize] = pixel;
    }
}

/// A group of prefix codes: green with lengths and the colour cache, red, blue, alpha, distances.
struct Codes([Code; 5]);

impl Codes {
    fn read(bits: &mut Bits<'_>, cache: Option<&Cache>) -> Result<Self, Error> {
        let greens = Code::read(bits, GREENS + cache.map_or(0, |cache| cache.colours.len()))?;
        let mut other = |symbols| Code::read(bits, symbols);
        Ok(Self([greens, other(256)?, other(256)?, other(256)?, other(DISTANCES)?]))
    }
}

/// How many pixels back a copy begins, by its code: the first 120 are places near the pixel, in the rows above it.
fn distance(code: usize, width: usize) -> usize {
    /// Rows up in the upper four bits, columns to the right in the lower, from eight to the left.
    const NEAR: [u8; 120] = [
        0x18, 0x07, 0x17, 0x19, 0x28, 0x06, 0x27, 0x29, 0x16, 0x1A, 0x26, 0x2A, 0x38, 0x05, 0x37, 0x39, 0x15, 0x1B,
        0x36, 0x3A, 0x25, 0x2B, 0x48, 0x04, 0x47, 0x49, 0x14, 0x1C, 0x35, 0x3B, 0x46, 0x4A, 0x24, 0x2C, 0x58, 0x45,
        0x4B, 0x34, 0x3C, 0x03, 0x57, 0x59, 0x13, 0x1D, 0x56, 0x5A, 0x23, 0x2D, 0x44, 0x4C, 0x55, 0x5B, 0x33, 0x3D,
        0x68, 0x02, 0x67, 0x69, 0x12, 0x1E, 0x66, 0x6A, 0x22, 0x2E, 0x54, 0x5C, 0x43, 0x4D, 0x65, 0x6B, 0x32, 0x3E,
        0x78, 0x01, 0x77, 0x79, 0x53, 0x5D, 0x11, 0x1F, 0x64, 0x6C, 0x42, 0x4E, 0x76, 0x7A, 0x21, 0x2F, 0x75, 0x7B,
        0x31, 0x3F, 0x63, 0x6D, 0x52, 0x5E, 0x00, 0x74, 0x7C, 0x41, 0x4F, 0x10, 0x20, 0x62, 0x6E, 0x30, 0x73, 0x7D,
        0x51, 0x5F, 0x40, 0x72, 0x7E, 0x61, 0x6F, 0x50, 0x71, 0x7F, 0x60, 0x70,
    ];
    match NEAR.get(code - 1) {
        Some(near) => {
            let (up, right) = (usize::from(near >> 4), usize::from(near & 0x0F));
            (up * width + 8).saturating_sub(right).max(1)
        }
        None => code - NEAR.len(),
    }
}
