//! The page at the operator's listener, in a real browser: what lives is seen as it lives, by everybody, and by nobody else.
//!
//! Pictures of it go to the directory that `PORTICO_TEST_PICTURES` names, to be looked at.

use std::{
    env,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use portico_tests::{Home, Node, PASSWORD, eventually};
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::{By, ChromiumLikeCapabilities as _, DesiredCapabilities, Key, WebDriver};

/// Names where pictures go.
const PICTURES: &str = "PORTICO_TEST_PICTURES";

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
    async fn open(&self, node: &Node, width: u32, scheme: &str) -> WebDriver {
        let profile = self.profiles.path().join(format!("{width}-{scheme}"));
        let mut wanted = DesiredCapabilities::chrome();
        for argument in [
            "--headless",
            "--no-sandbox", // which a browser of root's cannot have
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            &format!("--user-data-dir={}", profile.display()),
        ] {
            wanted.add_arg(argument).unwrap();
        }
        let emulated = json!({"deviceMetrics": {"width": width, "height": 900, "pixelRatio": 1.0, "touch": false}});
        wanted.add_experimental_option("mobileEmulation", emulated).unwrap();
        let browser = WebDriver::new(&self.url, wanted).await.unwrap();
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        browser.cdp().send_raw("Emulation.setEmulatedMedia", media).await.unwrap();
        browser.goto(node.operator()).await.unwrap();
        browser
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ended_already = self.process.kill();
        let _status = self.process.wait();
    }
}

/// What the page says now.
async fn text(browser: &WebDriver, selector: &str) -> String {
    browser.find(By::Css(selector)).await.unwrap().text().await.unwrap()
}

/// Evaluates an expression in the page.
async fn value(browser: &WebDriver, expression: &str) -> Value {
    browser.execute(format!("return {expression}"), Vec::new()).await.unwrap().json().clone()
}

async fn ready(browser: &WebDriver) {
    eventually("the page to tell that the node is ready", || async {
        (text(browser, "#standing").await == "ready").then_some(())
    })
    .await;
}

async fn picture(browser: &WebDriver, name: &str) {
    let Some(directory) = env::var_os(PICTURES).map(PathBuf::from) else { return };
    std::fs::create_dir_all(&directory).unwrap();
    browser.screenshot(&directory.join(format!("{name}.png"))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_that_crashes_turns_red_and_back_and_its_fault_is_told_with_its_trace() {
    let cheap = |home: Home, (key, value): (&str, &str)| home.set(&format!("user.password.argon2.{key}"), value);
    let home = [("memory_kib", "8"), ("iterations", "1")].into_iter().fold(Home::new(), cheap);
    let driver = Driver::start();
    // Rarely enough for the node to start.
    let node = home.up_in_chaos("crash_one_in=64,crashes=1000").await;
    let browser = driver.open(&node, 1280, "light").await;
    ready(&browser).await;

    let mut reds = Vec::new();
    let crashed = loop {
        let new = json!({"name": "Ann", "email": format!("{}@example.com", fastrand::u64(..)), "password": PASSWORD});
        let answer = node.client().post("/reg?transport=bearer").json(&new).await;
        if answer.status == 500 {
            break answer.json();
        }
    };
    let began = Instant::now();
    while reds.is_empty() && began.elapsed() < Duration::from_secs(1) {
        reds = browser.find_all(By::Css("#tree tr.ill")).await.unwrap();
        if !reds.is_empty() {
            picture(&browser, "crashed").await;
        }
    }

    assert!(!reds.is_empty(), "nothing turned red within a second");
    eventually("all of it to be as it was", || async {
        browser.find_all(By::Css("#tree tr.ill")).await.unwrap().is_empty().then_some(())
    })
    .await;
    let faults = text(&browser, "#faults").await;
    assert!(faults.contains(crashed["trace_id"].as_str().unwrap()), "{crashed}: {faults}");
    let news = value(&browser, "document.getElementById('news').textContent").await;
    assert!(news.as_str().unwrap().contains("was started again"), "readers of screens are told: {news}");
    browser.quit().await.unwrap();
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
        ready(&browser).await;
        picture(&browser, &format!("{width}-{scheme}")).await;

        assert_eq!(value(&browser, "getComputedStyle(document.body).backgroundColor").await, ground);
        let overflow = value(&browser, "document.documentElement.scrollWidth - innerWidth").await;
        assert!(overflow.as_i64().unwrap() <= 0, "{width} {scheme}: {overflow} pixels too wide");
        browser.quit().await.unwrap();
    }
    let browser = driver.open(&node, 1280, "light").await;
    ready(&browser).await;
    for (expected, standing) in [("Skip to actors", "live"), ("Pause", "live")] {
        browser.action_chain().send_keys(Key::Tab).perform().await.unwrap();
        assert_eq!(value(&browser, "document.activeElement.textContent").await, expected);
        assert_eq!(text(&browser, "#connection").await, standing);
    }
    browser.action_chain().send_keys(Key::Enter).perform().await.unwrap();
    assert_eq!(text(&browser, "#connection").await, "paused");
    browser.action_chain().send_keys(Key::Enter).perform().await.unwrap();
    eventually("the page to live again", || async { (text(&browser, "#connection").await == "live").then_some(()) })
        .await;
    picture(&browser, "1280-light").await;
    browser.quit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_ends_and_comes_back_is_seen_to() {
    let (home, driver) = (Home::new().set("operator.listen", "127.0.0.1:0"), Driver::start());
    let node = home.up().await;
    let listen = node.operator().trim_start_matches("http://").to_owned();
    let browser = driver.open(&node, 1280, "light").await;
    ready(&browser).await;

    node.stop().await;
    eventually("the page to tell that it is gone", || async {
        (text(&browser, "#standing").await == "does not answer").then_some(())
    })
    .await;
    let home = home.set("operator.listen", &listen);
    let _node = home.up().await;

    ready(&browser).await;
    browser.quit().await.unwrap();
}
