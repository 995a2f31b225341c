//! The README's first five minutes are true: its session runs against a node, with real curl, and answers what it says.
//!
//! A block that is fenced as ```` ```sh five-minutes ```` holds commands, each followed by `#=> ` lines with what it
//! prints; `...` stands for whatever comes.

use std::{fs, process::Command};

use portico_tests::{Home, Node, pictures, repository};

const FENCE: &str = "```sh five-minutes\n";
const ADDRESS: &str = "http://127.0.0.1:8080";
const OPERATOR: &str = "http://127.0.0.1:9100";

/// A command and what it is said to print.
struct Step {
    command: String,
    promise: String,
}

fn steps(readme: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for block in readme.split(FENCE).skip(1) {
        let (block, _) = block.split_once("\n```").expect("the fence is closed");
        let mut command = String::new();
        for line in block.lines() {
            if let Some(promise) = line.strip_prefix("#=> ") {
                if !command.trim().is_empty() {
                    steps.push(Step { command: std::mem::take(&mut command), promise: String::new() });
                }
                let step = steps.last_mut().expect("a promise follows a command");
                step.promise += promise;
                step.promise += "\n";
            } else if !line.starts_with('#') {
                command += line;
                command += "\n";
            }
        }
        if !command.trim().is_empty() {
            steps.push(Step { command, promise: String::new() });
        }
    }
    steps
}

/// Runs all steps in one shell, and answers what each printed.
fn outputs(home: &Home, node: &Node, steps: &[Step]) -> Vec<String> {
    const MARK: &str = "\n--- end of step ---\n";
    let mark = format!("printf '%s' '{MARK}'\n");
    let script: String = steps.iter().flat_map(|step| [step.command.as_str(), &mark]).collect();
    let script = script.replace(ADDRESS, node.gateway()).replace(OPERATOR, node.operator());
    let ran = Command::new("sh").args(["-euc", &script]).current_dir(home.path()).output().expect("there is a shell");
    assert!(ran.status.success(), "{script}\n{}", String::from_utf8_lossy(&ran.stderr));
    let printed = String::from_utf8(ran.stdout).unwrap();
    printed.split(MARK).map(|output| output.trim().to_owned()).take(steps.len()).collect()
}

/// Whether `output` begins and ends as `promise` does, and has its parts between the dots in their order.
fn keeps(output: &str, promise: &str) -> bool {
    let parts: Vec<_> = promise.trim().split("...").collect();
    let [first, middle @ .., last] = &parts[..] else { return output == promise.trim() };
    let Some(mut rest) = output.strip_prefix(first) else { return false };
    for part in middle {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

#[tokio::test]
async fn the_first_five_minutes_go_as_the_readme_says() {
    let home = Home::new();
    let node = home.up().await;
    fs::write(home.path().join("me.jpg"), pictures::turned_jpeg(640, 480, "48.8584N 2.2945E")).unwrap();
    let steps = steps(&fs::read_to_string(repository().join("README.md")).unwrap());

    let outputs = outputs(&home, &node, &steps);

    assert!(steps.len() >= 6, "the session is there");
    for (step, output) in steps.iter().zip(&outputs) {
        assert!(keeps(output, &step.promise), "{}\npromised: {}\nprinted:  {output}", step.command, step.promise);
    }
}

#[test]
fn a_promise_is_kept_only_by_what_it_says() {
    assert!(keeps(r#"{"id":"1","name":"Ann"}"#, r#"{"id":"...","name":"Ann"}"#));
    assert!(!keeps(r#"{"id":"1","name":"Eve"}"#, r#"{"id":"...","name":"Ann"}"#));
    assert!(keeps("204", "204"));
    assert!(!keeps("2044", "204"));
    assert!(keeps("", ""));
}
