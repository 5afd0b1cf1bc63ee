//! What a request may cost in memory, whatever its sender does: the cap and 64 KiB.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_auth_sync::clock::{Clock, SystemClock};
use tower_auth_sync::dedupe::MemoryDedupe;
use tower_auth_sync::entropy::SystemEntropy;
use tower_auth_sync::id::MessageId;
use tower_auth_sync::scheme::Scheme;
use tower_auth_sync::secret::Secret;
use tower_auth_sync::signature::{Signer, Verifier};
use tower_auth_sync::verify::VerifyWebhookLayer;

const CAP: usize = 1024 * 1024;
const BESIDE: u64 = 64 * 1024;

/// What a sender does with a body.
#[derive(Clone)]
struct Sending {
    /// What is left of it.
    left: Bytes,
    frame: usize,
    /// A transport that has read the frames into memory of its own, one by one.
    fresh: bool,
    /// What it says of its length.
    told: Option<u64>,
    /// Sends nothing, for ever, when it has sent all.
    endless: bool,
}

impl Body for Sending {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left.is_empty() {
            return Poll::Ready(self.endless.then(|| Ok(Frame::data(Bytes::new()))));
        }
        let length = self.frame.min(self.left.len());
        let piece = self.left.split_to(length);
        let piece = if self.fresh {
            Bytes::copy_from_slice(&piece)
        } else {
            piece
        };
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn size_hint(&self) -> SizeHint {
        self.told
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// A way to sign, and the layer that lets it through.
struct Signed {
    layer: VerifyWebhookLayer,
    headers: HeaderMap,
}

fn signed(body: &[u8]) -> Signed {
    let secret = Secret::generate();
    let signer = Signer::new(Scheme::standard_webhooks(), [secret.clone()]).unwrap();
    let verifier = Verifier::new(Scheme::standard_webhooks(), [secret]).unwrap();
    by(&signer, verifier, body)
}

#[cfg(feature = "ed25519")]
fn signed_asymmetrically(body: &[u8]) -> Signed {
    const PRIVATE: &str = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
    const PUBLIC: &str = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    let signer = Signer::new(Scheme::standard_webhooks_v1a(), [PRIVATE]).unwrap();
    let verifier = Verifier::new(Scheme::standard_webhooks_v1a(), [PUBLIC]).unwrap();
    by(&signer, verifier, body)
}

fn by(signer: &Signer, verifier: Verifier, body: &[u8]) -> Signed {
    let now = SystemClock.now();
    let mut headers = HeaderMap::new();
    let id = MessageId::generate(now, &SystemEntropy);
    signer.sign_at(&id, now.to_secs(), body).apply(&mut headers);
    // One whose memory is there already: it is not the request's.
    let dedupe = MemoryDedupe::new().dedupe("test").unwrap();
    let layer = VerifyWebhookLayer::new(verifier).with_dedupe(dedupe);
    Signed { layer, headers }
}

struct Cost {
    status: StatusCode,
    most: u64,
    count: u64,
}

fn cost<B>(layer: &VerifyWebhookLayer, headers: &HeaderMap, body: B) -> Cost
where
    B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_time().build().unwrap();
    let handler = service_fn(async |request: Request<Full<Bytes>>| {
        drop(request);
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let service = layer.layer(handler);
    let mut request = Request::post("/").body(body).unwrap();
    *request.headers_mut() = headers.clone();
    runtime.block_on(async {
        let mut status = StatusCode::IM_A_TEAPOT;
        let mut call = std::pin::pin!(None);
        let info = {
            // Each poll is measured where it happens: on this thread, in this task.
            let mut total = allocation_counter::AllocationInfo::default();
            let mut service = Some((service, request));
            std::future::poll_fn(|cx| {
                let mut ready = Poll::Pending;
                let info = allocation_counter::measure(|| {
                    if let Some((service, request)) = service.take() {
                        call.set(Some(service.oneshot(request)));
                    }
                    let call = call.as_mut().as_pin_mut().unwrap();
                    if let Poll::Ready(response) = call.poll(cx) {
                        status = response.unwrap().status();
                        ready = Poll::Ready(());
                    }
                });
                let held = u64::try_from(total.bytes_current.max(0)).unwrap();
                total.bytes_max = total.bytes_max.max(held + info.bytes_max);
                total.bytes_current += info.bytes_current;
                total.count_total += info.count_total;
                ready
            })
            .await;
            total
        };
        Cost {
            status,
            most: info.bytes_max,
            count: info.count_total,
        }
    })
}

fn assert_bounded(signed: &Signed, sending: Sending, cap: usize, expected: u16) {
    let (frame, told, fresh) = (sending.frame, sending.told, sending.fresh);
    let cost = cost(&signed.layer, &signed.headers, sending);
    assert_eq!(
        cost.status.as_u16(),
        expected,
        "frames of {frame}, {told:?}"
    );
    let most = cap as u64 + BESIDE;
    assert!(
        cost.most <= most,
        "{} for frames of {frame}, {told:?}, {fresh}",
        cost.most
    );
}

/// Small, as large as HTTP/2 has them, twice that, and as large as what may be held besides.
const FRAMES: [usize; 4] = [500, 16 * 1024, 30 * 1024, 64 * 1024];

fn every_way(signed: &Signed, body: &Bytes, bound: usize, expected: u16) {
    let length = body.len() as u64;
    for frame in FRAMES {
        for told in [None, Some(length), Some(0), Some(CAP as u64)] {
            // Frames of 64 KiB are the transport's; one that holds them twice is not measured here.
            for fresh in [false, frame < 64 * 1024] {
                let sending = Sending {
                    left: body.clone(),
                    frame,
                    fresh,
                    told,
                    endless: false,
                };
                assert_bounded(signed, sending, bound, expected);
            }
        }
    }
}

fn without_dedupe(mut signed: Signed) -> Signed {
    signed.layer = signed.layer.without_dedupe();
    signed
}

#[test]
fn a_body_as_large_as_the_cap_takes_the_cap_and_64_kib_however_it_is_cut() {
    let body = Bytes::from(vec![b'x'; CAP]);
    every_way(&without_dedupe(signed(&body)), &body, CAP, 200);
}

#[test]
fn so_does_one_that_comes_byte_by_byte() {
    let cap = 100_000;
    let body = Bytes::from(vec![b'x'; cap]);
    let mut signed = without_dedupe(signed(&body));
    signed.layer = signed.layer.with_body_limit(cap);
    let sending = Sending {
        left: body,
        frame: 1,
        fresh: true,
        told: None,
        endless: false,
    };
    assert_bounded(&signed, sending, cap, 200);
}

#[test]
fn so_does_one_of_a_third_of_the_cap_and_one_that_is_too_large() {
    for (length, expected) in [(CAP / 3, 200), (CAP + 1, 413), (2 * CAP, 413)] {
        let body = Bytes::from(vec![b'x'; length]);
        let signed = without_dedupe(signed(&body));
        every_way(&signed, &body, CAP, expected);
    }
}

#[cfg(feature = "ed25519")]
#[test]
fn one_under_a_public_key_is_held_twice_since_its_library_wants_it_in_one_piece() {
    let body = Bytes::from(vec![b'x'; CAP]);
    let signed = without_dedupe(signed_asymmetrically(&body));
    // Beside the layer there is the copy of the verifier, which doubles as it grows.
    every_way(&signed, &body, 4 * CAP, 200);
}

#[test]
fn a_declared_length_that_lies_takes_no_memory_of_its_own() {
    let body = Bytes::from_static(b"{}");
    let mut signed = without_dedupe(signed(&body));
    let length = (CAP as u64).into();
    signed.headers.insert("content-length", length);
    let sending = Sending {
        left: body,
        frame: 1,
        fresh: false,
        told: None,
        endless: false,
    };
    let cost = cost(&signed.layer, &signed.headers, sending);
    assert_eq!(cost.status, StatusCode::OK);
    assert!(cost.most < 8 * 1024, "{}", cost.most);
}

#[test]
fn empty_frames_without_end_take_nothing_and_end_at_the_deadline() {
    let body = Bytes::from(vec![b'x'; 1000]);
    let signed = without_dedupe(signed(&body));
    let sending = Sending {
        left: body,
        frame: 100,
        fresh: true,
        told: None,
        endless: true,
    };
    let layer = signed.layer.with_body_timeout(Duration::from_millis(50));
    let cost = cost(&layer, &signed.headers, sending);
    assert_eq!(cost.status, StatusCode::REQUEST_TIMEOUT);
    assert!(cost.most < 8 * 1024, "{}", cost.most);
}

#[test]
fn a_request_through_the_layer_takes_12_allocations_and_no_copy_of_its_body() {
    let body = Bytes::from(vec![b'x'; 1024]);
    let first = signed(&body);
    let send = |signed: &Signed| {
        let body = Full::new(body.clone());
        cost(&signed.layer, &signed.headers, body)
    };
    // The first of all requests makes what the others find.
    assert_eq!(send(&first).status, StatusCode::OK);
    let accepted = send(&without_dedupe(first));
    assert_eq!(accepted.status, StatusCode::OK);
    assert!(accepted.count <= 12, "{}", accepted.count);
    let cost = send(&signed(&body));
    assert!(cost.count <= 12, "{}", cost.count);
    assert!(cost.most < 16 * 1024, "{}", cost.most);
}
