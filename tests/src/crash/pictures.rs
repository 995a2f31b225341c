//! Pictures that can be made again from their seed, so that a journal need not keep their bytes.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, RgbImage};

/// A small PNG of noise: no two seeds give the same. Its pixels are what the node must give back.
pub(super) fn png(seed: u64) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(noise(seed)).write_to(&mut bytes, ImageFormat::Png).expect("memory takes every byte");
    bytes.into_inner()
}

/// Whether `bytes` are a picture with the pixels of `seed`'s.
pub(super) fn shows(bytes: &[u8], seed: u64) -> bool {
    image::load_from_memory(bytes).is_ok_and(|picture| picture.into_rgb8() == noise(seed))
}

fn noise(seed: u64) -> RgbImage {
    let mut random = fastrand::Rng::with_seed(seed);
    let (width, height) = (random.u32(16..96), random.u32(16..96));
    RgbImage::from_fn(width, height, |_, _| image::Rgb([random.u8(..), random.u8(..), random.u8(..)]))
}
