//! Photos' metadata: lists, one of them, deletion.

use std::{
    future::ready,
    sync::{Arc, Mutex},
};

use portico_gateway::Asks;
use portico_kernel::{Ask, UserId};
use portico_photo::{Delete, Error, Get, List, Page, Photo, PhotoId};
use reqwest::Method;
use serde_json::Value;

use crate::world::{World, fields, photo_of, refused, world, world_with};

/// What the domain has, and what lists it was asked for.
#[derive(Default)]
struct Shelf {
    photos: Mutex<Vec<Photo>>,
    asked: Mutex<Vec<List>>,
}

impl Shelf {
    fn find(&self, owner: UserId, id: PhotoId) -> Result<Photo, Error> {
        let photos = self.photos.lock().unwrap();
        photos.iter().find(|photo| (photo.owner, photo.id) == (owner, id)).cloned().ok_or(Error::Unknown)
    }

    /// One page, and an empty one after it.
    fn page(&self, message: List) -> Page {
        let photos = self.photos.lock().unwrap();
        let is_shown = |photo: &&Photo| photo.owner == message.owner && message.after.is_none();
        let items: Vec<_> = photos.iter().filter(is_shown).cloned().collect();
        self.asked.lock().unwrap().push(message);
        Page { next: items.last().map(|photo| photo.id), items }
    }
}

fn serving(shelf: &Arc<Shelf>) -> impl FnOnce(&mut Asks) + use<> {
    let [a, b, c] = std::array::from_fn(|_| Arc::clone(shelf));
    move |asks| {
        asks.list_photos = Ask::from_fn(move |message: List| ready(Ok(a.page(message))));
        asks.get_photo = Ask::from_fn(move |message: Get| ready(b.find(message.owner, message.photo)));
        asks.delete_photo = Ask::from_fn(move |message: Delete| ready(c.find(message.owner, message.photo).map(drop)));
    }
}

/// A world in which Ann and a stranger, whose account is gone, have a photo each.
async fn shelves() -> (World, Photo, Photo, Arc<Shelf>) {
    let shelf = Arc::default();
    let world = world_with(|_| {}, serving(&shelf)).await;
    let (mine, strange) = (photo_of(world.seen.ann.id), photo_of(UserId::new()));
    shelf.photos.lock().unwrap().extend([mine.clone(), strange.clone()]);
    (world, mine, strange, shelf)
}

async fn json(request: reqwest::RequestBuilder) -> Value {
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.json().await.unwrap()
}

#[actix_web::test]
async fn a_photo_is_shown_with_the_addresses_of_its_content() {
    let (world, mine, ..) = shelves().await;
    let path = format!("/me/photos/{}", mine.id);

    let photo = json(world.as_ann(Method::GET, &path)).await;

    assert_eq!(
        photo,
        serde_json::json!({
            "id": mine.id.to_string(), "content_type": "image/png", "size_bytes": 3, "width": 1, "height": 1,
            "sha256": "01".repeat(32), "created_at": "2026-01-02T03:04:05Z",
            "content_url": format!("{path}/content"), "thumb_url": format!("{path}/content?size=thumb"),
        })
    );
}

#[actix_web::test]
async fn whoever_is_signed_in_sees_the_photos_of_a_known_user() {
    let (world, mine, _, shelf) = shelves().await;
    let path = format!("/users/id/{}/photos", mine.owner);

    let page = json(world.as_ann(Method::GET, &path)).await;
    let photo = json(world.as_ann(Method::GET, &format!("{path}/{}", mine.id))).await;

    assert_eq!(page["items"][0], photo);
    assert_eq!(photo["content_url"], format!("{path}/{}/content", mine.id));
    assert_eq!(shelf.asked.lock().unwrap()[0].owner, mine.owner);
    refused(world.get(&path), 401, "session_missing").await;
}

#[actix_web::test]
async fn pages_follow_each_other_by_an_opaque_cursor() {
    let (world, mine, _, shelf) = shelves().await;

    let first = json(world.as_ann(Method::GET, "/me/photos?limit=1")).await;
    let cursor = first["next"].as_str().unwrap();
    let last = json(world.as_ann(Method::GET, &format!("/me/photos?limit=1&after={cursor}"))).await;

    assert_eq!(first["items"].as_array().unwrap().len(), 1);
    assert!(!cursor.contains(&mine.id.to_string()));
    assert_eq!(last["next"], Value::Null);
    let asked = shelf.asked.lock().unwrap();
    assert_eq!(asked.iter().map(|list| (list.limit, list.after)).collect::<Vec<_>>(), [(1, None), (1, Some(mine.id))]);
}

#[actix_web::test]
async fn a_page_out_of_bounds_is_refused_by_field_and_rule() {
    let world = world().await;
    for (query, broken) in [
        ("limit=0", ("limit", "out_of_range")),
        ("limit=101", ("limit", "out_of_range")),
        ("limit=many", ("limit", "wrong_type")),
        ("after=x", ("after", "malformed")),
        ("page=2", ("page", "unknown_field")),
    ] {
        let problem = refused(world.as_ann(Method::GET, &format!("/me/photos?{query}")), 422, "invalid_field").await;

        assert_eq!(fields(&problem), [broken], "{query}");
    }
}

#[actix_web::test]
async fn what_is_unknown_or_anothers_is_not_found() {
    let (world, mine, strange, _) = shelves().await;
    let unknown = PhotoId::new();
    for (method, path, code) in [
        (Method::GET, format!("/me/photos/{unknown}"), "photo_unknown"),
        (Method::GET, format!("/me/photos/{}", strange.id), "photo_unknown"),
        (Method::GET, "/me/photos/x".to_owned(), "photo_unknown"),
        (Method::GET, format!("/me/photos/{}/content", strange.id), "photo_unknown"),
        (Method::DELETE, format!("/me/photos/{}", strange.id), "photo_unknown"),
        (Method::DELETE, format!("/me/photos/{unknown}"), "photo_unknown"),
        (Method::GET, format!("/users/id/{}/photos/{}", mine.owner, strange.id), "photo_unknown"),
        (Method::GET, format!("/users/id/{}/photos", strange.owner), "user_unknown"),
        (Method::GET, format!("/users/id/{}/photos/{}", strange.owner, strange.id), "user_unknown"),
        (Method::GET, format!("/users/id/{}/photos/{}/content", strange.owner, strange.id), "user_unknown"),
    ] {
        refused(world.as_ann(method, &path), 404, code).await;
    }
}

#[actix_web::test]
async fn an_owner_deletes_a_photo_and_nobody_else_does() {
    let (world, mine, ..) = shelves().await;

    let deleted = world.as_ann(Method::DELETE, &format!("/me/photos/{}", mine.id)).send().await.unwrap();

    assert_eq!(deleted.status(), 204);
    let theirs = format!("/users/id/{}/photos/{}", mine.owner, mine.id);
    refused(world.as_ann(Method::DELETE, &theirs), 405, "method_not_allowed").await;
    refused(world.request(Method::DELETE, &format!("/me/photos/{}", mine.id)), 401, "session_missing").await;
}
