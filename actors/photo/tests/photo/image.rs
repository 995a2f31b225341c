//! What happens to pictures before they are kept.

use std::io::Cursor;

use ::image::{DynamicImage, GenericImageView as _, RgbaImage};
use portico_photo::{
    ContentType, Error, Limits,
    image::{Header, Processed, process},
};

use crate::pictures::{self, CANARY, holds};

const LIMITS: Limits = Limits { upload_max_bytes: 10 << 20, pixels_max: 24_000_000, photos_per_user_max: 1000 };

fn header(picture: &[u8]) -> Result<Header, Error> {
    Header::read(&mut Cursor::new(picture), &LIMITS)
}

fn processed(picture: &[u8]) -> Result<Processed, Error> {
    process(picture, &header(picture)?, &LIMITS)
}

fn shown(picture: &[u8]) -> DynamicImage {
    image::load_from_memory(picture).unwrap()
}

/// A JPEG from its first scan on.
fn scans(jpeg: &[u8]) -> &[u8] {
    let sos = jpeg.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap();
    let eoi = jpeg.windows(2).rposition(|pair| pair == [0xFF, 0xD9]).unwrap();
    &jpeg[sos..eoi + 2]
}

#[test]
fn a_jpeg_loses_its_metadata_and_keeps_every_bit_of_its_pixels() {
    let upload = pictures::jpeg_with_metadata(300, 200, 1);

    let kept = processed(&upload).unwrap();

    assert!(!holds(&kept.original, CANARY) && !holds(&kept.thumb, CANARY));
    assert!(holds(&kept.original, &pictures::icc(*b"RGB ")), "the colour profile stays");
    assert_eq!(scans(&kept.original), scans(&upload));
    assert_eq!(shown(&kept.original), shown(&pictures::jpeg(300, 200)));
    assert_eq!((kept.width, kept.height), (300, 200));
}

#[test]
fn a_jpeg_whose_restart_markers_follow_fill_bytes_is_kept_to_its_end() {
    let plain = pictures::jpeg_with_restarts(0);

    for fill in [1, 2, 5] {
        let kept = processed(&pictures::jpeg_with_restarts(fill)).unwrap();

        assert_eq!(kept.original, processed(&plain).unwrap().original);
        assert_eq!(shown(&kept.original), shown(&plain));
    }
    assert!(shown(&plain).get_pixel(94, 4).0[0] > shown(&plain).get_pixel(0, 4).0[0] + 20, "the blocks are alike");
}

#[test]
fn a_jpeg_that_was_taken_upright_is_turned() {
    let upload = pictures::jpeg_with_metadata(300, 200, 6);

    let kept = processed(&upload).unwrap();

    assert_eq!((kept.width, kept.height), (200, 300));
    assert_eq!(shown(&kept.original).dimensions(), (200, 300));
    assert_eq!(shown(&kept.thumb).dimensions(), (170, 256));
    assert!(!holds(&kept.original, CANARY) && !holds(&kept.thumb, CANARY));
    assert!(holds(&kept.original, &pictures::icc(*b"RGB ")), "the colour profile stays");
    // Turned to the right: what was at the bottom left (blue, no green) is at the top left.
    let corner = shown(&kept.original).get_pixel(2, 2).0;
    assert!(corner[1] < 40 && corner[2] > 200, "{corner:?}");
}

#[test]
fn a_png_loses_its_metadata_and_keeps_its_pixels() {
    let upload = pictures::png_with_metadata(64, 48);

    let kept = processed(&upload).unwrap();

    assert!(!holds(&kept.original, CANARY) && !holds(&kept.thumb, CANARY));
    for chunk in [b"tEXt", b"iTXt", b"eXIf", b"tIME", b"prVt"] {
        assert!(!holds(&kept.original, chunk));
    }
    assert!(holds(&kept.original, b"iCCP"), "the colour profile stays");
    assert_eq!(shown(&kept.original), DynamicImage::from(pictures::opaque(64, 48)));
    assert_eq!((kept.width, kept.height), (64, 48), "what EXIF says of a PNG's orientation is not followed");
}

#[test]
fn an_animated_png_keeps_its_frames() {
    let upload = pictures::apng_with_metadata(32, 32, 5);

    let kept = processed(&upload).unwrap();

    let frames = kept.original.windows(4).filter(|kind| kind == b"fcTL").count();
    assert!(!holds(&kept.original, CANARY) && !holds(&kept.thumb, CANARY));
    assert_eq!(frames, 5);
}

#[test]
fn a_gif_loses_its_metadata_and_keeps_frames_timing_and_loop() {
    let upload = pictures::gif_with_metadata(40, 30, 7);

    let kept = processed(&upload).unwrap();

    let mut decoder = gif::DecodeOptions::new().read_info(kept.original.as_slice()).unwrap();
    let mut delays = Vec::new();
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        delays.push(frame.delay);
    }
    assert!(!holds(&kept.original, CANARY) && !holds(&kept.thumb, CANARY));
    assert_eq!(delays, [5; 7]);
    assert_eq!(decoder.repeat(), gif::Repeat::Infinite);
}

#[test]
fn a_webp_loses_its_metadata_with_its_flags_and_keeps_its_profile() {
    let upload = pictures::webp_with_metadata(64, 48);

    let kept = processed(&upload).unwrap();

    let mut decoder = image_webp::WebPDecoder::new(Cursor::new(&kept.original)).unwrap();
    assert!(!holds(&kept.original, CANARY) && !holds(&kept.thumb, CANARY));
    assert_eq!(decoder.exif_metadata().unwrap(), None);
    assert_eq!(decoder.xmp_metadata().unwrap(), None);
    assert_eq!(decoder.icc_profile().unwrap(), Some(pictures::icc(*b"RGB ")));
    assert_eq!(kept.original[20], 0x20, "of the flags only the profile's is left");
    let mut pixels = vec![0; decoder.output_buffer_size().unwrap()];
    decoder.read_image(&mut pixels).unwrap();
    assert_eq!(pixels, pictures::gradient(64, 48).into_raw());
}

#[test]
fn an_animated_webp_keeps_its_frames() {
    let upload = pictures::animated_webp_with_metadata(24, 16, 4);

    let kept = processed(&upload).unwrap();

    let decoder = image_webp::WebPDecoder::new(Cursor::new(&kept.original)).unwrap();
    assert!(!holds(&kept.original, CANARY) && !holds(&kept.thumb, CANARY));
    assert_eq!(decoder.num_frames(), 4);
}

#[test]
fn a_lossy_webp_is_accepted() {
    let kept = processed(&pictures::lossy_webp()).unwrap();

    assert_eq!((kept.width, kept.height), (1, 1));
    assert_eq!(kept.original, pictures::lossy_webp());
}

#[test]
fn a_webp_frame_that_is_larger_than_its_canvas_is_refused() {
    let huge_frame = pictures::webp(200, 200)[20..].to_vec();
    let chunks = [pictures::vp8x(0, 2, 2), pictures::riff_chunk(*b"VP8L", &huge_frame)].concat();

    let refused = processed(&pictures::riff(&chunks));

    assert!(matches!(refused, Err(Error::BadImage)));
}

#[test]
fn a_header_that_claims_too_many_pixels_is_refused_whatever_follows() {
    let side = 50_001_u32;
    let short = u16::try_from(side).unwrap();
    let ihdr = [&side.to_be_bytes()[..], &side.to_be_bytes(), &[8, 6, 0, 0, 0]].concat();
    let png = [b"\x89PNG\r\n\x1A\n".as_slice(), &pictures::png_chunk(*b"IHDR", &ihdr)].concat();
    let sof = [&[0xFF, 0xD8, 0xFF, 0xC0, 0, 11, 8], &short.to_be_bytes()[..], &short.to_be_bytes(), &[1, 1, 0x11, 0]];
    let jpeg = [&sof.concat()[..], &[0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0]].concat();
    let gif = [b"GIF89a".as_slice(), &short.to_le_bytes(), &short.to_le_bytes(), &[0; 3]].concat();
    let webp = pictures::riff(&pictures::vp8x(0, side, side));

    for picture in [png, jpeg, gif, webp] {
        assert!(matches!(header(&picture), Err(Error::TooManyPixels { max: 24_000_000 })), "{picture:?}");
    }
}

#[test]
fn a_decompression_bomb_is_refused_by_its_header() {
    // 20,000 x 20,000 pixels of one colour: 1.2 GB in a few kilobytes, had its data ever been there.
    let ihdr = [&20_000_u32.to_be_bytes()[..], &20_000_u32.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    let bomb = [
        b"\x89PNG\r\n\x1A\n".as_slice(),
        &pictures::png_chunk(*b"IHDR", &ihdr),
        &pictures::png_chunk(*b"IDAT", &[0x78, 0xDA, 0xED, 0xC1, 0x01]),
        &pictures::png_chunk(*b"IEND", &[]),
    ]
    .concat();

    let refused = header(&bomb);

    assert!(matches!(refused, Err(Error::TooManyPixels { .. })));
}

#[test]
fn an_animation_with_too_many_pixels_is_refused_before_it_is_decoded() {
    let limits = Limits { pixels_max: 100, ..LIMITS };
    let picture = pictures::gif(10, 10, 17);
    let header = Header::read(&mut Cursor::new(&picture), &limits).unwrap();

    let refused = process(&picture, &header, &limits);

    assert!(matches!(refused, Err(Error::TooManyPixels { max: 1600 })));
}

#[test]
fn what_is_cut_short_anywhere_is_refused() {
    let pictures = [
        pictures::jpeg(64, 64),
        pictures::png(&pictures::opaque(16, 16)),
        pictures::gif(16, 16, 2),
        pictures::webp(16, 16),
        pictures::riff(&pictures::webp_with_metadata(16, 16)[12..300]),
    ];

    for picture in pictures {
        for length in 16..picture.len() - 1 {
            let refused = processed(&picture[..length]);
            assert!(matches!(refused, Err(Error::BadImage)), "{length} of {}: {refused:?}", picture.len());
        }
    }
}

#[test]
fn what_is_damaged_inside_is_refused() {
    let mut jpeg = pictures::jpeg(256, 256);
    let tables = jpeg.windows(2).position(|marker| marker == [0xFF, 0xC4]).unwrap();
    jpeg[tables + 1] = 0xFE; // a comment now: the first code table is missing
    let mut gif = pictures::gif(16, 16, 1);
    let data = gif.len() - 8;
    gif[data..data + 4].fill(0xFF); // codes that were never defined
    let mut webp = pictures::webp(64, 64);
    webp[30..60].fill(0xFF);
    let mut png = pictures::png(&pictures::opaque(16, 16));
    let idat = png.windows(4).position(|kind| kind == b"IDAT").unwrap();
    png[idat + 20] ^= 0xFF;

    for picture in [jpeg, gif, webp, png] {
        let refused = processed(&picture);
        assert!(matches!(refused, Err(Error::BadImage)), "{refused:?}");
    }
}

#[test]
fn what_is_no_accepted_picture_is_refused_by_its_content() {
    let svg = b"<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
    let others: [&[u8]; 8] = [
        b"\x7FELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3E\0\x01\0\0\0\0\0\0\0\0\0\0\0",
        svg,
        b"<html><body>photo.jpg</body></html>",
        b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xFF\xFF\0\0",
        b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0",
        b"RIFF\x24\0\0\0AVI LIST",
        b"\0\0\0\x20ftypheic\0\0\0\0mif1heic",
        b"",
    ];

    for other in others {
        assert!(matches!(header(other), Err(Error::UnsupportedType)), "{other:?}");
    }
}

#[test]
fn a_rendition_fits_and_is_never_enlarged() {
    let large = processed(&pictures::jpeg(1000, 500)).unwrap();
    let small = processed(&pictures::jpeg(40, 30)).unwrap();
    let thin = processed(&pictures::png(&pictures::opaque(1000, 1))).unwrap();

    assert_eq!(shown(&large.thumb).dimensions(), (256, 128));
    assert_eq!(shown(&small.thumb).dimensions(), (40, 30));
    assert_eq!(shown(&thin.thumb).dimensions(), (256, 1));
}

#[test]
fn only_a_picture_with_transparent_parts_has_a_png_for_a_rendition() {
    let opaque = processed(&pictures::png(&pictures::opaque(8, 8))).unwrap();
    let clear = processed(&pictures::png(&RgbaImage::from_pixel(8, 8, image::Rgba([9, 9, 9, 100])))).unwrap();

    assert_eq!((opaque.thumb_type, clear.thumb_type), (ContentType::Jpeg, ContentType::Png));
    assert_eq!(shown(&clear.thumb).get_pixel(4, 4).0, [9, 9, 9, 100]);
}

#[test]
fn a_rendition_carries_only_a_profile_that_fits_its_pixels() {
    let rgb = processed(&pictures::jpeg(16, 16)).unwrap();
    let mut other = pictures::jpeg(16, 16);
    let at = other.windows(4).position(|space| space == b"RGB ").unwrap();
    other[at..at + 4].copy_from_slice(b"CMYK");
    let other = processed(&other).unwrap();

    assert!(holds(&rgb.thumb, b"ICC_PROFILE"));
    assert!(!holds(&other.thumb, b"ICC_PROFILE"));
}

#[test]
fn a_large_profile_of_a_png_stays_with_the_picture_alone() {
    let picture = pictures::opaque(300, 16);
    for (bytes, carried) in [(200, true), (64_000, true), (64_001, false), (3 << 20, false)] {
        let mut profile = pictures::icc(*b"RGB ");
        profile.resize(bytes, 0);

        let kept = processed(&pictures::png_with_profile(&picture, profile)).unwrap();

        assert!(holds(&kept.original, b"iCCP"));
        assert_eq!(holds(&kept.thumb, b"ICC_PROFILE"), carried, "{bytes} bytes");
    }
}

#[test]
fn the_largest_photo_of_a_camera_fits_the_default_budget() {
    let limits = Limits { pixels_max: u64::MAX, ..LIMITS };
    let mut sizes = Vec::new();
    let turned = pictures::progressive(pictures::jpeg_with_metadata(60, 40, 6));
    for picture in [pictures::jpeg(60, 40), turned, pictures::webp(60, 40), pictures::gif(60, 40, 1)] {
        let mut header = Header::read(&mut Cursor::new(picture), &limits).unwrap();
        (header.width, header.height) = (6000, 4000);
        sizes.push(header.memory_bytes(10 << 20));
    }

    assert!(sizes.iter().all(|size| *size < 256 << 20), "{sizes:?}");
}
