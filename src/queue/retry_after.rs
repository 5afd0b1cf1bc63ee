//! `Retry-After` of RFC 9110 §10.2.3.

use std::time::{Duration, UNIX_EPOCH};

use super::retry::MAX_RETRY_AFTER;
use crate::base::clock::UnixTime;

/// Parses a `Retry-After` value: the wait from `now` that the endpoint requests.
///
/// Accepts whole seconds in 1 to 15 ASCII digits, and an `HTTP-date` in each of its three forms.
/// The result is at most 24 h, and zero for a past time. Anything else is `None`: a negative,
/// fractional or signed number, a word, an empty or longer text, a date with the wrong day of the
/// week or a leap second.
///
/// ```
/// use std::time::Duration;
/// use tower_auth_sync::clock::UnixTime;
/// use tower_auth_sync::queue::parse_retry_after;
///
/// let now = UnixTime::from_secs(1_700_000_000);
/// assert_eq!(parse_retry_after(b"120", now), Some(Duration::from_secs(120)));
/// assert_eq!(parse_retry_after(b"soon", now), None);
/// ```
#[must_use]
pub fn parse_retry_after(value: &[u8], now: UnixTime) -> Option<Duration> {
    let text = std::str::from_utf8(value).ok()?;
    let wait = match delta_seconds(text) {
        Some(seconds) => seconds,
        None => parse_http_date(text)?
            .as_secs()
            .saturating_sub(now.as_secs()),
    };
    Some(Duration::from_secs(wait).min(MAX_RETRY_AFTER))
}

fn delta_seconds(text: &str) -> Option<u64> {
    let legal = (1..=MAX_DIGITS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    legal.then(|| text.parse().ok()).flatten()
}

/// Parses an `HTTP-date` (RFC 9110 §5.6.7). A year of two digits lies in 1970–2069.
pub(crate) fn parse_http_date(text: &str) -> Option<UnixTime> {
    let time = httpdate::parse_http_date(text).ok()?;
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    Some(UnixTime::from_secs(since.as_secs()))
}

const MAX_DIGITS: usize = 15;

#[cfg(test)]
mod tests {
    use jiff::{Timestamp, tz::TimeZone};
    use proptest::prelude::*;

    use super::*;

    // Tue, 14 Nov 2023 22:13:20 GMT
    const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

    fn secs(value: &str) -> Option<u64> {
        parse_retry_after(value.as_bytes(), NOW).map(|wait| wait.as_secs())
    }

    #[test]
    fn seconds_and_dates_are_read() {
        for (value, expected) in [
            ("0", 0),
            ("120", 120),
            ("000120", 120),
            ("86401", 86_400),
            ("999999999999999", 86_400),
            ("Tue, 14 Nov 2023 22:14:20 GMT", 60),
            ("Tuesday, 14-Nov-23 22:14:20 GMT", 60),
            ("Tue Nov 14 22:14:20 2023", 60),
            (" Tue, 14 Nov 2023 22:14:20 GMT ", 60),
            ("Tue, 14 Nov 2023 22:13:19 GMT", 0),
            ("Sunday, 06-Nov-94 08:49:37 GMT", 0),
            ("Tuesday, 31-Dec-69 00:00:00 GMT", 86_400),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
        ] {
            assert_eq!(secs(value), Some(expected), "{value}");
        }
    }

    #[test]
    fn junk_is_ignored() {
        for value in [
            "",
            " ",
            "-1",
            "+1",
            "1.5",
            "1e3",
            "0x10",
            "NaN",
            "inf",
            "soon",
            "1 ",
            " 1",
            "1,2",
            "١٢",
            "1000000000000000",
            "Tue, ",
            "Tue, 14 Nov 2023 22:14:20",
            "Tue, 14 Nov 2023 22:14:20 UTC",
            "tue, 14 nov 2023 22:14:20 gmt",
            "Tue, 14 Nov 2023 24:00:00 GMT",
            "Tue, 14 Nov 2023 22:14:60 GMT",
            "Wed, 14 Nov 2023 22:14:20 GMT",
            "Thu, 31 Nov 2023 22:14:20 GMT",
            "Wed, 29 Feb 2023 22:14:20 GMT",
            "Mon, 29 Feb 2100 00:00:00 GMT",
            "Fri, 14 Nov 1969 22:14:20 GMT",
            "Tue Nov 14 22:14:20 2023 GMT",
            "Tue, ١٤ Nov 2023 22:14:20 GMT",
        ] {
            assert_eq!(secs(value), None, "{value:?}");
        }
        assert_eq!(parse_retry_after(b"\xff\xfe", NOW), None);
    }

    proptest! {
        #[test]
        fn any_bytes_give_at_most_a_day(value in proptest::collection::vec(any::<u8>(), 0..40), now in any::<u64>()) {
            if let Some(wait) = parse_retry_after(&value, UnixTime::from_secs(now)) {
                prop_assert!(wait <= MAX_RETRY_AFTER);
            }
        }

        #[test]
        fn up_to_a_day_every_number_of_seconds_is_kept(wanted in 0..=86_400_u64) {
            prop_assert_eq!(secs(&wanted.to_string()), Some(wanted));
        }

        #[test]
        fn every_second_printed_by_jiff_reads_back(second in 0..=253_402_207_200_i64) {
            let zoned = Timestamp::from_second(second).unwrap().to_zoned(TimeZone::UTC);
            let expected = Some(UnixTime::from_secs(second.unsigned_abs()));
            for format in ["%a, %d %b %Y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"] {
                let text = zoned.strftime(format).to_string();
                prop_assert_eq!(parse_http_date(&text), expected, "{}", text);
            }
        }

        #[test]
        fn no_text_like_a_date_makes_the_parser_panic(
            text in "[A-Z][a-z]{2,8},? [0-9]{1,3}[ -][A-Z][a-z]{2}[ -][0-9]{1,5} [0-9:]{7,9}( GMT| [0-9]{4})?"
        ) {
            let _ = parse_http_date(&text);
        }
    }
}
