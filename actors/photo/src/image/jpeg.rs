//! JPEG (ITU-T T.81): its header, and its container without metadata.
//!
//! Invariant: what is kept is what the decoder needs (tables, frame, scans, untouched), the JFIF density, the ICC profile
//! and Adobe's colour transform. Everything else goes: EXIF, XMP, IPTC, comments, thumbnails, and whatever follows the
//! end of the image (further pictures, videos).

use std::io::{self, BufRead, Read as _, Seek};

use image::metadata::Orientation;

use super::{
    Header,
    header::{read, unreadable},
    input::Input,
    memory,
};
use crate::{ContentType, Error};

/// More scans than any encoder makes: each costs a pass over all pixels.
const SCANS_MAX: u32 = 100;

const DHT: u8 = 0xC4;
const SOI: u8 = 0xD8;
const EOI: u8 = 0xD9;
const SOS: u8 = 0xDA;
const DQT: u8 = 0xDB;
const DRI: u8 = 0xDD;
const APP0: u8 = 0xE0;
const APP1: u8 = 0xE1;
const APP2: u8 = 0xE2;
const APP14: u8 = 0xEE;

const JFIF: &[u8] = b"JFIF\0";
const EXIF: &[u8] = b"Exif\0\0";
const ICC: &[u8] = b"ICC_PROFILE\0";
const ADOBE: &[u8] = b"Adobe";

/// Copies a picture without its metadata.
///
/// # Errors
/// [`Error::BadImage`] if it does not end with the end of an image, or has more or less than one frame.
pub(super) fn strip(upload: &[u8]) -> Result<Vec<u8>, Error> {
    let mut input = Input::new(upload);
    let mut kept = Vec::with_capacity(upload.len());
    let (mut frames, mut scans) = (0, 0);
    if input.array()? != [0xFF, SOI] {
        return Err(Error::BadImage);
    }
    kept.extend([0xFF, SOI]);
    loop {
        let marker = next_marker(&mut input)?;
        match marker {
            EOI => break,
            _ if stands_alone(marker) => continue,
            _ => {}
        }
        let length = input.u16_be()?;
        let body = input.take(usize::from(length).checked_sub(2).ok_or(Error::BadImage)?)?;
        if let Some(body) = kept_of(marker, body) {
            keep(&mut kept, marker, body);
        }
        frames += u32::from(is_frame(marker));
        if marker == SOS {
            scans += 1;
            scan(&mut input, &mut kept)?;
        }
        if frames > 1 || scans > SCANS_MAX {
            return Err(Error::BadImage);
        }
    }
    kept.extend([0xFF, EOI]);
    if frames == 1 && scans > 0 { Ok(kept) } else { Err(Error::BadImage) }
}

/// What of a segment is kept: the part of its body that is no metadata, if any.
fn kept_of(marker: u8, body: &[u8]) -> Option<&[u8]> {
    match marker {
        // Identifier, version, density: 12 bytes. What follows is a thumbnail.
        APP0 => body.strip_prefix(JFIF).and_then(|_| body.get(..12)),
        APP2 => body.starts_with(ICC).then_some(body),
        // Identifier, version, two flags, colour transform: 12 bytes.
        APP14 => body.strip_prefix(ADOBE).and_then(|_| body.get(..12)),
        // Frames that are accepted, Huffman and quantization tables, restart interval.
        0xC0..=0xC2 | DHT | DQT | SOS => Some(body),
        DRI => body.get(..2),
        _ => None,
    }
}

fn keep(kept: &mut Vec<u8>, marker: u8, body: &[u8]) {
    let no_thumbnail: &[u8] = if marker == APP0 { &[0, 0] } else { &[] };
    let length = u16::try_from(body.len() + no_thumbnail.len() + 2).expect("it came with a length of sixteen bits");
    kept.extend([0xFF, marker]);
    kept.extend(length.to_be_bytes());
    kept.extend(body);
    kept.extend(no_thumbnail);
}

/// Copies a scan's entropy-coded data: all up to the next marker that is no restart. Fill bytes before a restart marker
/// (B.1.1.2) go, so that no decoder stumbles over them.
fn scan(input: &mut Input<'_>, kept: &mut Vec<u8>) -> Result<(), Error> {
    loop {
        let data = input.rest().iter().position(|byte| *byte == 0xFF).ok_or(Error::BadImage)?;
        kept.extend(input.take(data)?);
        let rest = input.rest();
        let fill = rest.iter().position(|byte| *byte != 0xFF).ok_or(Error::BadImage)?;
        let code @ (0x00 | 0xD0..=0xD7) = rest[fill] else { return Ok(()) };
        kept.extend([0xFF, code]);
        input.take(fill + 1)?;
    }
}

/// Skips what stands before the next marker; libjpeg forgives stray and fill bytes there too.
fn next_marker(input: &mut Input<'_>) -> Result<u8, Error> {
    loop {
        while input.u8()? != 0xFF {}
        let mut marker = input.u8()?;
        while marker == 0xFF {
            marker = input.u8()?;
        }
        if marker != 0 {
            return Ok(marker);
        }
    }
}

/// Whether a marker has no body: TEM, RST0 to RST7, SOI.
const fn stands_alone(marker: u8) -> bool {
    matches!(marker, 0x01 | 0xD0..=SOI)
}

/// Whether a marker begins a frame: C0 to CF, but for DHT, JPG and DAC.
const fn is_frame(marker: u8) -> bool {
    matches!(marker, 0xC0..=0xCF) && !matches!(marker, DHT | 0xC8 | 0xCC)
}

/// Reads a header from behind the start of the image up to its first scan.
///
/// # Errors
/// As [`Header::read`] says. A frame of a kind that browsers do not show (lossless, hierarchical, arithmetic coding) is
/// an unsupported type.
pub(super) fn header(picture: &mut (impl BufRead + Seek)) -> Result<Header, Error> {
    let mut frame = None;
    let mut orientation = None;
    loop {
        let marker = next_marker_of(picture)?;
        if marker == EOI {
            return Err(Error::BadImage);
        }
        if stands_alone(marker) {
            continue;
        }
        let length = u16::from_be_bytes(read(picture)?).checked_sub(2).ok_or(Error::BadImage)?;
        match marker {
            SOS => {
                let [components] = read(picture)?;
                let frame: Frame = frame.ok_or(Error::BadImage)?;
                return Ok(frame.header(components, orientation.unwrap_or(Orientation::NoTransforms)));
            }
            APP1 if orientation.is_none() => orientation = exif_orientation(&read_body(picture, length)?),
            _ if is_frame(marker) => frame = Some(Frame::parse(marker, &read_body(picture, length)?)?),
            _ => picture.seek_relative(length.into()).map_err(unreadable)?,
        }
    }
}

/// A frame header (T.81, B.2.2).
struct Frame {
    progressive: bool,
    width: u16,
    height: u16,
    components: u8,
}

impl Frame {
    fn parse(marker: u8, body: &[u8]) -> Result<Self, Error> {
        if !matches!(marker, 0xC0..=0xC2) {
            return Err(Error::UnsupportedType);
        }
        let mut input = Input::new(body);
        let _precision = input.u8()?;
        let (height, width, components) = (input.u16_be()?, input.u16_be()?, input.u8()?);
        Ok(Self { progressive: marker == 0xC2, width, height, components })
    }

    fn header(self, scan_components: u8, orientation: Orientation) -> Header {
        let collected = self.progressive || scan_components < self.components;
        let turned = orientation != Orientation::NoTransforms;
        Header {
            content_type: ContentType::Jpeg,
            width: self.width.into(),
            height: self.height.into(),
            orientation,
            cost: memory::jpeg(self.components, collected, turned),
        }
    }
}

fn exif_orientation(body: &[u8]) -> Option<Orientation> {
    body.strip_prefix(EXIF).and_then(Orientation::from_exif_chunk)
}

fn next_marker_of(picture: &mut impl BufRead) -> Result<u8, Error> {
    loop {
        picture.skip_until(0xFF).map_err(unreadable)?;
        let mut marker = 0xFF;
        while marker == 0xFF {
            [marker] = read(picture)?;
        }
        if marker != 0 {
            return Ok(marker);
        }
    }
}

fn read_body(picture: &mut impl BufRead, length: u16) -> Result<Vec<u8>, Error> {
    let mut body = Vec::with_capacity(length.into());
    let read = picture.by_ref().take(length.into()).read_to_end(&mut body).map_err(unreadable)?;
    if read < length.into() { Err(unreadable(io::ErrorKind::UnexpectedEof.into())) } else { Ok(body) }
}
