//! Passwords guessed from one address and from many, with the limits that are the default, while the owner comes home.

use std::time::Instant;

use serde_json::json;

use super::{Extent, Ledger};
use crate::{Answer, Home, Node, PASSWORD};

/// The defaults of config/default.yml: burst and refill a second.
const PER_ADDRESS: (u32, f64) = (20, 0.05);
const PER_ACCOUNT: (u32, f64) = (10, 0.02);
const DEFAULTS: [(&str, &str); 6] = [
    ("per_address", "200"),
    ("per_account", "200"),
    ("sign_in_failures_per_address", "20"),
    ("sign_in_failures_per_account", "10"),
    ("sign_in_failures_per_device", "10"),
    ("registrations_per_address", "20"),
];

const OWNER: &str = "192.0.2.1";

/// Runs the attack.
pub(super) async fn run(extent: Extent, ledger: Ledger) {
    let home = DEFAULTS
        .into_iter()
        .fold(Home::new(), |home, (limit, burst)| home.set(&format!("gateway.rate_limits.{limit}.burst"), burst));
    let home = home.set("gateway.trusted_proxies", r#"["127.0.0.1/32"]"#);
    let node = home.up().await;
    let devices = Devices::of(&node).await;
    from_one_address(&node, extent, &ledger).await;
    from_many_addresses(&node, extent, &ledger).await;
    at_the_siege(&node, &devices, &ledger).await;
    from_one_network(&node, extent, &ledger).await;
    ledger.memory(extent, "the node of the guesses", &node);
    let exit = node.stop().await;
    let node = home.up().await;
    let owner =
        attempt(&node, "203.0.113.250", "ann", PASSWORD, Some(("cookie", &format!("device={}", devices.ann)))).await;
    ledger.equal(
        "after a restart the device is still known",
        "Some(0) 200",
        format!("{:?} {}", exit.code(), owner.status),
    );
}

/// What two owners' devices are known by.
struct Devices {
    ann: String,
    anns_other: String,
    bob: String,
}

impl Devices {
    async fn of(node: &Node) -> Self {
        let mut tokens = Vec::new();
        for name in ["ann", "bob"] {
            let new = json!({ "name": name, "email": format!("{name}@example.com"), "password": PASSWORD });
            let answer = node.client().post("/reg").header("x-forwarded-for", OWNER).json(&new).await;
            tokens.push(answer.cookie("device").unwrap_or_default().to_owned());
        }
        let credentials = json!({ "email": "ann@example.com", "password": PASSWORD });
        let answer =
            node.client().post("/auth?transport=bearer").header("x-forwarded-for", OWNER).json(&credentials).await;
        let [ann, bob] = tokens.try_into().expect("two registered");
        Self { ann, anns_other: answer.header("x-device-token").to_owned(), bob }
    }
}

async fn attempt(node: &Node, address: &str, name: &str, password: &str, device: Option<(&str, &str)>) -> Answer {
    let credentials = json!({ "email": format!("{name}@example.com"), "password": password });
    let call = node.client().post("/auth?transport=bearer").header("x-forwarded-for", address).json(&credentials);
    match device {
        Some((header, value)) => call.header(header, value).await,
        None => call.await,
    }
}

/// What became of many guesses.
#[derive(Default)]
struct Guesses {
    verified: u32,
    limited: u32,
    untold: u32,
    other: u32,
}

impl Guesses {
    fn count(&mut self, answer: &Answer) {
        match answer.status {
            401 => self.verified += 1,
            429 => {
                self.limited += 1;
                let wait: u32 = answer.header("retry-after").parse().unwrap_or(0);
                let told =
                    wait > 0 && !answer.header("ratelimit").is_empty() && !answer.header("ratelimit-policy").is_empty();
                self.untold += u32::from(!told);
            }
            _ => self.other += 1,
        }
    }

    /// At most `burst` guesses and what came back meanwhile were looked at, and every refusal said when to come again.
    fn judge(&self, ledger: &Ledger, what: &str, (burst, per_s): (u32, f64), begun: Instant) {
        let most = f64::from(burst) + begun.elapsed().as_secs_f64() * per_s + 1.0;
        let pass = f64::from(self.verified) <= most && self.limited > 0 && self.other == 0;
        let seen = format!("{} verified, {} refused, {} others", self.verified, self.limited, self.other);
        ledger.judge(what, format!("at most {most:.0} verified, 429"), seen, pass);
        ledger.equal(format!("{what}: 429 without Retry-After or RateLimit"), 0, self.untold);
    }
}

async fn from_one_address(node: &Node, extent: Extent, ledger: &Ledger) {
    let (begun, mut guesses) = (Instant::now(), Guesses::default());
    for n in 0..extent.pick(30, 150) {
        guesses.count(&attempt(node, "203.0.113.1", &format!("user{n}"), "guess guess", None).await);
    }
    guesses.judge(ledger, "one password at many accounts from one address", PER_ADDRESS, begun);
    let right = attempt(node, "203.0.113.1", "bob", PASSWORD, None).await;
    ledger.equal("from there the right password of any account", 429, right.status);
    let elsewhere = attempt(node, "203.0.113.2", "bob", PASSWORD, None).await;
    ledger.equal("from elsewhere the right password", 200, elsewhere.status);
}

async fn from_many_addresses(node: &Node, extent: Extent, ledger: &Ledger) {
    let (begun, mut guesses) = (Instant::now(), Guesses::default());
    for n in 0..extent.pick(25, 500) {
        let address = format!("198.18.{}.{}", n / 200, n % 200 + 1);
        guesses.count(&attempt(node, &address, "ann", "guess guess", None).await);
    }
    guesses.judge(ledger, "one account from many addresses", PER_ACCOUNT, begun);
}

/// Strangers have used up what they may guess at Ann's account.
async fn at_the_siege(node: &Node, devices: &Devices, ledger: &Ledger) {
    let stranger = "203.0.113.200";
    let without = attempt(node, stranger, "ann", PASSWORD, None).await;
    ledger.equal("a stranger with the right password", 429, without.status);
    let capital = attempt(node, stranger, "ANN", PASSWORD, None).await;
    ledger.equal("the same with the address in capitals", 429, capital.status);
    let mut flipped = devices.ann.clone();
    flipped.replace_range(..1, if flipped.starts_with('A') { "B" } else { "A" });
    let mut cut = devices.ann.clone();
    cut.pop();
    for (what, token) in [
        ("Bob's device", devices.bob.as_str()),
        ("a device with one letter changed", &flipped),
        ("a device cut short", &cut),
        ("a device of zeros", &"A".repeat(64)),
        ("an empty device", ""),
        ("a device of 10 KB", &"A".repeat(10_000)),
    ] {
        for (header, value) in [("x-device-token", token.to_owned()), ("cookie", format!("device={token}"))] {
            let answer = attempt(node, stranger, "ann", PASSWORD, Some((header, &value))).await;
            ledger.equal(format!("the right password with {what}, as {header}"), 429, answer.status);
        }
    }
    let cookie = format!("device={}", devices.ann);
    let browser = attempt(node, OWNER, "ann", PASSWORD, Some(("cookie", &cookie))).await;
    ledger.equal("meanwhile the owner, by device cookie", 200, browser.status);
    let client = attempt(node, stranger, "ann", PASSWORD, Some(("x-device-token", &devices.anns_other))).await;
    ledger.equal("meanwhile the owner's client, by X-Device-Token, from anywhere", 200, client.status);
    let again = attempt(node, stranger, "ann", PASSWORD, None).await;
    ledger.equal("which lets no stranger in", 429, again.status);
    opens_nothing(node, devices, ledger).await;
    let (begun, mut guesses) = (Instant::now(), Guesses::default());
    for _ in 0..15 {
        guesses.count(&attempt(node, "203.0.113.201", "ann", "guess guess", Some(("cookie", &cookie))).await);
    }
    guesses.judge(ledger, "guesses with a stolen device cookie", PER_ACCOUNT, begun);
    let other = attempt(node, OWNER, "ann", PASSWORD, Some(("x-device-token", &devices.anns_other))).await;
    ledger.equal("then the owner's other device", 200, other.status);
}

/// A device cookie is no session.
async fn opens_nothing(node: &Node, devices: &Devices, ledger: &Ledger) {
    let client = node.client();
    for (header, value) in [
        ("cookie", format!("device={}", devices.ann)),
        ("cookie", format!("session={}", devices.ann)),
        ("authorization", format!("Bearer {}", devices.ann)),
        ("x-device-token", devices.ann.clone()),
    ] {
        let answer = client.get("/me").header("x-forwarded-for", OWNER).header(header, &value).await;
        ledger.equal(format!("a device token instead of a session, as {header}"), 401, answer.status);
    }
}

/// Whoever has an IPv6 network has 2^64 addresses.
async fn from_one_network(node: &Node, extent: Extent, ledger: &Ledger) {
    let (begun, mut guesses) = (Instant::now(), Guesses::default());
    for n in 0..extent.pick(30, 150) {
        let answer = attempt(node, &format!("2001:db8:1:2::{n:x}"), &format!("six{n}"), "guess guess", None).await;
        guesses.count(&answer);
    }
    guesses.judge(ledger, "guesses from the addresses of one IPv6 /64", PER_ADDRESS, begun);
}
