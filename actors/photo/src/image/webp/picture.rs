//! Decodes WebP, one picture after the other.
//!
//! `image-webp` composes an animation's frames on canvases, and holds colours, alpha and what alpha is coded in at the same
//! time. Here each part is decoded as a simple picture of its own, and given up before the next: so a frame takes no more
//! memory than a lossless picture does.
//!
//! Invariant: only stripped bytes come here, whose sizes agree with their canvas.

use std::io::Cursor;

use image::{DynamicImage, GenericImage as _, RgbImage, RgbaImage};
use image_webp::{DecodingError, WebPDecoder};

use super::{ALPHA, Canvas, Chunk};
use crate::{
    Error,
    image::{decode::bad, input::Input},
};

/// Decodes the picture; of an animation the first frame on its canvas, after all others.
///
/// # Errors
/// [`Error::BadImage`] if anything of it is damaged or cut short.
pub(in crate::image) fn decode(stripped: &[u8]) -> Result<DynamicImage, Error> {
    let mut input = Input::new(stripped);
    input.take(12)?; // RIFF, length, WEBP
    let first = Chunk::read(&mut input)?;
    if first.kind != *b"VP8X" {
        return simple(stripped);
    }
    let canvas = Canvas::parse(first.body, u64::MAX)?;
    let picture =
        if canvas.animated() { animation(input, &canvas)? } else { Picture::read(input)?.decode(canvas.size())? };
    let has_alpha = canvas.flags & ALPHA != 0;
    Ok(if has_alpha || !picture.color().has_alpha() { picture } else { picture.into_rgb8().into() })
}

fn animation(input: Input<'_>, canvas: &Canvas) -> Result<DynamicImage, Error> {
    let mut frames = frames(input);
    let (left, top, size, first) = frames.next().ok_or(Error::BadImage)??;
    for frame in frames {
        let (_, _, size, picture) = frame?;
        picture.decode(size)?;
    }
    let frame = first.decode(size)?;
    if size == canvas.size() {
        return Ok(frame);
    }
    let mut screen = RgbaImage::new(canvas.width, canvas.height);
    screen.copy_from(&frame, left, top).map_err(bad)?;
    Ok(screen.into())
}

/// An animation's frames: place, size and picture of each.
fn frames(mut input: Input<'_>) -> impl Iterator<Item = Result<(u32, u32, (u32, u32), Picture<'_>), Error>> {
    let chunks = std::iter::from_fn(move || (!input.is_empty()).then(|| Chunk::read(&mut input)));
    chunks.filter(|chunk| chunk.as_ref().map_or(true, |chunk| chunk.kind == *b"ANMF")).map(|chunk| {
        let mut body = Input::new(chunk?.body);
        let (left, top) = (body.u24_le()? * 2, body.u24_le()? * 2);
        let size = (body.u24_le()? + 1, body.u24_le()? + 1);
        body.take(4)?; // duration and flags
        Ok((left, top, size, Picture::read(body)?))
    })
}

/// A picture's parts, as they are coded.
struct Picture<'a> {
    alpha: Option<&'a [u8]>,
    colours: Chunk<'a>,
}

impl<'a> Picture<'a> {
    fn read(mut input: Input<'a>) -> Result<Self, Error> {
        let mut alpha = None;
        while !input.is_empty() {
            let chunk = Chunk::read(&mut input)?;
            match &chunk.kind {
                b"ALPH" => alpha = Some(chunk.body),
                b"VP8 " | b"VP8L" => return Ok(Self { alpha, colours: chunk }),
                _ => {}
            }
        }
        Err(Error::BadImage)
    }

    fn file(&self) -> Result<Vec<u8>, Error> {
        file(self.colours.kind, &[self.colours.body])
    }

    fn decode(&self, (width, height): (u32, u32)) -> Result<DynamicImage, Error> {
        let Some(alpha) = self.alpha else {
            return simple(&self.file()?);
        };
        let alpha = plane(alpha, width, height)?;
        let mut pixels = vec![0; alpha.len() * 4];
        // The colours first, close together; then each pixel moves to its place, the last one first.
        decoder(&self.file()?)?.read_image(&mut pixels[..alpha.len() * 3]).map_err(bad)?;
        for (at, alpha) in alpha.iter().enumerate().rev() {
            pixels.copy_within(at * 3..at * 3 + 3, at * 4);
            pixels[at * 4 + 3] = *alpha;
        }
        RgbaImage::from_raw(width, height, pixels).map(DynamicImage::from).ok_or(Error::BadImage)
    }
}

/// A file with nothing but a picture, whose data are given in parts.
fn file(kind: [u8; 4], parts: &[&[u8]]) -> Result<Vec<u8>, Error> {
    let length = parts.iter().map(|part| part.len()).sum::<usize>();
    let padding = length % 2;
    let written = |length: usize| u32::try_from(length).map(u32::to_le_bytes).map_err(|_| Error::BadImage);
    let mut file = Vec::with_capacity(length + 32);
    file.extend(b"RIFF");
    file.extend(written(12 + length + padding)?);
    file.extend(b"WEBP");
    file.extend(kind);
    file.extend(written(length)?);
    for part in parts {
        file.extend(*part);
    }
    file.extend(&[0][..padding]);
    Ok(file)
}

fn decoder(file: &[u8]) -> Result<WebPDecoder<Cursor<&[u8]>>, Error> {
    WebPDecoder::new(Cursor::new(file)).map_err(bad)
}

/// Decodes a file in the simple format.
fn simple(file: &[u8]) -> Result<DynamicImage, Error> {
    let mut decoder = decoder(file)?;
    let (width, height) = decoder.dimensions();
    let mut pixels = vec![0; decoder.output_buffer_size().ok_or(Error::BadImage)?];
    decoder.read_image(&mut pixels).map_err(bad)?;
    let picture = if decoder.has_alpha() {
        RgbaImage::from_raw(width, height, pixels).map(DynamicImage::from)
    } else {
        RgbImage::from_raw(width, height, pixels).map(DynamicImage::from)
    };
    picture.ok_or(Error::BadImage)
}

/// Decodes an alpha plane (RFC 9649, section 2.7.1.2): as it is, or as the green of a lossless picture without its header.
fn plane(body: &[u8], width: u32, height: u32) -> Result<Vec<u8>, Error> {
    let (head, data) = body.split_first().ok_or(Error::BadImage)?;
    let (compression, filter, preprocessing) = (head & 3, head >> 2 & 3, head >> 4 & 3);
    let pixels = usize::try_from(u64::from(width) * u64::from(height)).map_err(|_| Error::BadImage)?;
    let mut plane = match compression {
        _ if preprocessing > 1 => return Err(bad(DecodingError::InvalidAlphaPreprocessing)),
        0 => data.get(..pixels).ok_or(Error::BadImage)?.to_vec(),
        1 => {
            let size = (width - 1) | (height - 1) << 14 | 1 << 28; // with alpha: so that it is decoded in place
            let file = file(*b"VP8L", &[&[0x2F], &size.to_le_bytes(), data])?;
            let mut coded = vec![0; pixels * 4];
            decoder(&file)?.read_image(&mut coded).map_err(bad)?;
            coded.chunks_exact(4).map(|pixel| pixel[1]).collect()
        }
        _ => return Err(bad(DecodingError::InvalidCompressionMethod)),
    };
    unfilter(&mut plane, usize::try_from(width).map_err(|_| Error::BadImage)?, filter);
    Ok(plane)
}

/// Adds to each value what is predicted for it.
fn unfilter(plane: &mut [u8], width: usize, filter: u8) {
    const HORIZONTAL: u8 = 1;
    const VERTICAL: u8 = 2;
    if filter == 0 {
        return;
    }
    for at in 1..plane.len() {
        let (x, y) = (at % width, at / width);
        let predicted = match filter {
            _ if y == 0 => plane[at - 1],
            _ if x == 0 => plane[at - width],
            HORIZONTAL => plane[at - 1],
            VERTICAL => plane[at - width],
            _ => {
                let [left, above, corner] = [at - 1, at - width, at - width - 1].map(|at| i16::from(plane[at]));
                u8::try_from((left + above - corner).clamp(0, 255)).expect("it is clamped")
            }
        };
        plane[at] = plane[at].wrapping_add(predicted);
    }
}
