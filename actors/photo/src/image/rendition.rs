//! Makes the rendition, and encodes a picture that was turned.
//!
//! Invariant: a rendition fits a square of [`RENDITION_SIDE`] pixels, is never enlarged, and carries no metadata but a
//! colour profile that fits its pixels.

use fast_image_resize::{MulDiv, ResizeOptions, Resizer};
use image::{
    DynamicImage, ImageEncoder as _,
    codecs::{jpeg::JpegEncoder, png::PngEncoder},
};

use crate::{ContentType, Error};

/// The longest side of a rendition, in pixels.
pub const RENDITION_SIDE: u32 = 256;

/// Of JPEG as libjpeg counts it: no visible loss.
const QUALITY: u8 = 90;

/// The largest colour profile that a rendition carries: one JPEG segment. Those of cameras, phones and screens have a few
/// kilobytes; larger ones are made for printers, and would outweigh the rendition.
const ICC_BYTES_MAX: usize = 64_000;

/// Scales `picture` to fit and encodes it: as JPEG if it is opaque, else as PNG.
///
/// Colours are not converted: the profile goes along, and without one both are sRGB.
pub(super) fn rendition(picture: DynamicImage, icc: Option<&[u8]>) -> Result<(Vec<u8>, ContentType), Error> {
    let small = scaled(picture)?;
    let icc = icc.filter(|icc| icc.len() <= ICC_BYTES_MAX);
    if small.color().has_alpha() {
        let small = small.into_rgba8();
        if small.pixels().any(|pixel| pixel.0[3] != u8::MAX) {
            return png(&small.into(), icc);
        }
        return jpeg(&DynamicImage::from(small), icc);
    }
    jpeg(&small, icc)
}

/// Encodes an opaque picture.
pub(super) fn jpeg(picture: &DynamicImage, icc: Option<&[u8]>) -> Result<(Vec<u8>, ContentType), Error> {
    let mut file = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut file, QUALITY);
    if let Some(icc) = icc.filter(|icc| describes(icc, picture)) {
        encoder.set_icc_profile(icc.to_vec()).map_err(broken)?;
    }
    match picture {
        DynamicImage::ImageLuma8(_) | DynamicImage::ImageRgb8(_) => picture.write_with_encoder(encoder),
        _ if picture.color().has_color() => picture.to_rgb8().write_with_encoder(encoder),
        _ => picture.to_luma8().write_with_encoder(encoder),
    }
    .map_err(broken)?;
    Ok((file, ContentType::Jpeg))
}

fn png(picture: &DynamicImage, icc: Option<&[u8]>) -> Result<(Vec<u8>, ContentType), Error> {
    let mut file = Vec::new();
    let mut encoder = PngEncoder::new(&mut file);
    if let Some(icc) = icc.filter(|icc| describes(icc, picture)) {
        encoder.set_icc_profile(icc.to_vec()).map_err(broken)?;
    }
    picture.write_with_encoder(encoder).map_err(broken)?;
    Ok((file, ContentType::Png))
}

/// Whether a profile's colour space (ICC.1:2022, table 19) is that of the pixels: one for CMYK says nothing of the RGB
/// that was made of it.
fn describes(icc: &[u8], picture: &DynamicImage) -> bool {
    let space: &[u8] = if picture.color().has_color() { b"RGB " } else { b"GRAY" };
    icc.get(16..20) == Some(space)
}

/// The size of a rendition of a picture of `width` x `height`.
pub(super) fn fit(width: u32, height: u32) -> (u32, u32) {
    let longest = width.max(height);
    if longest <= RENDITION_SIDE {
        return (width, height);
    }
    let side = |pixels: u32| {
        let scaled = u64::from(pixels) * u64::from(RENDITION_SIDE) / u64::from(longest);
        u32::try_from(scaled.max(1)).expect("it is shorter than the longest side")
    };
    (side(width), side(height))
}

/// Colours count as much as they are opaque. The resizer would see to that in a copy of the whole picture; here it is done
/// in place.
fn scaled(mut picture: DynamicImage) -> Result<DynamicImage, Error> {
    let (width, height) = fit(picture.width(), picture.height());
    if (width, height) == (picture.width(), picture.height()) {
        return Ok(picture);
    }
    let (alpha, has_alpha) = (MulDiv::new(), picture.color().has_alpha());
    let mut small = DynamicImage::new(width, height, picture.color());
    if has_alpha {
        alpha.multiply_alpha_inplace(&mut picture).map_err(broken)?;
    }
    Resizer::new().resize(&picture, &mut small, &ResizeOptions::new().use_alpha(false)).map_err(broken)?;
    if has_alpha {
        alpha.divide_alpha_inplace(&mut small).map_err(broken)?;
    }
    Ok(small)
}

/// Encoding what was decoded fails through a bug alone.
fn broken(error: impl std::error::Error) -> Error {
    tracing::error!(error = %error, "rendition failed");
    Error::Processing
}
