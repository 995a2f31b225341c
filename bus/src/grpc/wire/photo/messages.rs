//! What is asked of the photo domain, and what it answers.

use portico_kernel::FieldError;
use portico_photo::{ApplyUserEvent, Delete, Get, List, Open, Page, Summarize, Summary};

use super::values::{read_range, read_rendition, write_range, write_rendition};
use crate::grpc::{
    proto::photo::v1::{
        ApplyUserEventRequest, DeletePhotoRequest, GetPhotoRequest, GetPhotosRequest, GetPhotosResponse,
        OpenPhotoRequest, SummarizePhotosRequest, SummarizePhotosResponse,
    },
    wire::{
        Answer, Form,
        parts::{id, read_event, required, write_event},
    },
};

impl Form for Get {
    type Wire = GetPhotoRequest;

    fn write(self) -> Self::Wire {
        GetPhotoRequest { owner_id: self.owner.to_string(), photo_id: self.photo.to_string() }
    }

    fn read(wire: Self::Wire) -> Result<Self, FieldError> {
        Ok(Self { owner: id(&wire.owner_id, "owner_id")?, photo: id(&wire.photo_id, "photo_id")? })
    }
}

impl Form for List {
    type Wire = GetPhotosRequest;

    fn write(self) -> Self::Wire {
        GetPhotosRequest {
            owner_id: self.owner.to_string(),
            after_id: self.after.map(|photo| photo.to_string()),
            limit: self.limit,
        }
    }

    fn read(wire: Self::Wire) -> Result<Self, FieldError> {
        let after = wire.after_id.map(|photo| id(&photo, "after_id")).transpose()?;
        Ok(Self { owner: id(&wire.owner_id, "owner_id")?, after, limit: wire.limit })
    }
}

impl Answer<Page> for GetPhotosResponse {
    fn write(page: Page) -> Self {
        Self {
            photos: page.items.into_iter().map(Form::write).collect(),
            next_id: page.next.map(|photo| photo.to_string()),
        }
    }

    fn read(self) -> Result<Page, FieldError> {
        let next = self.next_id.map(|photo| id(&photo, "next_id")).transpose()?;
        Ok(Page { items: self.photos.into_iter().map(Form::read).collect::<Result<_, _>>()?, next })
    }
}

impl Form for Summarize {
    type Wire = SummarizePhotosRequest;

    fn write(self) -> Self::Wire {
        SummarizePhotosRequest { owner_id: self.owner.to_string() }
    }

    fn read(wire: Self::Wire) -> Result<Self, FieldError> {
        Ok(Self { owner: id(&wire.owner_id, "owner_id")? })
    }
}

impl Answer<Summary> for SummarizePhotosResponse {
    fn write(summary: Summary) -> Self {
        Self { count: summary.count, latest: summary.latest.into_iter().map(Form::write).collect() }
    }

    fn read(self) -> Result<Summary, FieldError> {
        let latest = self.latest.into_iter().map(Form::read).collect::<Result<_, _>>()?;
        Ok(Summary { count: self.count, latest })
    }
}

impl Form for Open {
    type Wire = OpenPhotoRequest;

    fn write(self) -> Self::Wire {
        OpenPhotoRequest {
            photo: Some(self.photo.write()),
            rendition: write_rendition(self.rendition).into(),
            range: self.range.as_ref().map(write_range),
        }
    }

    fn read(wire: Self::Wire) -> Result<Self, FieldError> {
        let rendition = read_rendition(wire.rendition())?;
        let range = wire.range.map(read_range).transpose()?;
        Ok(Self { photo: required(wire.photo, "photo")?, rendition, range })
    }
}

impl Form for Delete {
    type Wire = DeletePhotoRequest;

    fn write(self) -> Self::Wire {
        DeletePhotoRequest { owner_id: self.owner.to_string(), photo_id: self.photo.to_string() }
    }

    fn read(wire: Self::Wire) -> Result<Self, FieldError> {
        Ok(Self { owner: id(&wire.owner_id, "owner_id")?, photo: id(&wire.photo_id, "photo_id")? })
    }
}

impl Form for ApplyUserEvent {
    type Wire = ApplyUserEventRequest;

    fn write(self) -> Self::Wire {
        ApplyUserEventRequest { event: write_event(&self.0).into() }
    }

    fn read(wire: Self::Wire) -> Result<Self, FieldError> {
        read_event(&wire.event).map(Self)
    }
}
