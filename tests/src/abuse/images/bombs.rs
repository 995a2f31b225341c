//! Pictures that cost more than they weigh, and the largest honest ones.

use super::{
    Extent, Picture,
    containers::{GIF, chunk, gif_with, png, png_header, riff, webp, webp_with, zlib, zlib_zeros},
};
use crate::pictures;

/// What a size claims: more than the default of 24 megapixels, or more than there is.
pub(super) fn pictures(extent: Extent) -> Vec<Picture> {
    let profile_bytes = extent.pick(6 << 20, 512 << 20);
    let mut pictures: Vec<Picture> = vec![
        ("a GIF of 65,535 x 65,535".into(), gif_of(65_535, 65_535)),
        ("a GIF of 6,000 x 5,000".into(), gif_of(6_000, 5_000)),
        ("a GIF whose frame leaves its screen".into(), [&GIF[..6], &[0; 2], &GIF[8..]].concat()),
        ("a WebP of 16,384 x 16,384".into(), webp_of(16_384, 16_384)),
        ("a WebP whose picture is smaller than its canvas".into(), webp_of(4_000, 4_000)),
        ("a JPEG of 65,535 x 65,535".into(), jpeg_of(65_535, 65_535)),
        ("a PNG of 2^31 - 1 x 2^31 - 1".into(), pictures::claiming(0x7fff_ffff, 0x7fff_ffff)),
        ("a PNG of 1 x 24,000,000".into(), pictures::claiming(1, 24_000_000)),
        ("a PNG of 24,000,000 x 1".into(), pictures::claiming(24_000_000, 1)),
        (
            "a PNG whose data unpack to hundreds of times what it needs".into(),
            unpacking(extent.pick(8 << 20, 64 << 20)),
        ),
        ("a PNG of 20,000 large frames".into(), frames(extent.pick(1_000, 4_000), 20_000)),
        ("a GIF of 4,000 x 4,000 and 100,000 frames of one pixel".into(), gif_of_frames(4_000, 100_000)),
        ("two pictures in a WebP that is no animation".into(), two_in_one()),
    ];
    pictures
        .push((format!("a PNG whose colour profile unpacks to {} MB", profile_bytes >> 20), profile(profile_bytes)));
    pictures
}

fn gif_of(width: u16, height: u16) -> Vec<u8> {
    let frame =
        [&[0x2c, 0, 0, 0, 0], &width.to_le_bytes()[..], &height.to_le_bytes(), &[0, 2, 2, 0x44, 1, 0, 0x3b]].concat();
    [b"GIF89a", &width.to_le_bytes()[..], &height.to_le_bytes(), b"\x80\0\0\xff\xff\xff\0\0\0", &frame].concat()
}

/// Frames that are drawn in a corner of a large screen: whoever shows it composes the whole of it for each.
fn gif_of_frames(side: u16, count: usize) -> Vec<u8> {
    let frame = &GIF[27..GIF.len() - 1];
    let mut gif = gif_with(&frame.repeat(count));
    gif[6..8].copy_from_slice(&side.to_le_bytes());
    gif[8..10].copy_from_slice(&side.to_le_bytes());
    gif
}

fn webp_of(width: u32, height: u32) -> Vec<u8> {
    let side = |pixels: u32| (pixels - 1).to_le_bytes()[..3].to_vec();
    let canvas = riff(*b"VP8X", &[vec![0; 4], side(width), side(height)].concat());
    let simple = webp_with(0, &[]);
    webp(&[canvas, simple[30..].to_vec()])
}

fn two_in_one() -> Vec<u8> {
    let one = webp_with(0, &[]);
    webp_with(0, &[one[30..].to_vec()])
}

/// A JPEG of 16 x 16 that claims another size.
fn jpeg_of(width: u16, height: u16) -> Vec<u8> {
    let mut jpeg = pictures::picture(16, 16, image::ImageFormat::Jpeg);
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).expect("a JPEG has a frame");
    jpeg[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    jpeg[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    jpeg
}

fn unpacking(bytes: usize) -> Vec<u8> {
    png(&[chunk(*b"IHDR", &png_header(200, 200, 8, 0)), chunk(*b"IDAT", &zlib_zeros(bytes))])
}

/// A small picture with a large colour profile.
fn profile(bytes: usize) -> Vec<u8> {
    let profile = [b"icc\0\0".to_vec(), zlib_zeros(bytes)].concat();
    let (header, data) = (chunk(*b"IHDR", &png_header(2, 2, 8, 0)), chunk(*b"IDAT", &zlib(&[0; 6])));
    png(&[header, chunk(*b"iCCP", &profile), data])
}

/// An animation whose frames are all empty.
fn frames(side: u32, count: u32) -> Vec<u8> {
    let packed = zlib_zeros(usize::try_from(side * (side + 1)).expect("16 MB fit"));
    let mut chunks = vec![
        chunk(*b"IHDR", &png_header(side, side, 8, 0)),
        chunk(*b"acTL", &[count.to_be_bytes(), [0; 4]].concat()),
        chunk(*b"IDAT", &packed),
    ];
    let control = |n: u32| [&n.to_be_bytes()[..], &side.to_be_bytes(), &side.to_be_bytes(), &[0; 14]].concat();
    chunks.extend((0..count).map(|n| chunk(*b"fcTL", &control(n))));
    png(&chunks)
}

/// The largest pictures that are let in by default, of the kinds that take the most memory.
pub(super) fn largest() -> Vec<Picture> {
    vec![
        ("a PNG of 24 megapixels, RGBA, 16 bits".into(), flat(6_000, 4_000, 16, 6, 8)),
        ("a PNG of 24 megapixels, RGB".into(), flat(6_000, 4_000, 8, 2, 3)),
        ("a PNG of 366 x 65,535, RGBA, 16 bits".into(), flat(366, 65_535, 16, 6, 8)),
        ("a JPEG of 24 megapixels, to be turned".into(), pictures::turned_jpeg(6_000, 4_000, "nowhere")),
    ]
}

/// A black picture.
fn flat(width: u32, height: u32, bits: u8, colour: u8, bytes_per_pixel: u32) -> Vec<u8> {
    let line = 1 + width * bytes_per_pixel;
    let packed = zlib_zeros(usize::try_from(line * height).expect("200 MB fit"));
    png(&[chunk(*b"IHDR", &png_header(width, height, bits, colour)), chunk(*b"IDAT", &packed)])
}
