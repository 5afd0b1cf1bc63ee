//! How bodies are read, and that the handler gets the very same bytes.

use std::io;
use std::time::Duration;

use http_body::Frame;
use http_body_util::{LengthLimitError, Limited, StreamBody};
use proptest::prelude::*;
use tokio::sync::mpsc;

use super::*;

pub(super) type Chunk = Result<Frame<Bytes>, BoxError>;

/// A body whose chunks the test sends.
pub(super) struct Chunks(mpsc::UnboundedReceiver<Chunk>);

impl futures_core::Stream for Chunks {
    type Item = Chunk;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Chunk>> {
        self.0.poll_recv(cx)
    }
}

pub(super) fn channel() -> (mpsc::UnboundedSender<Chunk>, StreamBody<Chunks>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (sender, StreamBody::new(Chunks(receiver)))
}

pub(super) fn chunk(bytes: impl Into<Bytes>) -> Chunk {
    Ok(Frame::data(bytes.into()))
}

#[tokio::test]
async fn a_body_in_pieces_is_verified_and_handed_on_whole() {
    let receiver = Receiver::new(Scheme::standard_webhooks());
    let (sender, body) = channel();
    for piece in BODY.as_bytes().chunks(5) {
        sender.send(chunk(piece)).unwrap();
    }
    drop(sender);
    let request = standard("msg_1", BODY).map(|_| body);
    receiver.send(request).await.assert_handled();
    assert_eq!(receiver.handler.last().0, BODY);
}

#[tokio::test]
async fn a_body_in_one_piece_is_not_copied() {
    let receiver = Receiver::new(Scheme::standard_webhooks());
    let body = Bytes::from(BODY.to_owned());
    let at = body.as_ptr();
    receiver
        .send(standard("msg_1", body))
        .await
        .assert_handled();
    let (body, delivered) = receiver.handler.last();
    assert_eq!((body.as_ptr(), delivered.body().as_ptr()), (at, at));
}

#[tokio::test]
async fn bytes_that_are_no_text_and_odd_spacing_arrive_unchanged() {
    let receiver = Receiver::new(Scheme::banata());
    for (id, body) in [
        ("a", &b"\xff\xfe"[..]),
        ("b", b" {\r\n\t\"id\" :\"other\" }\n\n"),
        ("c", b""),
        ("d", b"\0"),
    ] {
        receiver.send(banata(id, body)).await.assert_handled();
        assert_eq!(receiver.handler.last().0, body);
    }
}

#[tokio::test]
async fn an_endless_body_is_cut_at_the_cap() {
    let receiver = Receiver::with(Scheme::banata(), |layer| layer.with_body_limit(1000));
    let (sender, body) = channel();
    let endless = tokio::spawn(async move {
        let mut sent = 0;
        while sender.send(chunk(vec![0; 100])).is_ok() {
            sent += 100;
            tokio::task::yield_now().await;
        }
        sent
    });
    let request = banata("msg_1", BODY).map(|_| body);
    receiver
        .send(request)
        .await
        .assert_refused(413, "body-too-large");
    assert!(endless.await.unwrap() <= 2000);
    assert_eq!(receiver.handler.calls(), 0);
}

#[tokio::test]
async fn a_body_that_an_outer_limit_cut_is_too_large_as_well() {
    let receiver = Receiver::new(Scheme::banata());
    let (sender, body) = channel();
    sender.send(chunk(BODY)).unwrap();
    let request = banata("msg_1", BODY).map(|_| Limited::new(body, 10));
    receiver
        .send(request)
        .await
        .assert_refused(413, "body-too-large");

    let (sender, body) = channel();
    let nested = io::Error::other(Box::new(LengthLimitErrorSource));
    sender.send(Err(nested.into())).unwrap();
    let request = banata("msg_1", BODY).map(|_| body);
    receiver
        .send(request)
        .await
        .assert_refused(400, "body-incomplete");
}

/// An error that only looks like a limit.
#[derive(Debug, thiserror::Error)]
#[error("length limit exceeded: {}", std::any::type_name::<LengthLimitError>())]
struct LengthLimitErrorSource;

#[tokio::test]
async fn a_body_that_breaks_off_is_refused() {
    let receiver = Receiver::new(Scheme::banata());
    let (sender, body) = channel();
    sender.send(chunk("{")).unwrap();
    sender.send(Err("connection reset".into())).unwrap();
    let request = banata("msg_1", BODY).map(|_| body);
    receiver
        .send(request)
        .await
        .assert_refused(400, "body-incomplete");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stalls_or_drips_is_given_up_at_the_deadline() {
    let receiver = Receiver::new(Scheme::banata());
    let started = tokio::time::Instant::now();
    let (stalled, body) = channel();
    stalled.send(chunk("{")).unwrap();
    let request = banata("msg_1", BODY).map(|_| body);
    receiver
        .send(request)
        .await
        .assert_refused(408, "body-timeout");
    assert_eq!(started.elapsed(), Duration::from_secs(10));

    let (sender, body) = channel();
    tokio::spawn(async move {
        while sender.send(chunk("x")).is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let request = banata("msg_1", BODY).map(|_| body);
    receiver
        .send(request)
        .await
        .assert_refused(408, "body-timeout");
    assert_eq!(started.elapsed(), Duration::from_secs(20));
    assert_eq!(receiver.handler.calls(), 0);
}

/// A body that may not be read.
pub(super) struct Untouchable;

impl Body for Untouchable {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Chunk>> {
        panic!("the body was read");
    }
}

#[tokio::test]
async fn headers_are_refused_before_the_body_is_touched() {
    let receiver = Receiver::new(Scheme::banata());
    let stale = signed_at(UnixTime::from_secs(1), Scheme::banata(), "msg_1", BODY);
    let malformed = with_header(banata("msg_1", BODY), "webhook-timestamp", "1.5");
    let mut unsigned = banata("msg_1", BODY);
    unsigned.headers_mut().remove("webhook-signature");
    for (request, status, slug) in [
        (stale, 401, "timestamp-stale"),
        (malformed, 400, "header-malformed"),
        (unsigned, 401, "signature-missing"),
    ] {
        let reply = receiver.send(request.map(|_| Untouchable)).await;
        reply.assert_refused(status, slug);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_body_however_cut_reaches_the_handler_as_it_was(
        body in proptest::collection::vec(any::<u8>(), 0..600),
        size in 1_usize..200,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let receiver = Receiver::new(Scheme::banata());
            let (sender, chunks) = channel();
            for piece in body.chunks(size) {
                sender.send(chunk(piece.to_vec())).unwrap();
            }
            drop(sender);
            let request = banata("msg_1", body.clone()).map(|_| chunks);
            receiver.send(request).await.assert_handled();
            assert_eq!(receiver.handler.last().0, body);
        });
    }
}
