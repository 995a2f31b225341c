//! GIF (version 89a): its container without metadata.
//!
//! Invariant: what is kept is the screen, the colour tables, the frames with their timing and as much data as their pixels
//! take, and the loop count. Comments,
//! texts, all other extensions (XMP, private ones, the colour profiles that no browser reads) and whatever follows the
//! trailer go.

use super::{input::Input, lzw};
use crate::Error;

const EXTENSION: u8 = 0x21;
const IMAGE: u8 = 0x2C;
const TRAILER: u8 = 0x3B;

const GRAPHIC_CONTROL: u8 = 0xF9;
const PLAIN_TEXT: u8 = 0x01;
const APPLICATION: u8 = 0xFF;

/// Copies a picture without its metadata.
///
/// # Errors
/// [`Error::BadImage`] if it does not reach its trailer, or has no frame or one that leaves the screen;
/// [`Error::TooManyPixels`] if it has more than `frames_max` frames.
pub(super) fn strip(upload: &[u8], frames_max: &super::FramesMax) -> Result<Vec<u8>, Error> {
    let mut copy = Copy { input: Input::new(upload), kept: Vec::with_capacity(upload.len()), ..Copy::default() };
    copy.screen()?;
    loop {
        match copy.input.u8()? {
            EXTENSION => copy.extension()?,
            IMAGE => {
                copy.image()?;
                frames_max.check(copy.frames)?;
            }
            TRAILER => break,
            0 => {} // a block terminator too many, as some encoders write
            _ => return Err(Error::BadImage),
        }
    }
    copy.kept.push(TRAILER);
    if copy.frames > 0 { Ok(copy.kept) } else { Err(Error::BadImage) }
}

/// A copy in progress.
struct Copy<'a> {
    input: Input<'a>,
    kept: Vec<u8>,
    screen: (u16, u16),
    frames: u64,
    /// The timing of the next frame, kept only if a frame follows.
    control: Option<[u8; 4]>,
    looping: bool,
}

impl Default for Copy<'_> {
    fn default() -> Self {
        Self { input: Input::new(&[]), kept: Vec::new(), screen: (0, 0), frames: 0, control: None, looping: false }
    }
}

impl Copy<'_> {
    /// Signature, logical screen, global colour table.
    fn screen(&mut self) -> Result<(), Error> {
        self.kept.extend(self.input.take(6)?);
        let descriptor: [u8; 7] = self.input.array()?;
        let mut sides = Input::new(&descriptor);
        self.screen = (sides.u16_le()?, sides.u16_le()?);
        self.kept.extend(descriptor);
        self.colour_table(descriptor[4])
    }

    fn image(&mut self) -> Result<(), Error> {
        let descriptor: [u8; 9] = self.input.array()?;
        let pixels = self.pixels_within_screen(&descriptor)?;
        if let Some(control) = self.control.take() {
            self.kept.extend([EXTENSION, GRAPHIC_CONTROL, 4]);
            self.kept.extend(control);
            self.kept.push(0);
        }
        self.kept.push(IMAGE);
        self.kept.extend(descriptor);
        self.colour_table(descriptor[8])?;
        let least_code_bits = self.input.u8()?;
        self.kept.push(least_code_bits);
        let mut data = Vec::new();
        while let Some(block) = self.sub_block()? {
            data.extend(block);
        }
        // What stands behind a frame's last pixel is shown by nobody, and may be anything.
        data.truncate(lzw::length(&data, least_code_bits, pixels)?);
        for block in data.chunks(usize::from(u8::MAX)) {
            self.kept.push(u8::try_from(block.len()).expect("chunks have at most as many bytes"));
            self.kept.extend(block);
        }
        self.kept.push(0);
        self.frames += 1;
        Ok(())
    }

    /// How many pixels a frame has, which must lie on the screen.
    fn pixels_within_screen(&self, descriptor: &[u8; 9]) -> Result<u64, Error> {
        let mut sides = Input::new(descriptor);
        let (left, top) = (sides.u16_le()?, sides.u16_le()?);
        let (width, height) = (sides.u16_le()?, sides.u16_le()?);
        let fits = |at: u16, side: u16, whole: u16| at.checked_add(side).is_some_and(|end| end <= whole) && side > 0;
        let within = fits(left, width, self.screen.0) && fits(top, height, self.screen.1);
        within.then(|| u64::from(width) * u64::from(height)).ok_or(Error::BadImage)
    }

    fn extension(&mut self) -> Result<(), Error> {
        let label = self.input.u8()?;
        let first = self.sub_block()?;
        match (label, first) {
            (_, None) => return Ok(()),
            (GRAPHIC_CONTROL, Some(control)) => self.control = control.try_into().ok(),
            (PLAIN_TEXT, Some(_)) => self.control = None, // it was the text's timing
            (APPLICATION, Some(b"NETSCAPE2.0" | b"ANIMEXTS1.0")) => return self.looping(),
            _ => {}
        }
        while self.sub_block()?.is_some() {}
        Ok(())
    }

    /// The loop count: sub-block 1 of Netscape's extension; its others are private data.
    fn looping(&mut self) -> Result<(), Error> {
        while let Some(block) = self.sub_block()? {
            if let [1, low, high] = *block
                && !self.looping
            {
                self.looping = true;
                self.kept.extend([EXTENSION, APPLICATION, 11]);
                self.kept.extend(b"NETSCAPE2.0");
                self.kept.extend([3, 1, low, high, 0]);
            }
        }
        Ok(())
    }

    /// A colour table, if the packed field before it announces one.
    fn colour_table(&mut self, packed: u8) -> Result<(), Error> {
        if packed & 0x80 != 0 {
            self.kept.extend(self.input.take(3 << ((packed & 0x07) + 1))?);
        }
        Ok(())
    }
}

impl<'a> Copy<'a> {
    /// The next sub-block; none at the terminator.
    fn sub_block(&mut self) -> Result<Option<&'a [u8]>, Error> {
        let length = self.input.u8()?;
        if length == 0 { Ok(None) } else { self.input.take(length.into()).map(Some) }
    }
}
