//! How a node stops: what is in flight ends, and then the process does.

use portico_tests::{Account, Home, Node, Raw, eventually, pictures};
use reqwest::StatusCode;

/// What a server says once a request has begun, to a client that waits for it (RFC 9110, section 10.1.1).
const GO_ON: &str = "HTTP/1.1 100 Continue\r\n\r\n";

/// An upload of which the node has seen the head and half of the body.
async fn half_an_upload(node: &Node, ann: &Account) -> (Raw, Vec<u8>) {
    let picture = pictures::png();
    let (first, second) = picture.split_at(picture.len() / 2);
    let mut connection = Raw::connect(node.gateway()).await;
    let head = format!(
        "POST /me/photos HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\ncontent-type: image/png\r\n\
         content-length: {}\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n",
        ann.token,
        picture.len()
    );
    connection.write(head).await;
    assert_eq!(connection.read(GO_ON.len()).await, GO_ON.as_bytes(), "the node has taken the upload up");
    connection.write(first).await;
    (connection, second.to_owned())
}

async fn not_ready(node: &Node) {
    let refused = async || (node.readiness().await == Some(StatusCode::SERVICE_UNAVAILABLE)).then_some(());
    eventually("the node to be not ready", refused).await;
}

#[tokio::test]
async fn a_node_that_is_asked_to_stop_ends_with_zero() {
    let home = Home::new();
    let node = home.up().await;

    let exit = node.stop().await;

    assert_eq!(exit.code(), Some(0), "{exit:?}");
}

#[tokio::test]
async fn what_is_in_flight_ends_before_the_node_does() {
    let home = Home::new();
    let node = home.up().await;
    let ann = node.register("ann").await;
    let (mut upload, rest) = half_an_upload(&node, &ann).await;

    node.terminate();
    not_ready(&node).await;
    upload.write(rest).await;
    let answer = upload.rest().await;
    let exit = node.ended().await;

    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_eq!(exit.code(), Some(0), "{exit:?}");
    let again = home.up().await;
    assert_eq!(again.client().with_token(&ann.token).get("/me").await.expect(200)["photo_count"], 1);
}

#[tokio::test]
async fn a_second_signal_ends_the_node_at_once() {
    let home = Home::new();
    let node = home.up().await;
    let ann = node.register("ann").await;
    let _upload = half_an_upload(&node, &ann).await;
    node.terminate();
    not_ready(&node).await;

    let exit = node.stop().await;

    assert_eq!(exit.code(), Some(130), "{exit:?}");
    assert!(exit.stderr.contains("second signal"), "{}", exit.stderr);
}

#[tokio::test]
async fn a_node_does_not_wait_past_its_deadline_for_a_client_that_stalls_and_says_so() {
    let home = Home::new().set("shutdown.deadline_ms", "300");
    let node = home.up().await;
    let ann = node.register("ann").await;
    let (upload, _) = half_an_upload(&node, &ann).await;

    let exit = node.stop().await;

    assert_eq!(exit.code(), Some(70), "{exit:?}");
    assert!(exit.stderr.contains("requests cut off before they were answered: 1"), "{}", exit.stderr);
    let log = home.run(&["logs", "--level", "warn"]);
    assert!(log.stdout.contains("requests in flight were cut off at the deadline"), "{}", log.stdout);
    let answer = upload.rest().await;
    assert!(!answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_eq!(home.up().await.client().with_token(&ann.token).get("/me").await.expect(200)["photo_count"], 0);
}
