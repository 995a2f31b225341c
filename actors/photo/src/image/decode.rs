//! Decodes a whole picture: the proof that it is whole, and what its rendition is made from.
//!
//! Invariant: only stripped bytes come here, so that what is proven is what is kept; every frame is decoded; nothing is
//! allocated beyond what [`super::memory`] counted: what it counts for a lossless WebP's codes was checked on the way here.
//!
//! The codecs are called directly where `image` hides what is needed: its JPEG decoder paints what is missing grey
//! instead of refusing, and its animations compose every frame on a canvas of its own. WebP is decoded in parts ([`webp`]).
//!
//! What no decoder tells: a JPEG with its end marker in place whose last scan lacks data before it. The standard has
//! decoders feed zeros then (T.81, F.2.2.5), so its rest is grey, here as in every viewer.

use std::{io::Cursor, num::NonZeroU64};

use image::{DynamicImage, GenericImage as _, GrayImage, RgbImage, RgbaImage};
use zune_jpeg::zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};

use super::{Header, png, shrink::Boxes, webp};
use crate::{ContentType, Error};

/// A picture's pixels as encoded; the first frame's if there are several.
pub(super) struct Decoded {
    pub(super) picture: DynamicImage,
    /// What it was shrunk by as it was decoded.
    pub(super) boxes: Boxes,
    /// The ICC profile that its colours are meant in.
    pub(super) icc: Option<Vec<u8>>,
}

/// Decodes all of a stripped picture.
///
/// # Errors
/// [`Error::BadImage`] if any frame is damaged or cut short.
pub(super) fn decode(stripped: &[u8], header: &Header) -> Result<Decoded, Error> {
    let decoded = match header.content_type {
        ContentType::Jpeg => jpeg(stripped, header),
        ContentType::Png => png::decode(stripped, header),
        ContentType::Gif => gif(stripped, header),
        ContentType::Webp => webp(stripped),
    }?;
    // The header was read by other code: were they ever to disagree, the picture must not get through.
    let agree = (decoded.picture.width(), decoded.picture.height()) == decoded.boxes.count(header.size());
    if agree { Ok(decoded) } else { Err(Error::BadImage) }
}

fn jpeg(stripped: &[u8], header: &Header) -> Result<Decoded, Error> {
    let side = |pixels: u32| usize::try_from(pixels).map_err(|_| Error::BadImage);
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(side(header.width)?)
        .set_max_height(side(header.height)?);
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(stripped), options);
    decoder.decode_headers().map_err(bad)?;
    let grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let colours = if grey { ColorSpace::Luma } else { ColorSpace::RGB };
    decoder.set_options(options.jpeg_set_out_colorspace(colours));
    let icc = decoder.icc_profile();
    let pixels = decoder.decode().map_err(bad)?;
    let picture = if grey {
        GrayImage::from_raw(header.width, header.height, pixels).map(DynamicImage::from)
    } else {
        RgbImage::from_raw(header.width, header.height, pixels).map(DynamicImage::from)
    };
    Ok(Decoded { picture: picture.ok_or(Error::BadImage)?, boxes: Boxes::PIXELS, icc })
}

fn gif(stripped: &[u8], header: &Header) -> Result<Decoded, Error> {
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    options.check_frame_consistency(true);
    let limit = NonZeroU64::new(header.pixels() * 4).ok_or(Error::BadImage)?;
    options.set_memory_limit(gif::MemoryLimit::Bytes(limit));
    let mut decoder = options.read_info(stripped).map_err(bad)?;
    let mut first = None;
    while let Some(frame) = decoder.next_frame_info().map_err(bad)? {
        let (left, top, width, height) = (frame.left, frame.top, frame.width, frame.height);
        let mut pixels = vec![0; decoder.buffer_size()];
        decoder.read_into_buffer(&mut pixels).map_err(bad)?;
        if first.is_none() {
            let frame = RgbaImage::from_raw(width.into(), height.into(), pixels).ok_or(Error::BadImage)?;
            let mut screen = RgbaImage::new(header.width, header.height);
            screen.copy_from(&frame, left.into(), top.into()).map_err(bad)?;
            first = Some(screen);
        }
    }
    Ok(Decoded { picture: first.ok_or(Error::BadImage)?.into(), boxes: Boxes::PIXELS, icc: None })
}

fn webp(stripped: &[u8]) -> Result<Decoded, Error> {
    let icc = image_webp::WebPDecoder::new(Cursor::new(stripped)).and_then(|mut decoder| decoder.icc_profile());
    Ok(Decoded { icc: icc.map_err(bad)?, boxes: Boxes::PIXELS, picture: webp::decode(stripped)? })
}

/// Whatever a decoder finds wrong is the picture's fault. Why is for the log: it helps whoever asks why a picture that
/// opens elsewhere was refused.
pub(super) fn bad(error: impl std::error::Error) -> Error {
    tracing::debug!(error = %error, "picture cannot be decoded");
    Error::BadImage
}
