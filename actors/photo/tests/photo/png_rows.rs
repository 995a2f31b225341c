//! PNGs that are decoded row by row, beside the same ones decoded whole: those that are animated or interlaced.

use std::io::{Cursor, Write as _};

use flate2::{Compression, write::ZlibEncoder};
use image::RgbaImage;
use portico_photo::{
    Error, Limits,
    image::{Header, Processed, process},
};

use crate::pictures::png_chunk;

const LIMITS: Limits = Limits { upload_max_bytes: 10 << 20, pixels_max: 24_000_000, photos_per_user_max: 1000 };

const GREY: u8 = 0;
const RGB: u8 = 2;
const INDEXED: u8 = 3;
const GREY_ALPHA: u8 = 4;
const RGBA: u8 = 6;

/// The passes of Adam7: first column and row, and the distance to the next ones.
const ADAM7: [[usize; 4]; 7] =
    [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]];

const ALL: [usize; 4] = [0, 0, 1, 1];

/// A picture with waves, edges and fine stripes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Png {
    colours: u8,
    depth: u8,
    size: (u32, u32),
    /// Whether a colour is transparent, or those of a palette are in part.
    keyed: bool,
}

impl Png {
    const fn rgb(width: u32, height: u32) -> Self {
        Self { colours: RGB, depth: 8, size: (width, height), keyed: false }
    }

    pub(crate) const fn rgba(width: u32, height: u32) -> Self {
        Self { colours: RGBA, depth: 8, size: (width, height), keyed: false }
    }

    /// The largest kind of pixels.
    pub(crate) const fn rgba16(width: u32, height: u32) -> Self {
        Self { colours: RGBA, depth: 16, size: (width, height), keyed: false }
    }

    pub(crate) fn still(self) -> Vec<u8> {
        self.still_of(&packed(&self.rows(ALL)))
    }

    pub(crate) fn animated(self) -> Vec<u8> {
        self.animated_of(&packed(&self.rows(ALL)))
    }

    pub(crate) fn interlaced(self) -> Vec<u8> {
        self.file(1, &[], &packed(&ADAM7.map(|pass| self.rows(pass)).concat()))
    }

    fn still_of(self, data: &[u8]) -> Vec<u8> {
        self.file(0, &[], data)
    }

    /// An animation of one frame, which is the picture.
    fn animated_of(self, data: &[u8]) -> Vec<u8> {
        self.file(0, &self.animation(), data)
    }

    fn animation(self) -> Vec<u8> {
        let control = [0, self.size.0, self.size.1, 0, 0, (1 << 16) + 10, 0].map(u32::to_be_bytes).concat();
        [png_chunk(*b"acTL", &[0, 0, 0, 1, 0, 0, 0, 0]), png_chunk(*b"fcTL", &control[..26])].concat()
    }

    fn file(self, interlaced: u8, before: &[u8], data: &[u8]) -> Vec<u8> {
        let (width, height) = (self.size.0.to_be_bytes(), self.size.1.to_be_bytes());
        let ihdr = [&width[..], &height, &[self.depth, self.colours, 0, 0, interlaced]].concat();
        let mut file = b"\x89PNG\r\n\x1A\n".to_vec();
        file.extend(png_chunk(*b"IHDR", &ihdr));
        let shades = 0..=(1_u32 << self.depth.min(8)) - 1;
        if self.colours == INDEXED {
            let shade = |index: u32| u8::try_from(index * 255 / shades.end().max(&1)).unwrap();
            let palette = shades.clone().flat_map(|index| [shade(index), 255 - shade(index), shade(index) / 2]);
            file.extend(png_chunk(*b"PLTE", &palette.collect::<Vec<_>>()));
        }
        let transparency = match self.colours {
            INDEXED => shades.map(|index| if index % 3 == 0 { 90 } else { 255 }).collect(),
            GREY => self.sample(0, 0, 0).to_be_bytes().to_vec(),
            _ => [self.sample(0, 0, 0), self.sample(0, 0, 1), self.sample(0, 0, 2)].map(u16::to_be_bytes).concat(),
        };
        if self.keyed {
            file.extend(png_chunk(*b"tRNS", &transparency));
        }
        file.extend(before);
        data.chunks(8 << 10).for_each(|part| file.extend(png_chunk(*b"IDAT", part)));
        file.extend(png_chunk(*b"IEND", &[]));
        file
    }

    const fn parts(self) -> u32 {
        match self.colours {
            RGB => 3,
            RGBA => 4,
            GREY_ALPHA => 2,
            _ => 1,
        }
    }

    /// The rows of a pass, each behind the filter that leaves it as it is.
    fn rows(self, [left, top, across, down]: [usize; 4]) -> Vec<u8> {
        let mut rows = Vec::new();
        for y in (0..self.size.1).skip(top).step_by(down) {
            let columns = (0..self.size.0).skip(left).step_by(across);
            if columns.len() == 0 {
                continue;
            }
            rows.push(0);
            let (mut byte, mut bits) = (0_u16, 0);
            for (x, part) in columns.flat_map(|x| (0..self.parts()).map(move |part| (x, part))) {
                let sample = self.sample(x, y, part);
                if self.depth == 16 {
                    rows.extend(sample.to_be_bytes());
                    continue;
                }
                (byte, bits) = (byte << self.depth | sample, bits + self.depth);
                if bits == 8 {
                    rows.push(u8::try_from(byte).unwrap());
                    (byte, bits) = (0, 0);
                }
            }
            if bits > 0 {
                rows.push(u8::try_from(byte << (8 - bits)).unwrap());
            }
        }
        rows
    }

    /// A part of a pixel, in as many bits as the picture has.
    fn sample(self, x: u32, y: u32, part: u32) -> u16 {
        let wave = |at: u32, length: u32| (at % (2 * length)).abs_diff(length);
        let edges = (x / 90 + y / 70) % 2;
        let stripes = (x + 2 * y + part) % 3;
        let value = 12_000 + 60 * wave(x + 31 * part, 233) + 40 * wave(y, 331) + 6_500 * edges + 3_300 * stripes;
        let is_full = part + 1 == self.parts() && self.parts().is_multiple_of(2) && edges > 0;
        (if is_full { u16::MAX } else { u16::try_from(value).unwrap() }) >> (16 - self.depth)
    }
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn processed(picture: &[u8]) -> Result<Processed, Error> {
    process(picture, &Header::read(&mut Cursor::new(picture), &LIMITS)?, &LIMITS)
}

fn rendition(picture: &[u8]) -> RgbaImage {
    image::load_from_memory(&processed(picture).unwrap().thumb).unwrap().into_rgba8()
}

/// How far two pictures are apart, on the mean and at the most, colours as far as they are opaque.
fn distance(one: &RgbaImage, other: &RgbaImage) -> (f64, u32) {
    assert_eq!(one.dimensions(), other.dimensions());
    let seen = |picture: &RgbaImage| {
        let parts = picture.pixels().flat_map(|pixel| {
            let [red, green, blue, alpha] = pixel.0.map(u32::from);
            [red * alpha / 255, green * alpha / 255, blue * alpha / 255, alpha]
        });
        parts.collect::<Vec<_>>()
    };
    let (one, other) = (seen(one), seen(other));
    let distances = || one.iter().zip(&other).map(|(one, other)| one.abs_diff(*other));
    let parts = u32::try_from(one.len()).unwrap();
    (f64::from(distances().sum::<u32>()) / f64::from(parts), distances().max().unwrap())
}

#[test]
fn a_rendition_is_the_same_to_the_eye_as_that_of_the_whole_picture() {
    let kinds = [(GREY, 1), (GREY, 4), (GREY, 8), (GREY, 16), (GREY_ALPHA, 8), (GREY_ALPHA, 16), (RGB, 8), (RGB, 16)];
    let more_kinds = [(RGBA, 8), (RGBA, 16), (INDEXED, 2), (INDEXED, 8)];
    let of_kinds = kinds.into_iter().chain(more_kinds).map(|kind| (kind, (200, 1549)));
    let sizes = [(250, 200), (1535, 90), (1536, 90), (2311, 301), (7, 3001), (8000, 59), (1, 65_535), (65_535, 3)];
    let of_sizes = sizes.into_iter().flat_map(|size| [(RGB, 8), (RGBA, 8)].map(|kind| (kind, size)));

    for ((colours, depth), size) in of_kinds.chain(of_sizes) {
        for keyed in [false, true].into_iter().take(1 + usize::from(colours < GREY_ALPHA)) {
            let picture = Png { colours, depth, size, keyed };
            let data = packed(&picture.rows(ALL));

            let (still, animated) = (rendition(&picture.still_of(&data)), rendition(&picture.animated_of(&data)));

            let (mean, most) = distance(&still, &animated);
            assert!(mean < 2.0 && most < 24, "{mean} and at the most {most} for {picture:?}");
        }
    }
}

#[test]
fn an_interlaced_picture_shows_what_it_shows_row_by_row() {
    for picture in [Png::rgb(200, 1549), Png::rgba16(61, 43)] {
        let (mean, most) = distance(&rendition(&picture.still()), &rendition(&picture.interlaced()));

        assert!(mean < 2.0 && most < 24, "{mean} and at the most {most} for {picture:?}");
    }
}

#[test]
fn a_picture_keeps_its_own_size_and_data_when_it_is_shrunk() {
    let picture = Png::rgb(1600, 24);
    let upload = picture.still();

    let kept = processed(&upload).unwrap();

    assert_eq!((kept.width, kept.height), (1600, 24));
    assert_eq!(rendition(&upload).dimensions(), (256, 3));
    assert_eq!(kept.original, upload);
}

#[test]
fn damaged_data_are_refused_row_by_row_as_they_are_in_whole() {
    let picture = Png::rgb(1600, 24);
    let rows = picture.rows(ALL);
    let data = packed(&rows);
    let mut filtered = rows.clone();
    filtered[23 * (1 + 1600 * 3)] = 5; // no filter has this number
    let mut damaged = data.clone();
    damaged[2] |= 0b110; // no block is of this type
    for (what, data) in [
        ("no rows", packed(&[])),
        ("a byte too few", packed(&rows[..rows.len() - 1])),
        ("a byte too many", packed(&[&rows[..], &[0]].concat())),
        ("a filter in the last row that is none", packed(&filtered)),
        ("a stream that is cut short", data[..data.len() - 9].to_vec()),
        ("a stream that is damaged", damaged),
        ("something behind the stream", [&data[..], b"hidden"].concat()),
    ] {
        for file in [picture.still_of(&data), picture.animated_of(&data)] {
            let refused = processed(&file);
            assert!(matches!(refused, Err(Error::BadImage)), "{what}: {refused:?}");
        }
    }
}

#[test]
fn a_wrong_checksum_or_a_missing_end_is_refused() {
    let whole = Png::rgb(1600, 24).still();
    let data = whole.windows(4).rposition(|kind| kind == b"IDAT").unwrap();
    let mut wrong = whole.clone();
    wrong[data - 5] ^= 1; // the checksum of the chunk before

    for file in [&wrong[..], &whole[..whole.len() - 12], &whole[..data - 4]] {
        assert!(matches!(processed(file), Err(Error::BadImage)));
    }
}

#[test]
fn a_picture_that_is_shrunk_is_counted_by_what_is_left_of_it() {
    let large = Png::rgb(6000, 4000);
    let counted = |file: &[u8]| Header::read(&mut Cursor::new(file), &LIMITS).unwrap().memory_bytes(10 << 20);

    let still = counted(&large.still_of(&[0]));
    let animated = counted(&large.animated_of(&[0]));
    let interlaced = counted(&large.file(1, &[], &[0]));
    let late = counted(&large.file(0, &[png_chunk(*b"IDAT", &[]), large.animation()].concat(), &[0]));

    assert!(still < 40 << 20, "{still}");
    for whole in [animated, interlaced, late] {
        assert!(whole > still + 4 * (6000 * 4000 - 1_000_000), "{whole} beside {still}");
    }
}

#[test]
fn a_picture_that_is_not_what_its_header_said_is_refused() {
    let picture = Png::rgb(1600, 24);
    let header = Header::read(&mut Cursor::new(picture.still()), &LIMITS).unwrap();

    for other in [picture.animated(), picture.interlaced(), Png::rgb(1601, 24).still()] {
        assert!(matches!(process(&other, &header, &LIMITS), Err(Error::BadImage)));
    }
    let mut late = picture.still();
    late.splice(8..8, png_chunk(*b"gAMA", &[0, 0, 0xB1, 0x8F]));
    assert!(matches!(processed(&late), Err(Error::BadImage)), "the header is not the first chunk");
}
