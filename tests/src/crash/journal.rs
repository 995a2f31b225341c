//! What one account was promised.
//!
//! Invariant: what is written here as a fact was acknowledged by the node, or found out from it afterwards. At most one
//! operation of an account is without an answer: its client does one thing at a time.

/// An account, as its owner knows it.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) email: String,
    pub(super) name: String,
    pub(super) password: String,
    /// The password before this one; it must be refused.
    pub(super) old_password: Option<String>,
    /// The user's id, as soon as it was told.
    pub(super) id: Option<String>,
    pub(super) standing: Standing,
    pub(super) sessions: Vec<Session>,
    /// Tokens that must open nothing.
    pub(super) ended: Vec<String>,
    pub(super) photos: Vec<Photo>,
    /// Ids of photos that must be gone.
    pub(super) deleted: Vec<String>,
    /// Uploads without an answer, which may have left a photo each.
    pub(super) doubtful: Vec<Upload>,
    /// The operation that had no answer.
    pub(super) pending: Option<Pending>,
    /// Something was done since it was last checked.
    pub(super) touched: bool,
}

/// Whether there is such an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Registered.
    Open,
    /// Deleted, and the deletion was acknowledged.
    Closed,
    /// Deleted, but nobody said so: what follows from it may take a moment.
    ClosedUnseen,
}

/// A live session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) token: String,
}

/// A photo that was acknowledged.
#[derive(Debug, Clone)]
pub(super) struct Photo {
    pub(super) id: String,
    pub(super) sha256: String,
    pub(super) seed: u64,
}

/// A picture on its way, and the key that it may be repeated under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Upload {
    pub(super) seed: u64,
    pub(super) key: Option<String>,
}

/// An operation that had no answer.
#[derive(Debug, Clone)]
pub(super) enum Pending {
    Register { key: Option<String> },
    Logout { token: String },
    Revoke { by: String, session: Session },
    RevokeOthers { by: Session },
    Rename,
    ChangePassword { new: String },
    ResetPassword { new: String }, // to one that signs in once
    Upload { by: String, upload: Upload },
    DeletePhoto { by: String, photo: Photo },
    DeleteAccount,
}

impl Account {
    pub(super) fn new(email: String, password: String) -> Self {
        Self {
            name: "Somebody".to_owned(),
            email,
            password,
            old_password: None,
            id: None,
            standing: Standing::Open,
            sessions: Vec::new(),
            ended: Vec::new(),
            photos: Vec::new(),
            deleted: Vec::new(),
            doubtful: Vec::new(),
            pending: None,
            touched: true,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.standing == Standing::Open
    }

    /// Those sessions end that are not kept.
    pub(super) fn end_sessions(&mut self, kept: impl Fn(&Session) -> bool) {
        let (live, ended): (Vec<_>, Vec<_>) = self.sessions.drain(..).partition(|session| kept(session));
        self.sessions = live;
        self.ended.extend(ended.into_iter().map(|session| session.token));
    }

    /// The account is gone, with everything of it.
    pub(super) fn close(&mut self, standing: Standing) {
        self.end_sessions(|_| false);
        self.deleted.extend(self.photos.drain(..).map(|photo| photo.id));
        self.doubtful.clear();
        self.standing = standing;
    }

    pub(super) fn delete_photo(&mut self, id: &str) {
        self.photos.retain(|photo| photo.id != id);
        self.deleted.push(id.to_owned());
    }
}
