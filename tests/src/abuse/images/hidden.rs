//! Good pictures with something hidden in them, and other files that pass for pictures.

use image::ImageFormat;

use super::{
    CANARY, Picture,
    containers::{self, GIF, chunk, extension, gif_with, jpeg_with, png_with, riff, segment, webp_with, zlib},
};
use crate::pictures::{picture, png as plain_png};

/// Every place where a picture can hide something.
pub(super) fn pictures() -> Vec<Picture> {
    [jpegs(), pngs(), gifs(), webps(), polyglots()].concat()
}

fn named(container: &str, pictures: Vec<(&str, Vec<u8>)>) -> Vec<Picture> {
    pictures.into_iter().map(|(what, bytes)| (format!("{container}: {what}"), bytes)).collect()
}

fn text(before: &str) -> Vec<u8> {
    [before.as_bytes(), CANARY.as_bytes()].concat()
}

fn xmp() -> String {
    format!("<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF>{CANARY}</rdf:RDF></x:xmpmeta>")
}

/// A TIFF directory of no entries, with a place behind it.
fn exif() -> Vec<u8> {
    [b"MM\0\x2a\0\0\0\x08\0\0\0\0\0\0".as_slice(), CANARY.as_bytes()].concat()
}

fn jpegs() -> Vec<Picture> {
    let jpeg = picture(32, 32, ImageFormat::Jpeg);
    let with = |marker, body: &[u8]| jpeg_with(&jpeg, &segment(marker, body));
    let before_end = |bytes: &[u8]| [&jpeg[..jpeg.len() - 2], bytes, &jpeg[jpeg.len() - 2..]].concat();
    named(
        "JPEG",
        vec![
            ("a comment", with(0xfe, CANARY.as_bytes())),
            ("EXIF", with(0xe1, &[b"Exif\0\0".to_vec(), exif()].concat())),
            ("XMP", with(0xe1, &[b"http://ns.adobe.com/xap/1.0/\0".to_vec(), xmp().into()].concat())),
            ("extended XMP", with(0xe1, &[b"http://ns.adobe.com/xmp/extension/\0".to_vec(), xmp().into()].concat())),
            ("IPTC in Photoshop's resources", with(0xed, &text("Photoshop 3.0\08BIM\x04\x04\0\0\0\0\0\x20"))),
            ("a thumbnail in JFIF", with(0xe0, &text("JFIF\0\x01\x02\0\0\x01\0\x01\x01\x07"))),
            ("a second picture's index (MPF)", with(0xe2, &text("MPF\0"))),
            ("FlashPix", with(0xe2, &text("FPXR\0"))),
            ("an APP11 box (JUMBF)", with(0xeb, &text("JP\0\x01\0\0\0\x01"))),
            ("Adobe's segment with more behind it", with(0xee, &text("Adobe\0\x64\0\0\0\0\x01"))),
            ("a segment that is reserved", with(0xf0, CANARY.as_bytes())),
            ("a restart interval with more behind it", with(0xdd, &text("\0\0"))),
            ("bytes between segments", jpeg_with(&jpeg, CANARY.as_bytes())),
            ("a comment before the end", before_end(&segment(0xfe, CANARY.as_bytes()))),
            ("a page behind the end", [jpeg.clone(), text("<script>alert(1)</script>")].concat()),
            ("a ZIP archive behind the end", [jpeg.clone(), text("PK\x03\x04")].concat()),
            ("another picture behind the end", [jpeg.clone(), with(0xfe, CANARY.as_bytes())].concat()),
        ],
    )
}

fn pngs() -> Vec<Picture> {
    let with = |kind: &[u8; 4], data: &[u8]| png_with(&[chunk(*kind, data)]);
    let header = chunk(*b"IHDR", &containers::png_header(2, 2, 8, 0));
    let data = |bytes: Vec<u8>| containers::png(&[header.clone(), chunk(*b"IDAT", &bytes)]);
    let packed = zlib(&[0; 6]);
    named(
        "PNG",
        vec![
            ("tEXt", with(b"tEXt", &text("Comment\0"))),
            ("zTXt", with(b"zTXt", &text("Comment\0\0"))),
            ("a keyword of zTXt", with(b"zTXt", &[CANARY.as_bytes(), b"\0\0", &zlib(b"x")].concat())),
            ("iTXt", with(b"iTXt", &text("XML:com.adobe.xmp\0\0\0\0\0"))),
            ("eXIf", with(b"eXIf", &exif())),
            ("a time with more behind it", with(b"tIME", &text("\x07\x01\x01\x01\x01\x01\x01"))),
            ("a private chunk", with(b"prVt", CANARY.as_bytes())),
            ("an unknown public chunk", with(b"xXXx", CANARY.as_bytes())),
            ("a suggested palette", with(b"sPLT", &text("x\0\x08"))),
            ("a histogram", with(b"hIST", CANARY.as_bytes())),
            ("a gamma with more behind it", with(b"gAMA", &text("\0\0\0\x01"))),
            ("pixel dimensions with more behind them", with(b"pHYs", &text("\0\0\0\x01\0\0\0\x01\0"))),
            ("significant bits with more behind them", with(b"sBIT", &text("\x08"))),
            ("a background with more behind it", with(b"bKGD", &text("\0\0"))),
            ("chromaticities with more behind them", with(b"cHRM", &[vec![0; 32], CANARY.into()].concat())),
            ("an intent with more behind it", with(b"sRGB", &text("\0"))),
            ("a transparent grey with more behind it", with(b"tRNS", &text("\0\0"))),
            ("a palette in a grey picture", with(b"PLTE", &[CANARY.as_bytes(), b"\0"].concat())),
            ("a colour profile's name", with(b"iCCP", &[CANARY.as_bytes(), b"\0\0", &zlib(b"x")].concat())),
            (
                "a colour profile with more behind it",
                with(b"iCCP", &[b"x\0\0", &zlib(b"x")[..], CANARY.as_bytes()].concat()),
            ),
            (
                "a second colour profile",
                png_with(&[chunk(*b"iCCP", &[b"x\0\0", &zlib(b"x")[..]].concat()), chunk(*b"iCCP", &text("x\0\0"))]),
            ),
            ("data of frames without an animation", with(b"fdAT", &text("\0\0\0\0"))),
            ("bytes behind the packed data", data([packed.clone(), CANARY.into()].concat())),
            ("data of no compression with more pixels than there are", data(stored(&text("\0\0\0\0\0\0")))),
            ("a second run of data", png_with(&[chunk(*b"IDAT", &packed), chunk(*b"IDAT", CANARY.as_bytes())])),
            ("a page behind the end", [plain_png(), text("<script>alert(1)</script>")].concat()),
            ("a chunk behind the end", [plain_png(), chunk(*b"tEXt", CANARY.as_bytes())].concat()),
            (
                "data in the end",
                containers::png(&[header.clone(), chunk(*b"IDAT", &packed), chunk(*b"IEND", CANARY.as_bytes())]),
            ),
        ],
    )
}

/// A zlib stream of one stored block, so that what it holds can be read.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::none());
    std::io::Write::write_all(&mut encoder, bytes).expect("memory takes everything");
    encoder.finish().expect("memory takes everything")
}

fn gifs() -> Vec<Picture> {
    let canary = CANARY.as_bytes();
    let last_block = GIF.len() - 2; // before the terminator of the frame's data and the trailer
    let behind_pixels =
        [&GIF[..last_block], &[u8::try_from(canary.len()).expect("it is short")], canary, &GIF[last_block..]];
    named(
        "GIF",
        vec![
            ("a comment", gif_with(&extension(0xfe, &[canary]))),
            ("a text", gif_with(&extension(0x01, &[&[0; 12], canary]))),
            ("XMP", gif_with(&extension(0xff, &[b"XMP DataXMP", canary]))),
            ("a colour profile", gif_with(&extension(0xff, &[b"ICCRGBG1012", canary]))),
            ("a private extension", gif_with(&extension(0xff, &[b"PRIVATE1.0\0", canary]))),
            ("a loop count with more behind it", gif_with(&extension(0xff, &[b"NETSCAPE2.0", b"\x01\0\0", canary]))),
            ("an unknown extension", gif_with(&extension(0x42, &[canary]))),
            ("bytes behind the last pixel", behind_pixels.concat()),
            ("a page behind the trailer", [GIF, &text("<script>alert(1)</script>")].concat()),
        ],
    )
}

fn webps() -> Vec<Picture> {
    named(
        "WebP",
        vec![
            ("EXIF", webp_with(0x08, &[riff(*b"EXIF", &exif())])),
            ("XMP", webp_with(0x04, &[riff(*b"XMP ", xmp().as_bytes())])),
            (
                "EXIF and XMP that its flags deny",
                webp_with(0, &[riff(*b"EXIF", &exif()), riff(*b"XMP ", xmp().as_bytes())]),
            ),
            ("an unknown chunk", webp_with(0, &[riff(*b"XXXX", CANARY.as_bytes())])),
            ("a second colour profile", webp_with(0x20, &[riff(*b"ICCP", b"x"), riff(*b"ICCP", CANARY.as_bytes())])),
            (
                "a chunk behind a simple picture",
                containers::webp(&[containers::webp_simple()[12..].to_vec(), riff(*b"EXIF", &exif())]),
            ),
            (
                "a page behind the file's claimed end",
                [containers::webp_simple(), text("<script>alert(1)</script>")].concat(),
            ),
        ],
    )
}

/// Files that are two things at once.
fn polyglots() -> Vec<Picture> {
    let jpeg = picture(32, 32, ImageFormat::Jpeg);
    // A segment of 0x2F2A bytes: its length reads `/*` in a script.
    let comment = [text("*/=alert(1)/*"), vec![b' '; 0x2f2a - 2 - 13 - CANARY.len()]].concat();
    vec![
        ("JPEG that is a script as well".into(), jpeg_with(&jpeg, &segment(0xfe, &comment))),
        ("PNG with PHP in a text".into(), png_with(&[chunk(*b"tEXt", &text("x\0<?php system($_GET[0]); ?>"))])),
        (
            "GIF with a page in a comment".into(),
            gif_with(&extension(0xfe, &[&text("<script src=//evil.example></script>")])),
        ),
        ("JPEG with a PDF behind its end".into(), [jpeg, text("%PDF-1.7\n")].concat()),
    ]
}

/// Files that are no picture, or only begin like one.
pub(super) fn impostors() -> Vec<Picture> {
    let svg = format!("<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert('{CANARY}')\"/>");
    named(
        "no picture",
        vec![
            ("an SVG", svg.clone().into()),
            ("an SVG behind a declaration", format!("<?xml version=\"1.0\"?>{svg}").into()),
            ("an SVG behind a byte order mark", format!("\u{feff}{svg}").into()),
            (
                "an SVG with an external entity",
                format!("<!DOCTYPE svg [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>{svg}").into(),
            ),
            ("an SVG behind GIF's signature", format!("GIF89a{svg}").into()),
            ("an SVG behind JPEG's signature", [b"\xff\xd8\xff".as_slice(), svg.as_bytes()].concat()),
            ("a page behind PNG's signature", [b"\x89PNG\r\n\x1a\n".as_slice(), b"<script>alert(1)</script>"].concat()),
            ("a page behind WebP's signature", b"RIFF\x20\0\0\0WEBPVP8 <script>alert(1)</script>".to_vec()),
            ("a script that begins like a GIF", b"GIF89a=1;alert(1);//".to_vec()),
            ("a BMP", b"BM\x3a\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\x18\0".to_vec()),
            ("an icon", b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0\x20\0\x68\x04\0\0\x16\0\0\0".to_vec()),
            ("a HEIC", b"\0\0\0\x18ftypheic\0\0\0\0heicmif1".to_vec()),
            ("an AVIF", b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf".to_vec()),
            ("a PDF", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec()),
            ("a PostScript file", b"%!PS-Adobe-3.0 EPSF-3.0\n".to_vec()),
            (
                "an ImageMagick script",
                b"push graphic-context\nviewbox 0 0 640 480\nimage over 0,0 0,0 'https://evil.example'\n".to_vec(),
            ),
            ("a ZIP archive", b"PK\x03\x04\x14\0\0\0\0\0".to_vec()),
            ("a RIFF that is sound", b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0".to_vec()),
        ],
    )
}
