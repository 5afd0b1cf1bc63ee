//! Inbox: receivers are killed while they store what is sent, workers while they handle it.

use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower_auth_sync::clock::{Clock as _, UnixMillis};
use tower_auth_sync::event::AuthEvent;
use tower_auth_sync::id::MessageId;
use tower_auth_sync::inbox::{Inbox, InboxWorker, InboxWorkerBuilder};
use tower_auth_sync::scheme::Scheme;
use tower_auth_sync::signature::{Signer, Verifier};
use tower_auth_sync::store::AnyStore;
use tower_auth_sync::store::postgres::PostgresStore;
use tower_auth_sync::testing::ManualClock;
use tower_auth_sync::verify::{VerifyWebhookLayer, Webhook};

use super::{
    Dice, FastClock, LEASE, POLL, Process, Sizes, drain, report, retry, say_ready, servers,
};

const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u";

const RECEIVERS: usize = 2;

/// Messages that are on their way at a time.
const SENDERS: usize = 8;

async fn open(url: &str) -> Inbox {
    if url.starts_with("postgres:") {
        PostgresStore::connect(url).await.unwrap().inbox("crm")
    } else {
        AnyStore::connect(url).await.unwrap().inbox("crm")
    }
    .unwrap()
}

/// The receiver that gets killed.
pub(crate) async fn receive(url: &str, clock: FastClock) {
    let verifier = Verifier::builder(Scheme::banata()).secret(SECRET).unwrap();
    let verifier = verifier.clock(clock).build().unwrap();
    let layer = VerifyWebhookLayer::new(verifier).with_inbox(open(url).await);
    let nobody = post(|| async { panic!("the layer calls the handler") as StatusCode });
    let app = Router::new().route("/webhooks/auth", nobody.layer(layer));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    say_ready(listener.local_addr().unwrap());
    axum::serve(listener, app).await.unwrap();
}

/// The worker that gets killed.
pub(crate) async fn handle(url: &str, handled: &str, clock: FastClock) {
    let worker = worker(open(url).await, handled).clock(clock);
    let worker = worker.build().unwrap();
    say_ready("to handle");
    worker.run(CancellationToken::new()).await;
}

/// A worker whose handler appends the message's id to a file, and takes a while before and after.
fn worker(inbox: Inbox, handled: &str) -> InboxWorkerBuilder {
    let file = OpenOptions::new().create(true).append(true).open(handled);
    let file = Arc::new(file.unwrap());
    let id = usize::try_from(std::process::id()).unwrap();
    let dice = Arc::new(Dice::new(id));
    let handler = async move |Webhook(event): Webhook<AuthEvent>| {
        sleep(dice.millis(30)).await;
        if dice.below(20) == 0 {
            return StatusCode::INTERNAL_SERVER_ERROR;
        }
        let line = format!("{}\n", event.id().unwrap());
        (&*file).write_all(line.as_bytes()).unwrap();
        sleep(dice.millis(30)).await;
        StatusCode::NO_CONTENT
    };
    let builder = InboxWorker::builder(inbox, post(handler));
    builder.retry(retry()).lease(LEASE).poll(POLL)
}

/// Sends messages to whichever receivers there are.
struct Sender {
    clock: FastClock,
    signer: Signer,
    dice: Dice,
    receivers: Mutex<Vec<SocketAddr>>,
    next: AtomicUsize,
    acknowledged: Mutex<HashSet<String>>,
}

impl Sender {
    /// Sends the messages up to number `last`.
    async fn send_until(self: &Arc<Self>, last: usize) {
        let mut sending = JoinSet::new();
        for _ in 0..SENDERS {
            let sender = Arc::clone(self);
            sending.spawn(async move {
                loop {
                    let number = sender.next.fetch_add(1, Ordering::Relaxed);
                    if number >= last {
                        return;
                    }
                    sender.send(&format!("msg_{number}")).await;
                    sleep(sender.dice.millis(30)).await;
                }
            });
        }
        sending.join_all().await;
        self.next.store(last, Ordering::Relaxed);
    }

    /// Sends a message until it is acknowledged, and one in four once more.
    async fn send(&self, id: &str) {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.post(id).await {
                Some(202) => break,
                // Stored by a receiver that was killed before it answered.
                Some(200) if tries > 1 => break,
                Some(503) | None => sleep(Duration::from_millis(20)).await,
                Some(other) => panic!("{id} got {other} in try {tries}"),
            }
        }
        self.acknowledged.lock().unwrap().insert(id.to_owned());
        while self.dice.below(4) == 0 {
            match self.post(id).await {
                Some(200 | 503) | None => {}
                Some(other) => panic!("{id} got {other}, though it is stored"),
            }
        }
    }

    /// Returns the status; `None` if no response came.
    async fn post(&self, id: &str) -> Option<u16> {
        let address = {
            let receivers = self.receivers.lock().unwrap();
            receivers[self.dice.below(receivers.len())]
        };
        let exchange = exchange(address, self.request(id));
        let answer = timeout(Duration::from_secs(10), exchange).await.ok()?;
        let answer = answer.ok()?;
        answer.split(' ').nth(1)?.parse().ok()
    }

    fn request(&self, id: &str) -> String {
        let body = format!(
            r#"{{"id":"{id}","event":"user.created","timestamp":"2026-01-01T00:00:00Z","data":{{"id":"usr_1"}}}}"#
        );
        let now = self.clock.now().to_secs();
        let mut headers = HeaderMap::new();
        let signed = MessageId::new(id).unwrap();
        let signature = self.signer.sign_at(&signed, now, body.as_bytes());
        signature.apply(&mut headers);
        let mut text =
            "POST /webhooks/auth HTTP/1.1\r\nhost: a\r\nconnection: close\r\n".to_owned();
        for (name, value) in &headers {
            text.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
        }
        text + &format!("content-length: {}\r\n\r\n{body}", body.len())
    }
}

async fn exchange(address: SocketAddr, request: String) -> std::io::Result<String> {
    let mut socket = TcpStream::connect(address).await?;
    socket.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// The ids that were handled, each as often as it was.
fn handled(file: &str) -> Vec<String> {
    let told = fs::read_to_string(file).unwrap();
    told.lines().map(ToOwned::to_owned).collect()
}

/// Runs what a killed worker had handled and not settled; asserts that nothing else is left.
async fn settle_the_rest(url: &str, file: &str, now: UnixMillis) {
    let inbox = open(url).await;
    let clock = ManualClock::at(now);
    let worker = worker(inbox.clone(), file).clock(clock.clone());
    let worker = worker.build().unwrap();
    let is_settled = drain(async || {
        clock.advance(2 * LEASE);
        let ran = worker.run_due().await.unwrap();
        ran.done + ran.failed + ran.unrecorded == 0
    });
    assert!(is_settled.await);
    assert_eq!(inbox.failed(None, NonZeroU16::MAX).await.unwrap(), []);
}

/// Starts the receivers, and behind them the workers.
async fn start(url: &str, file: &str, clock: FastClock, workers: usize) -> Vec<Process> {
    // One process creates the tables.
    open(url).await;
    let receive = format!("receive {} {url}", clock.origin);
    let handle = format!("handle {} {url} {file}", clock.origin);
    let tasks = [vec![receive; RECEIVERS], vec![handle; workers]].concat();
    let mut processes = Vec::new();
    for task in tasks {
        processes.push(Process::start(task).await);
    }
    processes
}

fn addresses(processes: &[Process]) -> Vec<SocketAddr> {
    let receivers = processes[..RECEIVERS].iter();
    receivers.map(|one| one.said.parse().unwrap()).collect()
}

async fn storm(what: &str, url: &str) {
    let sizes = Sizes::read();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("handled").display().to_string();
    let clock = FastClock::start();
    let mut processes = start(url, &file, clock, sizes.workers).await;
    let sender = Arc::new(Sender {
        clock,
        signer: Signer::new(Scheme::banata(), [SECRET]).unwrap(),
        dice: Dice::new(sizes.seed + 1),
        receivers: Mutex::new(addresses(&processes)),
        next: AtomicUsize::new(0),
        acknowledged: Mutex::default(),
    });
    let dice = Dice::new(sizes.seed);
    for kill in 1..=sizes.kills {
        tokio::join!(
            sender.send_until(sizes.messages * kill / sizes.kills),
            async {
                sleep(dice.millis(200)).await;
                let victim = dice.below(processes.len());
                processes[victim].kill_and_restart().await;
                *sender.receivers.lock().unwrap() = addresses(&processes);
            }
        );
    }
    let acknowledged = sender.acknowledged.lock().unwrap().clone();
    assert_eq!(acknowledged.len(), sizes.messages);
    let distinct = || handled(&file).into_iter().collect::<HashSet<_>>();
    drain(async || distinct().is_superset(&acknowledged)).await;
    for process in &mut processes {
        process.kill().await;
    }
    settle_the_rest(url, &file, clock.now()).await;

    println!("\n{sizes:?}, {RECEIVERS} receivers");
    let distinct = distinct();
    let lost: Vec<_> = acknowledged.difference(&distinct).collect();
    let unexpected: Vec<_> = distinct.difference(&acknowledged).collect();
    let duplicates = handled(&file).len() - distinct.len();
    report(what, &lost, &unexpected, duplicates);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a while; see the head of the file"]
async fn inbox_on_sqlite_survives_the_kills_of_receivers_and_workers() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("storm.db");
    storm("inbox on SQLite", &format!("sqlite://{}", file.display())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a while; see the head of the file"]
async fn inbox_on_postgres_survives_the_kills_of_receivers_and_workers() {
    if let Some(url) = servers::postgres().await {
        storm("inbox on PostgreSQL", &url).await;
    }
}
