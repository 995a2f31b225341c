//! What is done to photos, and what is read of profiles.

use reqwest::Method;
use serde_json::Value;

use super::{
    caller::{Answered, Caller, surprise},
    models::{names, photos::Op},
    world::{Session, name_number},
};

impl Caller {
    pub(super) async fn upload(&self, by: &Session, key: Option<usize>) {
        let picture = self.pictures[key.unwrap_or(self.pictures.len() - 1)].clone();
        let mut call = self.under(&by.token, Method::POST, "/me/photos");
        if let Some(key) = key {
            call = call.header("idempotency-key", &self.world.key(key));
        }
        let call = call.body("application/octet-stream", picture);
        let Some(answered) = self.ask_under(by, false, "upload", call).await else { return };
        let (user, span, mut shared) = (by.user, answered.span, self.world.lock());
        match (answered.status, answered.code.as_str(), key) {
            (201, ..) => {
                let photo = shared.photo(user, answered.json()["id"].as_str().unwrap_or_default());
                shared.ledger.photo(user, span, Op::Upload { photo, key });
            }
            (409, "photo_quota_reached", _) => shared.ledger.photo(user, span, Op::QuotaReached { key }),
            (404, "photo_unknown", Some(key)) => shared.ledger.photo(user, span, Op::NotRepeated { key }),
            (409, "idempotency_key_in_progress", Some(_)) => {}
            _ => surprise(&mut shared, "uploading", &answered),
        }
    }

    pub(super) async fn delete_photo(&self, by: &Session, (owner, id): &(usize, String)) {
        let call = self.under(&by.token, Method::DELETE, &format!("/me/photos/{id}"));
        let Some(answered) = self.ask_under(by, true, "delete photo", call).await else { return };
        let mut shared = self.world.lock();
        let photo = shared.photo(*owner, id);
        match (answered.status, by.user == *owner) {
            (204, true) => shared.ledger.photo(*owner, answered.span, Op::Delete { photo }),
            (404, true) => shared.ledger.photo(*owner, answered.span, Op::Missing { photo }),
            (404, false) => {}
            _ => surprise(&mut shared, "deleting a photo", &answered),
        }
    }

    pub(super) async fn get_photo(&self, by: &Session, (owner, id): &(usize, String)) {
        let call = self.under(&by.token, Method::GET, &format!("/me/photos/{id}"));
        let Some(answered) = self.ask_under(by, true, "get photo", call).await else { return };
        let mut shared = self.world.lock();
        let photo = shared.photo(*owner, id);
        match (answered.status, by.user == *owner) {
            (200, true) => shared.ledger.photo(*owner, answered.span, Op::Found { photo }),
            (404, true) => shared.ledger.photo(*owner, answered.span, Op::Missing { photo }),
            (404, false) => {}
            _ => surprise(&mut shared, "looking at a photo", &answered),
        }
    }

    pub(super) async fn list_photos(&self, by: &Session) {
        let call = self.under(&by.token, Method::GET, "/me/photos?limit=100");
        let Some(answered) = self.ask_under(by, true, "list photos", call).await else { return };
        let mut shared = self.world.lock();
        let page = answered.json();
        let Some(items) = page["items"].as_array().filter(|_| answered.status == 200) else {
            return surprise(&mut shared, "listing photos", &answered);
        };
        let ids = items.iter().map(|item| item["id"].as_str().unwrap_or_default());
        let photos = ids.map(|id| shared.photo(by.user, id)).collect();
        shared.ledger.photo(by.user, answered.span, Op::List { photos });
    }

    pub(super) async fn read_me(&self, by: &Session) {
        let call = self.under(&by.token, Method::GET, "/me");
        let Some(answered) = self.ask_under(by, false, "read me", call).await else { return };
        match answered.status {
            200 => self.profile(by.user, &answered),
            _ => surprise(&mut self.world.lock(), "reading oneself", &answered),
        }
    }

    /// Looks at a user from outside; answers whether there is such a user.
    pub(super) async fn read_profile(&self, user: usize) -> bool {
        let id = self.world.lock().users[user].clone();
        let call = self.under(&self.watcher, Method::GET, &format!("/users/id/{id}"));
        let Some(answered) = self.ask("read profile", call).await else { return false };
        match answered.status {
            200 => self.profile(user, &answered),
            404 => self.world.lock().ledger.name(user, answered.span, names::Op::Gone),
            _ => surprise(&mut self.world.lock(), "reading a profile", &answered),
        }
        answered.status == 200
    }

    fn profile(&self, user: usize, answered: &Answered) {
        let profile: Value = answered.json();
        let mut shared = self.world.lock();
        let count = profile["photo_count"].as_u64().and_then(|count| usize::try_from(count).ok());
        let (Some(name), Some(count)) = (name_number(&profile["name"]), count) else {
            return surprise(&mut shared, "reading a profile", answered);
        };
        shared.ledger.name(user, answered.span, names::Op::Read(name));
        shared.ledger.photo(user, answered.span, Op::Count { count });
    }
}
