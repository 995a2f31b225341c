//! How much memory a picture takes while it is processed.
//!
//! Invariant: never less than what the decoders allocate for pixels and code tables. The figures are read off their source,
//! and stand beside each.

use super::{Header, rendition, shrink::Boxes};

/// Pools, tables, the rendition and its encoder.
const FIXED: u64 = 8 << 20;
/// Row buffers of a JPEG: four components, sixteen bit, up to 32 rows, twice. Those of a PNG take a quarter of it: up to six
/// rows of four samples, sixteen bit, twice where they grow, a row in eight bits, and the sums of its columns.
const PER_COLUMN: u64 = 512;

/// The tables of a lossless WebP's prefix codes: so much for any picture, as much again for each byte of it, and no more
/// than that. What `libwebp` makes takes at most 32 for each byte, if it is tiny, and 1.5 MB where the picture has 18 MB.
const CODES_LEAST: u64 = 128 << 10;
const CODES_PER_BYTE: u64 = 64;
const CODES_MAX: u64 = 16 << 20;

/// What a kind of picture takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cost {
    /// Bytes for one pixel while the picture is decoded, scaled and, if need be, turned.
    per_pixel: u64,
    /// How many times the upload's bytes are there at once.
    copies: u64,
    /// Whether it may have the prefix codes of lossless WebP.
    codes: bool,
    /// Whether it is shrunk as its rows are decoded, so that there are never more pixels than are left then.
    pub(super) shrunk: bool,
}

/// The frame in RGBA, its indexes, and the canvas of the first one. The upload, what is kept of it, and a frame's data.
pub(super) const GIF: Cost = Cost { per_pixel: 9, copies: 3, codes: false, shrunk: false };
/// RGBA at the most, in eight bits. The upload, and what is kept of it.
pub(super) const PNG: Cost = Cost { per_pixel: 4, copies: 2, codes: false, shrunk: true };
/// A PNG that is decoded whole: one that is interlaced, or animated.
pub(super) const PNG_WHOLE: Cost = Cost { shrunk: false, ..PNG };
/// YUV 4:2:0 and RGB.
pub(super) const WEBP_LOSSY: Cost = Cost { per_pixel: 5, copies: 2, codes: false, shrunk: false };
/// ARGB and RGB, with the images that describe transforms and codes: a sixteenth of the pixels each.
pub(super) const WEBP_LOSSLESS: Cost = Cost { per_pixel: 8, copies: 2, codes: true, shrunk: false };
/// A WebP in the extended format: at the most as much as a lossless one. With an alpha plane: the ARGB in which it is coded,
/// or the plane, RGBA and YUV; in frames: the first one and the canvas, both in RGBA. Each part of it is copied once more.
pub(super) const WEBP_EXTENDED: Cost = Cost { per_pixel: 8, copies: 3, codes: true, shrunk: false };

/// A JPEG: the picture, and beside it either its coefficients (sixteen bit a component), if they must be collected over
/// several scans, or, when those are gone, a second picture with its encoding, if it is to be turned.
pub(super) const fn jpeg(components: u8, collected: bool, turned: bool) -> Cost {
    let picture = if components == 1 { 1 } else { 3 };
    let coefficients = if collected { 2 * components as u64 } else { 0 };
    let turning = if turned { 2 * picture } else { 0 };
    let beside = if coefficients > turning { coefficients } else { turning };
    Cost { per_pixel: picture + beside, copies: 2, codes: false, shrunk: false }
}

/// The most that the prefix codes of lossless WebP may take in an upload of a size.
pub(super) fn codes(upload_bytes: u64) -> u64 {
    upload_bytes.saturating_mul(CODES_PER_BYTE).saturating_add(CODES_LEAST).min(CODES_MAX)
}

/// Bytes for the whole of it: the upload and what is kept of it, all pixels, code tables, and what scaling needs.
pub(super) fn needed(header: &Header, upload_bytes: u64) -> u64 {
    let Cost { per_pixel, copies, codes, shrunk } = header.cost;
    let boxes = if shrunk { Boxes::of(header.size()) } else { Boxes::PIXELS };
    let (width, height) = boxes.count(header.size());
    // JPEG codes whole blocks; with the coarsest sampling they are 32 pixels wide and high.
    let (width, height) = (u64::from(width).next_multiple_of(32), u64::from(height).next_multiple_of(32));
    let columns = u64::from(header.width).next_multiple_of(32);
    let (small_width, small_height) = rendition::fit(header.width, header.height);
    let scaling = 8 * (u64::from(small_width) * height).max(width * u64::from(small_height));
    let tables = if codes { self::codes(upload_bytes) } else { 0 };
    width * height * per_pixel + columns * PER_COLUMN + scaling + copies * upload_bytes + tables + FIXED
}
