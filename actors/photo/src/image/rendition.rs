//! Makes the rendition, and encodes a picture that was turned.
//!
//! Invariant: a rendition fits a square of [`RENDITION_SIDE`] pixels, is never enlarged, and carries no metadata but a
//! colour profile that fits its pixels.

use fast_image_resize::{
    MulDiv, PixelTrait, ResizeOptions, Resizer,
    images::TypedImage,
    pixels::{U8, U8x2, U8x3, U8x4},
};
use image::{
    DynamicImage, ImageEncoder as _,
    codecs::{jpeg::JpegEncoder, png::PngEncoder},
};

use super::shrink::Boxes;
use crate::{ContentType, Error};

/// The longest side of a rendition, in pixels.
pub const RENDITION_SIDE: u32 = 256;

/// Of JPEG as libjpeg counts it: no visible loss.
const QUALITY: u8 = 90;

/// The largest colour profile that a rendition carries: one JPEG segment. Those of cameras, phones and screens have a few
/// kilobytes; larger ones are made for printers, and would outweigh the rendition.
pub(super) const ICC_BYTES_MAX: usize = 64_000;

/// Scales `picture`, which had `size` and may have been shrunk by boxes, to fit and encodes it: as JPEG if it is opaque, else
/// as PNG.
///
/// Colours are not converted: the profile goes along, and without one both are sRGB.
pub(super) fn rendition(
    picture: DynamicImage,
    boxes: Boxes,
    size: (u32, u32),
    icc: Option<&[u8]>,
) -> Result<(Vec<u8>, ContentType), Error> {
    let small = scaled(picture, boxes, size)?;
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

/// Scales a picture to fit. The resizer is asked for these four kinds of pixels alone: for all that it knows it would bring two
/// megabytes of code.
fn scaled(mut picture: DynamicImage, boxes: Boxes, size: (u32, u32)) -> Result<DynamicImage, Error> {
    let from = (picture.width(), picture.height());
    let to = fit(size.0, size.1);
    if from == to {
        return Ok(picture);
    }
    let mut small = DynamicImage::new(to.0, to.1, picture.color());
    let extent = boxes.extent(size);
    match (&mut picture, &mut small) {
        (DynamicImage::ImageLuma8(picture), DynamicImage::ImageLuma8(small)) => {
            resize::<U8>((picture, from), extent, (small, to), false)?;
        }
        (DynamicImage::ImageLumaA8(picture), DynamicImage::ImageLumaA8(small)) => {
            resize::<U8x2>((picture, from), extent, (small, to), true)?;
        }
        (DynamicImage::ImageRgb8(picture), DynamicImage::ImageRgb8(small)) => {
            resize::<U8x3>((picture, from), extent, (small, to), false)?;
        }
        (DynamicImage::ImageRgba8(picture), DynamicImage::ImageRgba8(small)) => {
            resize::<U8x4>((picture, from), extent, (small, to), true)?;
        }
        _ => return scaled(picture.into_rgba8().into(), boxes, size),
    }
    Ok(small)
}

/// Bytes of pixels, and how many pixels they are across and down.
type Pixels<'a> = (&'a mut [u8], (u32, u32));

/// Colours count as much as they are opaque. The resizer would see to that in a copy of the whole picture; here it is done
/// in place.
fn resize<P: PixelTrait>(
    (from, of): Pixels<'_>,
    (width, height): (f64, f64),
    (to, by): Pixels<'_>,
    has_alpha: bool,
) -> Result<(), Error> {
    let mut picture = TypedImage::<P>::from_buffer(of.0, of.1, from).map_err(broken)?;
    let mut small = TypedImage::<P>::from_buffer(by.0, by.1, to).map_err(broken)?;
    let alpha = MulDiv::new();
    if has_alpha {
        alpha.multiply_alpha_inplace_typed(&mut picture).map_err(broken)?;
    }
    let options = ResizeOptions::new().use_alpha(false).crop(0.0, 0.0, width, height);
    Resizer::new().resize_typed(&picture, &mut small, &options).map_err(broken)?;
    if has_alpha {
        alpha.divide_alpha_inplace_typed(&mut small).map_err(broken)?;
    }
    Ok(())
}

/// Encoding what was decoded fails through a bug alone.
fn broken(error: impl std::error::Error) -> Error {
    tracing::error!(error = %error, "rendition failed");
    Error::Processing
}

#[cfg(test)]
mod tests {
    use image::{Rgba, RgbaImage};

    use super::*;

    #[test]
    fn every_kind_of_pixels_is_scaled_and_keeps_its_colour() {
        let picture = DynamicImage::from(RgbaImage::from_pixel(512, 300, Rgba([200, 200, 200, 100])));
        let kinds = [
            DynamicImage::from(picture.to_luma8()),
            picture.to_luma_alpha8().into(),
            picture.to_rgb8().into(),
            picture.to_rgba8().into(),
            picture.to_rgba16().into(),
        ];

        for kind in kinds {
            let (color, alpha) = (kind.color(), if kind.color().has_alpha() { 100 } else { 255 });
            let small = scaled(kind, Boxes::PIXELS, (512, 300)).unwrap().into_rgba8();

            assert_eq!(small.dimensions(), (256, 150), "{color:?}");
            let near = |Rgba([red, green, blue, opacity]): &Rgba<u8>| {
                [red, green, blue].iter().all(|part| part.abs_diff(200) <= 2) && *opacity == alpha
            };
            assert!(small.pixels().all(near), "{color:?}: {:?}", small.get_pixel(9, 9));
        }
    }

    #[test]
    fn what_cannot_be_seen_lends_no_colour_to_what_can() {
        let half = RgbaImage::from_fn(512, 512, |x, _| if x < 255 { Rgba([255; 4]) } else { Rgba([0; 4]) });
        for picture in [DynamicImage::from(half.clone()), DynamicImage::from(half).to_luma_alpha8().into()] {
            let small = scaled(picture, Boxes::PIXELS, (512, 512)).unwrap().into_rgba8();

            assert!(small.pixels().all(|pixel| pixel.0[3] < 3 || pixel.0[0] > 250));
            assert!(small.pixels().any(|pixel| (3..250).contains(&pixel.0[3])), "some lie on the border");
        }
    }
}
