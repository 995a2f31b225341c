//! The photo domain: its service, and how its messages travel.

mod error;
mod messages;
mod streams;
mod values;

use portico_photo::{ApplyUserEvent, Delete, Error, Get, List, Open, Page, Photo, Summarize, Summary};

pub(in crate::grpc) use self::streams::{Head, Part, UploadPart};
use super::{Domain, Streamed, empty, holding, rpcs};
use crate::grpc::{
    proto::photo::v1::{
        ApplyUserEventResponse, DeletePhotoResponse, GetPhotoResponse, GetPhotosResponse, LoadPhotoResponse,
        OpenPhotoResponse, SummarizePhotosResponse,
    },
    wire::Form as _,
};

/// The photo domain.
pub enum Photos {}

macro_rules! service {
    () => {
        "portico.photo.v1.Photos"
    };
}

impl Domain for Photos {
    const SERVICE: &'static str = service!();
    type Error = Error;
}

/// The path of the call that streams an upload.
pub(in crate::grpc) const LOAD: &str = concat!("/", service!(), "/LoadPhoto");

impl Streamed for Open {
    type Domain = Photos;
    type Part = OpenPhotoResponse;
    const PATH: &'static str = concat!("/", service!(), "/OpenPhoto");
}

rpcs! {
    Photos:
    Get, "GetPhoto", Photo, GetPhotoResponse;
    List, "GetPhotos", Page, GetPhotosResponse;
    Summarize, "SummarizePhotos", Summary, SummarizePhotosResponse;
    Delete, "DeletePhoto", (), DeletePhotoResponse;
    ApplyUserEvent, "ApplyUserEvent", (), ApplyUserEventResponse;
}

empty! {
    DeletePhotoResponse
    ApplyUserEventResponse
}

holding! {
    LoadPhotoResponse { photo: Photo }
    GetPhotoResponse { photo: Photo }
}
