//! PNG (W3C, third edition): its container without metadata.
//!
//! Invariant: what is kept is what the picture is drawn with, animations included, and every frame is one that decoders
//! see. Texts (XMP among them), EXIF, times, private chunks, frames of no animation and whatever follows the end go. Chunks
//! are copied whole, with their checksums, which are verified, but for those that are larger than what they say takes, which
//! go, and colour profiles, which lose their name. Data that unpack to more than they need are a bomb for whoever draws
//! them next, and are refused; so is what stands behind a frame's data.

mod packed;
mod picture;

use std::{
    io::{BufRead, Read as _, Seek, SeekFrom},
    ops::RangeInclusive,
};

use flate2::{Crc, read::ZlibDecoder};

use self::packed::Packed;
pub(super) use self::picture::decode;
use super::{
    header::{read, unreadable},
    input::Input,
    rendition::ICC_BYTES_MAX,
};
use crate::Error;

const SIGNATURE: [u8; 8] = [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n'];

/// Type, length and checksum.
const FRAMING_BYTES: usize = 12;

/// What stands before a colour profile: a name that says nothing, and how it is packed.
const PROFILE_NAME: &[u8] = b"icc\0\0";

/// The largest colour profile, unpacked. Those that are made for printers have two or three megabytes.
const PROFILE_BYTES_MAX: u64 = 4 << 20;

/// Copies a picture without its metadata.
///
/// # Errors
/// [`Error::BadImage`] if it does not reach its end or its frames are not those that it claims,
/// [`Error::TooManyPixels`] if it has more than `frames_max` frames.
pub(super) fn strip(upload: &[u8], frames_max: &super::FramesMax) -> Result<Vec<u8>, Error> {
    let mut input = Input::new(upload);
    if input.array()? != SIGNATURE {
        return Err(Error::BadImage);
    }
    let mut kept = Vec::with_capacity(upload.len() + PROFILE_NAME.len()); // the profile's own may be shorter
    kept.extend(SIGNATURE);
    let mut frames = Frames::default();
    loop {
        let chunk = Chunk::read(&mut input)?;
        if !(is_drawn(chunk.kind) && frames.read(&chunk)?) {
            continue;
        }
        frames_max.check(frames.count.into())?;
        if !chunk.is_intact() {
            return Err(Error::BadImage);
        }
        match &chunk.kind {
            b"iCCP" => frames.profile(chunk.content, &mut kept)?,
            b"IDAT" | b"IHDR" | b"IEND" => kept.extend(chunk.whole),
            _ if room(chunk.kind, frames.header[9]).contains(&chunk.content.len()) => kept.extend(chunk.whole),
            _ => {}
        }
        if chunk.kind == *b"IEND" {
            return Ok(kept);
        }
    }
}

/// Whether a picture claims before its data that it is an animation; whether it is one is known when it is stripped.
///
/// # Errors
/// [`Error::BadImage`] if it does not reach its data.
pub(super) fn claims_animation(picture: &mut (impl BufRead + Seek)) -> Result<bool, Error> {
    picture.seek(SeekFrom::Start(SIGNATURE.len() as u64)).map_err(unreadable)?;
    loop {
        let length = u32::from_be_bytes(read(picture)?);
        match &read(picture)? {
            b"acTL" => return Ok(true),
            b"IDAT" if length > 0 => return Ok(false),
            _ => picture.seek_relative(i64::from(length) + 4).map_err(unreadable)?, // and the checksum
        }
    }
}

/// The colour profile of a stripped picture, unless it is larger than those that renditions carry.
fn profile(stripped: &[u8]) -> Option<Vec<u8>> {
    let mut input = Input::new(stripped.get(SIGNATURE.len()..)?);
    loop {
        let chunk = Chunk::read(&mut input).ok()?;
        match &chunk.kind {
            b"iCCP" => {
                let unpacked = ZlibDecoder::new(chunk.content.strip_prefix(PROFILE_NAME)?);
                let mut profile = Vec::new();
                unpacked.take(ICC_BYTES_MAX as u64 + 1).read_to_end(&mut profile).ok()?;
                return (profile.len() <= ICC_BYTES_MAX).then_some(profile);
            }
            b"IDAT" => return None,
            _ => {}
        }
    }
}

/// A chunk (section 5.3).
struct Chunk<'a> {
    kind: [u8; 4],
    content: &'a [u8],
    /// All of it: length, type, content and checksum.
    whole: &'a [u8],
}

impl<'a> Chunk<'a> {
    fn read(input: &mut Input<'a>) -> Result<Self, Error> {
        let rest = input.rest();
        let length = input.length_be()?;
        let kind = input.array()?;
        let content = input.take(length)?;
        input.take(4)?;
        Ok(Self { kind, content, whole: &rest[..length + FRAMING_BYTES] })
    }

    /// Whether its checksum is right.
    fn is_intact(&self) -> bool {
        let (checked, checksum) = self.whole.split_at(self.whole.len() - 4);
        let mut computed = Crc::new();
        computed.update(&checked[4..]);
        checksum == computed.sum().to_be_bytes()
    }
}

/// The frames of a picture: one, or those of an animation, which may show the picture itself first or hide it from
/// whoever knows animations (section 6.2).
#[derive(Default)]
struct Frames {
    header: [u8; 13],
    /// How many frames an animation says that it has.
    animation: Option<u32>,
    /// The controls of frames so far.
    count: u32,
    /// Whether the picture's own data have ended, and those of further frames are read.
    further: bool,
    /// The current frame's data, which unpack to as much as its size says.
    data: Option<Packed>,
    profiled: bool,
}

impl Frames {
    /// Reads a chunk; answers whether it is to be kept.
    fn read(&mut self, &Chunk { kind, content, .. }: &Chunk<'_>) -> Result<bool, Error> {
        match &kind {
            b"IHDR" if self.data.is_some() => return Err(Error::BadImage),
            b"IHDR" => {
                self.header = content.try_into().map_err(|_| Error::BadImage)?;
                self.data = Some(Packed::new(unpacked_bytes(&self.header)?));
            }
            b"IDAT" if self.further => return Err(Error::BadImage),
            b"IDAT" => self.data(content)?,
            b"acTL" => return self.animation(content),
            b"fcTL" | b"fdAT" if self.animation.is_none() => return Ok(false),
            b"fcTL" => self.control(content)?,
            b"fdAT" if !self.further => return Err(Error::BadImage),
            b"fdAT" => self.data(content.get(4..).ok_or(Error::BadImage)?)?, // behind its place in the order
            b"IEND" => {
                self.end_frame()?;
                if !content.is_empty() || self.animation.is_some_and(|frames| frames != self.count) {
                    return Err(Error::BadImage);
                }
            }
            _ => return Ok(self.before_data()), // where all else belongs
        }
        Ok(true)
    }

    /// Whether the picture's own data are still to come.
    fn before_data(&self) -> bool {
        !self.further && !self.data.as_ref().is_some_and(Packed::has_begun)
    }

    /// A part of the current frame's data. Damaged ones are left to the decoder; what stands behind their end is shown by
    /// nobody.
    fn data(&mut self, content: &[u8]) -> Result<(), Error> {
        let behind = self.data.as_mut().ok_or(Error::BadImage)?.read(content)?;
        if behind.is_empty() { Ok(()) } else { Err(Error::BadImage) }
    }

    /// An animation's control: how many frames, how many times. Decoders ignore it where it does not belong, and with
    /// numbers that cannot be.
    fn animation(&mut self, content: &[u8]) -> Result<bool, Error> {
        let mut input = Input::new(content);
        let (frames, times) = (input.u32_be()?, input.u32_be()?);
        let possible = input.is_empty() && (1..1 << 31).contains(&frames) && times < 1 << 31;
        let counts = possible && self.animation.is_none() && self.before_data();
        if counts {
            self.animation = Some(frames);
        }
        Ok(counts)
    }

    /// A frame's control: its place in the order, width, height. The first one may be the picture's own.
    fn control(&mut self, content: &[u8]) -> Result<(), Error> {
        if !self.before_data() {
            self.end_frame()?;
            self.further = true;
        } else if self.count > 0 {
            return Err(Error::BadImage);
        }
        let (mut frame, mut canvas) = (Input::new(content), Input::new(&self.header));
        frame.take(4)?;
        let size = [frame.u32_be()?, frame.u32_be()?];
        if size[0] > canvas.u32_be()? || size[1] > canvas.u32_be()? {
            return Err(Error::BadImage);
        }
        let mut header = self.header;
        header[..8].copy_from_slice(size.map(u32::to_be_bytes).as_flattened());
        self.data = Some(Packed::new(unpacked_bytes(&header)?));
        self.count += 1;
        Ok(())
    }

    /// A frame has data.
    fn end_frame(&self) -> Result<(), Error> {
        if self.data.as_ref().is_some_and(Packed::has_begun) { Ok(()) } else { Err(Error::BadImage) }
    }

    /// Keeps the first whole colour profile, under a name that says nothing. A damaged one says nothing either.
    fn profile(&mut self, content: &[u8], kept: &mut Vec<u8>) -> Result<(), Error> {
        let name_end = content.iter().take(80).position(|byte| *byte == 0);
        let packed = name_end.and_then(|end| content[end + 1..].strip_prefix(&[0]));
        let Some(packed) = packed.filter(|_| !self.profiled) else { return Ok(()) };
        let mut stream = Packed::new(PROFILE_BYTES_MAX);
        let behind = stream.read(packed)?;
        if stream.has_ended() {
            self.profiled = true;
            let mut chunk = [b"iCCP", PROFILE_NAME].concat();
            chunk.extend(&packed[..packed.len() - behind.len()]);
            let mut computed = Crc::new();
            computed.update(&chunk);
            kept.extend(u32::try_from(chunk.len() - 4).expect("an upload has less than 4 GB").to_be_bytes());
            kept.extend(&chunk);
            kept.extend(computed.sum().to_be_bytes());
        }
        Ok(())
    }
}

/// How much the data of a picture unpack to by its header: each row behind a filter byte, in one pass or in Adam7's seven
/// (sections 7.2 and 8.1).
fn unpacked_bytes(header: &[u8; 13]) -> Result<u64, Error> {
    /// First column and row, and the distance to the next ones.
    const ADAM7: [(u64, u64, u64, u64); 7] =
        [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];
    let [w0, w1, w2, w3, h0, h1, h2, h3, depth, colour, _, _, interlaced] = *header;
    let (width, height) = (u32::from_be_bytes([w0, w1, w2, w3]).into(), u32::from_be_bytes([h0, h1, h2, h3]).into());
    let samples = match colour {
        0 | 3 => 1,
        4 => 2,
        2 => 3,
        6 => 4,
        _ => return Err(Error::BadImage),
    };
    let bits = samples * u64::from(depth);
    let pass = |(left, top, across, down): (u64, u64, u64, u64)| {
        let columns = u64::saturating_sub(width, left).div_ceil(across);
        let rows = u64::saturating_sub(height, top).div_ceil(down);
        if columns == 0 { 0 } else { rows.saturating_mul(1 + (columns.saturating_mul(bits)).div_ceil(8)) }
    };
    Ok(if interlaced == 0 { pass((0, 0, 1, 1)) } else { ADAM7.into_iter().map(pass).sum() })
}

/// Whether a chunk says how the picture is drawn, and holds nothing else.
const fn is_drawn(kind: [u8; 4]) -> bool {
    matches!(
        &kind,
        b"IHDR" | b"PLTE" | b"IDAT" | b"IEND" | b"tRNS" // the picture
        | b"cHRM" | b"cICP" | b"cLLI" | b"gAMA" | b"iCCP" | b"mDCV" | b"sBIT" | b"sRGB" // its colours
        | b"bKGD" | b"pHYs" // background and the pixels' shape
        | b"acTL" | b"fcTL" | b"fdAT" // animation
    )
}

/// How many bytes a chunk's content has in a picture of a colour type (section 11.3), if it holds nothing else.
const fn room(kind: [u8; 4], colour: u8) -> RangeInclusive<usize> {
    const GREY: u8 = 0;
    const RGB: u8 = 2;
    const INDEXED: u8 = 3;
    const GREY_ALPHA: u8 = 4;
    match (&kind, colour) {
        (b"PLTE", INDEXED) => 3..=768,
        (b"tRNS", INDEXED) => 1..=256,
        (b"bKGD", INDEXED) | (b"sBIT", GREY) | (b"sRGB", _) => 1..=1,
        (b"tRNS" | b"bKGD", GREY) | (b"bKGD" | b"sBIT", GREY_ALPHA) => 2..=2,
        (b"sBIT", RGB | INDEXED) => 3..=3,
        (b"sBIT" | b"gAMA" | b"cICP", _) => 4..=4,
        (b"tRNS", RGB) | (b"bKGD", _) => 6..=6,
        (b"cLLI" | b"acTL", _) => 8..=8,
        (b"pHYs", _) => 9..=9,
        (b"mDCV", _) => 24..=24,
        (b"fcTL", _) => 26..=26,
        (b"cHRM", _) => 32..=32,
        (b"fdAT", _) => 4..=usize::MAX,
        #[expect(clippy::reversed_empty_ranges, reason = "nothing fits a chunk that this picture does not have")]
        _ => 1..=0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(interlaced: u8) -> [u8; 13] {
        [0, 0, 0, 8, 0, 0, 0, 8, 8, 2, 0, 0, interlaced]
    }

    #[test]
    fn a_header_tells_what_its_data_unpack_to() {
        assert_eq!(unpacked_bytes(&header(0)).unwrap(), 8 * (1 + 8 * 3));
        assert_eq!(unpacked_bytes(&header(1)).unwrap(), 4 + 4 + 7 + 14 + 26 + 52 + 100);
    }

    #[test]
    fn a_header_of_an_unknown_colour_type_is_refused() {
        let mut unknown = header(0);
        unknown[9] = 5;

        assert!(matches!(unpacked_bytes(&unknown), Err(Error::BadImage)));
    }

    #[test]
    fn a_chunk_that_is_larger_than_what_it_says_holds_something_else() {
        assert!(room(*b"gAMA", 2).contains(&4) && !room(*b"gAMA", 2).contains(&5));
        assert!(room(*b"PLTE", 3).contains(&768) && !room(*b"PLTE", 0).contains(&3));
        assert!(!room(*b"tEXt", 2).contains(&1));
    }
}
