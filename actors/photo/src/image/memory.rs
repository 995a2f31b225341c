//! How much memory a picture takes while it is processed.
//!
//! Invariant: never less than what the decoders allocate for pixels. The figures are read off their source, and stand
//! beside each.
//!
//! Not counted: the code tables of a lossless WebP. One that was made for it can have 65,536 groups of five, some 4 KiB
//! each, out of a few megabytes; `image-webp` reads them all and takes no limit for it. Pictures as encoders make them have
//! a few hundred groups at the most.

use super::{Header, rendition};

/// Pools, tables, the rendition and its encoder.
const FIXED: u64 = 8 << 20;
/// Row buffers of a JPEG: four components, sixteen bit, up to 32 rows, twice.
const PER_COLUMN: u64 = 512;
/// The frame in RGBA, its indexes, and the canvas of the first one.
pub(super) const GIF: u64 = 9;
/// YUV 4:2:0 and RGB.
pub(super) const WEBP_LOSSY: u64 = 5;
/// ARGB and RGB, with the images that describe transforms and codes.
pub(super) const WEBP_LOSSLESS: u64 = 9;
/// YUV and RGBA, with the alpha plane and the ARGB in which it is coded.
const WEBP_ALPHA: u64 = 12;
/// The same, with the canvas, its first state and its current one.
const WEBP_ANIMATED: u64 = WEBP_ALPHA + 12;

/// Bytes for one pixel of a PNG of a bit depth: RGBA at the most.
pub(super) const fn png(bit_depth: u8) -> u64 {
    if bit_depth == 16 { 8 } else { 4 }
}

/// Bytes for one pixel of a WebP in the extended format, by the flags of its VP8X chunk.
pub(super) const fn webp_extended(flags: u8) -> u64 {
    if flags & super::webp::ANIMATION == 0 { WEBP_ALPHA } else { WEBP_ANIMATED }
}

/// Bytes for one pixel of a JPEG: the picture, its coefficients (sixteen bit a component) if they must be collected over
/// several scans, and a second picture with its encoding if it is to be turned.
pub(super) const fn jpeg(components: u8, collected: bool, turned: bool) -> u64 {
    let picture = if components == 1 { 1 } else { 3 };
    let coefficients = if collected { 2 * components as u64 } else { 0 };
    picture + coefficients + if turned { 2 * picture } else { 0 }
}

/// Bytes for the whole of it: the upload and what is kept of it, all pixels, and what scaling needs.
pub(super) fn needed(header: &Header, upload_bytes: u64) -> u64 {
    // JPEG codes whole blocks; with the coarsest sampling they are 32 pixels wide and high.
    let (width, height) = (u64::from(header.width).next_multiple_of(32), u64::from(header.height).next_multiple_of(32));
    let (small_width, small_height) = rendition::fit(header.width, header.height);
    let scaling = 8 * (u64::from(small_width) * height).max(width * u64::from(small_height));
    width * height * header.bytes_per_pixel + width * PER_COLUMN + scaling + 2 * upload_bytes + FIXED
}
