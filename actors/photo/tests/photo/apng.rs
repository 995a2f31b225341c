//! Animated PNG: what no viewer shows is not kept.

use std::io::{Cursor, Write as _};

use flate2::{Compression, write::ZlibEncoder};
use portico_photo::{
    Error, Limits,
    image::{Header, Processed, process},
};

use crate::pictures::{self, CANARY, holds, png_chunk};

const LIMITS: Limits = Limits { upload_max_bytes: 10 << 20, pixels_max: 24_000_000, photos_per_user_max: 1000 };

fn processed(picture: &[u8]) -> Result<Processed, Error> {
    process(picture, &Header::read(&mut Cursor::new(picture), &LIMITS)?, &LIMITS)
}

/// A still picture as it is kept: of its profile the name is lost.
fn plain() -> Vec<u8> {
    processed(&pictures::png(&pictures::opaque(8, 8))).unwrap().original
}

/// A picture with chunks in front of its data, and others behind it.
fn with(before: &[u8], behind: &[u8]) -> Vec<u8> {
    let mut picture = plain();
    let end = picture.len() - 12;
    picture.splice(end..end, behind.iter().copied());
    let data = picture.windows(4).position(|kind| kind == b"IDAT").unwrap() - 4;
    picture.splice(data..data, before.iter().copied());
    picture
}

fn animation(frames: u32) -> Vec<u8> {
    png_chunk(*b"acTL", &[frames.to_be_bytes(), [0; 4]].concat())
}

/// A frame's control: its place in the order of chunks, and its size.
fn control(sequence: u32, width: u32, height: u32) -> Vec<u8> {
    png_chunk(*b"fcTL", &[sequence, width, height, 0, 0, (1 << 16) + 10, 0].map(u32::to_be_bytes).concat()[..26])
}

fn data(sequence: u32, bytes: &[u8]) -> Vec<u8> {
    png_chunk(*b"fdAT", &[&sequence.to_be_bytes(), bytes].concat())
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The rows of a frame of `side` x `side` transparent pixels.
fn frame(side: usize) -> Vec<u8> {
    packed(&vec![0; side * (1 + side * 4)])
}

#[test]
fn an_animation_that_is_whole_is_kept() {
    let hidden_still = with(&animation(1), &[control(0, 8, 8), data(1, &frame(8))].concat());
    let split = frame(4);
    let (left, right) = split.split_at(5);
    let parts = [control(1, 4, 4), data(2, left), data(3, right)].concat();
    let shown_still = with(&[animation(2), control(0, 8, 8)].concat(), &parts);

    for picture in [hidden_still, shown_still] {
        assert_eq!(processed(&picture).unwrap().original, picture);
    }
}

#[test]
fn frames_of_no_animation_go() {
    let frames = [control(0, 8, 8), data(1, CANARY)].concat();
    let too_late = [animation(1), frames.clone()].concat();
    let of_no_frames = animation(0);

    for picture in [with(&[], &frames), with(&[], &too_late), with(&of_no_frames, &frames)] {
        let kept = processed(&picture).unwrap();

        assert_eq!(kept.original, plain());
        assert!(!holds(&kept.original, CANARY));
    }
}

#[test]
fn an_animation_with_more_or_fewer_frames_than_it_says_is_refused() {
    let frames = [control(1, 8, 8), data(2, &frame(8)), control(3, 8, 8), data(4, &frame(8))].concat();

    for count in [1, 2, 4] {
        let refused = processed(&with(&[animation(count), control(0, 8, 8)].concat(), &frames));
        assert!(matches!(refused, Err(Error::BadImage)), "{count}: {refused:?}");
    }
}

#[test]
fn a_frame_that_unpacks_to_more_than_it_needs_is_refused() {
    let bomb = packed(&vec![0; 1 << 20]);

    let refused = processed(&with(&animation(1), &[control(0, 2, 2), data(1, &bomb)].concat()));

    assert!(matches!(refused, Err(Error::BadImage)), "{refused:?}");
}

#[test]
fn frames_out_of_place_are_refused() {
    let animated = [animation(1), control(0, 8, 8)].concat();
    let pictures = [
        with(&animation(1), &data(0, &frame(8))), // no control
        with(&animation(1), &control(0, 8, 8)),   // no data
        with(&animation(1), &[control(0, 9, 8), data(1, &frame(9))].concat()), // larger than the canvas
        with(&[animated.clone(), control(1, 8, 8)].concat(), &[]), // two controls of one frame
        with(&[animated, data(1, &frame(8))].concat(), &[]), // data before the picture's
        with(&animation(1), &[control(0, 8, 8), png_chunk(*b"IDAT", CANARY)].concat()), // more data of the picture
    ];

    for (at, picture) in pictures.iter().enumerate() {
        let refused = processed(picture);
        assert!(matches!(refused, Err(Error::BadImage)), "{at}: {refused:?}");
    }
}

#[test]
fn a_chunk_with_a_wrong_checksum_is_refused_whatever_it_is() {
    for (kind, body) in [(*b"gAMA", &[0, 0, 0xB1, 0x8F][..]), (*b"bKGD", &[0; 6]), (*b"sRGB", &[0])] {
        let mut chunk = png_chunk(kind, body);
        *chunk.last_mut().unwrap() ^= 1;

        let refused = processed(&with(&chunk, &[]));

        assert!(matches!(refused, Err(Error::BadImage)), "{refused:?}");
    }
}
