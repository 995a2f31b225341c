//! Decodes PNG.
//!
//! Invariant: only stripped bytes come here, and of a picture that is to be shrunk no more than a few rows are held. Colours
//! are read in eight bits: a rendition has no more, and sixteen would take twice the memory.

use std::io::Cursor;

use image::{DynamicImage, GrayAlphaImage, GrayImage, RgbImage, RgbaImage};
use png::{ColorType, Decoder, Limits, Reader, Transformations};

use super::profile;
use crate::{
    Error,
    image::{
        Header,
        decode::{Decoded, bad},
        shrink::{Boxes, shrink},
    },
};

/// Decodes the picture, and all frames of an animation.
///
/// # Errors
/// [`Error::BadImage`] if anything of it is damaged or cut short.
pub(in crate::image) fn decode(stripped: &[u8], header: &Header) -> Result<Decoded, Error> {
    let icc = profile(stripped);
    if header.cost.shrunk {
        let boxes = Boxes::of(header.size());
        return Ok(Decoded { picture: shrunk(stripped, header, boxes)?, boxes, icc });
    }
    frames(stripped, header)?;
    Ok(Decoded { picture: whole(stripped, header)?, boxes: Boxes::PIXELS, icc })
}

/// Decodes a still picture row by row.
fn shrunk(stripped: &[u8], header: &Header, boxes: Boxes) -> Result<DynamicImage, Error> {
    let mut reader = reader(stripped, header)?;
    let (info, size) = (reader.info(), header.size());
    // The header was read by other code, and what is counted for this picture rests on it.
    if info.size() != size || info.interlaced || info.animation_control.is_some() {
        return Err(Error::BadImage);
    }
    let (colours, _) = reader.output_color_type();
    let read = |row: &mut [u8]| reader.read_row(row).map_err(bad)?.map(drop).ok_or(Error::BadImage);
    let pixels = match colours.samples() {
        1 => shrink::<1>(size, boxes, read),
        2 => shrink::<2>(size, boxes, read),
        3 => shrink::<3>(size, boxes, read),
        _ => shrink::<4>(size, boxes, read),
    }?;
    reader.finish().map_err(bad)?;
    picture(colours, boxes.count(size), pixels)
}

fn whole(stripped: &[u8], header: &Header) -> Result<DynamicImage, Error> {
    let mut reader = reader(stripped, header)?;
    let mut pixels = vec![0; reader.output_buffer_size().ok_or(Error::BadImage)?];
    let frame = reader.next_frame(&mut pixels).map_err(bad)?;
    picture(frame.color_type, (frame.width, frame.height), pixels)
}

/// Decodes an animation's frames, each for itself.
fn frames(stripped: &[u8], header: &Header) -> Result<(), Error> {
    let mut reader = reader(stripped, header)?;
    let Some(animation) = reader.info().animation_control else {
        return Ok(());
    };
    // A first image without a frame control is shown by whoever knows no animations; it is none of the frames.
    let apart = u32::from(reader.info().frame_control.is_none());
    let mut frame = vec![0; reader.output_buffer_size().ok_or(Error::BadImage)?];
    for _ in 0..animation.num_frames.saturating_add(apart) {
        reader.next_frame(&mut frame).map_err(bad)?;
    }
    Ok(())
}

fn reader<'a>(stripped: &'a [u8], header: &Header) -> Result<Reader<Cursor<&'a [u8]>>, Error> {
    let bytes = usize::try_from(header.memory_bytes(stripped.len() as u64)).unwrap_or(usize::MAX);
    let mut decoder = Decoder::new_with_limits(Cursor::new(stripped), Limits { bytes });
    decoder.set_ignore_iccp_chunk(true); // it would be held in its whole size, which renditions do not carry
    decoder.set_transformations(Transformations::normalize_to_color8());
    decoder.read_info().map_err(bad)
}

fn picture(colours: ColorType, (width, height): (u32, u32), pixels: Vec<u8>) -> Result<DynamicImage, Error> {
    match colours {
        ColorType::Grayscale => GrayImage::from_raw(width, height, pixels).map(DynamicImage::from),
        ColorType::GrayscaleAlpha => GrayAlphaImage::from_raw(width, height, pixels).map(DynamicImage::from),
        ColorType::Rgb => RgbImage::from_raw(width, height, pixels).map(DynamicImage::from),
        ColorType::Rgba => RgbaImage::from_raw(width, height, pixels).map(DynamicImage::from),
        ColorType::Indexed => None, // the reader looks colours up
    }
    .ok_or(Error::BadImage)
}
