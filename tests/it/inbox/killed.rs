//! A process that is killed: after its 202, and while its handler runs.

use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use axum::routing::post;
use tokio_util::sync::CancellationToken;
use tower_auth_sync::clock::{Clock as _, SystemClock};
use tower_auth_sync::event::{AuthEvent, VerifiedWebhook};
use tower_auth_sync::inbox::Inbox;
use tower_auth_sync::inbox::InboxWorker;
use tower_auth_sync::store::AnyStore;
use tower_auth_sync::store::postgres::PostgresStore;
use tower_auth_sync::testing::ManualClock;
use tower_auth_sync::verify::Webhook;

use super::{app, post_to, send_for_status, serve};
use crate::servers;

/// Tells [`child`] whether to handle what it receives, and the store's URL.
const CHILD: &str = "TAS_TEST_INBOX_CHILD";

const CHILD_TEST: &str = "inbox::killed::child";

async fn open(url: &str) -> Inbox {
    if url.starts_with("postgres:") {
        PostgresStore::connect(url).await.unwrap().inbox("crm")
    } else {
        AnyStore::connect(url).await.unwrap().inbox("crm")
    }
    .unwrap()
}

fn say(line: &str) {
    println!("\n{line}");
    std::io::stdout().flush().unwrap();
}

/// The process that gets killed: a receiver with, or without, a worker whose handler never ends.
#[tokio::test]
#[ignore = "started, and killed, by the tests below"]
async fn child() {
    let Ok(told) = env::var(CHILD) else {
        return;
    };
    let (task, url) = told.split_once(' ').unwrap();
    let inbox = open(url).await;
    let handler = post(async || {
        say("handling");
        std::future::pending::<StatusCode>().await
    });
    let address = serve(app(&inbox, SystemClock, &handler)).await;
    let answer = post_to(address, "msg_1").await;
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    say("accepted");
    if task == "handle" {
        let worker = InboxWorker::builder(inbox, handler).build().unwrap();
        worker.run(CancellationToken::new()).await;
    }
    std::future::pending::<()>().await;
}

/// Runs the child until it says `line`, and kills it.
fn kill(task: &str, url: &str, line: &str) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--ignored", "--exact", CHILD_TEST, "--nocapture"])
        .env(CHILD, format!("{task} {url}"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let said = lines.map_while(Result::ok).any(|said| said == line);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(said, "{line}");
}

async fn another_process_takes_over(url: &str) {
    let clock = ManualClock::at(SystemClock.now());
    let inbox = open(url).await;
    let runs = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&runs);
    let handler = post(
        async move |delivered: VerifiedWebhook, Webhook(event): Webhook<AuthEvent>| {
            assert_eq!(delivered.id(), event.id());
            count.fetch_add(1, Ordering::Relaxed);
            StatusCode::NO_CONTENT
        },
    );
    let worker = InboxWorker::builder(inbox.clone(), handler).clock(clock.clone());
    let worker = worker.build().unwrap();

    kill("receive", url, "accepted");
    clock.set(SystemClock.now());
    assert_eq!(send_for_status(&inbox, "msg_1", &clock).await, 200);
    assert_eq!(worker.run_due().await.unwrap().done, 1);
    assert_eq!(worker.run_due().await.unwrap().done, 0);
    assert_eq!(runs.load(Ordering::Relaxed), 1);
}

async fn another_process_repeats_the_run(url: &str) {
    let clock = ManualClock::at(SystemClock.now());
    let inbox = open(url).await;
    let handler = post(async || StatusCode::NO_CONTENT);
    let worker = InboxWorker::builder(inbox.clone(), handler).clock(clock.clone());
    let worker = worker.build().unwrap();
    kill("handle", url, "handling");
    clock.set(SystemClock.now());
    assert_eq!(worker.run_due().await.unwrap().done, 0, "the lease lives");
    assert_eq!(send_for_status(&inbox, "msg_1", &clock).await, 200);
    // The lease of 60 s.
    clock.advance(Duration::from_secs(61));
    assert_eq!(worker.run_due().await.unwrap().done, 1);
    assert_eq!(worker.run_due().await.unwrap().done, 0);
    assert_eq!(send_for_status(&inbox, "msg_1", &clock).await, 200);
}

async fn with_each_store<F: Future<Output = ()>>(test: impl Fn(String) -> F) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("auth-sync.db");
    test(format!("sqlite://{}", path.display())).await;
    if let Some(url) = servers::postgres().await {
        test(url).await;
    }
}

#[tokio::test]
async fn what_was_answered_202_is_handled_by_another_process_if_that_one_is_killed() {
    with_each_store(async |url: String| another_process_takes_over(&url).await).await;
}

#[tokio::test]
async fn a_handler_whose_process_is_killed_is_run_again_after_the_lease() {
    with_each_store(async |url: String| another_process_repeats_the_run(&url).await).await;
}
