//! A receiver on a loopback socket that answers as it was told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};

/// One answer.
pub(crate) enum Reply {
    /// This status and no body.
    Status(u16),
    /// This status with a `Retry-After`.
    RetryAfter(u16, &'static str),
    /// This status with a `Location`.
    Location(u16, String),
    /// 200, once there is a permit.
    With(Arc<Semaphore>),
    /// None, ever.
    Never,
    /// 200 and a body that does not end.
    Endless,
}

/// What arrived.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Takes every request; when its replies have run out it answers 204.
pub(crate) struct Receiver {
    url: String,
    arrived: mpsc::UnboundedReceiver<Call>,
}

struct Script {
    replies: Mutex<VecDeque<Reply>>,
    arrived: mpsc::UnboundedSender<Call>,
}

impl Receiver {
    pub(crate) async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let (sender, arrived) = mpsc::unbounded_channel();
        let script = Arc::new(Script {
            replies: Mutex::new(replies.into_iter().collect()),
            arrived: sender,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(script);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, arrived }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Waits for the next request.
    pub(crate) async fn next(&mut self) -> Call {
        self.arrived.recv().await.unwrap()
    }

    /// Takes the requests that have arrived.
    pub(crate) fn calls(&mut self) -> Vec<Call> {
        std::iter::from_fn(|| self.arrived.try_recv().ok()).collect()
    }
}

async fn answer(State(script): State<Arc<Script>>, headers: HeaderMap, body: Bytes) -> Response {
    script.arrived.send(Call { headers, body }).unwrap();
    let reply = script.replies.lock().unwrap().pop_front();
    let build = |status: u16| Response::builder().status(status);
    let empty = Body::empty();
    match reply.unwrap_or(Reply::Status(204)) {
        Reply::Status(status) => build(status).body(empty),
        Reply::RetryAfter(status, after) => build(status).header("retry-after", after).body(empty),
        Reply::Location(status, to) => build(status).header("location", to).body(empty),
        Reply::With(permits) => {
            permits.acquire().await.unwrap().forget();
            build(200).body(empty)
        }
        Reply::Never => std::future::pending().await,
        Reply::Endless => build(200).body(Body::new(Endless)),
    }
    .unwrap()
}

/// A body that does not end.
struct Endless;

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        let frame = http_body::Frame::data(Bytes::from_static(&[b'x'; 4096]));
        std::task::Poll::Ready(Some(Ok(frame)))
    }
}
