//! The commands beside `up`.

use std::{fs, io::pipe};

use portico_tests::{Home, Node, PASSWORD, eventually, pictures};
use serde_json::{Value, json};

fn line(name: &str, hash: &str) -> String {
    json!({"name": name, "email": format!("{name}@example.com"), "password_hash": hash}).to_string()
}

/// A bcrypt hash of [`PASSWORD`], as another system would have made it.
fn bcrypt_hash() -> String {
    bcrypt::hash(PASSWORD, 4).unwrap()
}

/// A bcrypt hash that no password is known for.
fn bcrypt_hash_of_nobody() -> String {
    format!("$2b$04${}", "a".repeat(53))
}

/// A home with databases and nobody in them.
fn migrated() -> Home {
    let home = Home::new();
    assert_eq!(home.run(&["migrate"]).code(), Some(0));
    home
}

#[test]
fn the_version_is_told() {
    let exit = Home::new().run(&["--version"]);

    assert_eq!((exit.code(), exit.stdout.trim()), (Some(0), concat!("portico ", env!("CARGO_PKG_VERSION"))));
}

#[tokio::test]
async fn the_contract_that_is_printed_is_the_one_that_is_served() {
    let home = Home::new();
    let node = home.up().await;

    let printed: Value = serde_json::from_str(&home.run(&["openapi"]).stdout).unwrap();
    let served = node.client().get("/openapi.json").await.expect(200);

    assert!(printed["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(printed["paths"], served["paths"]);
}

#[test]
fn migrating_makes_the_databases_and_may_be_repeated() {
    let home = Home::new();

    let (first, second) = (home.run(&["migrate"]), home.run(&["migrate"]));

    assert_eq!((first.code(), second.code()), (Some(0), Some(0)), "{first:?} {second:?}");
    assert!(!home.files().is_empty());
}

#[tokio::test]
async fn accounts_are_imported_without_a_node_and_sign_in_with_their_old_password() {
    let home = Home::new();
    fs::write(home.path().join("users.jsonl"), line("ann", &bcrypt_hash())).unwrap();

    let imported = home.run(&["user", "import", "users.jsonl"]);
    let node = home.up().await;
    let credentials = json!({"email": "ann@example.com", "password": PASSWORD});
    let first = node.client().post("/auth").json(&credentials).await;
    let second = node.client().post("/auth").json(&credentials).await;

    assert_eq!((imported.code(), imported.stdout.trim()), (Some(0), "1 opened, 0 present already, 0 refused"));
    assert_eq!(first.expect(200)["user"]["name"], "ann");
    assert_eq!(second.status, 200, "the upgraded hash verifies too");
}

#[tokio::test]
async fn a_large_import_without_a_node_ends_with_its_own_result_and_the_next_node_hears_of_each_account() {
    const ACCOUNTS: usize = 3_000;
    let home = Home::new().set("shutdown.deadline_ms", "100"); // far less than it takes to tell the others of them
    let hash = bcrypt_hash();
    let lines: Vec<_> = (0..ACCOUNTS).map(|number| line(&format!("ann{number}"), &hash)).collect();
    fs::write(home.path().join("users.jsonl"), lines.join("\n")).unwrap();

    let imported = home.run_on_terminal(&["user", "import", "users.jsonl"]);
    let node = home.set("shutdown.deadline_ms", "20000").up().await;
    eventually("all events to be delivered", async || {
        let metrics = node.operator_client().get("/metrics").await;
        String::from_utf8_lossy(&metrics.bytes).lines().any(|line| line == "portico_outbox_depth 0").then_some(())
    })
    .await;

    assert_eq!(imported.code(), Some(0), "{}", imported.stdout);
    assert!(imported.stdout.contains("3000 opened, 0 present already, 0 refused"), "{}", imported.stdout);
    assert!(!imported.stdout.contains("INFO"), "the terminal shows progress, and no record: {}", imported.stdout);
}

#[test]
fn records_on_a_terminal_are_printed_and_nothing_is_complained_of() {
    let home = Home::new().set("log.console", "always");

    let exit = home.run_on_terminal(&["migrate"]);

    assert_eq!(exit.code(), Some(0), "{}", exit.stdout);
    assert!(exit.stdout.contains("INFO"), "{}", exit.stdout);
    assert!(!exit.stdout.contains("ansi"), "{}", exit.stdout);
}

#[tokio::test]
async fn an_import_beside_a_running_node_reports_what_it_refused_and_can_be_repeated() {
    let home = Home::new();
    let node = home.up().await;
    node.register("ann").await;
    let lines = [
        line("ann", &bcrypt_hash()),
        line("ben", &bcrypt_hash()),
        line("cid", "5f4dcc3b5aa765d61d8327deb882cf99"),
        line("   ", &bcrypt_hash()),
        "not json".to_owned(),
        json!(["Dan", "dan@example.com", bcrypt_hash()]).to_string(),
        json!({"name": "Eve", "password_hash": bcrypt_hash()}).to_string(),
        json!({"name": "Fay", "email": "fay@example.com", "password_hash": bcrypt_hash(), "role": "admin"}).to_string(),
        line("gil", "plain"),
    ];
    let input = lines.join("\n");

    let first = home.run_with(&["user", "import", "-", "--report", "refused.jsonl"], &input);
    let second = home.run_with(&["user", "import", "-"], &input);

    assert_eq!((first.code(), second.code()), (Some(65), Some(65)), "{first:?}");
    assert_eq!(first.stdout.trim(), "1 opened, 1 present already, 7 refused");
    assert_eq!(second.stdout.trim(), "0 opened, 2 present already, 7 refused");
    let report = fs::read_to_string(home.path().join("refused.jsonl")).unwrap();
    let refused: Vec<Value> = report.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> =
        refused.iter().map(|refused| (refused["line"].as_u64().unwrap(), refused["field"].as_str().unwrap())).collect();
    assert_eq!(
        told,
        [(3, "password_hash"), (4, "name"), (5, ""), (6, ""), (7, "email"), (8, "role"), (9, "password_hash")]
    );
    assert!(!report.contains("5f4dcc3b"), "a refused hash is not repeated");
}

#[tokio::test]
async fn lines_as_long_as_they_may_be_are_imported_beside_a_running_node() {
    let home = Home::new();
    let _node = home.up().await;
    let long = (0..500).map(|number| line(&format!("{number}{}", "x".repeat(1_900)), &bcrypt_hash_of_nobody()));
    let input: Vec<_> = long.chain([line("ann", &bcrypt_hash())]).collect();

    let exit = home.run_with(&["user", "import", "-", "--report", "refused.jsonl"], &input.join("\n"));

    assert_eq!((exit.code(), exit.stdout.trim()), (Some(65), "1 opened, 0 present already, 500 refused"), "{exit:?}");
}

#[test]
fn an_import_from_what_is_no_file_is_told_and_makes_nothing() {
    let home = Home::new();

    for path in ["nowhere.jsonl", "."] {
        let exit = home.run(&["user", "import", path]);

        assert_eq!(exit.code(), Some(66), "{exit:?}");
        assert!(exit.stderr.contains(path), "{exit:?}");
    }
    assert!(!home.data().exists());
}

#[test]
fn a_command_for_an_account_finds_no_data_where_there_is_none_and_makes_none() {
    let home = Home::new();

    for command in ["reset-password", "sign-out"] {
        let exit = home.run(&["user", command, "ann@example.com"]);

        assert_eq!(exit.code(), Some(66), "{exit:?}");
        assert!(exit.stderr.contains("no data is there"), "{exit:?}");
    }
    assert!(!home.data().exists());
}

#[test]
fn a_reader_that_has_seen_enough_ends_a_command_quietly() {
    let home = Home::new();
    for arguments in
        [&["openapi"][..], &["config", "show"], &["config", "show", "--default"], &["config", "check"], &["--help"]]
    {
        let (reader, writer) = pipe().unwrap();
        drop(reader);

        let ended = home.command(arguments).stdout(writer).output().unwrap();

        let told = String::from_utf8_lossy(&ended.stderr);
        assert_eq!((ended.status.code(), &*told), (Some(0), ""), "{arguments:?}");
    }
}

#[tokio::test]
async fn an_output_that_is_full_is_told_in_a_line_and_a_reader_of_the_log_may_leave() {
    let home = Home::new();
    home.up().await.stop().await;
    let (reader, closed) = pipe().unwrap();
    drop(reader);

    for arguments in [&["logs"][..], &["logs", "--json"], &["logs", "--last", "1"], &["config", "show"], &["openapi"]] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let ended = home.command(arguments).stdout(full).output().unwrap();

        let told = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(74), "{arguments:?}: {told}");
        assert!(told.starts_with("portico: standard output cannot be written: No space left"), "{arguments:?}: {told}");
        assert_eq!(told.lines().count(), 1, "{arguments:?}: {told}");
    }
    let ended = home.command(&["logs"]).stdout(closed).output().unwrap();
    assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn a_mistake_that_nobody_reads_has_its_exit_code_all_the_same() {
    let (reader, writer) = pipe().unwrap();
    drop(reader);

    let ended = Home::new().command(&["user", "import", "nowhere.jsonl"]).stderr(writer).status().unwrap();

    assert_eq!(ended.code(), Some(66));
}

#[tokio::test]
async fn a_reset_gives_a_password_that_signs_in_once_whatever_kills_the_node_and_its_owner_chooses_another() {
    const CHOSEN: &str = "marble compass lantern";
    let home = Home::new();
    let node = home.up().await;
    let ann = node.register("ann").await;
    let sign_in = async |node: &Node, password: &str| {
        let credentials = json!({"email": ann.email, "password": password});
        node.client().post("/auth?transport=bearer").json(&credentials).await
    };

    let reset = home.run(&["user", "reset-password", "ANN@example.com"]);
    let password = reset.stdout.trim();
    let dead = ann.get("/me").await.problem().1;
    let before = sign_in(&node, PASSWORD).await;
    let first = sign_in(&node, password).await.expect(200);
    node.kill();
    let node = home.up().await;
    let second = sign_in(&node, password).await;
    let client = node.client().with_token(first["token"].as_str().unwrap());
    let to_itself = json!({"current_password": password, "new_password": password});
    let same = client.patch("/me/update").json(&to_itself).await.expect(422);
    let change = json!({"current_password": password, "new_password": CHOSEN});
    client.patch("/me/update").json(&change).await.expect(200);
    let third = sign_in(&node, password).await;

    assert_eq!(reset.code(), Some(0), "{reset:?}");
    assert_eq!(reset.stdout.lines().count(), 1, "nothing but the password: {}", reset.stdout);
    assert!(reset.stderr.contains("signs in once, within 24 hours"), "{}", reset.stderr);
    assert_eq!(dead, "session_dead");
    assert_eq!(same["errors"][0]["code"], "one_time");
    for refused in [before, second, third] {
        assert_eq!((refused.status, refused.problem().1.as_str()), (401, "bad_credentials"));
    }
    sign_in(&node, CHOSEN).await.expect(200);
    sign_in(&node, CHOSEN).await.expect(200);
}

#[tokio::test]
async fn a_reset_without_a_node_is_one_time_too_and_the_log_tells_of_reset_and_use() {
    let home = Home::new();
    let node = home.up().await;
    let ann = node.register("ann").await;
    node.stop().await;

    let reset = home.run(&["user", "reset-password", &ann.email]);
    let node = home.up().await;
    let credentials = json!({"email": ann.email, "password": reset.stdout.trim()});
    let first = node.client().post("/auth").json(&credentials).await.status;
    let second = node.client().post("/auth").json(&credentials).await.status;
    node.stop().await;
    let logged = home.run(&["logs", "--json", "--service", "user"]).stdout;

    assert_eq!((first, second), (200, 401), "{reset:?}");
    let records: Vec<Value> = logged.lines().map(|record| serde_json::from_str(record).unwrap()).collect();
    for body in ["one-time password given by an operator", "one-time password used", "password refused"] {
        let of_ann = |record: &&Value| record["Body"] == body && record["Attributes"]["user.id"] == ann.id;
        assert_eq!(records.iter().filter(of_ann).count(), 1, "{body}: {logged}");
    }
}

#[tokio::test]
async fn an_operator_ends_every_session_of_an_account_and_its_password_stays() {
    let home = Home::new();
    let node = home.up().await;
    let (ann, ben) = (node.register("ann").await, node.register("ben").await);

    let beside = home.run(&["user", "sign-out", "ANN@example.com"]);
    let dead = ann.get("/me").await.problem().1;
    let credentials = json!({"email": ann.email, "password": PASSWORD});
    let again = node.client().post("/auth?transport=bearer").json(&credentials).await.expect(200);
    let others = ben.get("/me").await.status;
    node.stop().await;
    let without = home.run(&["user", "sign-out", "ann@example.com"]);
    let node = home.up().await;
    let dead_again = node.client().with_token(again["token"].as_str().unwrap()).get("/me").await.problem().1;

    assert_eq!((beside.code(), without.code()), (Some(0), Some(0)), "{beside:?} {without:?}");
    assert_eq!((dead.as_str(), dead_again.as_str(), others), ("session_dead", "session_dead", 200));
}

#[test]
fn signing_out_an_unknown_address_is_told() {
    let exit = migrated().run(&["user", "sign-out", "nobody@example.com"]);

    assert_eq!(exit.code(), Some(67), "{exit:?}");
}

#[test]
fn a_reset_of_an_unknown_address_is_told() {
    let exit = migrated().run(&["user", "reset-password", "nobody@example.com"]);

    assert_eq!(exit.code(), Some(67), "{exit:?}");
    assert_eq!(exit.stdout, "");
}

#[tokio::test]
async fn logs_are_found_by_the_trace_that_a_problem_names() {
    let home = Home::new();
    let node = home.up().await;
    let refused = json!({"email": "nobody@example.com", "password": PASSWORD});
    let problem = node.client().post("/auth").json(&refused).await.expect(401);
    let trace = problem["trace_id"].as_str().unwrap();
    node.stop().await;

    let all = home.run(&["logs", "--json"]);
    let found = home.run(&["logs", "--json", "--trace", trace]);
    let readable = home.run(&["logs", "--trace", trace]);
    let errors = home.run(&["logs", "--json", "--level", "error"]);

    assert_eq!(found.code(), Some(0), "{found:?}");
    assert!(found.stdout.lines().count() >= 1, "the request left a record");
    for record in found.stdout.lines() {
        assert!(
            serde_json::from_str::<Value>(record).is_ok_and(|record| record.to_string().contains(trace)),
            "{record}"
        );
    }
    assert!(all.stdout.lines().count() > found.stdout.lines().count());
    assert!(readable.stdout.contains(trace), "{}", readable.stdout);
    assert_eq!(errors.stdout, "", "nothing went wrong");
}

#[tokio::test]
async fn every_domain_logs_what_it_was_asked_of_whom_and_what_came_of_it() {
    let home = Home::new();
    let node = home.up().await;
    let ann = node.register("ann").await;
    let user = ann.get("/me").await.expect(200)["id"].as_str().unwrap().to_owned();
    let photo = ann.upload(pictures::png()).await["id"].as_str().unwrap().to_owned();
    ann.delete(&format!("/me/photos/{photo}")).await.expect(204);
    ann.delete(&format!("/me/photos/{photo}")).await.expect(404);
    node.stop().await;

    let logged = home.run(&["logs", "--json"]).stdout;
    let records: Vec<Value> = logged.lines().map(|record| serde_json::from_str(record).unwrap()).collect();
    let of = |service: &str, action: &str| -> Vec<_> {
        let of = |record: &&Value| record["Resource"]["service.name"] == service && record["Body"] == action;
        records.iter().filter(of).map(|record| record["Attributes"].clone()).collect()
    };

    assert_eq!(of("user", "register"), [json!({"user.id": user, "outcome": "ok"})]);
    assert_eq!(of("session", "create session"), [json!({"user.id": user, "outcome": "ok"})]);
    assert_eq!(of("photo", "load photo"), [json!({"user.id": user, "photo.id": photo, "outcome": "ok"})]);
    assert_eq!(
        of("photo", "delete photo"),
        [
            json!({"user.id": user, "photo.id": photo, "outcome": "ok"}),
            json!({"user.id": user, "photo.id": photo, "outcome": "photo_unknown"}),
        ]
    );
    assert!(!of("bus", "events delivered").is_empty());
}
