//! What a JPEG or a PNG takes while it is processed is never more than was counted for it. The budget of all uploads
//! rests on that.
//!
//! It is measured in a process of its own for each picture: what another one left behind would hide it.

use std::{
    fs,
    io::{Cursor, Write as _},
    process::Command,
};

use portico_photo::{
    Limits,
    image::{Header, process},
};

use crate::{pictures, png_rows::Png};

const LIMITS: Limits = Limits { upload_max_bytes: 10 << 20, pixels_max: 24_000_000, photos_per_user_max: 1000 };
/// Says what the child is to process.
const PICTURE: &str = "PORTICO_TEST_PICTURE";
/// Four megapixels: two bytes of a pixel that are not counted are as much as what is fixed.
const SIDE: u16 = 2048;

/// A line of `/proc/self/status`, in bytes.
fn memory(line: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let figure = status.lines().find_map(|found| found.strip_prefix(line)).unwrap();
    figure.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
}

/// What runs in the child; without a picture there is nothing to do.
#[test]
fn processing_in_a_child_process() {
    let Some(path) = std::env::var_os(PICTURE) else { return };
    let picture = fs::read(path).unwrap();
    let header = Header::read(&mut Cursor::new(&picture), &LIMITS).unwrap();
    let before = memory("VmRSS:") - picture.len() as u64; // the upload is counted too

    let whole = process(&picture, &header, &LIMITS).is_ok();

    println!("took {} of {} whole {whole}", memory("VmHWM:") - before, header.memory_bytes(picture.len() as u64));
}

/// What processing a picture took in a child, what was counted for it, and whether it was found to be whole.
fn measured(picture: &[u8]) -> (u64, u64, bool) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(picture).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "memory_cost::processing_in_a_child_process", "--nocapture"]).env(PICTURE, file.path());
    let output = child.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = said.lines().find_map(|line| Some(line.split_once("took ")?.1)).expect(&said);
    let words: Vec<_> = line.split(' ').collect();
    (words[0].parse().unwrap(), words[2].parse().unwrap(), words[4].parse().unwrap())
}

fn none_takes_more_than_was_counted(pictures: &[(&str, Vec<u8>)]) {
    for (name, picture) in pictures {
        let (took, counted, whole) = measured(picture);

        println!("{name}: took {took} of {counted}");
        assert!(whole, "{name} is whole");
        assert!(took <= counted, "{name}: took {took} of {counted}");
    }
}

#[test]
fn no_jpeg_takes_more_memory_than_was_counted_for_it() {
    none_takes_more_than_was_counted(&[
        ("grey", pictures::grey_jpeg(SIDE.into(), SIDE.into())),
        ("coloured", pictures::jpeg(SIDE.into(), SIDE.into())),
        ("turned", pictures::jpeg_with_metadata(SIDE.into(), SIDE.into(), 6)),
        ("progressive", pictures::progressive_jpeg(SIDE, SIDE)),
    ]);
}

#[test]
fn no_png_takes_more_memory_than_was_counted_for_it() {
    let mut profile = pictures::icc(*b"RGB ");
    profile.resize(4 << 20, 0);
    none_takes_more_than_was_counted(&[
        ("shrunk", Png::rgba(SIDE.into(), SIDE.into()).still()),
        ("hardly shrunk", Png::rgba(1535, 1535).still()),
        ("wide", Png::rgba16(65_535, 20).still()),
        ("tall", Png::rgba16(20, 65_535).still()),
        ("interlaced", Png::rgba(SIDE.into(), 1024).interlaced()),
        ("animated", Png::rgba(SIDE.into(), 1024).animated()),
        ("with a large profile", pictures::png_with_profile(&pictures::opaque(300, 200), profile)),
    ]);
}
