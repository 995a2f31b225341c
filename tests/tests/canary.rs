//! Secrets never appear: neither in a log, nor on a terminal, nor in any file under the data directory, nor in a row.

use std::{fs, io::Read as _};

use portico_tests::{Home, Raw};
use serde_json::json;

/// A password that nobody else has. Its parts are looked for, so that neither escaping nor cutting hides it.
const PASSWORD: &str = "canary-password-7f3a91";
const NEW_PASSWORD: &str = "canary-replacement-c55d02";
/// Well formed as a token, and unknown.
const DEAD_TOKEN: &str = "Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2E";

/// Everything that a node on this home has written, unpacked.
fn everything(home: &Home, printed: &str) -> Vec<(String, Vec<u8>)> {
    let mut all = vec![("standard output and error".to_owned(), printed.as_bytes().to_vec())];
    all.push(("the rows".to_owned(), home.rows().into_bytes()));
    for path in home.files() {
        let mut bytes = fs::read(&path).unwrap();
        if path.extension().is_some_and(|extension| extension == "gz") {
            let packed = std::mem::take(&mut bytes);
            flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
        }
        all.push((path.display().to_string(), bytes));
    }
    all
}

fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}

#[tokio::test]
async fn no_password_token_or_cookie_is_ever_written_even_when_requests_fail() {
    let home = Home::new().set("log.level", "trace").set("log.console", "always");
    let node = home.up().await;
    let (browser, other) = (node.client(), node.client());
    let new = json!({"name": "Ann", "email": "ann@example.com", "password": PASSWORD});
    let registered = browser.post("/reg").json(&new).await;
    let mut secrets = vec![PASSWORD.to_owned(), NEW_PASSWORD.to_owned(), DEAD_TOKEN.to_owned()];
    secrets.extend(["session", "device"].iter().filter_map(|name| registered.cookie(name)).map(str::to_owned));
    let credentials = json!({"email": "ann@example.com", "password": PASSWORD});
    let signed_in = other.post("/auth?transport=bearer").json(&credentials).await.expect(200);
    let token = signed_in["token"].as_str().unwrap().to_owned();
    let bearer = other.with_token(&token);

    // Everything that a secret can be part of, right and wrong.
    other.post("/reg").json(&new).await.expect(409);
    other.post("/auth").json(&json!({"email": "ann@example.com", "password": NEW_PASSWORD})).await.expect(401);
    other.post("/auth").json(&json!({"email": PASSWORD, "password": PASSWORD})).await;
    other.post("/auth").json(&json!({"email": "ann@example.com", "passwort": PASSWORD})).await.expect(422);
    other.post("/auth").json(&json!({"email": "ann@example.com", "password": [PASSWORD]})).await.expect(422);
    other.post("/auth").body("application/json", format!(r#"{{"password": "{PASSWORD}", "#)).await.expect(400);
    other.post("/auth").body("text/plain", PASSWORD).await.expect(415);
    other.get(&format!("/me?token={token}&password={PASSWORD}")).await.expect(401);
    other.get(&format!("/nowhere/{DEAD_TOKEN}")).await.expect(404);
    other.with_token(DEAD_TOKEN).get("/me").await.expect(401);
    browser.get("/me").header("authorization", &format!("Bearer {token}")).await.expect(400);
    let change = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD});
    let rotated = bearer.patch("/me/update").json(&change).await.expect(200)["token"].as_str().unwrap().to_owned();
    let rotated_bearer = other.with_token(&rotated);
    rotated_bearer.delete("/delete").json(&json!({"password": PASSWORD})).await.expect(401);
    let mut broken = Raw::connect(node.gateway()).await;
    broken
        .write(format!("GET /me HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {rotated}\r\nbroken {rotated}\r\n\r\n"))
        .await;
    broken.finish().await;
    let reset = home.run(&["user", "reset-password", "ann@example.com"]);
    let reset_to = reset.stdout.trim().to_owned();
    assert!(reset_to.len() >= 8, "{reset:?}");
    secrets.extend([token, rotated, reset_to]);
    assert_eq!(secrets.len(), 8, "session and device cookie are among them");
    secrets.extend(home.server_passwords());
    let exit = node.stop().await;

    let written = everything(&home, &(exit.stdout + &exit.stderr + &reset.stderr));
    for secret in &secrets {
        let place = written.iter().find(|(_, bytes)| contains(bytes, secret));
        assert!(place.is_none(), "{secret} stands in {}", place.unwrap().0);
    }
    assert!(written.iter().any(|(_, bytes)| contains(bytes, "bad_credentials")), "the search sees what was logged");
}
