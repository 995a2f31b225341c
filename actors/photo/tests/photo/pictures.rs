//! Pictures of every accepted type, made on the spot, with metadata wherever a container has room for it.

use std::borrow::Cow;

use image::{ExtendedColorType, ImageEncoder as _, RgbImage, RgbaImage, codecs::jpeg::JpegEncoder};

/// Stands for whatever must not be told of a photo: where it was taken, and by whom.
pub(crate) const CANARY: &[u8] = b"CANARY 52.5200N 13.4050E Ann";

/// Red at the top left, green to the right, blue to the bottom.
pub(crate) fn gradient(width: u32, height: u32) -> RgbImage {
    let shade = |at: u32, side: u32| u8::try_from(at * 255 / side.max(2)).unwrap();
    RgbImage::from_fn(width, height, |x, y| image::Rgb([128, shade(x, width), shade(y, height)]))
}

/// A colour profile's header (ICC.1:2022, 7.2) with some bytes behind it.
pub(crate) fn icc(space: [u8; 4]) -> Vec<u8> {
    let mut profile = vec![0; 128];
    profile[3] = 200;
    profile[12..16].copy_from_slice(b"mntr");
    profile[16..20].copy_from_slice(&space);
    profile[36..40].copy_from_slice(b"acsp");
    profile.extend((0..72).map(|byte| byte ^ 0x5A));
    profile
}

pub(crate) fn jpeg(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 85);
    encoder.set_icc_profile(icc(*b"RGB ")).unwrap();
    encoder.write_image(&gradient(width, height), width, height, ExtendedColorType::Rgb8).unwrap();
    bytes
}

/// A JPEG of one component.
pub(crate) fn grey_jpeg(width: u32, height: u32) -> Vec<u8> {
    let (mut bytes, grey) = (Vec::new(), image::DynamicImage::from(gradient(width, height)).into_luma8());
    let encoder = JpegEncoder::new_with_quality(&mut bytes, 85);
    encoder.write_image(&grey, width, height, ExtendedColorType::L8).unwrap();
    bytes
}

/// A progressive JPEG whose only scan has the mean of each block, which is the same for all: one bit a block.
pub(crate) fn progressive_jpeg(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = vec![0xFF, 0xD8];
    bytes.extend([0xFF, 0xDB, 0, 67, 0]);
    bytes.extend([16; 64]);
    bytes.extend([0xFF, 0xC2, 0, 17, 8]);
    bytes.extend([height.to_be_bytes(), width.to_be_bytes()].concat());
    bytes.extend([3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0]);
    bytes.extend([0xFF, 0xC4, 0, 20, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend([0xFF, 0xDA, 0, 12, 3, 1, 0, 2, 0, 3, 0, 0, 0, 0]);
    let blocks = 3 * usize::from(width / 8) * usize::from(height / 8);
    bytes.extend(vec![0; blocks / 8]);
    bytes.extend([0xFF, 0xD9]);
    bytes
}

/// A JPEG of grey blocks, each behind a restart marker with so many fill bytes (T.81, B.1.1.2) before it.
pub(crate) fn jpeg_with_restarts(fill: usize) -> Vec<u8> {
    const BLOCKS: u8 = 12;
    let mut bytes = vec![0xFF, 0xD8];
    bytes.extend([0xFF, 0xDB, 0, 67, 0]);
    bytes.extend([16; 64]);
    bytes.extend([0xFF, 0xC0, 0, 11, 8, 0, 8, 0, 8 * BLOCKS, 1, 1, 0x11, 0]);
    bytes.extend([0xFF, 0xC4, 0, 22, 0x00, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 6]);
    bytes.extend([0xFF, 0xC4, 0, 20, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend([0xFF, 0xDD, 0, 4, 0, 1]);
    bytes.extend([0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0]);
    for block in 0..BLOCKS {
        if block > 0 {
            bytes.extend(vec![0xFF; fill]);
            bytes.extend([0xFF, 0xD0 + (block - 1) % 8]);
        }
        bytes.extend([0xA0 | (block * 2), 0x7F]); // its shade in six bits, and no detail
    }
    bytes.extend(vec![0xFF; fill]);
    bytes.extend([0xFF, 0xD9]);
    bytes
}

/// A JPEG with an orientation, and canaries in every kind of segment.
pub(crate) fn jpeg_with_metadata(width: u32, height: u32, orientation: u16) -> Vec<u8> {
    let thumbnail = [b"JFXX\0\x13".as_slice(), CANARY].concat();
    let segments: [(u8, Vec<u8>); 7] = [
        (0xE0, thumbnail),
        (0xE1, [b"Exif\0\0".as_slice(), &exif(orientation)].concat()),
        (0xE1, [b"http://ns.adobe.com/xap/1.0/\0".as_slice(), CANARY].concat()),
        (0xE2, [b"MPF\0".as_slice(), CANARY].concat()),
        (0xED, [b"Photoshop 3.0\0".as_slice(), CANARY].concat()),
        (0xEF, CANARY.to_vec()),
        (0xFE, CANARY.to_vec()),
    ];
    let plain = jpeg(width, height);
    let mut bytes = plain[..2].to_vec();
    for (marker, body) in segments {
        bytes.extend([0xFF, marker]);
        bytes.extend(u16::try_from(body.len() + 2).unwrap().to_be_bytes());
        bytes.extend(body);
    }
    bytes.extend(&plain[2..]);
    bytes.extend(CANARY);
    bytes
}

/// A JPEG whose frame header says that it comes in several scans, as those that browsers show early do.
pub(crate) fn progressive(mut jpeg: Vec<u8>) -> Vec<u8> {
    let frame = jpeg.windows(2).position(|marker| marker == [0xFF, 0xC0]).unwrap();
    jpeg[frame + 1] = 0xC2;
    jpeg
}

/// EXIF as a TIFF file (little-endian): orientation, description, and a GPS directory, the latter two with canaries.
pub(crate) fn exif(orientation: u16) -> Vec<u8> {
    let canary = u32::try_from(CANARY.len()).unwrap();
    let mut tiff = b"II*\0\x08\0\0\0".to_vec();
    let entry = |tag: u16, kind: u16, count: u32, value: u32| {
        let mut entry = tag.to_le_bytes().to_vec();
        entry.extend(kind.to_le_bytes());
        entry.extend(count.to_le_bytes());
        entry.extend(value.to_le_bytes());
        entry
    };
    let (description_at, gps_at) = (8 + 2 + 3 * 12 + 4, 8 + 2 + 3 * 12 + 4 + canary);
    tiff.extend(3_u16.to_le_bytes());
    tiff.extend(entry(0x010E, 2, canary, description_at));
    tiff.extend(entry(0x0112, 3, 1, orientation.into()));
    tiff.extend(entry(0x8825, 4, 1, gps_at));
    tiff.extend(0_u32.to_le_bytes());
    tiff.extend(CANARY);
    tiff.extend(1_u16.to_le_bytes());
    tiff.extend(entry(0x001D, 2, canary, gps_at + 2 + 12 + 4));
    tiff.extend(0_u32.to_le_bytes());
    tiff.extend(CANARY);
    tiff
}

pub(crate) fn png(picture: &RgbaImage) -> Vec<u8> {
    png_with_profile(picture, icc(*b"RGB "))
}

pub(crate) fn png_with_profile(picture: &RgbaImage, profile: Vec<u8>) -> Vec<u8> {
    encode_png(picture.width(), picture.height(), 1, picture.as_raw(), profile)
}

/// A PNG of opaque pixels with canaries in every kind of chunk.
pub(crate) fn png_with_metadata(width: u32, height: u32) -> Vec<u8> {
    let plain = png(&opaque(width, height));
    with_png_chunks(&plain)
}

/// An animated PNG with canaries.
pub(crate) fn apng_with_metadata(width: u32, height: u32, frames: u32) -> Vec<u8> {
    with_png_chunks(&encode_png(width, height, frames, opaque(width, height).as_raw(), icc(*b"RGB ")))
}

pub(crate) fn opaque(width: u32, height: u32) -> RgbaImage {
    image::DynamicImage::from(gradient(width, height)).into_rgba8()
}

fn encode_png(width: u32, height: u32, frames: u32, pixels: &[u8], profile: Vec<u8>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut info = png::Info::with_size(width, height);
    (info.color_type, info.bit_depth) = (png::ColorType::Rgba, png::BitDepth::Eight);
    info.icc_profile = Some(Cow::Owned(profile));
    let mut encoder = png::Encoder::with_info(&mut bytes, info).unwrap();
    if frames > 1 {
        encoder.set_animated(frames, 0).unwrap();
    }
    let mut writer = encoder.write_header().unwrap();
    for _ in 0..frames {
        writer.write_image_data(pixels).unwrap();
    }
    writer.finish().unwrap();
    bytes
}

fn with_png_chunks(plain: &[u8]) -> Vec<u8> {
    const IHDR_END: usize = 8 + 12 + 13;
    let text = [b"Comment\0".as_slice(), CANARY].concat();
    let xmp = [b"XML:com.adobe.xmp\0\0\0\0\0".as_slice(), CANARY].concat();
    let mut bytes = plain[..IHDR_END].to_vec();
    bytes.extend(png_chunk(*b"tEXt", &text));
    bytes.extend(png_chunk(*b"iTXt", &xmp));
    bytes.extend(png_chunk(*b"eXIf", &exif(6)));
    bytes.extend(png_chunk(*b"tIME", &[0x07, 0xEA, 1, 2, 3, 4, 5]));
    bytes.extend(png_chunk(*b"prVt", CANARY));
    bytes.extend(&plain[IHDR_END..]);
    bytes.extend(CANARY);
    bytes
}

pub(crate) fn png_chunk(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
    let mut chunk = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    chunk.extend(kind);
    chunk.extend(body);
    let checksum = crc32(&chunk[4..]);
    chunk.extend(checksum.to_be_bytes());
    chunk
}

/// The checksum of PNG (annex D of its specification).
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let (mut table, mut byte) = ([0; 256], 0);
        while byte < 256 {
            let (mut crc, mut bit) = (byte, 0);
            while bit < 8 {
                crc = if crc & 1 == 1 { 0xEDB8_8320 ^ (crc >> 1) } else { crc >> 1 };
                bit += 1;
            }
            table[byte as usize] = crc;
            byte += 1;
        }
        table
    };
    !bytes.iter().fold(u32::MAX, |crc, byte| TABLE[((crc ^ u32::from(*byte)) & 0xFF) as usize] ^ (crc >> 8))
}

/// A GIF of two colours with transparent corners.
pub(crate) fn gif(width: u16, height: u16, frames: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = gif::Encoder::new(&mut bytes, width, height, &[0, 0, 0, 255, 0, 0, 0, 0, 255]).unwrap();
    encoder.set_repeat(gif::Repeat::Infinite).unwrap();
    for index in 0..frames {
        let pixels =
            (0..usize::from(width) * usize::from(height)).map(|at| 1 + u8::from(at % 7 == usize::from(index) % 7));
        let mut frame = gif::Frame::from_indexed_pixels(width, height, pixels.collect::<Vec<_>>(), None);
        frame.delay = 5;
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    bytes
}

/// A GIF whose frames are noise of up to so many colours: its code tables fill up and are cleared.
pub(crate) fn noisy_gif(side: u16, frames: &[(u64, u8)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let palette: Vec<u8> = (0..=255).flat_map(|shade| [shade, 255 - shade, shade / 2]).collect();
    let mut encoder = gif::Encoder::new(&mut bytes, side, side, &palette).unwrap();
    for (seed, colours) in frames {
        let mut state = seed | 1;
        let noise = |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            u8::try_from(state % u64::from(*colours)).unwrap()
        };
        let pixels: Vec<u8> = (0..u32::from(side) * u32::from(side)).map(noise).collect();
        encoder.write_frame(&gif::Frame::from_indexed_pixels(side, side, pixels, None)).unwrap();
    }
    drop(encoder);
    bytes
}

/// The indexes of every frame's pixels.
pub(crate) fn gif_frames(gif: &[u8]) -> Vec<Vec<u8>> {
    let decoder = gif::DecodeOptions::new().read_info(gif).unwrap();
    decoder.into_iter().map(|frame| frame.unwrap().buffer.into_owned()).collect()
}

/// An animated GIF with canaries in every kind of extension.
pub(crate) fn gif_with_metadata(width: u16, height: u16, frames: u16) -> Vec<u8> {
    let mut bytes = gif(width, height, frames);
    assert_eq!(bytes.pop(), Some(0x3B));
    let extension = |label: u8, blocks: &[&[u8]]| {
        let mut bytes = vec![0x21, label];
        for block in blocks {
            bytes.push(u8::try_from(block.len()).unwrap());
            bytes.extend(*block);
        }
        bytes.push(0);
        bytes
    };
    bytes.extend(extension(0xFE, &[CANARY]));
    bytes.extend(extension(0xFF, &[b"XMP DataXMP", CANARY]));
    bytes.extend(extension(0xFF, &[b"NETSCAPE2.0", &[2, 0, 0, 1, 0], CANARY]));
    bytes.extend(extension(0x01, &[&[0; 12], CANARY]));
    bytes.push(0x3B);
    bytes.extend(CANARY);
    bytes
}

/// A lossless WebP, in the simple format.
pub(crate) fn webp(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder = image_webp::WebPEncoder::new(&mut bytes);
    encoder.encode(&gradient(width, height), width, height, image_webp::ColorType::Rgb8).unwrap();
    bytes
}

/// A lossless WebP with a colour profile and canaries.
pub(crate) fn webp_with_metadata(width: u32, height: u32) -> Vec<u8> {
    let picture = riff_chunk(*b"VP8L", &webp(width, height)[20..]);
    let chunks = [
        vp8x(0x20 | 0x08 | 0x04, width, height),
        riff_chunk(*b"ICCP", &icc(*b"RGB ")),
        picture,
        riff_chunk(*b"EXIF", &exif(6)),
        riff_chunk(*b"XMP ", CANARY),
        riff_chunk(*b"prVt", CANARY),
    ];
    [riff(&chunks.concat()), CANARY.to_vec()].concat()
}

/// An animated WebP with canaries between and inside of its frames.
pub(crate) fn animated_webp_with_metadata(width: u32, height: u32, frames: u32) -> Vec<u8> {
    let mut chunks = vp8x(0x02 | 0x08, width, height);
    chunks.extend(riff_chunk(*b"ANIM", &[0; 6]));
    for _ in 0..frames {
        let mut frame = vec![0; 6];
        frame.extend(&(width - 1).to_le_bytes()[..3]);
        frame.extend(&(height - 1).to_le_bytes()[..3]);
        frame.extend([50, 0, 0, 0]);
        frame.extend(riff_chunk(*b"VP8L", &webp(width, height)[20..]));
        frame.extend(riff_chunk(*b"prVt", CANARY));
        chunks.extend(riff_chunk(*b"ANMF", &frame));
    }
    chunks.extend(riff_chunk(*b"EXIF", &exif(1)));
    riff(&chunks)
}

pub(crate) fn vp8x(flags: u8, width: u32, height: u32) -> Vec<u8> {
    let mut body = vec![flags, 0, 0, 0];
    body.extend(&(width - 1).to_le_bytes()[..3]);
    body.extend(&(height - 1).to_le_bytes()[..3]);
    riff_chunk(*b"VP8X", &body)
}

pub(crate) fn riff_chunk(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
    let mut chunk = kind.to_vec();
    chunk.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
    chunk.extend(body);
    chunk.extend(vec![0; body.len() % 2]);
    chunk
}

pub(crate) fn riff(chunks: &[u8]) -> Vec<u8> {
    let mut file = b"RIFF".to_vec();
    file.extend(u32::try_from(chunks.len() + 4).unwrap().to_le_bytes());
    file.extend(b"WEBP");
    file.extend(chunks);
    file
}

/// The smallest lossy WebP: one pixel.
pub(crate) fn lossy_webp() -> Vec<u8> {
    let mut frame = vec![0x30, 0x01, 0x00, 0x9D, 0x01, 0x2A, 1, 0, 1, 0];
    frame.extend([0x02, 0x00, 0x34, 0x25, 0xA4, 0x00, 0x03, 0x70, 0x00, 0xFE, 0xFB, 0x94, 0x00, 0x00]);
    riff(&riff_chunk(*b"VP8 ", &frame))
}

/// Whether `part` occurs in `bytes`.
pub(crate) fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
