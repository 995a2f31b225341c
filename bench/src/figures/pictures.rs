//! Pictures to upload: JPEGs as cameras make them, of about 2 MB.

use std::ops::RangeInclusive;

use image::{RgbImage, codecs::jpeg::JpegEncoder};

use crate::run::{Failure, Run};

/// 8 megapixels.
const SIDES: (u32, u32) = (3264, 2448);
/// In a short run there is no time for so many.
const SHORT_SIDES: (u32, u32) = (640, 480);
/// What passes for 2 MB.
const BYTES: RangeInclusive<usize> = 1_900_000..=2_100_000;
/// Of JPEG, as cameras set it.
const QUALITY: u8 = 85;
/// The most grain: noise of a quarter of the whole range.
const COARSEST: u32 = 1024;
/// How often the grain is adjusted to come to the right size.
const TRIES: u32 = 12;

/// `count` different pictures.
///
/// # Errors
/// The encoder fails, or no grain comes to the right size.
pub(super) fn pictures(run: &Run, count: usize) -> Result<Vec<Vec<u8>>, Failure> {
    let grain = if run.options.short { COARSEST / 4 } else { grain()? };
    (0..count).map(|seed| encode(sides(run), grain, u32::try_from(seed).unwrap_or(0))).collect()
}

/// What is said of them.
pub(super) fn describe(run: &Run, pictures: &[Vec<u8>]) -> String {
    let ((width, height), bytes) = (sides(run), pictures.iter().map(Vec::len).sum::<usize>() / pictures.len().max(1));
    format!(
        "{} JPEGs of {width} x {height} pixels (quality {QUALITY}, 4:4:4), {bytes} bytes at the mean",
        pictures.len()
    )
}

fn sides(run: &Run) -> (u32, u32) {
    if run.options.short { SHORT_SIDES } else { SIDES }
}

/// How much grain it takes to come to 2 MB.
fn grain() -> Result<u32, Failure> {
    let (mut fine, mut coarse) = (0, COARSEST);
    for _ in 0..TRIES {
        let grain = u32::midpoint(fine, coarse);
        let length = encode(SIDES, grain, 0)?.len();
        if BYTES.contains(&length) {
            return Ok(grain);
        }
        if length < *BYTES.start() { fine = grain } else { coarse = grain }
    }
    Err(Failure::said("no picture of 2 MB could be made"))
}

/// Large soft shapes with noise of the amplitude `grain` / 16.
fn encode((width, height): (u32, u32), grain: u32, seed: u32) -> Result<Vec<u8>, Failure> {
    let shade = |value: u32| u8::try_from(value % 256).unwrap_or(0);
    let soft = |value: u32| {
        let wave = value % 512;
        if wave < 256 { wave } else { 511 - wave }
    };
    let mut random = seed.wrapping_mul(2_654_435_761) | 1;
    let picture = RgbImage::from_fn(width, height, |x, y| {
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        let noise = |shift: u32| (random >> shift) % 256 * grain / 4096;
        let colour = |value: u32, shift: u32| shade((soft(value) * 3 / 4 + noise(shift)).min(255));
        image::Rgb([colour(x / 4 + seed * 40, 0), colour(y / 4 + x / 16, 8), colour((x + y) / 8 + seed * 90, 16)])
    });
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY).encode_image(&picture).map_err(Failure::said)?;
    Ok(jpeg)
}
