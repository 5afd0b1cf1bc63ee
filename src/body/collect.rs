//! Reading a body whole, within a cap and a deadline.

use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt as _;

use super::BoxError;

/// Why a body was not read whole.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CollectError {
    #[error("the body is larger than the cap")]
    TooLarge,
    #[error("the body did not end before the deadline")]
    Timeout,
    #[error("the body could not be read")]
    Read(#[source] BoxError),
}

/// Reads `body` whole: at most `cap` bytes, within `deadline` counted from now to its end.
///
/// A body of one data frame is handed on without a copy. No more than `cap` bytes and one frame
/// are held at any time. Trailers are dropped.
pub(crate) async fn collect<B>(
    body: B,
    cap: usize,
    deadline: Duration,
) -> Result<Bytes, CollectError>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    tokio::time::timeout(deadline, collect_capped(body, cap))
        .await
        .map_err(|_elapsed| CollectError::Timeout)?
}

async fn collect_capped<B>(body: B, cap: usize) -> Result<Bytes, CollectError>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let mut body = pin!(body);
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|err| CollectError::Read(err.into()))?;
        let Ok(mut data) = frame.into_data() else {
            continue;
        };
        let held = first.len() + rest.len();
        let length = bytes::Buf::remaining(&data);
        if length > cap.saturating_sub(held) {
            return Err(CollectError::TooLarge);
        }
        let data = bytes::Buf::copy_to_bytes(&mut data, length);
        if held == 0 {
            first = data;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&std::mem::take(&mut first));
            }
            rest.extend_from_slice(&data);
        }
    }
    Ok(if rest.is_empty() {
        first
    } else {
        rest.freeze()
    })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use std::pin::Pin;
    use std::task::{Context, Poll};

    use http_body::Frame;
    use http_body_util::{Empty, Full, StreamBody};
    use tokio::sync::mpsc;

    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    fn frames(parts: &[&'static str]) -> impl Body<Data = Bytes, Error = Infallible> + use<> {
        let (send, mut receive) = mpsc::unbounded_channel();
        for part in parts {
            send.send(Ok(Frame::data(Bytes::from_static(part.as_bytes()))))
                .unwrap();
        }
        StreamBody::new(futures_lite(move |cx| receive.poll_recv(cx)))
    }

    struct PollFn<F>(F);

    fn futures_lite<T, F>(poll: F) -> PollFn<F>
    where
        F: FnMut(&mut Context<'_>) -> Poll<Option<T>> + Unpin,
    {
        PollFn(poll)
    }

    impl<T, F> futures_core::Stream for PollFn<F>
    where
        F: FnMut(&mut Context<'_>) -> Poll<Option<T>> + Unpin,
    {
        type Item = T;

        fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
            (self.0)(cx)
        }
    }

    #[tokio::test]
    async fn a_single_frame_is_not_copied() {
        let bytes = Bytes::from_static(b"abc");
        let read = collect(Full::new(bytes.clone()), 3, LONG).await.unwrap();
        assert_eq!(read.as_ptr(), bytes.as_ptr());
    }

    #[tokio::test]
    async fn frames_are_joined_up_to_the_cap() {
        let read = collect(frames(&["ab", "", "c"]), 3, LONG).await.unwrap();
        assert_eq!(read, "abc");
        let refused = collect(frames(&["ab", "cd"]), 3, LONG).await;
        assert!(matches!(refused, Err(CollectError::TooLarge)));
    }

    #[tokio::test]
    async fn an_empty_body_is_read_as_no_bytes() {
        let read = collect(Empty::<Bytes>::new(), 0, LONG).await.unwrap();
        assert!(read.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_drips_is_ended_by_the_total_deadline() {
        let (send, mut receive) = mpsc::unbounded_channel();
        let dripping = tokio::spawn(async move {
            while send
                .send(Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"x"))))
                .is_ok()
            {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        let body = StreamBody::new(futures_lite(move |cx| receive.poll_recv(cx)));
        let refused = collect(body, 1_000, LONG).await;
        assert!(matches!(refused, Err(CollectError::Timeout)));
        dripping.abort();
    }
}
