//! Properties of a delivery's values that receivers choose.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use http::Uri;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use url::{Host, Url};

use super::first_line;
use crate::base::clock::UnixTime;
use crate::http::egress::EgressPolicy;
use crate::queue::parse_retry_after;

/// An accepted URL has no private address, no user name and no port 0, gives another parser the same
/// host and port, and is accepted again in its printed form. The check of an address is the same alone
/// and in a URL: the first bytes of the input are also addresses.
pub fn egress_url(input: &[u8]) {
    let policy = EgressPolicy::public();
    if let Some(bytes) = input.first_chunk::<4>() {
        literal(&policy, Ipv4Addr::from(*bytes).into());
    }
    if let Some(bytes) = input.first_chunk::<16>() {
        literal(&policy, Ipv6Addr::from(*bytes).into());
    }
    if let Ok(url) = Url::parse(&String::from_utf8_lossy(input)) {
        accepted(&policy, &url);
    }
}

fn literal(policy: &EgressPolicy, address: IpAddr) {
    let url = match address {
        IpAddr::V4(v4) => format!("https://{v4}/"),
        IpAddr::V6(v6) => format!("https://[{v6}]/"),
    };
    let is_accepted = Url::parse(&url).is_ok_and(|url| policy.check_url(&url).is_ok());
    assert_eq!(is_accepted, policy.check_addr(address).is_ok(), "{address}");
    if is_accepted {
        assert_public(policy, address);
    }
}

fn accepted(policy: &EgressPolicy, url: &Url) {
    if policy.check_url(url).is_err() {
        return;
    }
    match url.host() {
        Some(Host::Ipv4(v4)) => assert_public(policy, v4.into()),
        Some(Host::Ipv6(v6)) => assert_public(policy, v6.into()),
        Some(Host::Domain(name)) => {
            assert!(name.parse::<IpAddr>().is_err(), "{url}");
            assert!(
                !name.trim_end_matches('.').eq_ignore_ascii_case("localhost"),
                "{url}"
            );
        }
        None => panic!("{url} has no host"),
    }
    assert_eq!(url.scheme(), "https");
    assert!(url.username().is_empty() && url.password().is_none());
    assert_ne!(url.port(), Some(0));
    // The client dials the result of this parser.
    let dialled: Uri = match url.as_str().parse() {
        Ok(dialled) => dialled,
        Err(error) => panic!("{url}: {error}"),
    };
    assert_eq!(dialled.host(), url.host_str());
    assert_eq!(dialled.port_u16(), url.port());
    let again = Url::parse(url.as_str());
    assert_eq!(again.as_ref(), Ok(url));
}

/// Checks with the standard library in addition to the policy.
fn assert_public(policy: &EgressPolicy, address: IpAddr) {
    assert!(policy.check_addr(address).is_ok(), "{address} is accepted");
    let inside = match address {
        IpAddr::V4(v4) => is_inside(v4),
        IpAddr::V6(v6) => v6
            .to_ipv4_mapped()
            .map_or_else(|| is_inside_v6(v6), is_inside),
    };
    assert!(!inside, "{address} is accepted");
}

fn is_inside(v4: Ipv4Addr) -> bool {
    v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_unspecified()
        || v4.is_broadcast()
        || v4.is_multicast()
        || v4.is_documentation()
        || v4 == Ipv4Addr::new(168, 63, 129, 16)
}

fn is_inside_v6(v6: Ipv6Addr) -> bool {
    let isatap = matches!(v6.segments(), [_, _, _, _, 0 | 0x0200, 0x5efe, ..]);
    isatap
        || v6.is_loopback()
        || v6.is_unspecified()
        || v6.is_multicast()
        || v6.is_unique_local()
        || v6.is_unicast_link_local()
}

/// A `Retry-After` value is never more than a day. Digits are their number, a date of another library is
/// the time until that date, and the resulting seconds in digits give the same result.
///
/// The first line is the current time, in seconds since 1970; the rest is the value.
pub fn retry_after(input: &[u8]) {
    const DAY: u64 = 24 * 60 * 60;

    let Some((now, value)) = first_line(input) else {
        return;
    };
    let Ok(now) = now.parse() else { return };
    let wait = parse_retry_after(value, UnixTime::from_secs(now));
    let digits = std::str::from_utf8(value).unwrap_or_default();
    let is_number = (1..=15).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
    if is_number {
        let seconds = digits
            .parse()
            .map(|seconds: u64| Duration::from_secs(seconds.min(DAY)));
        assert_eq!(wait, seconds.ok());
    }
    let Some(wait) = wait else { return };
    assert!(wait.as_secs() <= DAY);
    assert_eq!(wait.subsec_nanos(), 0);
    let digits = wait.as_secs().to_string();
    assert_eq!(
        parse_retry_after(digits.as_bytes(), UnixTime::from_secs(now)),
        Some(wait)
    );
    if let Some(date) = date(now, wait.as_secs()) {
        assert_eq!(
            parse_retry_after(date.as_bytes(), UnixTime::from_secs(now)),
            Some(wait),
            "{date}"
        );
    }
}

/// Writes the time `wait` seconds after `now`, up to the year 9999.
fn date(now: u64, wait: u64) -> Option<String> {
    let then = Timestamp::from_second(i64::try_from(now.checked_add(wait)?).ok()?).ok()?;
    DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&then)
        .ok()
}
