//! What an answer means.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};

use crate::clock::UnixTime;
use crate::retry::parse_retry_after;

/// What an answer means for the delivery.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// The endpoint has taken the message.
    Delivered,
    /// The endpoint wants no message ever again.
    Gone,
    /// To be tried again, not sooner than after this long.
    Failed { not_before: Option<Duration> },
}

/// Judges an answer by its status: 2xx is success, 410 ends the endpoint, everything else, a
/// redirect too, is a failure. `Retry-After` counts on 409, 429 and 503.
pub(super) fn classify(status: StatusCode, headers: &HeaderMap, now: UnixTime) -> Verdict {
    match status {
        status if status.is_success() => Verdict::Delivered,
        StatusCode::GONE => Verdict::Gone,
        StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            let asked = headers.get(RETRY_AFTER);
            Verdict::Failed {
                not_before: asked.and_then(|value| parse_retry_after(value.as_bytes(), now)),
            }
        }
        _ => Verdict::Failed { not_before: None },
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);
    const LATER: Verdict = Verdict::Failed { not_before: None };

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
                _ => LATER,
            };
            assert_eq!(verdict(status, None), expected, "{status}");
        }
    }

    #[test]
    fn retry_after_counts_on_409_429_and_503() {
        let asked = Verdict::Failed {
            not_before: Some(Duration::from_mins(2)),
        };
        for (status, expected) in [
            (409, asked),
            (429, asked),
            (503, asked),
            (500, LATER),
            (502, LATER),
            (301, LATER),
            (200, Verdict::Delivered),
            (410, Verdict::Gone),
        ] {
            assert_eq!(verdict(status, Some("120")), expected, "{status}");
        }
    }

    #[test]
    fn a_retry_after_that_cannot_be_read_is_ignored() {
        for value in ["", "-1", "1.5", "NaN", "soon", "1e9"] {
            assert_eq!(verdict(503, Some(value)), LATER, "{value:?}");
        }
    }
}
