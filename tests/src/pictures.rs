//! Uploads: good ones, and the kinds that must be refused.

use std::io::{Cursor, Write as _};

use flate2::{Compression, Crc, write::ZlibEncoder};
use image::{DynamicImage, ImageFormat, RgbImage};

/// A photograph of sorts: a gradient, so that no two sizes have the same bytes.
pub fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let shade = |value: u32| u8::try_from(value % 256).expect("a remainder of 256 fits");
    let gradient = RgbImage::from_fn(width, height, |x, y| image::Rgb([shade(x), shade(y), shade(x + y)]));
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(gradient).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A small PNG.
pub fn png() -> Vec<u8> {
    picture(64, 48, ImageFormat::Png)
}

/// A JPEG whose EXIF says that it is to be turned a quarter to the right (orientation 6), and where it was taken.
pub fn turned_jpeg(width: u32, height: u32, place: &str) -> Vec<u8> {
    let jpeg = picture(width, height, ImageFormat::Jpeg);
    let mut tiff = b"MM\0\x2a\0\0\0\x08\0\x01".to_vec(); // big-endian; one entry in the first directory
    tiff.extend(b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0"); // 0x0112 Orientation, SHORT, once, 6
    tiff.extend(b"\0\0\0\0"); // no further directory
    tiff.extend(place.as_bytes());
    let length = u16::try_from(2 + 6 + tiff.len()).expect("the place is short");
    let segment = [b"\xff\xe1", &length.to_be_bytes()[..], b"Exif\0\0", &tiff].concat();
    [&jpeg[..2], &segment, &jpeg[2..]].concat()
}

/// A PNG whose header claims this size while its data says something else.
pub fn claiming(width: u32, height: u32) -> Vec<u8> {
    png_of(width, height, 8, &[0; 64])
}

/// A PNG of some kilobytes that is whole and true, and unpacks to 400 MB of RGBA.
pub fn bomb() -> Vec<u8> {
    const SIDE: u32 = 10_000;
    let line = 1 + SIDE.div_ceil(8); // a filter byte, then one bit a pixel
    png_of(SIDE, SIDE, 1, &vec![0; usize::try_from(line * SIDE).expect("12.5 MB fit")])
}

/// A greyscale PNG (ISO/IEC 15948) of so many bits a pixel.
fn png_of(width: u32, height: u32, bits: u8, lines: &[u8]) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[bits, 0, 0, 0, 0]].concat();
    let (header, data) = (chunk(*b"IHDR", &header), chunk(*b"IDAT", &deflate(lines)));
    [b"\x89PNG\r\n\x1a\n".to_vec(), header, data, chunk(*b"IEND", b"")].concat()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).expect("a chunk is small");
    let mut crc = Crc::new();
    crc.update(&kind);
    crc.update(data);
    [&length.to_be_bytes()[..], &kind, data, &crc.sum().to_be_bytes()].concat()
}
