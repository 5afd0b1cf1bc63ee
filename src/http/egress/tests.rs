use std::net::IpAddr;

use proptest::prelude::*;
use url::Url;

use super::*;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn public(text: &str) -> Result<(), EgressError> {
    EgressPolicy::public().check_url(&url(text))
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The ranges as the documents list them; what lies in none is public.
const DENIED: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "255.255.255.255/32",
    // Of IPv6, what is not 2000::/3 …
    "::/3",
    "4000::/2",
    "8000::/1",
    // … and what was taken out of it.
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
];

/// The first and the last address of a range, bit by bit.
fn ends(network: &str) -> (IpAddr, IpAddr) {
    let (base, prefix) = network.split_once('/').unwrap();
    let prefix: usize = prefix.parse().unwrap();
    let fill = |bytes: &mut [u8]| {
        for bit in prefix..bytes.len() * 8 {
            bytes[bit / 8] |= 0x80 >> (bit % 8);
        }
    };
    let last = match ip(base) {
        IpAddr::V4(v4) => {
            let mut octets = v4.octets();
            fill(&mut octets);
            IpAddr::from(octets)
        }
        IpAddr::V6(v6) => {
            let mut octets = v6.octets();
            fill(&mut octets);
            IpAddr::from(octets)
        }
    };
    (ip(base), last)
}

/// The slow, obvious version.
fn is_denied(address: IpAddr) -> bool {
    let address = address.to_canonical();
    if let IpAddr::V6(v6) = address {
        let identifier = format!("{:032x}", v6.to_bits());
        if ["00005efe", "02005efe"].contains(&&identifier[16..24]) {
            return true;
        }
    }
    DENIED.iter().any(|network| {
        let (first, last) = ends(network);
        first.is_ipv4() == address.is_ipv4() && first <= address && address <= last
    })
}

#[test]
fn both_ends_of_every_denied_range_are_refused() {
    let policy = EgressPolicy::public();
    for network in DENIED {
        let (first, last) = ends(network);
        for address in [first, last] {
            let verdict = policy.check_addr(address);
            assert_eq!(verdict, Err(EgressError::Address { address }), "{network}");
        }
    }
}

#[test]
fn the_neighbours_of_the_denied_ranges_are_public() {
    for text in [
        "1.0.0.0",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "168.63.129.15",
        "168.63.129.17",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.0.3.0",
        "192.88.98.255",
        "192.88.100.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "198.51.99.255",
        "198.51.101.0",
        "203.0.112.255",
        "203.0.114.0",
        "223.255.255.255",
        "2000::",
        "2001:200::",
        "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001:db9::",
        "2003::",
        "2606:4700:4700::1111",
        "2606:4700::5efe",
        "2606:4700::5efe:0:7f00:1",
        "2606:4700::100:5efe:7f00:1",
        "2606:4700::201:5efe:7f00:1",
        "2606:4700::5eff:7f00:1",
        "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "3fff:1000::",
    ] {
        assert_eq!(
            EgressPolicy::public().check_addr(ip(text)),
            Ok(()),
            "{text}"
        );
    }
}

#[test]
fn addresses_that_hide_an_ipv4_address_are_refused() {
    for text in [
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::808:808",
        "64:ff9b:1::7f00:1",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "::",
        "::1",
        "100::1",
        "5f00::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "ff02::1",
        "::ffff:168.63.129.16",
        "2606:4700::5efe:127.0.0.1",
        "2606:4700::200:5efe:10.0.0.1",
        "2606:4700:1:2:0:5efe:8.8.8.8",
        "2a00:1450:4001:830:200:5efe:a9fe:a9fe",
    ] {
        let verdict = EgressPolicy::public().check_addr(ip(text));
        assert!(verdict.is_err(), "{text}");
    }
    assert_eq!(
        EgressPolicy::public().check_addr(ip("::ffff:8.8.8.8")),
        Ok(())
    );
}

#[test]
fn nat64_is_judged_as_ipv4_once_it_is_allowed() {
    let policy = EgressPolicy::public().with_nat64();
    assert_eq!(policy.check_addr(ip("64:ff9b::808:808")), Ok(()));
    for text in [
        "64:ff9b::7f00:1",
        "64:ff9b::a00:1",
        "64:ff9b::168.63.129.16",
        "64:ff9b:1::808:808",
    ] {
        assert!(policy.check_addr(ip(text)).is_err(), "{text}");
    }
}

#[test]
fn odd_spellings_of_loopback_are_seen_through() {
    for text in [
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://127.0.0.1./",
        "https://１２７.０.０.１/",
        "https://127。0。0。1/",
        "https://127%2e0%2e0%2e1/",
        r"https://127.0.0.1\@example.com/",
    ] {
        let refused = public(text);
        let address = ip("127.0.0.1");
        assert_eq!(refused, Err(EgressError::Address { address }), "{text}");
    }
    for text in [
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[::127.0.0.1]/",
        "https://[64:ff9b::127.0.0.1]/",
        "https://0/",
        "https://169.254.169.254/latest/meta-data",
    ] {
        let refused = public(text);
        assert!(
            matches!(refused, Err(EgressError::Address { .. })),
            "{text}"
        );
    }
}

#[test]
fn each_rule_for_urls_has_its_own_error() {
    use EgressError as E;
    let long_name = format!("https://{}/", "a.".repeat(127) + "aa");
    for (text, expected) in [
        ("https://example.com/hook", Ok(())),
        ("https://example.com./hook?a=b", Ok(())),
        ("https://example.com:8443/", Ok(())),
        ("https://[2606:4700:4700::1111]/", Ok(())),
        ("https://bücher.example/", Ok(())),
        ("ftp://example.com/", Err(E::Scheme)),
        ("file:///etc/passwd", Err(E::Scheme)),
        ("gopher://127.0.0.1:6379/_x", Err(E::Scheme)),
        ("unix:/run/docker.sock", Err(E::Scheme)),
        ("https://user@example.com/", Err(E::Userinfo)),
        ("https://:pass@example.com/", Err(E::Userinfo)),
        ("https://example.com#@127.0.0.1/", Err(E::Fragment)),
        ("https://example.com/#", Err(E::Fragment)),
        ("https://example.com:0/", Err(E::Port { port: 0 })),
        ("https://example.com:22/", Err(E::Port { port: 22 })),
        ("https://example.com:80/", Ok(())),
        ("https://example.com:81/", Err(E::Port { port: 81 })),
        ("https://example.com:1023/", Err(E::Port { port: 1023 })),
        ("https://example.com:6379/", Err(E::Port { port: 6379 })),
        ("https://example.com:1024/", Ok(())),
        ("https://example.com:65535/", Ok(())),
        ("http://example.com/", Err(E::PlainHttp)),
        ("http://example.com:8080/", Err(E::PlainHttp)),
        ("http://127.0.0.1:8080/", Err(E::PlainHttp)),
        ("http://localhost:8080/", Err(E::PlainHttp)),
        ("https://localhost/", Err(E::LocalName)),
        ("https://LOCALHOST./", Err(E::LocalName)),
        ("https://a.localhost:8443/", Err(E::LocalName)),
        ("https://example.com../", Err(E::Host)),
        ("https://a..example.com/", Err(E::Host)),
        ("https://./", Err(E::Host)),
        (&long_name, Err(E::Host)),
    ] {
        assert_eq!(public(text), expected, "{text}");
    }
}

#[test]
fn a_url_that_no_request_can_carry_is_refused() {
    let long = format!("https://example.com/{}", "a".repeat(70_000));
    assert_eq!(public(&long), Err(EgressError::Unsendable));
}

#[test]
fn ports_where_known_services_listen_are_refused_and_those_of_web_applications_are_not() {
    let verdict = |port: u16| public(&format!("https://example.com:{port}/"));
    for port in [
        1, 21, 22, 25, 110, 389, 445, 636, 993, 1023, 1433, 1521, 2049, 2375, 2376, 2379, 2380,
        3306, 3389, 5060, 5432, 5672, 5900, 5984, 6000, 6379, 6443, 6667, 8200, 8500, 9042, 9092,
        9200, 9300, 10080, 10250, 10255, 11211, 15672, 26379, 27017, 33060, 61616,
    ] {
        assert_eq!(verdict(port), Err(EgressError::Port { port }));
    }
    for port in [
        80, 443, 1024, 3000, 3001, 4000, 4200, 4443, 5000, 5001, 5173, 7071, 8000, 8008, 8080,
        8081, 8443, 8787, 8888, 9000, 9090, 9443, 10000, 10443, 49152, 65535,
    ] {
        assert_eq!(verdict(port), Ok(()), "{port}");
    }
}

#[test]
fn every_port_of_an_allowed_loopback_address_is_called_but_0() {
    let policy = EgressPolicy::allow(Network::LOOPBACK);
    let hosts = [
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "localhost",
        "app.localhost.",
    ];
    for host in hosts {
        for port in [1, 22, 1023, 5432, 6000, 6379, 27017, 65535] {
            let url = url(&format!("http://{host}:{port}/"));
            assert_eq!(policy.check_url(&url), Ok(()), "{url}");
            let refused = EgressPolicy::public().check_url(&url);
            assert!(refused.is_err(), "{url}");
        }
        let url = url(&format!("http://{host}:0/"));
        assert_eq!(policy.check_url(&url), Err(EgressError::Port { port: 0 }));
    }
    let others = EgressPolicy::allow(["10.0.0.0/8".parse().unwrap()]);
    for (policy, host) in [
        (&policy, "10.0.0.1"),
        (&policy, "example.com"),
        (&policy, "localhost.example.com"),
        (&others, "10.0.0.1"),
        (&others, "127.0.0.1"),
        (&others, "localhost"),
    ] {
        let refused = policy.check_url(&url(&format!("https://{host}:6379/")));
        assert_eq!(refused, Err(EgressError::Port { port: 6379 }), "{host}");
    }
}

#[test]
fn allowing_loopback_allows_it_over_http_and_nothing_else() {
    let policy = EgressPolicy::allow(Network::LOOPBACK);
    for text in [
        "http://127.0.0.1:3000/",
        "http://127.1.2.3:3000/",
        "http://[::1]:3000/",
        "http://localhost:3000/",
        "http://app.localhost.:3000/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://example.com/",
    ] {
        assert_eq!(policy.check_url(&url(text)), Ok(()), "{text}");
    }
    for (text, expected) in [
        ("http://10.0.0.1:3000/", EgressError::PlainHttp),
        ("http://8.8.8.8:3000/", EgressError::PlainHttp),
        ("http://example.com:3000/", EgressError::PlainHttp),
        ("http://localhost.example:3000/", EgressError::PlainHttp),
        ("http://127.0.0.1:0/", EgressError::Port { port: 0 }),
        (
            "https://10.0.0.1/",
            EgressError::Address {
                address: ip("10.0.0.1"),
            },
        ),
    ] {
        assert_eq!(policy.check_url(&url(text)), Err(expected), "{text}");
    }
}

#[test]
fn allowing_another_network_does_not_allow_plain_http_there() {
    let policy = EgressPolicy::allow(["10.1.0.0/16".parse().unwrap()]);
    assert_eq!(policy.check_url(&url("https://10.1.2.3/")), Ok(()));
    assert_eq!(policy.check_addr(ip("::ffff:10.1.2.3")), Ok(()));
    for text in [
        "http://10.1.2.3:8080/",
        "https://10.2.0.1/",
        "https://localhost/",
    ] {
        assert!(policy.check_url(&url(text)).is_err(), "{text}");
    }
}

#[test]
fn a_network_is_read_strictly() {
    for text in ["10.1.0.0/16", "0.0.0.0/0", "::/0", "fd00::/8", "::1/128"] {
        let network: Network = text.parse().unwrap();
        assert_eq!(network.to_string(), text);
    }
    assert_eq!("10.0.0.1".parse(), Ok(Network::from(ip("10.0.0.1"))));
    for text in [
        "",
        "/8",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/+8",
        "10.1.0.0/8",
        "::/129",
        "10.0.0/8",
        "010.0.0.0/8",
        "10.0.0.0/08",
        "10.0.0.0/+8",
        "10.0.0.0/8/8",
        "localhost/8",
    ] {
        assert_eq!(text.parse::<Network>(), Err(InvalidNetwork), "{text:?}");
    }
}

proptest! {
    #[test]
    fn the_rules_agree_with_the_slow_version_on_ipv4(bits: u32) {
        let address = IpAddr::from(bits.to_be_bytes());
        let verdict = EgressPolicy::public().check_addr(address);
        prop_assert_eq!(verdict.is_err(), is_denied(address));
    }

    #[test]
    fn the_rules_agree_with_the_slow_version_on_ipv6(
        // Half of the draws share the leading bits of a denied range.
        bits: u128, near in prop::option::of(0..DENIED.len()), keep in 0_u32..128
    ) {
        let bits = match near.map(|index| ends(DENIED[index]).0) {
            Some(IpAddr::V6(base)) => {
                let mask = u128::MAX.checked_shl(128 - keep).unwrap_or(0);
                base.to_bits() & mask | bits & !mask
            }
            Some(IpAddr::V4(base)) => {
                base.to_ipv6_mapped().to_bits() | (bits & 0xffff)
            }
            None => bits,
        };
        let isatap = [0x5efe_u128, 0x0200_5efe].map(|id| bits & !(0xffff_ffff << 32) | id << 32);
        let global = |bits: u128| bits & (u128::MAX >> 3) | 1 << 125;
        for bits in [bits, isatap[0], isatap[1], global(isatap[0]), global(isatap[1])] {
            let address = IpAddr::from(bits.to_be_bytes());
            let verdict = EgressPolicy::public().check_addr(address);
            prop_assert_eq!(verdict.is_err(), is_denied(address), "{}", address);
        }
    }

    #[test]
    fn a_network_contains_what_the_slow_version_says(bits: u32, base: u32, prefix in 0_u8..=32) {
        let host = u32::MAX.checked_shr(prefix.into()).unwrap_or(0);
        let base = IpAddr::from((base & !host).to_be_bytes());
        let network = Network::new(base, prefix).unwrap();
        let (first, last) = ends(&network.to_string());
        let address = IpAddr::from(bits.to_be_bytes());
        prop_assert_eq!(network.contains(address), first <= address && address <= last);
        prop_assert!(network.contains(first) && network.contains(last));
    }

    #[test]
    fn an_accepted_url_never_holds_a_private_address(
        host in "(0x)?[0-9a-f.:\\[\\]]{1,24}|[0-9]{1,3}(\\.[0-9]{1,3}){0,3}|\\[[0-9a-f:.]{2,30}\\]",
        tail in "(:[0-9]{1,5})?/[a-z@#\\\\]{0,6}",
    ) {
        let Ok(url) = Url::parse(&format!("https://{host}{tail}")) else { return Ok(()) };
        if EgressPolicy::public().check_url(&url).is_ok() {
            let denied = match url.host() {
                Some(Host::Ipv4(v4)) => is_denied(v4.into()),
                Some(Host::Ipv6(v6)) => is_denied(v6.into()),
                Some(Host::Domain(_)) => false,
                None => true,
            };
            prop_assert!(!denied, "{}", url);
        }
    }
}
