//! Deliveries: workers are killed while they send, to a receiver that fails in every way.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::error::Error;
use std::future::pending;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value};
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tower_auth_sync::egress::{EgressPolicy, Network};
use tower_auth_sync::event::{AuthEvent, EventFilter, EventType};
use tower_auth_sync::id::{EndpointId, MessageId};
use tower_auth_sync::outbox::{DeliveryState, NewEndpoint};
use tower_auth_sync::scheme::Scheme;
use tower_auth_sync::signature::Verifier;
use tower_auth_sync::store::AnyStore;
use tower_auth_sync::worker::Worker;

use super::{
    Dice, FastClock, LEASE, POLL, Process, Sizes, TIMEOUT, drain, report, retry, say_ready,
};

/// The endpoints: a path and the filter of each.
const ENDPOINTS: [(&str, &str); 3] = [
    ("/all", "*"),
    ("/users", "user.*"),
    ("/sessions", "session.created"),
];

/// The types of the events, in turn, and the endpoints that want each.
const TYPES: [(EventType, &[usize]); 3] = [
    (EventType::UserCreated, &[0, 1]),
    (EventType::SessionCreated, &[0, 2]),
    (EventType::MemberAdded, &[0]),
];

fn loopback() -> EgressPolicy {
    EgressPolicy::allow(Network::LOOPBACK)
}

/// The worker that gets killed.
pub(crate) async fn deliver(url: &str, clock: FastClock) {
    let store = AnyStore::connect(url).await.unwrap();
    let worker = Worker::builder(&store)
        .egress(loopback())
        .clock(clock)
        .retry(retry())
        .lease(LEASE)
        .timeout(TIMEOUT)
        .poll(POLL)
        .build()
        .unwrap();
    say_ready("to deliver");
    worker.run(CancellationToken::new()).await;
}

/// A request that arrived whole.
#[derive(Debug)]
struct Arrival {
    endpoint: usize,
    id: String,
    body: Bytes,
    is_genuine: bool,
    /// Whether the receiver acted on it, whatever the sender has learnt of that.
    acted: bool,
}

struct Receiver {
    dice: Dice,
    verifiers: Vec<Verifier>,
    arrivals: Mutex<Vec<Arrival>>,
}

impl Receiver {
    async fn serve(self: Arc<Self>, listener: TcpListener) -> Infallible {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let receiver = Arc::clone(&self);
            let service = service_fn(move |request| Arc::clone(&receiver).answer(request));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
        }
    }

    /// Answers 200; sometimes 500, sometimes, having acted, not at all: an error ends the connection.
    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Empty<Bytes>>, Box<dyn Error + Send + Sync>> {
        let fate = self.dice.below(20);
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let path = head.uri.path();
        let endpoint = ENDPOINTS.iter().position(|(known, _)| *known == path);
        let endpoint = endpoint.ok_or("the path is unknown")?;
        let verified = self.verifiers[endpoint].verify(&head.headers, &body);
        self.arrivals.lock().unwrap().push(Arrival {
            endpoint,
            id: head.headers["webhook-id"].to_str()?.to_owned(),
            body,
            is_genuine: verified.is_ok(),
            acted: fate > 2,
        });
        let mut response = Response::new(Empty::new());
        match fate {
            0..=2 => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
            3 | 4 => return Err("acted, and broke off".into()),
            5 => pending().await,
            _ => {}
        }
        Ok(response)
    }
}

struct Storm {
    clock: FastClock,
    store: AnyStore,
    url: String,
    receiver: Arc<Receiver>,
    endpoints: Vec<EndpointId>,
    /// Ids of the acknowledged events, with their numbers.
    emitted: Vec<(MessageId, usize)>,
}

impl Storm {
    async fn gather(url: String, seed: usize) -> Self {
        let clock = FastClock::start();
        let store = AnyStore::connect(&url).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mut endpoints, mut verifiers) = (Vec::new(), Vec::new());
        for (path, filter) in ENDPOINTS {
            let url = format!("http://{address}{path}");
            let new = NewEndpoint::generate_with(&url, Scheme::standard_webhooks(), &loopback());
            let new = new
                .unwrap()
                .with_filter(filter.parse::<EventFilter>().unwrap());
            let issued = store
                .endpoints()
                .with_clock(clock)
                .create(new)
                .await
                .unwrap();
            let verifier = Verifier::builder(Scheme::standard_webhooks()).clock(clock);
            let verifier = verifier.secret(issued.secret().reveal()).unwrap();
            verifiers.push(verifier.build().unwrap());
            endpoints.push(issued.endpoint().id.clone());
        }
        let receiver = Arc::new(Receiver {
            dice: Dice::new(seed),
            verifiers,
            arrivals: Mutex::default(),
        });
        tokio::spawn(Arc::clone(&receiver).serve(listener));
        Self {
            clock,
            store,
            url,
            receiver,
            endpoints,
            emitted: Vec::new(),
        }
    }

    async fn emit(&mut self, events: usize) {
        let emitter = self.store.emitter().with_clock(self.clock);
        for _ in 0..events {
            let number = self.emitted.len();
            let (event_type, _) = TYPES[number % TYPES.len()].clone();
            let data = Map::from_iter([("id".into(), Value::from(format!("id_{number}")))]);
            let id = emitter.emit(AuthEvent::new(event_type, data)).await;
            self.emitted.push((id.unwrap(), number));
            sleep(self.receiver.dice.millis(20)).await;
        }
    }

    /// Waits until every delivery is final. Returns whether that came in time.
    async fn drain(&self) -> bool {
        let deliveries = self.store.deliveries();
        let mut left = self.emitted.clone();
        drain(async || {
            while let Some((id, _)) = left.last() {
                let found = deliveries.of_event(id).await.unwrap();
                if !found.iter().all(|delivery| delivery.state.is_final()) {
                    return false;
                }
                left.pop();
            }
            true
        })
        .await
    }

    /// Asserts on what arrived: each attempt was genuine and had the bytes of its event.
    fn assert_genuine(&self) {
        let numbers: HashMap<_, _> = self.emitted.iter().cloned().collect();
        let mut bodies = HashMap::new();
        for arrival in &*self.receiver.arrivals.lock().unwrap() {
            assert!(arrival.is_genuine, "{arrival:?}");
            let body = bodies.entry(&arrival.id).or_insert(&arrival.body);
            assert_eq!(*body, &arrival.body, "the bytes of {} differ", arrival.id);
            let told: Value = serde_json::from_slice(&arrival.body).unwrap();
            assert_eq!(told["id"], arrival.id.as_str());
            if let Some(number) = numbers.get(&MessageId::new(arrival.id.as_str()).unwrap()) {
                assert_eq!(told["data"]["id"], format!("id_{number}"));
            }
        }
    }

    /// Asserts on what the store knows in the end.
    async fn assert_delivered(&self) {
        for (id, number) in &self.emitted {
            let deliveries = self.store.deliveries().of_event(id).await.unwrap();
            let wanted = TYPES[number % TYPES.len()].1;
            let endpoints: HashSet<_> = deliveries.iter().map(|one| &one.endpoint).collect();
            let expected: HashSet<_> = wanted.iter().map(|&one| &self.endpoints[one]).collect();
            assert_eq!((deliveries.len(), &endpoints), (wanted.len(), &expected));
            for delivery in deliveries {
                assert_eq!(delivery.state, DeliveryState::Delivered, "{delivery:?}");
            }
        }
    }

    fn report(&self) {
        let expected = self.emitted.iter().flat_map(|(id, number)| {
            let wanted = TYPES[number % TYPES.len()].1;
            wanted
                .iter()
                .map(move |&endpoint| (id.to_string(), endpoint))
        });
        let expected: HashSet<_> = expected.collect();
        let arrivals = self.receiver.arrivals.lock().unwrap();
        let pairs = |acted: bool| {
            let wanted = arrivals.iter().filter(move |one| one.acted || !acted);
            wanted.map(|one| (one.id.clone(), one.endpoint))
        };
        let arrived: HashSet<_> = pairs(true).collect();
        let lost: Vec<_> = expected.difference(&arrived).collect();
        let all: HashSet<_> = pairs(false).collect();
        let unexpected: Vec<_> = all.difference(&expected).collect();
        let duplicates = pairs(true).count() - arrived.len();
        println!(
            "{} events, {} deliveries, {} requests",
            self.emitted.len(),
            expected.len(),
            arrivals.len()
        );
        report("deliveries on SQLite", &lost, &unexpected, duplicates);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a while; see the head of the file"]
async fn deliveries_survive_the_kills_of_their_workers() {
    let sizes = Sizes::read();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("storm.db");
    let url = format!("sqlite://{}", file.display());
    let mut storm = Storm::gather(url, sizes.seed + 1).await;
    let mut processes = Vec::new();
    for _ in 0..sizes.workers {
        let task = format!("deliver {} {}", storm.clock.origin, storm.url);
        processes.push(Process::start(task).await);
    }
    let dice = Dice::new(sizes.seed);
    for kill in 1..=sizes.kills {
        let events = sizes.messages * kill / sizes.kills - storm.emitted.len();
        let victim = &mut processes[dice.below(sizes.workers)];
        tokio::join!(storm.emit(events), async {
            sleep(dice.millis(200)).await;
            victim.kill_and_restart().await;
        });
    }
    let is_drained = storm.drain().await;
    for process in &mut processes {
        process.kill().await;
    }
    println!("\n{sizes:?}");
    storm.report();
    assert!(is_drained, "a delivery is not final");
    storm.assert_genuine();
    storm.assert_delivered().await;
}
