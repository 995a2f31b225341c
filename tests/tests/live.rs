//! The page at the operator's listener, in a real browser: what lives is seen as it lives, by everybody, and by nobody else.
//!
//! Pictures of it go to the directory that `PORTICO_TEST_PICTURES` names, to be looked at.

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use portico_tests::{Home, Node, PASSWORD, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Names where pictures go.
const PICTURES: &str = "PORTICO_TEST_PICTURES";
/// Keys, as `WebDriver` names them (<https://www.w3.org/TR/webdriver2/#keyboard-actions>).
const TAB: &str = "\u{E004}";
const ENTER: &str = "\u{E007}";

/// Actors that do not run, or did not a moment ago.
const RED: &str = "#tree tr.ill";

/// What starts browsers. It ends with the test.
struct Driver {
    process: Child,
    profiles: TempDir,
    url: String,
}

impl Driver {
    fn start() -> Self {
        let mut process = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| {
            let port = line.ok()?.rsplit_once("started successfully on port ")?.1.trim_end_matches('.').to_owned();
            Some(port)
        });
        std::thread::spawn(move || lines.for_each(drop)); // it is not to wait for somebody to read what it says
        let url = format!("http://127.0.0.1:{}", port.expect("it says where it listens"));
        Self { process, profiles: tempfile::tempdir().unwrap(), url }
    }

    /// Opens the page of `node` in a window as wide as that, for somebody who likes it dark or light.
    async fn open(&self, node: &Node, width: u32, scheme: &str) -> Browser {
        let profile = self.profiles.path().join(format!("{width}-{scheme}"));
        let arguments = [
            "--headless",
            "--no-sandbox", // which a browser of root's cannot have
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            &format!("--user-data-dir={}", profile.display()),
        ];
        let screen = json!({"deviceMetrics": {"width": width, "height": 900, "pixelRatio": 1.0, "touch": false}});
        let wanted = json!({"goog:chromeOptions": {"args": arguments, "mobileEmulation": screen}});
        let mut browser = Browser { http: reqwest::Client::new(), session: format!("{}/session", self.url) };
        let session = browser.post("", &json!({"capabilities": {"alwaysMatch": wanted}})).await;
        browser.session = format!("{}/{}", browser.session, session["sessionId"].as_str().unwrap());
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        browser.post("/goog/cdp/execute", &json!({"cmd": "Emulation.setEmulatedMedia", "params": media})).await;
        browser.post("/url", &json!({"url": node.operator()})).await;
        browser
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ended_already = self.process.kill();
        let _status = self.process.wait();
    }
}

/// A browser, by `WebDriver`: as little of it as is needed here, since libraries for it change features of others.
struct Browser {
    http: reqwest::Client,
    /// The URL of the session.
    session: String,
}

impl Browser {
    async fn post(&self, path: &str, body: &Value) -> Value {
        self.call(Method::POST, path, Some(body)).await
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let call = self.http.request(method, format!("{}{path}", self.session));
        let call = match body {
            Some(body) => call.json(body),
            None => call,
        };
        let mut answer: Value = call.send().await.unwrap().json().await.unwrap();
        assert!(answer["value"]["error"].is_null(), "{path}: {answer}");
        answer["value"].take()
    }

    /// Evaluates an expression in the page.
    async fn value(&self, expression: &str) -> Value {
        self.post("/execute/sync", &json!({"script": format!("return {expression}"), "args": []})).await
    }

    /// What an element of the page says.
    async fn text(&self, id: &str) -> String {
        self.value(&format!("document.getElementById('{id}').textContent")).await.as_str().unwrap().to_owned()
    }

    /// How many elements of the page there are.
    async fn count(&self, selector: &str) -> u64 {
        self.value(&format!("document.querySelectorAll('{selector}').length")).await.as_u64().unwrap()
    }

    async fn press(&self, key: &str) {
        let actions = json!([{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]);
        self.post("/actions", &json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})).await;
    }

    async fn ready(&self) {
        eventually("the page to tell that the node is ready", || async {
            (self.text("standing").await == "ready").then_some(())
        })
        .await;
    }

    async fn picture(&self, name: &str) {
        let Some(directory) = env::var_os(PICTURES).map(PathBuf::from) else { return };
        let picture = self.call(Method::GET, "/screenshot", None).await;
        fs::create_dir_all(&directory).unwrap();
        let png = STANDARD.decode(picture.as_str().unwrap()).unwrap();
        fs::write(directory.join(format!("{name}.png")), png).unwrap();
    }

    async fn quit(self) {
        self.call(Method::DELETE, "", None).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_that_crashes_turns_red_and_back_and_its_fault_is_told_with_its_trace() {
    let cheap = |home: Home, (key, value): (&str, &str)| home.set(&format!("user.password.argon2.{key}"), value);
    let home = [("memory_kib", "8"), ("iterations", "1")].into_iter().fold(Home::new(), cheap);
    let driver = Driver::start();
    // Rarely enough for the node to start.
    let node = home.up_in_chaos("crash_one_in=64,crashes=1000").await;
    let browser = driver.open(&node, 1280, "light").await;
    browser.ready().await;

    let crashed = loop {
        let new = json!({"name": "Ann", "email": format!("{}@example.com", fastrand::u64(..)), "password": PASSWORD});
        let answer = node.client().post("/reg?transport=bearer").json(&new).await;
        if answer.status == 500 {
            break answer.json();
        }
    };
    let began = Instant::now();
    while browser.count(RED).await == 0 {
        assert!(began.elapsed() < Duration::from_secs(1), "nothing turned red within a second");
    }
    browser.picture("crashed").await;

    eventually("all of it to be as it was", || async { (browser.count(RED).await == 0).then_some(()) }).await;
    let faults = browser.text("faults").await;
    assert!(faults.contains(crashed["trace_id"].as_str().unwrap()), "{crashed}: {faults}");
    let news = browser.text("news").await;
    assert!(news.contains("was started again"), "readers of screens are told: {news}");
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_fits_a_phone_and_a_desk_dark_and_light_and_obeys_the_keyboard() {
    let (home, driver) = (Home::new(), Driver::start());
    let node = home.up().await;
    node.register("ann").await;

    for (width, scheme, ground) in
        [(390, "light", "rgb(251, 251, 250)"), (390, "dark", "rgb(22, 24, 27)"), (1280, "dark", "rgb(22, 24, 27)")]
    {
        let browser = driver.open(&node, width, scheme).await;
        browser.ready().await;
        browser.picture(&format!("{width}-{scheme}")).await;

        assert_eq!(browser.value("getComputedStyle(document.body).backgroundColor").await, ground);
        let overflow = browser.value("document.documentElement.scrollWidth - innerWidth").await;
        assert!(overflow.as_i64().unwrap() <= 0, "{width} {scheme}: {overflow} pixels too wide");
        browser.quit().await;
    }
    let browser = driver.open(&node, 1280, "light").await;
    browser.ready().await;
    for (expected, standing) in [("Skip to actors", "live"), ("Pause", "live")] {
        browser.press(TAB).await;
        assert_eq!(browser.value("document.activeElement.textContent").await, expected);
        assert_eq!(browser.text("connection").await, standing);
    }
    browser.press(ENTER).await;
    assert_eq!(browser.text("connection").await, "paused");
    browser.press(ENTER).await;
    eventually("the page to live again", || async { (browser.text("connection").await == "live").then_some(()) }).await;
    browser.picture("1280-light").await;
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_ends_and_comes_back_is_seen_to() {
    let (home, driver) = (Home::new().set("operator.listen", "127.0.0.1:0"), Driver::start());
    let node = home.up().await;
    let listen = node.operator().trim_start_matches("http://").to_owned();
    let browser = driver.open(&node, 1280, "light").await;
    browser.ready().await;

    node.stop().await;
    eventually("the page to tell that it is gone", || async {
        (browser.text("standing").await == "does not answer").then_some(())
    })
    .await;
    let home = home.set("operator.listen", &listen);
    let _node = home.up().await;

    browser.ready().await;
    browser.quit().await;
}
