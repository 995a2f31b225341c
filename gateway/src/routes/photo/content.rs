//! A picture's bytes on their way out.
//!
//! Invariant: nothing in the bytes can act in a browser: their type is one of four that were proven by decoding, sniffing is
//! off, and the policy of the answer allows nothing and sandboxes it.
//!
//! Bytes are read from storage no faster than the client takes them: the HTTP library asks for more when at most 32 KiB
//! wait to be written. A client that takes none is cut off by the kernel (`listener`); until then it holds one open file and
//! one of `gateway.limits.connections_max`, and counts as no request in flight.

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder, Responder,
    body::{BoxBody, SizedStream},
    http::{
        StatusCode,
        header::{self, ContentRange, ContentRangeSpec, ETag, EntityTag},
    },
};
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt as _, stream};
use portico_kernel::StoreError;
use portico_photo::{ByteStream, ContentType, Photo, Rendition};
use schemars::{JsonSchema, json_schema};
use serde::Deserialize;

use super::shapes::hex;
use crate::{Answer, Description, Invalids, Parse, answer_header, conditional::Wanted};

/// Which size of a picture is asked for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Size {
    /// `thumb` for the rendition that fits 256 x 256 pixels; the picture itself without it.
    #[serde(default)]
    #[schemars(with = "Named")]
    size: Option<Named>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Named {
    Thumb,
}

impl Parse for Size {
    type Parsed = Rendition;

    fn parse(self) -> Result<Rendition, Invalids> {
        Ok(match self.size {
            Some(Named::Thumb) => Rendition::Thumb,
            None => Rendition::Original,
        })
    }
}

/// What is told of a rendition's bytes.
pub(super) struct Picture {
    hash: String,
    kind: ContentType,
    pub(super) size: u64,
    file_name: String,
}

impl Picture {
    pub(super) fn new(photo: &Photo, rendition: Rendition) -> Self {
        let (hash, kind, size, suffix) = match rendition {
            Rendition::Original => (&photo.sha256, photo.content_type, photo.size_bytes, ""),
            Rendition::Thumb => (&photo.thumb_sha256, photo.thumb_type, photo.thumb_size_bytes, "-thumb"),
        };
        Self { hash: hex(hash), kind, size, file_name: format!("{}{suffix}.{}", photo.id, extension(kind)) }
    }

    /// Strong: the same tag, the same bytes.
    pub(super) fn tag(&self) -> EntityTag {
        EntityTag::new_strong(self.hash.clone())
    }
}

const fn extension(kind: ContentType) -> &'static str {
    match kind {
        ContentType::Jpeg => "jpg",
        ContentType::Png => "png",
        ContentType::Webp => "webp",
        ContentType::Gif => "gif",
    }
}

/// Nothing loads, nothing runs, nothing embeds it.
const POLICY: &str = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox";

/// A picture, a part of it, or that it is unchanged.
pub(super) struct Content {
    pub(super) picture: Picture,
    pub(super) wanted: Wanted,
    /// The bytes that are wanted; none if there are none.
    pub(super) stream: Option<ByteStream>,
}

impl Responder for Content {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let Self { picture, wanted, stream } = self;
        let (status, length) = match &wanted {
            Wanted::Nothing => return start(StatusCode::NOT_MODIFIED, &picture).finish(),
            Wanted::Head | Wanted::Whole => (StatusCode::OK, picture.size),
            Wanted::Part(part) => (StatusCode::PARTIAL_CONTENT, part.end - part.start),
        };
        let mut answer = start(status, &picture);
        if let Wanted::Part(part) = wanted {
            let (range, instance_length) = (Some((part.start, part.end - 1)), Some(picture.size));
            answer.insert_header(ContentRange(ContentRangeSpec::Bytes { range, instance_length }));
        }
        let disposition = format!(r#"inline; filename="{}""#, picture.file_name);
        answer.content_type(picture.kind.as_str()).insert_header((header::CONTENT_DISPOSITION, disposition));
        answer.body(SizedStream::new(length, told(stream)))
    }
}

/// What every answer about the picture carries, 304 too (RFC 9110, section 15.4.5).
fn start(status: StatusCode, picture: &Picture) -> HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    answer
        .insert_header(ETag(picture.tag()))
        .insert_header((header::CACHE_CONTROL, "private, no-cache"))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::ACCEPT_RANGES, "bytes"));
    answer
}

/// The bytes; what ends them too early is told to the log, and to the client by a connection that closes too early. For
/// HEAD there are none: the length is told and nothing is sent.
fn told(stream: Option<ByteStream>) -> impl Stream<Item = Result<Bytes, StoreError>> {
    let stream = stream.unwrap_or_else(|| Box::pin(stream::empty()));
    stream.inspect_err(|error| {
        tracing::error!(error = error as &(dyn std::error::Error + 'static), "content broke off while it was sent");
    })
}

impl Answer for Content {
    const MEDIA: &'static [&'static str] = &["image/jpeg", "image/png", "image/webp", "image/gif"];

    fn describe(operation: &mut Description<'_>) {
        let binary = json_schema!({ "type": "string", "format": "binary" });
        for (status, text) in [(200, "The content."), (206, "The part that `Range` asked for.")] {
            for media_type in Self::MEDIA {
                let answer = operation.content_answer(status, text, media_type, binary.clone());
                answer
                    .headers
                    .insert("ETag".into(), answer_header("The SHA-256 of the whole content, in hexadecimal."));
                answer.headers.insert("Accept-Ranges".into(), answer_header("`bytes`"));
                if status == 206 {
                    answer.headers.insert("Content-Range".into(), answer_header("Which part of how many bytes."));
                }
            }
        }
        operation.answer(304, "The client has the content already.");
    }
}
