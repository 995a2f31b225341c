//! WebP (RFC 9649): its container without metadata.
//!
//! Invariant: what is kept is the canvas, the frames and the ICC profile; every frame's own header agrees with the size
//! that the container claims for it, since the decoder allocates by the former, and its prefix codes take no more memory
//! than was counted for them. EXIF, XMP, unknown chunks, further ones of a kind that is read once and whatever follows the
//! file's claimed end go.

mod picture;

pub(super) use picture::decode;

use super::{input::Input, memory, vp8l};
use crate::Error;

/// VP8X flags (RFC 9649, section 2.7.1).
pub(super) const ANIMATION: u8 = 0x02;
pub(super) const ALPHA: u8 = 0x10;
const ICC: u8 = 0x20;

/// How large lossless data may be beyond four bytes a pixel, which is what the pixels take as they are.
const OVERHEAD_BYTES: u64 = 64 << 10;

/// Copies a picture without its metadata.
///
/// # Errors
/// [`Error::BadImage`] if it is shorter than it claims or contradicts itself; [`Error::TooManyPixels`] if it has more
/// than `frames_max` frames.
pub(super) fn strip(upload: &[u8], frames_max: &super::FramesMax) -> Result<Vec<u8>, Error> {
    let mut input = Input::new(upload);
    if input.array()? != *b"RIFF" {
        return Err(Error::BadImage);
    }
    let length = input.length_le()?;
    let mut input = Input::new(input.take(length)?);
    if input.array()? != *b"WEBP" {
        return Err(Error::BadImage);
    }
    let codes_max = memory::codes(upload.len() as u64);
    let mut kept = Vec::with_capacity(upload.len());
    kept.extend(b"RIFF\0\0\0\0WEBP");
    let first = Chunk::read(&mut input)?;
    match &first.kind {
        b"VP8X" => extended(&mut kept, first.body, input, frames_max, codes_max)?,
        b"VP8 " => first.write(&mut kept),
        b"VP8L" => {
            let (width, height) = lossless_size(first.body).ok_or(Error::BadImage)?;
            first.check_lossless(width, height, codes_max)?;
            first.write(&mut kept);
        }
        _ => return Err(Error::BadImage),
    }
    let length = u32::try_from(kept.len() - 8).map_err(|_| Error::BadImage)?;
    kept[4..8].copy_from_slice(&length.to_le_bytes());
    Ok(kept)
}

/// The extended format: a canvas, a profile, and one picture or an animation.
fn extended(
    kept: &mut Vec<u8>,
    body: &[u8],
    mut input: Input<'_>,
    frames_max: &super::FramesMax,
    codes_max: u64,
) -> Result<(), Error> {
    let mut canvas = Canvas::parse(body, codes_max)?;
    let header_at = kept.len();
    canvas.write(kept);
    let (mut frames, mut looping, mut alpha, mut lossless) = (0, false, false, false);
    while !input.is_empty() {
        let chunk = Chunk::read(&mut input)?;
        match &chunk.kind {
            b"ICCP" if canvas.flags & ICC == 0 => canvas.flags |= ICC,
            b"ANIM" if canvas.animated() && !looping => looping = true,
            b"ANMF" if canvas.animated() => {
                frames += 1;
                frames_max.check(frames)?;
                canvas.write_frame(kept, chunk.body)?;
                continue;
            }
            b"ALPH" if !canvas.animated() && !alpha && frames == 0 => {
                alpha = true;
                chunk.check_lossless(canvas.width, canvas.height, codes_max)?;
            }
            b"VP8 " | b"VP8L" if !canvas.animated() => {
                frames += 1;
                lossless |= chunk.kind == *b"VP8L";
                chunk.check_picture(canvas.width, canvas.height, codes_max)?;
            }
            _ => continue,
        }
        chunk.write(kept);
    }
    if frames == 0 || (frames > 1 && !canvas.animated()) || (alpha && lossless) {
        return Err(Error::BadImage);
    }
    if !(alpha || lossless || canvas.animated()) {
        canvas.flags &= !ALPHA; // claimed, but there is no alpha plane
    }
    let mut header = Vec::new();
    canvas.write(&mut header);
    kept[header_at..header_at + header.len()].copy_from_slice(&header);
    Ok(())
}

/// The VP8X chunk's content.
struct Canvas {
    /// Of what is kept: never those of metadata.
    flags: u8,
    width: u32,
    height: u32,
    /// What the prefix codes of a frame may take.
    codes_max: u64,
}

impl Canvas {
    fn parse(body: &[u8], codes_max: u64) -> Result<Self, Error> {
        let mut input = Input::new(body);
        let [flags, _, _, _] = input.array()?;
        let (width, height) = (input.u24_le()? + 1, input.u24_le()? + 1);
        Ok(Self { flags: flags & (ANIMATION | ALPHA), width, height, codes_max })
    }

    const fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    const fn animated(&self) -> bool {
        self.flags & ANIMATION != 0
    }

    fn write(&self, kept: &mut Vec<u8>) {
        let mut body = vec![self.flags, 0, 0, 0];
        body.extend(&(self.width - 1).to_le_bytes()[..3]);
        body.extend(&(self.height - 1).to_le_bytes()[..3]);
        Chunk { kind: *b"VP8X", body: &body }.write(kept);
    }

    /// Writes an animation's frame: place, size, duration and flags (16 bytes), then its picture alone.
    fn write_frame(&self, kept: &mut Vec<u8>, body: &[u8]) -> Result<(), Error> {
        let mut input = Input::new(body);
        let mut frame = input.take(16)?.to_vec();
        let mut place = Input::new(&frame);
        let (x, y) = (place.u24_le()? * 2, place.u24_le()? * 2);
        let (width, height) = (place.u24_le()? + 1, place.u24_le()? + 1);
        if x + width > self.width || y + height > self.height {
            return Err(Error::BadImage);
        }
        let (mut pictures, mut alpha, mut lossless) = (0, false, false);
        while !input.is_empty() {
            let chunk = Chunk::read(&mut input)?;
            match &chunk.kind {
                b"ALPH" if !alpha && pictures == 0 => {
                    alpha = true;
                    chunk.check_lossless(width, height, self.codes_max)?;
                }
                b"VP8 " | b"VP8L" => {
                    pictures += 1;
                    lossless |= chunk.kind == *b"VP8L";
                    chunk.check_picture(width, height, self.codes_max)?;
                }
                _ => continue,
            }
            chunk.write(&mut frame);
        }
        if pictures != 1 || (alpha && lossless) {
            return Err(Error::BadImage);
        }
        Chunk { kind: *b"ANMF", body: &frame }.write(kept);
        Ok(())
    }
}

/// A RIFF chunk.
struct Chunk<'a> {
    kind: [u8; 4],
    body: &'a [u8],
}

impl<'a> Chunk<'a> {
    fn read(input: &mut Input<'a>) -> Result<Self, Error> {
        let kind = input.array()?;
        let length = input.length_le()?;
        let body = input.take(length)?;
        if length % 2 == 1 && !input.is_empty() {
            input.take(1)?; // the padding; some encoders leave out the last
        }
        Ok(Self { kind, body })
    }

    fn write(&self, kept: &mut Vec<u8>) {
        kept.extend(self.kind);
        kept.extend(u32::try_from(self.body.len()).expect("it came with a length of four bytes").to_le_bytes());
        kept.extend(self.body);
        if self.body.len() % 2 == 1 {
            kept.push(0);
        }
    }

    /// Checks a picture: the size in its own header, and what its codes take.
    fn check_picture(&self, width: u32, height: u32, codes_max: u64) -> Result<(), Error> {
        if self.kind != *b"VP8L" {
            return if lossy_size(self.body) == Some((width, height)) { Ok(()) } else { Err(Error::BadImage) };
        }
        if lossless_size(self.body) != Some((width, height)) {
            return Err(Error::BadImage);
        }
        self.check_lossless(width, height, codes_max)
    }

    /// Checks that a lossless picture or an alpha plane has no more data than its pixels need, and that its prefix codes
    /// take no more memory than allowed.
    fn check_lossless(&self, width: u32, height: u32, codes_max: u64) -> Result<(), Error> {
        if self.body.len() as u64 > 4 * u64::from(width) * u64::from(height) + OVERHEAD_BYTES {
            return Err(Error::BadImage);
        }
        match (&self.kind, self.body) {
            (b"VP8L", [_, _, _, _, _, stream @ ..]) => vp8l::check_codes(stream, width, height, codes_max),
            // The lowest bits of its first byte tell how an alpha plane is compressed.
            (b"ALPH", [head, stream @ ..]) if head & 3 == 1 => vp8l::check_codes(stream, width, height, codes_max),
            _ => Ok(()), // as it is, or nothing that decodes
        }
    }
}

/// The size in a VP8 frame's header (RFC 6386, section 9.1): 14 bits each, after tag and start code.
pub(super) fn lossy_size(body: &[u8]) -> Option<(u32, u32)> {
    let side = |at: usize| Some(u32::from(u16::from_le_bytes(*body.get(at..)?.first_chunk()?) & 0x3FFF));
    (body.get(3..6)? == [0x9D, 0x01, 0x2A]).then_some((side(6)?, side(8)?))
}

/// The size in a VP8L image's header (RFC 9649, section 3.4): 14 bits each, after the signature.
pub(super) fn lossless_size(body: &[u8]) -> Option<(u32, u32)> {
    let bits = u32::from_le_bytes(*body.get(1..)?.first_chunk()?);
    (*body.first()? == 0x2F).then_some(((bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1))
}
