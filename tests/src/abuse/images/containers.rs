//! The four containers, put together by hand, so that anything can be put into them.

use std::io::Write as _;

use flate2::{Compression, Crc, write::ZlibEncoder};

/// A whole GIF of one pixel.
pub(super) const GIF: &[u8] =
    b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

/// The picture chunk of a lossless WebP of one pixel, and its size.
const VP8L: &[u8] =
    &[b'V', b'P', b'8', b'L', 0x0d, 0, 0, 0, 0x2f, 0, 0, 0, 0x10, 0x07, 0x10, 0x11, 0x11, 0x88, 0x88, 0xfe, 0x07, 0];

/// A PNG's chunk.
pub(super) fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).expect("a chunk has less than 4 GB");
    let mut crc = Crc::new();
    crc.update(&kind);
    crc.update(data);
    [&length.to_be_bytes()[..], &kind, data, &crc.sum().to_be_bytes()].concat()
}

/// The data of a PNG's header: colour type 0 is grey, 2 is RGB, 6 is RGBA.
pub(super) fn png_header(width: u32, height: u32, bits: u8, colour: u8) -> Vec<u8> {
    [&width.to_be_bytes()[..], &height.to_be_bytes(), &[bits, colour, 0, 0, 0]].concat()
}

/// A PNG of these chunks.
pub(super) fn png(chunks: &[Vec<u8>]) -> Vec<u8> {
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunks.concat(), chunk(*b"IEND", b"")].concat()
}

/// A grey PNG of 2 x 2 pixels with `extra` chunks between its header and its data.
pub(super) fn png_with(extra: &[Vec<u8>]) -> Vec<u8> {
    let header = chunk(*b"IHDR", &png_header(2, 2, 8, 0));
    let data = chunk(*b"IDAT", &zlib(&[0; 6]));
    png(&[vec![header], extra.to_vec(), vec![data]].concat())
}

/// Packs bytes as zlib does.
pub(super) fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory takes everything");
    encoder.finish().expect("memory takes everything")
}

/// As many zeros, packed without being in memory at once.
pub(super) fn zlib_zeros(bytes: usize) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    let block = vec![0; 1 << 16];
    for _ in 0..bytes / block.len() {
        encoder.write_all(&block).expect("memory takes everything");
    }
    encoder.write_all(&vec![0; bytes % block.len()]).expect("memory takes everything");
    encoder.finish().expect("memory takes everything")
}

/// A JPEG's segment.
pub(super) fn segment(marker: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 2).expect("a segment has less than 64 KB");
    [&[0xff, marker], &length.to_be_bytes()[..], body].concat()
}

/// A JPEG with `segments` behind its start.
pub(super) fn jpeg_with(jpeg: &[u8], segments: &[u8]) -> Vec<u8> {
    [&jpeg[..2], segments, &jpeg[2..]].concat()
}

/// A GIF's extension.
pub(super) fn extension(label: u8, blocks: &[&[u8]]) -> Vec<u8> {
    let mut extension = vec![0x21, label];
    for block in blocks {
        extension.push(u8::try_from(block.len()).expect("a block has at most 255 bytes"));
        extension.extend(*block);
    }
    extension.push(0);
    extension
}

/// A GIF of one pixel with `extensions` before its frame.
pub(super) fn gif_with(extensions: &[u8]) -> Vec<u8> {
    let tables = 13 + 6; // signature and screen, and two colours
    [&GIF[..tables], extensions, &GIF[tables..]].concat()
}

/// A RIFF chunk.
pub(super) fn riff(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("a chunk has less than 4 GB");
    let padding: &[u8] = if body.len() % 2 == 1 { &[0] } else { &[] };
    [&kind[..], &length.to_le_bytes(), body, padding].concat()
}

/// A WebP of these chunks.
pub(super) fn webp(chunks: &[Vec<u8>]) -> Vec<u8> {
    let body = [b"WEBP".to_vec(), chunks.concat()].concat();
    let length = u32::try_from(body.len()).expect("a file has less than 4 GB");
    [b"RIFF", &length.to_le_bytes()[..], &body].concat()
}

/// A WebP of one pixel in the simple format.
pub(super) fn webp_simple() -> Vec<u8> {
    webp(&[VP8L.to_vec()])
}

/// A WebP of one pixel in the extended format, with `extra` chunks behind its picture.
pub(super) fn webp_with(flags: u8, extra: &[Vec<u8>]) -> Vec<u8> {
    let canvas = riff(*b"VP8X", &[flags, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    webp(&[vec![canvas, VP8L.to_vec()], extra.to_vec()].concat())
}
