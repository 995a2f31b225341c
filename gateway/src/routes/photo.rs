//! Photos: parse, ask, render.
//!
//! Invariant: whoever is signed in reads the photos of every user that there is; only their owner adds and deletes them.

mod content;
mod known;
mod shapes;

use actix_web::web::Data;
use portico_kernel::Ask;
use portico_photo::{Delete, Get, List, Load, Open, PhotoId, Rendition, tap};

pub(crate) use shapes::{Of, Photo};

use self::{
    content::{Content, Picture, Size},
    known::Known,
    shapes::Page,
};
use crate::{
    Api, Created, Id, Json, Key, NoContent, PageOf, Problem, Query, SignedIn,
    conditional::{Conditions, Wanted},
    upload::Upload,
};

/// The routes of photos.
pub(crate) fn routes(api: Api) -> Api {
    const CONTENT: &str = "Content never changes: its entity tag is its SHA-256. Caches must ask before they show it, so that \
                           a deleted photo is gone.";
    api.tag("Photos", "Uploading pictures, reading and deleting them.")
        .post("/me/photos", load_photo)
        .summary("Keeps a picture: JPEG, PNG, WebP or GIF, told by its content")
        .description(
            "Send the picture as the body, or in a form as the field `file`. EXIF, GPS and other metadata are cut out of it; \
             a JPEG is turned upright. The answer comes once the picture is durable. Repeated under its `Idempotency-Key`, the \
             upload answers the photo that it made, and 404 once that was deleted.",
        )
        .answers(problems![PhotoQuotaReached, PhotoUnknown, StorageFull])
        .get("/me/photos", list_my_photos)
        .summary("Lists the signed-in user's photos, latest first")
        .get("/me/photos/{photo_id}", my_photo)
        .summary("Tells about one of the signed-in user's photos")
        .get("/me/photos/{photo_id}/content", my_photo_content)
        .summary("Sends the picture, or its 256 px rendition")
        .description(CONTENT)
        .delete("/me/photos/{photo_id}", delete_photo)
        .summary("Deletes a photo and its content")
        .get("/users/id/{id}/photos", list_user_photos)
        .summary("Lists a user's photos, latest first")
        .get("/users/id/{id}/photos/{photo_id}", user_photo)
        .summary("Tells about one of a user's photos")
        .get("/users/id/{id}/photos/{photo_id}/content", user_photo_content)
        .summary("Sends a user's picture, or its 256 px rendition")
        .description(CONTENT)
}

async fn load_photo(
    photos: Data<Ask<Load>>,
    signed_in: SignedIn,
    Key(idempotency): Key,
    upload: Upload,
) -> Result<Created<Photo>, Problem> {
    let (tap, picture) = tap();
    let load = photos.ask(Load { owner: signed_in.user(), upload: picture, idempotency });
    let photo = upload.feed(tap, load).await?;
    Ok(Created(Photo::new(&photo, Of::Me)))
}

async fn list_my_photos(
    photos: Data<Ask<List>>,
    signed_in: SignedIn,
    Query((limit, after)): Query<PageOf>,
) -> Result<Json<Page>, Problem> {
    let page = photos.ask(List { owner: signed_in.user(), after, limit }).await?;
    Ok(Json(Page::new(&page, Of::Me)))
}

async fn list_user_photos(
    photos: Data<Ask<List>>,
    _: SignedIn,
    Known(owner): Known,
    Query((limit, after)): Query<PageOf>,
) -> Result<Json<Page>, Problem> {
    let page = photos.ask(List { owner, after, limit }).await?;
    Ok(Json(Page::new(&page, Of::User(owner))))
}

async fn my_photo(photos: Data<Ask<Get>>, signed_in: SignedIn, Id(photo): Id<PhotoId>) -> Result<Json<Photo>, Problem> {
    let photo = photos.ask(Get { owner: signed_in.user(), photo }).await?;
    Ok(Json(Photo::new(&photo, Of::Me)))
}

async fn user_photo(
    photos: Data<Ask<Get>>,
    _: SignedIn,
    Known(owner): Known,
    Id(photo): Id<PhotoId>,
) -> Result<Json<Photo>, Problem> {
    let photo = photos.ask(Get { owner, photo }).await?;
    Ok(Json(Photo::new(&photo, Of::User(owner))))
}

async fn my_photo_content(
    photos: Data<Ask<Get>>,
    contents: Data<Ask<Open>>,
    signed_in: SignedIn,
    Id(photo): Id<PhotoId>,
    Query(rendition): Query<Size>,
    conditions: Conditions,
) -> Result<Content, Problem> {
    let photo = photos.ask(Get { owner: signed_in.user(), photo }).await?;
    content(&contents, photo, rendition, &conditions).await
}

async fn user_photo_content(
    photos: Data<Ask<Get>>,
    contents: Data<Ask<Open>>,
    _: SignedIn,
    Known(owner): Known,
    Id(photo): Id<PhotoId>,
    Query(rendition): Query<Size>,
    conditions: Conditions,
) -> Result<Content, Problem> {
    let photo = photos.ask(Get { owner, photo }).await?;
    content(&contents, photo, rendition, &conditions).await
}

/// Opens no more of the content than the conditions ask for.
async fn content(
    contents: &Ask<Open>,
    photo: portico_photo::Photo,
    rendition: Rendition,
    conditions: &Conditions,
) -> Result<Content, Problem> {
    let picture = Picture::new(&photo, rendition);
    let wanted = conditions.weigh(&picture.tag(), picture.size)?;
    let range = match &wanted {
        Wanted::Nothing | Wanted::Head => return Ok(Content { picture, wanted, stream: None }),
        Wanted::Whole => None,
        Wanted::Part(part) => Some(part.clone()),
    };
    let stream = contents.ask(Open { photo, rendition, range }).await?.0;
    Ok(Content { picture, wanted, stream: Some(stream) })
}

async fn delete_photo(
    photos: Data<Ask<Delete>>,
    signed_in: SignedIn,
    Id(photo): Id<PhotoId>,
) -> Result<NoContent, Problem> {
    photos.ask(Delete { owner: signed_in.user(), photo }).await?;
    Ok(NoContent::default())
}
