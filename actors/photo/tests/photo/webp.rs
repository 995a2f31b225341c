//! WebP with transparency and in frames: decoded in parts, it is what its decoder makes of the whole.

use std::io::Cursor;

use portico_photo::{
    ContentType, Limits,
    image::{Header, process},
};

use crate::pictures::{riff, riff_chunk, vp8x};

const LIMITS: Limits = Limits { upload_max_bytes: 10 << 20, pixels_max: 24_000_000, photos_per_user_max: 1000 };
/// Made by libwebp: lossy, 40 x 30, with alpha.
const ALPHA: &[u8] = include_bytes!("data/alpha.webp");
/// The same in three frames.
const ANIMATION: &[u8] = include_bytes!("data/animation.webp");

/// What is shown of a picture: small ones are shown pixel by pixel.
fn shown(upload: &[u8]) -> Vec<u8> {
    let header = Header::read(&mut Cursor::new(upload), &LIMITS).unwrap();
    let processed = process(upload, &header, &LIMITS).unwrap();
    assert_eq!(processed.thumb_type, ContentType::Png);
    image::load_from_memory(&processed.thumb).unwrap().into_rgba8().into_raw()
}

/// What the decoder makes of the whole; of an animation, the first frame.
fn whole(upload: &[u8]) -> Vec<u8> {
    let mut decoder = image_webp::WebPDecoder::new(Cursor::new(upload)).unwrap();
    let mut pixels = vec![0; decoder.output_buffer_size().unwrap()];
    decoder.read_image(&mut pixels).unwrap();
    pixels
}

/// The content of the first chunk of a kind.
fn chunk<'a>(file: &'a [u8], kind: &[u8]) -> &'a [u8] {
    let at = file.windows(4).position(|window| window == kind).unwrap();
    let length = u32::from_le_bytes(*file[at + 4..].first_chunk().unwrap()) as usize;
    &file[at + 8..at + 8 + length]
}

#[test]
fn a_lossy_picture_with_alpha_is_decoded_like_a_whole() {
    assert_eq!(shown(ALPHA), whole(ALPHA));
}

#[test]
fn an_alpha_plane_is_decoded_by_every_filter() {
    let colours = riff_chunk(*b"VP8 ", chunk(ALPHA, b"VP8 "));
    let coded = &chunk(ALPHA, b"ALPH")[1..];
    let plain: Vec<_> = (0..40 * 30).map(|at: u32| at.wrapping_mul(at).to_le_bytes()[0].wrapping_mul(37)).collect();
    for filter in 0..4 {
        for (compression, data) in [(0, &plain[..]), (1, coded)] {
            let alpha = riff_chunk(*b"ALPH", &[&[filter << 2 | compression], data].concat());
            let picture = riff(&[vp8x(0x10, 40, 30), alpha, colours.clone()].concat());

            assert_eq!(shown(&picture), whole(&picture), "filter {filter}, compression {compression}");
        }
    }
}

#[test]
fn the_first_frame_of_an_animation_is_shown() {
    assert_eq!(shown(ANIMATION), whole(ANIMATION));
}

#[test]
fn a_frame_that_is_smaller_than_its_canvas_stands_in_its_place() {
    let mut frame = vec![3, 0, 0, 2, 0, 0, 39, 0, 0, 29, 0, 0, 50, 0, 0, 2]; // six to the right, four down, not blended
    frame.extend(riff_chunk(*b"ALPH", chunk(ALPHA, b"ALPH")));
    frame.extend(riff_chunk(*b"VP8 ", chunk(ALPHA, b"VP8 ")));
    let chunks = [vp8x(0x12, 60, 50), riff_chunk(*b"ANIM", &[0; 6]), riff_chunk(*b"ANMF", &frame)];
    let picture = riff(&chunks.concat());

    assert_eq!(shown(&picture), whole(&picture));
}

#[test]
fn an_animation_with_a_damaged_frame_is_refused() {
    let mut damaged = ANIMATION.to_vec();
    let last = damaged.windows(4).rposition(|window| window == b"VP8 ").unwrap();
    damaged[last + 9..last + 11].fill(0xFF); // how large its first part is

    let header = Header::read(&mut Cursor::new(&damaged), &LIMITS).unwrap();

    assert!(process(&damaged, &header, &LIMITS).is_err());
}

#[test]
fn the_largest_picture_of_every_kind_fits_the_memory_of_the_default_configuration() {
    const DEFAULT: u64 = 256 << 20;
    for flags in [0x00, 0x10, 0x02, 0x12] {
        let canvas = riff(&vp8x(flags, 6000, 4000));

        let header = Header::read(&mut Cursor::new(&canvas), &LIMITS).unwrap();

        assert!(header.memory_bytes(LIMITS.upload_max_bytes) <= DEFAULT, "{flags:x}");
    }
}
