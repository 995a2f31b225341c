//! What was asked of a node and how it was answered: what it acknowledged must stand, and what it acknowledged as ended must
//! have ended.

use std::collections::{BTreeMap, BTreeSet};

use portico_tests::{Answer, Client, Node, PASSWORD, pictures};
use serde_json::{Value, json};

/// How often each thing can be ended.
pub(crate) const SPARE: usize = 6;
/// What can be ended.
pub(crate) const ENDS: [&str; 4] = ["sign out", "revoke", "delete a photo", "delete an account"];

/// Something that can be ended: under which token it is asked for, and what is asked.
struct Spare {
    what: &'static str,
    by: String,
    path: String,
    body: Option<Value>,
    shows: Shows,
}

/// Where it shows that something has ended.
enum Shows {
    /// A session's token opens nothing.
    Session(String),
    /// There is no content there.
    Photo(String),
    /// The session that the account was deleted by opens nothing.
    Account,
}

/// What was acknowledged.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) tokens: Vec<String>,
    /// Who uploaded it, and where its content is.
    pub(crate) photos: Vec<(String, String)>,
    /// What is there, and may be asked to end.
    spares: Vec<Spare>,
    /// What was asked to end, and was refused: it may have ended all the same, as a whole.
    doubtful: Vec<Spare>,
    ended: Vec<Spare>,
    /// How each kind was refused: status and code.
    pub(crate) refusals: BTreeMap<&'static str, BTreeSet<(u16, String)>>,
}

impl Kept {
    /// Somebody with a photo and two sessions, and what can be ended of others.
    pub(crate) async fn begin(node: &Node) -> Self {
        let mut kept = Self::default();
        kept.register(node, 0).await;
        kept.upload(node).await;
        kept.sign_in(node).await;
        assert_eq!((kept.tokens.len(), kept.photos.len()), (2, 1));
        for number in 0..SPARE {
            kept.spare(node, number).await;
        }
        kept
    }

    /// One of each that can be ended.
    async fn spare(&mut self, node: &Node, number: usize) {
        let (ben, cid) = (node.register(&format!("ben{number}")).await, node.register(&format!("cid{number}")).await);
        let photo = ben.upload(pictures::png()).await;
        let mut sessions = Vec::new();
        for _ in 0..2 {
            sessions.push(sign_in(node, &ben.email).await.expect(200));
        }
        let [first, second] = [&sessions[0], &sessions[1]];
        let mut add = |what, by: &str, path: String, body, shows| {
            self.spares.push(Spare { what, by: by.to_owned(), path, body, shows });
        };
        add(ENDS[0], text(&first["token"]), "/logout".into(), None, Shows::Session(text(&first["token"]).into()));
        let path = format!("/me/sessions/{}", text(&second["session"]["id"]));
        add(ENDS[1], &ben.token, path, None, Shows::Session(text(&second["token"]).into()));
        let (path, content) = (format!("/me/photos/{}", text(&photo["id"])), text(&photo["content_url"]).into());
        add(ENDS[2], &ben.token, path, None, Shows::Photo(content));
        let body = Some(json!({"password": PASSWORD}));
        add(ENDS[3], &cid.token, "/delete".into(), body, Shows::Account);
    }

    /// Notes an answer, or how it was refused; true when it was acknowledged.
    fn note(&mut self, what: &'static str, answer: &Answer, success: u16) -> bool {
        if answer.status == success {
            return true;
        }
        let (status, code, _) = answer.problem();
        self.refusals.entry(what).or_default().insert((status, code));
        false
    }

    pub(crate) async fn register(&mut self, node: &Node, number: u32) {
        let new = json!({"name": "Ann", "email": format!("ann{number}@example.com"), "password": PASSWORD});
        let answer = node.client().post("/reg?transport=bearer").json(&new).await;
        if self.note("register", &answer, 201) {
            self.tokens.push(text(&answer.json()["token"]).to_owned());
        }
    }

    pub(crate) async fn sign_in(&mut self, node: &Node) {
        let answer = sign_in(node, "ann0@example.com").await;
        if self.note("sign in", &answer, 200) {
            self.tokens.push(text(&answer.json()["token"]).to_owned());
        }
    }

    pub(crate) async fn upload(&mut self, node: &Node) {
        let token = self.tokens[0].clone();
        let picture = pictures::picture(300, 200, image::ImageFormat::Png);
        let answer = node.client().with_token(&token).post("/me/photos").body("image/png", picture).await;
        if self.note("upload", &answer, 201) {
            self.photos.push((token, text(&answer.json()["content_url"]).to_owned()));
        }
    }

    /// Asks for one more end of each kind, of what nobody was asked for yet.
    pub(crate) async fn end_one_of_each(&mut self, node: &Node) {
        for what in ENDS {
            let at = self.spares.iter().position(|spare| spare.what == what).expect("there are enough of them");
            let spare = self.spares.swap_remove(at);
            let acknowledged = self.note(what, &spare.end(&node.client()).await, 204);
            if acknowledged { &mut self.ended } else { &mut self.doubtful }.push(spare);
        }
    }

    /// Asks again for the ends that were refused: each is granted, or has happened already.
    pub(crate) async fn end_what_was_refused(&mut self, client: &Client) {
        for spare in std::mem::take(&mut self.doubtful) {
            let status = spare.end(client).await.status;
            assert!(matches!(status, 204 | 401 | 404), "{}, repeated, answers {status}", spare.what);
            self.ended.push(spare);
        }
    }

    /// Everything that was acknowledged is there, and what was acknowledged to have ended is not.
    pub(crate) async fn check(&self, client: &Client) {
        for token in &self.tokens {
            client.with_token(token).get("/me").await.expect(200);
        }
        for (token, content) in &self.photos {
            let content = client.with_token(token).get(content).await;
            assert!(content.status == 200 && image::load_from_memory(&content.bytes).is_ok(), "{content:?}");
        }
        for spare in &self.ended {
            assert!(!spare.stands(client).await, "{} was acknowledged, and it stands", spare.what);
        }
        for spare in &self.spares {
            assert!(spare.stands(client).await, "{} was not asked for, and happened", spare.what);
        }
    }
}

impl Spare {
    async fn end(&self, client: &Client) -> Answer {
        let call = client.with_token(&self.by).delete(&self.path);
        match &self.body {
            Some(body) => call.json(body).await,
            None => call.await,
        }
    }

    /// Whether it is there still.
    async fn stands(&self, client: &Client) -> bool {
        let status = match &self.shows {
            Shows::Session(token) => client.with_token(token).get("/session/verify").await.status,
            Shows::Photo(content) => client.with_token(&self.by).get(content).await.status,
            Shows::Account => client.with_token(&self.by).get("/me").await.status,
        };
        match status {
            200 | 204 => true,
            401 | 404 => false,
            other => panic!("nobody can tell whether {} happened: {other}", self.what),
        }
    }
}

async fn sign_in(node: &Node, email: &str) -> Answer {
    node.client().post("/auth?transport=bearer").json(&json!({"email": email, "password": PASSWORD})).await
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
