//! Accounts: parse, ask, render.

mod answers;
mod caller;
mod previous;
mod requests;

use actix_web::web::Data;
use answers::{Me, Profile, Updated, User, Welcome};
use caller::Caller;
use futures_util::future::join;
use portico_kernel::{Ask, Idempotency, UserId};
use portico_photo::Summarize;
use portico_user::{self as user, Authenticate, DeleteAccount, Email, Error, GetUser, Name, Register, UpdateAccount};
use requests::{As, Change, Confirmation, Credentials, NewUser};

use super::{
    photo::{Of, Photo},
    session::SignedOut,
};
use crate::{
    Api, Code, Created, Id, Json, Key, Problem, Query, SignedIn, Transport, Valid, cookie::Purpose, settings::Settings,
};

/// The routes of accounts.
pub(crate) fn routes(api: Api) -> Api {
    api.tag("Accounts", "Opening, changing and deleting accounts, signing in, and profiles.")
        .post("/reg", register)
        .summary("Opens an account and signs in")
        .answers(problems![EmailTaken, BadCredentials])
        .post("/auth", authenticate)
        .summary("Signs in")
        .answers(problems![BadCredentials, CredentialsChanged])
        .delete("/delete", delete_account)
        .summary("Deletes the account with everything that belongs to it")
        .answers(problems![WrongPassword])
        .patch("/me/update", update_account)
        .summary("Changes name, e-mail address or password")
        .description(
            "A new address or password needs `current_password`, ends every other session and replaces the current one: \
             the answer is then a SignedIn, with a new cookie or token.",
        )
        .answers(problems![WrongPassword, EmailTaken, Conflict, CredentialsChanged])
        .get("/me", me)
        .summary("Tells about the signed-in user")
        .get("/users/id/{id}", profile)
        .summary("Tells what is public of a user")
}

async fn register(
    settings: Data<Settings>,
    users: Data<Ask<Register>>,
    caller: Caller,
    Key(key): Key,
    Query(transport): Query<As>,
    Valid((name, email, password)): Valid<NewUser>,
) -> Result<Created<Welcome>, Problem> {
    let attempt = caller.register(&email, key.is_some()).await?;
    let idempotency = key.map(|key| Idempotency { key, fingerprint: fingerprint(&settings, &name, &email) });
    let asked = users.ask(Register { name, email, password, client: caller.client.clone(), idempotency });
    let opened = attempt.judge(asked).await?;
    Ok(Created(welcome(&settings, caller, &opened, transport).await))
}

/// Tells a repeat from another request under the same key, without anything of the password.
fn fingerprint(settings: &Settings, name: &Name, email: &Email) -> [u8; 32] {
    settings.mac("idempotency POST /reg", &[name.as_str().as_bytes(), email.key().as_bytes()])
}

async fn authenticate(
    settings: Data<Settings>,
    users: Data<Ask<Authenticate>>,
    caller: Caller,
    Query(transport): Query<As>,
    Valid((email, password)): Valid<Credentials>,
) -> Result<Json<Welcome>, Problem> {
    let attempt = caller.sign_in(&email).await?;
    let asked = users.ask(Authenticate { email, password, client: caller.client.clone() });
    let opened = attempt.judge(asked).await?;
    Ok(Json(welcome(&settings, caller, &opened, transport).await))
}

/// Hands a new session over. Its cookie takes the place of the one that came, whose session ends.
async fn welcome(settings: &Settings, caller: Caller, new: &user::SignedIn, transport: Transport) -> Welcome {
    caller.is(new.user.id);
    let device = caller.known_as(&new.user.email);
    if transport == Transport::Cookie {
        caller.previous.end().await;
    }
    Welcome::new(settings, &new.user, &new.opened, transport).device(settings, device)
}

async fn delete_account(
    settings: Data<Settings>,
    users: Data<Ask<DeleteAccount>>,
    signed_in: SignedIn,
    caller: Caller,
    Valid(password): Valid<Confirmation>,
) -> Result<SignedOut, Problem> {
    let attempt = caller.confirm(signed_in.session.id).await?;
    attempt.judge(users.ask(DeleteAccount { user: signed_in.user(), password })).await?;
    Ok(SignedOut::new(&settings, &[Purpose::Session, Purpose::Device]))
}

async fn update_account(
    settings: Data<Settings>,
    users: Data<Ask<UpdateAccount>>,
    signed_in: SignedIn,
    caller: Caller,
    Valid(change): Valid<Change>,
) -> Result<Json<Updated>, Problem> {
    let attempt = match &change.current_password {
        Some(_) => Some(caller.confirm(signed_in.session.id).await?),
        None => None,
    };
    let asked = users.ask(change.into_message(signed_in.user(), caller.client.clone()));
    let updated = match attempt {
        Some(attempt) => attempt.judge(asked).await?,
        None => asked.await?,
    };
    Ok(Json(match updated.rotated {
        Some(opened) => {
            let device = caller.known_as(&updated.user.email); // the address may be a new one
            let welcome = Welcome::new(&settings, &updated.user, &opened, signed_in.transport);
            Updated::Rotated(Box::new(welcome.device(&settings, device)))
        }
        None => Updated::User(User::from(&updated.user)),
    }))
}

async fn me(users: Data<Ask<GetUser>>, photos: Data<Ask<Summarize>>, signed_in: SignedIn) -> Result<Json<Me>, Problem> {
    let owner = signed_in.user();
    let (user, summary) = join(users.ask(GetUser { id: owner }), photos.ask(Summarize { owner })).await;
    let (user, summary) = (user.map_err(gone)?, summary?);
    let photos = summary.latest.iter().map(|photo| Photo::new(photo, Of::Me)).collect();
    Ok(Json(Me { user: User::from(&user), photo_count: summary.count, photos }))
}

async fn profile(
    users: Data<Ask<GetUser>>,
    photos: Data<Ask<Summarize>>,
    _: SignedIn,
    Id(id): Id<UserId>,
) -> Result<Json<Profile>, Problem> {
    let (user, summary) = join(users.ask(GetUser { id }), photos.ask(Summarize { owner: id })).await;
    let user = user?;
    Ok(Json(Profile::new(&user, summary?.count)))
}

/// A session without its user: the account is being deleted.
fn gone(error: Error) -> Problem {
    match error {
        Error::Unknown => Problem::new(Code::SessionDead),
        error => error.into(),
    }
}
