//! The meaning of a response.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};

use crate::base::clock::UnixTime;
use crate::queue::parse_retry_after;

/// The meaning of a response for the delivery.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Classification {
    /// The endpoint took the message.
    Delivered,
    /// The endpoint wants no message any more.
    Gone,
    /// The worker retries.
    Failed(RetryAfter),
}

/// The pauses after a failed attempt.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct RetryAfter {
    /// The shortest pause before the delivery is tried again.
    pub(super) delivery: Option<Duration>,
    /// The pause in which the worker sends nothing else to the endpoint.
    pub(super) endpoint: Option<Duration>,
}

/// Classifies a response by its status: 2xx is success, 410 ends the endpoint, everything else, a
/// redirect too, is a failure. `Retry-After` counts on 409, where it concerns this message, and on
/// 429, 502, 503 and 504, where it concerns the endpoint. After a 429 the endpoint rests for a
/// minute at least.
pub(super) fn classify(status: StatusCode, headers: &HeaderMap, now: UnixTime) -> Classification {
    let pause = headers.get(RETRY_AFTER);
    let pause = pause.and_then(|value| parse_retry_after(value.as_bytes(), now));
    match status {
        status if status.is_success() => Classification::Delivered,
        StatusCode::GONE => Classification::Gone,
        StatusCode::CONFLICT => Classification::Failed(RetryAfter {
            delivery: pause,
            endpoint: None,
        }),
        StatusCode::TOO_MANY_REQUESTS => Classification::Failed(RetryAfter {
            delivery: pause,
            endpoint: Some(pause.unwrap_or_default().max(LEAST_REST)),
        }),
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            Classification::Failed(RetryAfter {
                delivery: pause,
                endpoint: pause,
            })
        }
        _ => Classification::Failed(RetryAfter::default()),
    }
}

/// Shortest rest after a 429: the window of most rate limits.
const LEAST_REST: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);
    const LATER: Classification = failed(None, None);

    const fn failed(delivery: Option<u64>, endpoint: Option<u64>) -> Classification {
        const fn secs(secs: Option<u64>) -> Option<Duration> {
            match secs {
                Some(secs) => Some(Duration::from_secs(secs)),
                None => None,
            }
        }
        Classification::Failed(RetryAfter {
            delivery: secs(delivery),
            endpoint: secs(endpoint),
        })
    }

    fn classification(status: u16, retry_after: Option<&'static str>) -> Classification {
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
                200..300 => Classification::Delivered,
                410 => Classification::Gone,
                429 => failed(None, Some(60)),
                _ => LATER,
            };
            assert_eq!(classification(status, None), expected, "{status}");
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
            (200, Classification::Delivered),
            (410, Classification::Gone),
        ] {
            assert_eq!(classification(status, Some("120")), expected, "{status}");
        }
    }

    #[test]
    fn after_a_429_the_endpoint_rests_for_a_minute_at_least() {
        assert_eq!(classification(429, Some("5")), failed(Some(5), Some(60)));
        assert_eq!(classification(429, Some("soon")), failed(None, Some(60)));
        assert_eq!(classification(503, Some("5")), failed(Some(5), Some(5)));
    }

    #[test]
    fn a_retry_after_that_cannot_be_read_is_ignored() {
        for value in ["", "-1", "1.5", "NaN", "soon", "1e9"] {
            assert_eq!(classification(503, Some(value)), LATER, "{value:?}");
        }
    }
}
