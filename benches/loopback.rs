//! What the layer adds to the CPU time of an HTTP server, beside a handler that calls the `svix` crate.
//!
//! ```text
//! cargo bench --bench loopback
//! ```
//!
//! Linux only. The program starts itself once per kind of server, on a port of the loopback interface
//! and with one thread, and sends them requests of 1 KiB over kept connections, some milliseconds each
//! in turn. It reads how long each server has run from the kernel (`/proc/<pid>/schedstat`): CPU time,
//! so that it stands other work on the machine, though not without noise. A server that only reads the
//! body is the measure that all others are compared with.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and stops at what cannot be"
)]

mod sender;
mod turns;

use std::env;
use std::future::ready;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use axum::Router;
use axum::routing::post;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tower_auth_sync::scheme::Scheme;
use tower_auth_sync::signature::Verifier;
use tower_auth_sync::verify::VerifyWebhookLayer;

use self::sender::{IdInBody, SECRET, Sender};
use self::turns::median;

/// Names the kind of server that this process is to be.
const SERVE: &str = "TOWER_AUTH_SYNC_BENCH_SERVE";

const ROUNDS: usize = 201;
const CONNECTIONS: usize = 16;
const REQUESTS_PER_CONNECTION: usize = 20;
const SIZE: usize = 1024;

/// In the order in which the results are printed.
const KINDS: [&str; 6] = [
    "reads the body",
    "layer, Standard Webhooks",
    "layer, Banata, id in the body",
    "layer, Banata, id unsigned",
    "svix in the handler",
    "standardwebhooks in the handler",
];

fn app(kind: &str) -> Router {
    async fn read(_body: Bytes) {}

    let layer = |scheme| VerifyWebhookLayer::new(Verifier::new(scheme, [SECRET]).unwrap());
    let svix = Arc::new(svix::webhooks::Webhook::new(SECRET).unwrap());
    let with_svix =
        move |headers: HeaderMap, body: Bytes| ready(status(svix.verify(&body, &headers).is_ok()));
    let other = Arc::new(standardwebhooks::Webhook::new(SECRET).unwrap());
    let with_other =
        move |headers: HeaderMap, body: Bytes| ready(status(other.verify(&body, &headers).is_ok()));
    let at = KINDS.iter().position(|known| *known == kind).unwrap();
    let handler = match at {
        0 => post(read),
        1 => post(read).layer(layer(Scheme::standard_webhooks())),
        2 | 3 => post(read).layer(layer(Scheme::banata())),
        4 => post(with_svix),
        _ => post(with_other),
    };
    Router::new().route("/webhooks/auth", handler)
}

const fn status(accepted: bool) -> StatusCode {
    if accepted {
        StatusCode::OK
    } else {
        StatusCode::UNAUTHORIZED
    }
}

/// Serves until whoever started this process goes away.
fn serve(kind: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    std::thread::spawn(|| {
        let _ = io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    runtime.block_on(async {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        println!("{}", listener.local_addr().unwrap().port());
        axum::serve(listener, app(kind)).await.unwrap();
    });
}

struct Server {
    process: Child,
    connections: Vec<BufReader<TcpStream>>,
    sender: Sender,
}

impl Server {
    fn start(kind: &'static str) -> Self {
        let mut process = Command::new(env::current_exe().unwrap())
            .env(SERVE, kind)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        output.read_line(&mut port).unwrap();
        let connect = |_| {
            let address = (Ipv4Addr::LOCALHOST, port.trim().parse().unwrap());
            let stream = TcpStream::connect(address).unwrap();
            stream.set_nodelay(true).unwrap();
            BufReader::new(stream)
        };
        let (scheme, id_in_body) = match kind {
            "layer, Banata, id in the body" => (Scheme::banata(), IdInBody::AtRoot),
            "layer, Banata, id unsigned" => (Scheme::banata(), IdInBody::Elsewhere),
            _ => (Scheme::standard_webhooks(), IdInBody::AtRoot),
        };
        Self {
            connections: (0..CONNECTIONS).map(connect).collect(),
            process,
            sender: Sender::new(scheme, id_in_body, SIZE),
        }
    }

    /// Returns the server's CPU time for one request, in microseconds.
    fn slice(&mut self) -> f64 {
        let before = self.cpu_nanos();
        for _ in 0..REQUESTS_PER_CONNECTION {
            self.once_per_connection();
        }
        let spent = self.cpu_nanos() - before;
        spent as f64 / (CONNECTIONS * REQUESTS_PER_CONNECTION) as f64 / 1_000.0
    }

    fn once_per_connection(&mut self) {
        let texts: Vec<_> = (0..CONNECTIONS).map(|_| text(&mut self.sender)).collect();
        for (connection, text) in self.connections.iter_mut().zip(&texts) {
            connection.get_mut().write_all(text).unwrap();
        }
        self.connections.iter_mut().for_each(read_answer);
    }

    /// The time for which the server's one thread has run; exact while it waits.
    fn cpu_nanos(&self) -> u64 {
        let path = format!("/proc/{}/schedstat", self.process.id());
        let text = std::fs::read_to_string(path).unwrap();
        text.split(' ').next().unwrap().parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// The next request as it goes over the wire.
fn text(sender: &mut Sender) -> Vec<u8> {
    let (headers, body) = sender.next();
    let mut text = b"POST /webhooks/auth HTTP/1.1\r\nhost: localhost\r\n".to_vec();
    for (name, value) in &headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            text.extend_from_slice(part);
        }
    }
    text.extend_from_slice(b"\r\n");
    text.extend_from_slice(&body);
    text
}

fn read_answer(connection: &mut BufReader<TcpStream>) {
    let mut line = String::new();
    connection.read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 200 "), "{line}");
    let mut length = None;
    while line != "\r\n" {
        line.clear();
        connection.read_line(&mut line).unwrap();
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = Some(value.trim().to_owned());
        }
    }
    assert_eq!(length.as_deref(), Some("0"), "the answers have no body");
}

fn compare() {
    let mut servers: Vec<_> = KINDS.into_iter().map(Server::start).collect();
    let rounds = turns::rounds(ROUNDS);
    let mut times = Vec::new();
    for round in 0..rounds + 1 {
        let mut row = [0.0; KINDS.len()];
        // Nobody always comes after the same one.
        for turn in 0..KINDS.len() {
            let at = (turn + round) % KINDS.len();
            row[at] = servers[at].slice();
        }
        times.push(row);
    }
    // The first round opens the connections.
    times.remove(0);

    let added = |index: usize| median(times.iter().map(|row| row[index] - row[0]));
    turns::print_load();
    println!("CPU time per request, medians of {rounds} rounds of 320 requests each");
    println!(
        "{:<32} {:>7}   {:>8}   to svix",
        "the server", "us", "adds us"
    );
    for (index, kind) in KINDS.into_iter().enumerate() {
        let micros = median(times.iter().map(|row| row[index]));
        let ratio = added(index) / added(4);
        println!(
            "{kind:<32} {micros:>7.2}   {:>8.2}   {ratio:.2} x",
            added(index)
        );
    }
}

fn main() {
    match env::var(SERVE) {
        Ok(kind) => serve(&kind),
        Err(_) => compare(),
    }
}
