//! What an answer means.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};

use crate::base::clock::UnixTime;
use crate::queue::parse_retry_after;

/// What an answer means for the delivery.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// The endpoint has taken the message.
    Delivered,
    /// The endpoint wants no message ever again.
    Gone,
    /// To be tried again.
    Failed(Wait),
}

/// How long a failed attempt makes others wait.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Wait {
    /// The delivery is not tried again sooner than after this long.
    pub(super) delivery: Option<Duration>,
    /// Neither is anything else sent to the endpoint.
    pub(super) endpoint: Option<Duration>,
}

/// Judges an answer by its status: 2xx is success, 410 ends the endpoint, everything else, a
/// redirect too, is a failure. `Retry-After` counts on 409, where it is about this message, and on
/// 429, 502, 503 and 504, where it is about the endpoint, which after a 429 rests for a minute at
/// least.
pub(super) fn classify(status: StatusCode, headers: &HeaderMap, now: UnixTime) -> Verdict {
    let asked = headers.get(RETRY_AFTER);
    let asked = asked.and_then(|value| parse_retry_after(value.as_bytes(), now));
    match status {
        status if status.is_success() => Verdict::Delivered,
        StatusCode::GONE => Verdict::Gone,
        StatusCode::CONFLICT => Verdict::Failed(Wait {
            delivery: asked,
            endpoint: None,
        }),
        StatusCode::TOO_MANY_REQUESTS => Verdict::Failed(Wait {
            delivery: asked,
            endpoint: Some(asked.unwrap_or_default().max(LEAST_REST)),
        }),
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            Verdict::Failed(Wait {
                delivery: asked,
                endpoint: asked,
            })
        }
        _ => Verdict::Failed(Wait::default()),
    }
}

/// After a 429 that asks for less, or for nothing: the window by which most rate limits count.
const LEAST_REST: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);
    const LATER: Verdict = failed(None, None);

    const fn failed(delivery: Option<u64>, endpoint: Option<u64>) -> Verdict {
        const fn secs(secs: Option<u64>) -> Option<Duration> {
            match secs {
                Some(secs) => Some(Duration::from_secs(secs)),
                None => None,
            }
        }
        Verdict::Failed(Wait {
            delivery: secs(delivery),
            endpoint: secs(endpoint),
        })
    }

    fn verdict(status: u16, retry_after: Option<&'static str>) -> Verdict {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
        }
        classify(StatusCode::from_u16(status).unwrap(), &headers, NOW)
    }

    #[test]
    fn only_2xx_is_success_and_only_410_is_final() {
        for status in 100..1_000 {
            let expected = match status {
                200..300 => Verdict::Delivered,
                410 => Verdict::Gone,
                429 => failed(None, Some(60)),
                _ => LATER,
            };
            assert_eq!(verdict(status, None), expected, "{status}");
        }
    }

    #[test]
    fn retry_after_counts_for_the_message_on_409_and_for_the_endpoint_where_it_is_too_busy() {
        let busy = failed(Some(120), Some(120));
        for (status, expected) in [
            (409, failed(Some(120), None)),
            (429, busy),
            (502, busy),
            (503, busy),
            (504, busy),
            (500, LATER),
            (301, LATER),
            (200, Verdict::Delivered),
            (410, Verdict::Gone),
        ] {
            assert_eq!(verdict(status, Some("120")), expected, "{status}");
        }
    }

    #[test]
    fn after_a_429_the_endpoint_rests_for_a_minute_at_least() {
        assert_eq!(verdict(429, Some("5")), failed(Some(5), Some(60)));
        assert_eq!(verdict(429, Some("soon")), failed(None, Some(60)));
        assert_eq!(verdict(503, Some("5")), failed(Some(5), Some(5)));
    }

    #[test]
    fn a_retry_after_that_cannot_be_read_is_ignored() {
        for value in ["", "-1", "1.5", "NaN", "soon", "1e9"] {
            assert_eq!(verdict(503, Some(value)), LATER, "{value:?}");
        }
    }
}
