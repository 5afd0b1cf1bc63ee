//! Dedupe stores that several processes share.

mod postgres;
mod redis;
mod sqlite;

use std::convert::Infallible;
use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{Empty, Full};
use tokio::task::JoinSet;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_auth_sync::clock::{Clock, SystemClock, UnixMillis};
use tower_auth_sync::dedupe::Dedupe;
use tower_auth_sync::id::MessageId;
use tower_auth_sync::scheme::Scheme;
use tower_auth_sync::signature::{Signer, Verifier};
use tower_auth_sync::store::AnyStore;
use tower_auth_sync::store::postgres::PostgresStore;
use tower_auth_sync::store::redis::RedisStore;
use tower_auth_sync::testing::ManualClock;
use tower_auth_sync::verify::VerifyWebhookLayer;

const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u";

/// Number of requests that each of the two processes sends.
const REQUESTS: usize = 32;

/// The variable that passes its work to [`child`]: a task, the time of the message, and the store's URL.
const CHILD: &str = "TAS_TEST_DEDUPE_CHILD";

const CHILD_TEST: &str = "dedupe::child";

async fn open(url: &str) -> Dedupe {
    let dedupe = if url.starts_with("redis:") {
        RedisStore::connect(url).await.unwrap().dedupe("crm")
    } else if url.starts_with("postgres:") {
        PostgresStore::connect(url).await.unwrap().dedupe("crm")
    } else {
        AnyStore::connect(url).await.unwrap().dedupe("crm")
    };
    dedupe.unwrap()
}

/// Returns the same message each time, signed at `sent_at`.
fn message(sent_at: UnixMillis) -> Request<Full<Bytes>> {
    let body = br#"{"event":"user.created"}"#;
    let signer = Signer::new(Scheme::banata(), [SECRET]).unwrap();
    let id = MessageId::new("msg_1").unwrap();
    let mut request = Request::post("/").body(Full::from(&body[..])).unwrap();
    let headers = signer.sign_at(&id, sent_at.to_secs(), body);
    headers.apply(request.headers_mut());
    request
}

/// Sends the message to a new receiver on `dedupe`.
async fn send<H, F>(dedupe: &Dedupe, clock: impl Clock, sent_at: UnixMillis, handler: H) -> u16
where
    H: FnOnce() -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send,
{
    let verifier = Verifier::builder(Scheme::banata()).secret(SECRET).unwrap();
    let verifier = verifier.clock(clock).build().unwrap();
    let handler = service_fn(move |_request: Request<_>| {
        let handler = handler.clone();
        async move {
            handler().await;
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        }
    });
    let layer = VerifyWebhookLayer::new(verifier).with_dedupe(dedupe.clone());
    let response = layer.layer(handler).oneshot(message(sent_at)).await;
    response.unwrap().status().as_u16()
}

fn say(line: &str) {
    println!("\n{line}");
    std::io::stdout().flush().unwrap();
}

/// The other process.
#[tokio::test]
#[ignore = "started by the tests below"]
async fn child() {
    let Ok(told) = env::var(CHILD) else {
        return;
    };
    let told: Vec<_> = told.splitn(3, ' ').collect();
    let &[task, sent_at, url] = told.as_slice() else {
        panic!("told {told:?}");
    };
    let sent_at = UnixMillis::from_millis(sent_at.parse().unwrap());
    let dedupe = open(url).await;
    if task == "hang" {
        let handler = || async {
            say("handling");
            std::future::pending::<()>().await;
        };
        send(&dedupe, SystemClock, sent_at, handler).await;
        return;
    }
    say("ready");
    std::io::stdin().read_line(&mut String::new()).unwrap();
    let mut sending = JoinSet::new();
    for _ in 0..REQUESTS {
        let dedupe = dedupe.clone();
        sending.spawn(async move {
            let handler = || async { say("handled") };
            send(&dedupe, SystemClock, sent_at, handler).await
        });
    }
    let statuses = sending.join_all().await;
    let fit = |status: &u16| matches!(*status, 200 | 409);
    assert!(statuses.iter().all(fit), "{statuses:?}");
    say("end");
}

fn spawn(task: &str, sent_at: UnixMillis, url: &str) -> (Child, impl Iterator<Item = String>) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--ignored", "--exact", CHILD_TEST, "--nocapture"])
        .env(CHILD, format!("{task} {} {url}", sent_at.as_millis()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines.map_while(Result::ok))
}

/// Two processes send the same message 32 times each, at once.
fn race(url: &str) {
    let sent_at = SystemClock.now();
    let mut children = [spawn("race", sent_at, url), spawn("race", sent_at, url)];
    for (_, lines) in &mut children {
        assert!(lines.any(|line| line == "ready"));
    }
    for (child, _) in &mut children {
        child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    }
    let mut handled = 0;
    for (child, lines) in &mut children {
        let said: Vec<_> = lines.collect();
        handled += said.iter().filter(|line| *line == "handled").count();
        assert!(said.iter().any(|line| line == "end"), "{said:?}");
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(handled, 1);
}

/// A process is killed while it handles the message.
async fn kill(url: &str) {
    let clock = ManualClock::at(SystemClock.now());
    let sent_at = clock.now();
    let dedupe = open(url).await;
    let (mut child, mut lines) = spawn("hang", sent_at, url);
    assert!(lines.any(|line| line == "handling"));
    child.kill().unwrap();
    child.wait().unwrap();

    let retry = send(&dedupe, clock.clone(), sent_at, || async {
        panic!("it is still the other's to handle")
    });
    assert_eq!(retry.await, StatusCode::CONFLICT);

    // The lease of 60 s, and 60 s for the time between the clock's start and the claim.
    clock.advance(Duration::from_secs(120));
    let handled = send(&dedupe, clock.clone(), sent_at, || async {});
    assert_eq!(handled.await, StatusCode::OK);
    let again = send(&dedupe, clock.clone(), sent_at, || async {
        panic!("it was handled")
    });
    assert_eq!(again.await, StatusCode::OK);
}
