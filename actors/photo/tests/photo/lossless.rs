//! Lossless WebP whose prefix codes cost more than its pixels.

use std::io::Cursor;

use portico_photo::{
    Error, Limits,
    image::{Header, Processed, process},
};

use crate::pictures;

const LIMITS: Limits = Limits { upload_max_bytes: 10 << 20, pixels_max: 24_000_000, photos_per_user_max: 1000 };

/// What the default configuration gives all pictures together.
const BUDGET: u64 = 256 << 20;

fn header(picture: &[u8]) -> Header {
    Header::read(&mut Cursor::new(picture), &LIMITS).unwrap()
}

fn processed(picture: &[u8]) -> Result<Processed, Error> {
    process(picture, &header(picture), &LIMITS)
}

/// Bits, the least significant first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    count: usize,
}

impl Bits {
    fn push(&mut self, value: u32, bits: usize) {
        for at in 0..bits {
            if self.count.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let bit = u8::try_from(value >> at & 1).unwrap();
            *self.bytes.last_mut().unwrap() |= bit << (self.count % 8);
            self.count += 1;
        }
    }

    /// A prefix code of one symbol, 0, which takes no bits.
    fn push_single_code(&mut self) {
        self.push(0b0001, 4);
    }

    /// A prefix code of two symbols, one bit each.
    fn push_code_of_two(&mut self, symbols: [u32; 2]) {
        self.push(0b111, 3);
        for symbol in symbols {
            self.push(symbol, 8);
        }
    }

    /// A prefix code of eleven symbols in 93 bits, the first of which has one bit and the last ten: decoders make a table
    /// of 1,024 entries for it.
    fn push_deep_code(&mut self) {
        self.push(0, 1);
        self.push(14 - 4, 4);
        for length in [0, 0, 0, 3, 3, 3, 3, 3, 0, 3, 4, 4, 4, 4] {
            self.push(length, 3);
        }
        self.push(1, 1); // not all symbols are there:
        self.push(1, 3); // in four bits,
        self.push(11 - 2, 4); // the first eleven
        for length in (1..=10_u32).chain([10]) {
            let (code, bits) = if length <= 6 { (length - 1, 3) } else { (length + 5, 4) };
            (0..bits).rev().for_each(|bit| self.push(code >> bit & 1, 1));
        }
    }
}

/// A picture of one colour in so many groups of codes, of which the first pixels use the last and all others the first.
fn groups(side: u32, groups: u32, deep: bool) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.push(0x2F, 8);
    bits.push(side - 1, 14);
    bits.push(side - 1, 14);
    bits.push(0, 4);
    bits.push(0, 1); // no transform
    bits.push_entropy_image(side.div_ceil(4).pow(2), groups - 1);
    for _ in 0..5 * groups {
        if deep { bits.push_deep_code() } else { bits.push_single_code() }
    }
    if deep {
        (0..side * side).for_each(|_| bits.push(0, 4));
    }
    pictures::riff(&pictures::riff_chunk(*b"VP8L", &bits.bytes))
}

impl Bits {
    /// Neither colour cache, but an entropy image for blocks of 4 x 4 pixels, whose first pixel is `group`.
    fn push_entropy_image(&mut self, blocks: u32, group: u32) {
        self.push(0b10, 2);
        self.push(0, 3);
        self.push(0, 1);
        self.push_code_of_two([0, group & 0xFF]);
        self.push_code_of_two([0, group >> 8]);
        (0..3).for_each(|_| self.push_single_code());
        self.push(0b11, 2);
        (1..blocks).for_each(|_| self.push(0, 2));
    }
}

#[test]
fn a_lossless_webp_of_a_few_groups_of_codes_is_kept() {
    for (count, deep) in [(1, false), (1, true), (5, true), (100, false)] {
        let picture = groups(64, count, deep);

        let kept = processed(&picture).unwrap();

        assert_eq!(kept.original, picture, "{count}, {deep}");
    }
}

#[test]
fn a_lossless_webp_that_would_fill_the_memory_with_its_codes_is_refused() {
    let small = groups(16, 65_536, true);
    let larger_than_its_pixels_need = groups(64, 5_000, true);
    let not_larger_than_its_pixels_need = groups(512, 4_000, true);

    for picture in [small, larger_than_its_pixels_need, not_larger_than_its_pixels_need] {
        assert!(matches!(processed(&picture), Err(Error::BadImage)), "{} bytes", picture.len());
    }
}

#[test]
fn the_codes_of_an_animations_frames_and_of_alpha_planes_are_bounded_too() {
    let codes = &groups(512, 4_000, true)[20..];
    let frame = [&[0; 6][..], &[255, 1, 0, 255, 1, 0, 50, 0, 0, 0], &pictures::riff_chunk(*b"VP8L", codes)].concat();
    let animated = [
        pictures::vp8x(0x02, 512, 512),
        pictures::riff_chunk(*b"ANIM", &[0; 6]),
        pictures::riff_chunk(*b"ANMF", &frame),
    ];
    let alpha = [&[1][..], &codes[5..]].concat();
    let transparent = [
        pictures::vp8x(0x10, 512, 512),
        pictures::riff_chunk(*b"ALPH", &alpha),
        pictures::riff_chunk(*b"VP8 ", &[0x30, 1, 0, 0x9D, 1, 0x2A, 0, 2, 0, 2, 0, 0]),
    ];

    for picture in [animated.concat(), transparent.concat()] {
        assert!(matches!(processed(&pictures::riff(&picture)), Err(Error::BadImage)));
    }
}

#[test]
fn a_lossless_webp_reserves_what_its_codes_may_take_and_several_fit_the_budget() {
    let picture = header(&pictures::webp(256, 256));
    let reserved = |upload_bytes| picture.memory_bytes(upload_bytes);

    assert!(reserved(100_000) < BUDGET / 12, "{}", reserved(100_000));
    assert!(reserved(10 << 20) < BUDGET / 5, "{}", reserved(10 << 20));
    assert!(reserved(100_000) > reserved(1_000) + (6 << 20), "the codes are not counted");
}

/// Made by libwebp: one with the colour's transforms, the other with a palette, both with a colour cache and two groups.
#[test]
fn a_lossless_webp_of_another_encoder_is_kept() {
    for picture in [&include_bytes!("data/groups.webp")[..], include_bytes!("data/palette.webp")] {
        let kept = processed(picture).unwrap();

        assert_eq!(kept.original, picture);
    }
}

#[test]
fn data_behind_a_lossless_pictures_end_are_refused_beyond_what_its_pixels_need() {
    let mut body = pictures::webp(16, 16)[20..].to_vec();
    body.extend(vec![0xAA; 70_000]);

    let refused = processed(&pictures::riff(&pictures::riff_chunk(*b"VP8L", &body)));

    assert!(matches!(refused, Err(Error::BadImage)));
}
