//! Storms of kills: real processes work on one store and are killed at random, and nothing is lost.
//!
//! Ignored by default. The short form, about 20 s, is what `.ci/run` runs:
//!
//! ```text
//! cargo test --all-features --test kill_storm -- --ignored --nocapture --test-threads 1
//! ```
//!
//! The full forms:
//!
//! ```text
//! KILLS=60 MESSAGES=600 cargo test --all-features --test kill_storm -- --ignored --nocapture deliveries
//! KILLS=30 MESSAGES=2000 cargo test --all-features --test kill_storm -- --ignored --nocapture inbox
//! ```
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `KILLS` | processes that are killed in a storm, and started again | 12 |
//! | `MESSAGES` | events that are emitted, or webhooks that are sent, in a storm | 300 |
//! | `WORKERS` | worker processes at a time | 3 |
//! | `SEED` | what the random choices of the parent begin with | 1 |
//!
//! Leases and waits have minima of seconds, so that all clocks of a storm run [`SPEED`] times as fast
//! as the system's; timeouts stay in real time.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on fails"
)]

mod deliveries;
mod inbox;
#[allow(dead_code, reason = "the storms need no Redis")]
#[path = "../it/servers.rs"]
mod servers;

use std::env;
use std::fmt::{Debug, Display};
use std::io::{Read as _, Write as _};
use std::process::Stdio;
use std::str::FromStr;
use std::sync::Mutex;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};
use tower_auth_sync::clock::{Clock, SystemClock, UnixMillis};
use tower_auth_sync::queue::RetryPolicy;

/// Tells [`child`] its task, the origin of its clock, and the arguments of the task.
const CHILD: &str = "TAS_TEST_KILL_STORM_CHILD";

/// How much faster than the system's clock the clocks of a storm run.
const SPEED: u64 = 20;

/// Of the storm's clocks; half a second of real time.
const LEASE: Duration = Duration::from_millis(10_200);

/// In real time, shorter than [`LEASE`] by as much as the workers ask for.
const TIMEOUT: Duration = Duration::from_millis(200);

const POLL: Duration = Duration::from_millis(25);

/// How long, in real time, what is left after the last kill may take.
const DRAIN: Duration = Duration::from_secs(90);

/// A wait of the storm's clocks before each of as many attempts as there can be.
fn retry() -> RetryPolicy {
    RetryPolicy::schedule([Duration::from_secs(2); RetryPolicy::MAX_ATTEMPTS - 1]).unwrap()
}

/// The sizes of a storm.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    kills: usize,
    messages: usize,
    workers: usize,
    seed: usize,
}

impl Sizes {
    fn read() -> Self {
        let read = |variable, default| {
            env::var(variable).map_or(default, |told: String| told.parse().unwrap())
        };
        Self {
            kills: read("KILLS", 12),
            messages: read("MESSAGES", 300),
            workers: read("WORKERS", 3),
            seed: read("SEED", 1),
        }
    }
}

/// Starts at the origin, and runs [`SPEED`] times as fast as the system's.
#[derive(Clone, Copy, Debug)]
struct FastClock {
    origin: u64,
}

impl FastClock {
    fn start() -> Self {
        let origin = SystemClock.now().as_millis();
        Self { origin }
    }
}

impl Clock for FastClock {
    fn now(&self) -> UnixMillis {
        let elapsed = SystemClock.now().as_millis().saturating_sub(self.origin);
        UnixMillis::from_millis(self.origin + elapsed * SPEED)
    }
}

/// A xorshift generator: a seed gives the same choices in each run.
#[derive(Debug)]
struct Dice(Mutex<u64>);

impl Dice {
    fn new(seed: usize) -> Self {
        let seed = u64::try_from(seed).unwrap();
        Self(Mutex::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1))
    }

    fn below(&self, limit: usize) -> usize {
        let mut state = self.0.lock().unwrap();
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        usize::try_from(*state % u64::try_from(limit).unwrap()).unwrap()
    }

    fn millis(&self, limit: usize) -> Duration {
        Duration::from_millis(u64::try_from(self.below(limit)).unwrap())
    }
}

/// This test binary, started again.
#[derive(Debug)]
struct Process {
    task: String,
    child: Child,
    /// What the child said when it was ready.
    said: String,
}

impl Process {
    /// Starts a child and waits until it is ready.
    async fn start(task: String) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--ignored", "--exact", "child", "--nocapture"])
            .env(CHILD, &task)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while let Some(line) = lines.next_line().await.unwrap() {
            if let Some(said) = line.strip_prefix("ready ") {
                let said = said.to_owned();
                return Self { task, child, said };
            }
        }
        panic!("{task}: the child ended before it was ready");
    }

    /// Kills the child, and starts another with the same task.
    async fn kill_and_restart(&mut self) {
        self.kill().await;
        *self = Self::start(self.task.clone()).await;
    }

    async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }
}

/// The process that gets killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started, and killed, by the storms"]
async fn child() {
    let Ok(told) = env::var(CHILD) else {
        return;
    };
    std::thread::spawn(end_with_the_parent);
    let told: Vec<_> = told.split(' ').collect();
    let clock = FastClock {
        origin: u64::from_str(told[1]).unwrap(),
    };
    match (told[0], &told[2..]) {
        ("deliver", &[url]) => deliveries::deliver(url, clock).await,
        ("receive", &[url]) => inbox::receive(url, clock).await,
        ("handle", &[url, handled]) => inbox::handle(url, handled, clock).await,
        (task, _) => panic!("there is no task {task}"),
    }
}

fn say_ready(what: impl Display) {
    println!("\nready {what}");
    std::io::stdout().flush().unwrap();
}

/// The pipe ends when the parent does, however that ends.
fn end_with_the_parent() {
    let ended = std::io::stdin().read(&mut [0]);
    std::process::exit(ended.map_or(1, |_| 0));
}

/// Waits until `is_over`. Returns whether that came in time.
async fn drain(mut is_over: impl AsyncFnMut() -> bool) -> bool {
    let begun = Instant::now();
    while !is_over().await {
        if begun.elapsed() > DRAIN {
            return false;
        }
        sleep(Duration::from_millis(50)).await;
    }
    true
}

/// Prints the result of a storm, and fails if something was lost or came unexpected.
fn report<T: Debug>(what: &str, lost: &[T], unexpected: &[T], duplicates: usize) {
    println!(
        "{what}: lost {}, unexpected {}, duplicates {duplicates}",
        lost.len(),
        unexpected.len()
    );
    assert!(lost.is_empty(), "lost: {lost:?}");
    assert!(unexpected.is_empty(), "unexpected: {unexpected:?}");
}
