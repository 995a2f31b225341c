//! What `build.rs` makes of the contracts in `bus/proto`.
//!
//! No message of a domain can be printed: they carry tokens, passwords, addresses and pictures.
//!
//! ```
//! let token = portico_bus::grpc::proto::session::v1::ValidateSessionRequest::default();
//! let user = portico_bus::grpc::proto::user::v1::SignedIn::default();
//! let part = portico_bus::grpc::proto::photo::v1::LoadPhotoRequest::default();
//! ```
//! ```compile_fail,E0277
//! println!("{:?}", portico_bus::grpc::proto::session::v1::ValidateSessionRequest::default());
//! ```
//! ```compile_fail,E0277
//! println!("{:?}", portico_bus::grpc::proto::user::v1::SignedIn::default());
//! ```
//! ```compile_fail,E0277
//! println!("{:?}", portico_bus::grpc::proto::photo::v1::LoadPhotoRequest::default());
//! ```

#![allow(missing_docs, unreachable_pub, reason = "generated; the contracts tell what each is")]
#![allow(clippy::all, clippy::pedantic, reason = "generated")]

/// What is common to the faults of all domains.
pub mod fault {
    /// The first version.
    pub mod v1 {
        tonic::include_proto!("portico.fault.v1");
    }
}

/// The log domain's contract.
pub mod log {
    /// The first version.
    pub mod v1 {
        tonic::include_proto!("portico.log.v1");
    }
}

/// The photo domain's contract.
pub mod photo {
    /// The first version.
    pub mod v1 {
        tonic::include_proto!("portico.photo.v1");
    }
}

/// The session domain's contract.
pub mod session {
    /// The first version.
    pub mod v1 {
        tonic::include_proto!("portico.session.v1");
    }
}

/// The user domain's contract.
pub mod user {
    /// The first version.
    pub mod v1 {
        tonic::include_proto!("portico.user.v1");
    }
}

/// All contracts with their comments, as an encoded `google.protobuf.FileDescriptorSet`: what reflection serves.
pub const DESCRIPTORS: &[u8] = tonic::include_file_descriptor_set!("portico");
