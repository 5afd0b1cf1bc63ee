//! `HTTP-date` of RFC 9110 §5.6.7, in the three forms that a recipient must read.

use crate::base::clock::UnixTime;

/// Parses an `HTTP-date`; `now` decides the century of the form with a two-digit year.
///
/// The name of the day must exist, but need not match the date. A date before 1970 is `None`.
pub(crate) fn parse(text: &str, now: UnixTime) -> Option<UnixTime> {
    let (day_name, rest) = text.split_at_checked(text.find([',', ' '])?)?;
    match rest.strip_prefix(", ") {
        Some(rest) if SHORT_DAYS.contains(&day_name) => imf_fixdate(rest),
        Some(rest) if LONG_DAYS.contains(&day_name) => rfc850(rest, now),
        None if SHORT_DAYS.contains(&day_name) => asctime(rest.strip_prefix(' ')?),
        _ => None,
    }
}

/// `06 Nov 1994 08:49:37 GMT`
fn imf_fixdate(text: &str) -> Option<UnixTime> {
    let (day, rest) = two_digits(text)?;
    let (month, rest) = month(rest.strip_prefix(' ')?)?;
    let (year, rest) = year(rest.strip_prefix(' ')?)?;
    let (clock, rest) = clock(rest.strip_prefix(' ')?)?;
    (rest == " GMT").then_some(())?;
    time(year, month, day, clock)
}

/// `06-Nov-94 08:49:37 GMT`
fn rfc850(text: &str, now: UnixTime) -> Option<UnixTime> {
    let (day, rest) = two_digits(text)?;
    let (month, rest) = month(rest.strip_prefix('-')?)?;
    let (short_year, rest) = two_digits(rest.strip_prefix('-')?)?;
    let (clock, rest) = clock(rest.strip_prefix(' ')?)?;
    (rest == " GMT").then_some(())?;
    time(full_year(short_year, now), month, day, clock)
}

/// `Nov  6 08:49:37 1994`
fn asctime(text: &str) -> Option<UnixTime> {
    let (month, rest) = month(text)?;
    let rest = rest.strip_prefix(' ')?;
    let (day, rest) = match rest.strip_prefix(' ') {
        Some(rest) => one_digit(rest)?,
        None => two_digits(rest)?,
    };
    let (clock, rest) = clock(rest.strip_prefix(' ')?)?;
    let (year, rest) = year(rest.strip_prefix(' ')?)?;
    rest.is_empty().then_some(())?;
    time(year, month, day, clock)
}

/// Returns the year with these last two digits that is at most 50 years ahead (RFC 9110 §5.6.7).
fn full_year(last_two: u64, now: UnixTime) -> u64 {
    // 365.2425 days: at the turn of a year the estimate may be one off, which a span of 50 allows.
    let this_year = 1970 + now.as_secs().min(MAX_SECS) / 31_556_952;
    let latest = this_year + 50;
    latest - (latest + 100 - last_two) % 100
}

/// Parses hours, minutes and seconds as seconds of the day; a leap second counts as the next one.
fn clock(text: &str) -> Option<(u64, &str)> {
    let (hours, rest) = two_digits(text)?;
    let (minutes, rest) = two_digits(rest.strip_prefix(':')?)?;
    let (seconds, rest) = two_digits(rest.strip_prefix(':')?)?;
    let legal = hours < 24 && minutes < 60 && seconds <= 60;
    legal.then_some((hours * 3_600 + minutes * 60 + seconds, rest))
}

fn month(text: &str) -> Option<(u64, &str)> {
    let (name, rest) = text.split_at_checked(3)?;
    let index = MONTHS.iter().position(|month| *month == name)?;
    Some((index as u64 + 1, rest))
}

fn year(text: &str) -> Option<(u64, &str)> {
    let (century, rest) = two_digits(text)?;
    let (year, rest) = two_digits(rest)?;
    Some((century * 100 + year, rest))
}

fn two_digits(text: &str) -> Option<(u64, &str)> {
    let (tens, rest) = one_digit(text)?;
    let (ones, rest) = one_digit(rest)?;
    Some((tens * 10 + ones, rest))
}

fn one_digit(text: &str) -> Option<(u64, &str)> {
    let digit = text.chars().next()?.to_digit(10)?;
    Some((digit.into(), &text[1..]))
}

fn time(year: u64, month: u64, day: u64, seconds: u64) -> Option<UnixTime> {
    if year < 1970 || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    let days = days_before_year(year) - days_before_year(1970)
        + (1..month).map(|month| days_in(year, month)).sum::<u64>()
        + (day - 1);
    Some(UnixTime::from_secs(days * 86_400 + seconds))
}

/// Returns the days from the year 1 to the start of `year`, in the Gregorian calendar.
const fn days_before_year(year: u64) -> u64 {
    let past = year - 1;
    past * 365 + past / 4 - past / 100 + past / 400
}

const fn days_in(year: u64, month: u64) -> u64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 31,
    }
}

/// The end of the year 9999, the last one that any form can express.
const MAX_SECS: u64 = 253_402_300_799;

const SHORT_DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

const LONG_DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

    fn secs(text: &str) -> Option<u64> {
        parse(text, NOW).map(UnixTime::as_secs)
    }

    #[test]
    fn the_three_forms_of_rfc_9110_name_the_same_time() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(secs(text), Some(784_111_777), "{text}");
        }
    }

    #[test]
    fn leap_days_exist_only_in_leap_years() {
        for (text, legal) in [
            ("Thu, 29 Feb 2024 00:00:00 GMT", true),
            ("Tue, 29 Feb 2000 00:00:00 GMT", true),
            ("Wed, 29 Feb 2023 00:00:00 GMT", false),
            ("Mon, 29 Feb 2100 00:00:00 GMT", false),
        ] {
            assert_eq!(secs(text).is_some(), legal, "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            " ",
            ",",
            "Sun",
            "Sun, ",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 GMT ",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:00 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 31 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1969 08:49:37 GMT",
            "Sun, 06 Nov 0000 08:49:37 GMT",
            "Sonntag, 06-Nov-94 08:49:37 GMT",
            "Sun Nov 6 08:49:37 1994",
            "Sun Nov  6 08:49:37 1994 GMT",
            "Sun, ٠٦ Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(secs(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_two_digit_year_is_at_most_fifty_years_ahead() {
        let year = |text: &str| secs(text).map(|secs| 1970 + secs / 31_556_952);
        assert_eq!(year("Monday, 15-Jun-24 00:00:00 GMT"), Some(2024));
        assert_eq!(year("Monday, 15-Jun-73 00:00:00 GMT"), Some(2073));
        assert_eq!(year("Monday, 15-Jun-74 00:00:00 GMT"), Some(1974));
        assert_eq!(year("Monday, 15-Jun-99 00:00:00 GMT"), Some(1999));
    }

    proptest! {
        #[test]
        fn every_second_printed_by_jiff_reads_back(second in 0..=253_402_207_200_i64) {
            let zoned = jiff::Timestamp::from_second(second).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
            let expected = Some(second.unsigned_abs());
            for format in ["%a, %d %b %Y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"] {
                let text = zoned.strftime(format).to_string();
                prop_assert_eq!(secs(&text), expected, "{}", text);
            }
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,40}", now in any::<u64>()) {
            let _ = parse(&text, UnixTime::from_secs(now));
        }
    }
}
