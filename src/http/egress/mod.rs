//! Rules for outgoing calls, over URLs and addresses; no rule uses the network.
//!
//! Receivers' URLs come from outside, so every call to one is a chance to reach what only this
//! machine can reach. [`EgressPolicy`] checks twice: the URL with
//! [`check_url`](EgressPolicy::check_url) when an endpoint is created and again before each attempt,
//! and with [`check_addr`](EgressPolicy::check_addr) the very address that the client dials. So a
//! name that resolves to another address the second time gains nothing.
//!
//! The default allows:
//!
//! 1. scheme `https`, no user name or password, no fragment;
//! 2. port 80 or 443, or one from 1024 on where no known service listens (the list stands at
//!    [`EgressError::Port`]);
//! 3. IPv4 outside the special-purpose ranges and not 168.63.129.16, where Azure serves its own
//!    machines; IPv6 only from `2000::/3` less `2001::/23`, `2001:db8::/32`, `2002::/16`,
//!    `3fff::/20` and ISATAP under any prefix (`::5efe:a.b.c.d`); `::ffff:0:0/96` is checked as the
//!    IPv4 address it holds.

mod address;
mod network;
mod ports;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use http::Uri;
use url::{Host, Url};

pub use self::network::{InvalidNetwork, Network};

/// Decides which URLs and addresses the client may call. Copies are cheap.
///
/// ```
/// use tower_auth_sync::egress::{EgressPolicy, Network};
/// use url::Url;
///
/// let public = EgressPolicy::public();
/// assert!(public.check_url(&Url::parse("https://hooks.example.com/auth")?).is_ok());
/// assert!(public.check_url(&Url::parse("https://0x7f.1/")?).is_err());
///
/// let development = EgressPolicy::allow(Network::LOOPBACK);
/// assert!(development.check_url(&Url::parse("http://127.0.0.1:3000/hook")?).is_ok());
/// # Ok::<(), url::ParseError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct EgressPolicy {
    allowed: Arc<[Network]>,
    nat64: bool,
}

impl EgressPolicy {
    /// Allows public addresses over https and nothing else: the default.
    #[must_use]
    pub fn public() -> Self {
        Self::default()
    }

    /// Allows the addresses in `networks` besides the public ones, and to those of them that are
    /// loopback addresses (`127.0.0.0/8`, `::1`) also plain http, on every port but 0.
    ///
    /// The rules for user names and fragments stay, and those for other addresses' ports. For
    /// development: `EgressPolicy::allow(Network::LOOPBACK)`.
    ///
    /// # Security
    ///
    /// Whoever chooses an endpoint's URL reaches every service in these networks: only the operator
    /// should set this.
    #[must_use]
    pub fn allow(networks: impl IntoIterator<Item = Network>) -> Self {
        Self {
            allowed: networks.into_iter().collect(),
            nat64: false,
        }
    }

    /// Checks `64:ff9b::/96` as the IPv4 address it holds (RFC 6052) instead of refusing it; for
    /// hosts that reach IPv4 through a NAT64. Default: refused.
    #[must_use]
    pub fn with_nat64(mut self) -> Self {
        self.nat64 = true;
        self
    }

    /// Checks a URL: everything but the addresses behind a name.
    ///
    /// # Errors
    ///
    /// The first rule that the URL breaks, in the order of [`EgressError`]'s variants.
    pub fn check_url(&self, url: &Url) -> Result<(), EgressError> {
        self.checked_uri(url).map(drop)
    }

    /// Checks a URL and returns it as a request target. The target's name has no final dot, since
    /// names in certificates have none.
    pub(crate) fn checked_uri(&self, url: &Url) -> Result<Uri, EgressError> {
        if !matches!(url.scheme(), "https" | "http") {
            return Err(EgressError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EgressError::Userinfo);
        }
        if url.fragment().is_some() {
            return Err(EgressError::Fragment);
        }
        let port = url.port_or_known_default().unwrap_or(0);
        if !(ports::is_allowed(port) || (port > 0 && self.is_allowed_loopback(url))) {
            return Err(EgressError::Port { port });
        }
        let plain = url.scheme() == "http";
        match url.host().ok_or(EgressError::Host)? {
            Host::Ipv4(ip) => self.check_dial(plain, ip.into())?,
            Host::Ipv6(ip) => self.check_dial(plain, ip.into())?,
            Host::Domain(name) => self.check_name(plain, name)?,
        }
        // The two parsers differ in a few characters: a URL may not be a request target.
        let full = url.as_str().parse::<Uri>();
        let mut uri = full.map_err(|_unsendable| EgressError::Unsendable)?;
        if let Some(bare) = url.domain().and_then(|name| name.strip_suffix('.')) {
            let mut url = url.clone();
            url.set_host(Some(bare)).map_err(|_| EgressError::Host)?;
            uri = url.as_str().parse().map_err(|_| EgressError::Unsendable)?;
        }
        Ok(uri)
    }

    /// Checks an address, whatever name resolved to it.
    ///
    /// # Errors
    ///
    /// [`EgressError::Address`] if it is neither public nor in an allowed network.
    pub fn check_addr(&self, address: IpAddr) -> Result<(), EgressError> {
        let effective = self.effective(address);
        if self.is_allowed(effective) || address::is_public(effective) {
            Ok(())
        } else {
            Err(EgressError::Address { address })
        }
    }

    /// Checks an address that the client dials, over plain http or https.
    pub(crate) fn check_dial(&self, plain: bool, address: IpAddr) -> Result<(), EgressError> {
        let effective = self.effective(address);
        if plain && !(effective.is_loopback() && self.is_allowed(effective)) {
            return Err(EgressError::PlainHttp);
        }
        self.check_addr(address)
    }

    fn check_name(&self, plain: bool, name: &str) -> Result<(), EgressError> {
        let name = name.strip_suffix('.').unwrap_or(name);
        if name.len() > MAX_NAME || name.split('.').any(str::is_empty) {
            return Err(EgressError::Host);
        }
        let local = is_local(name);
        let permitted = local && self.allows_loopback();
        if plain && !permitted {
            return Err(EgressError::PlainHttp);
        }
        if local && !permitted {
            return Err(EgressError::LocalName);
        }
        Ok(())
    }

    fn is_allowed_loopback(&self, url: &Url) -> bool {
        let address = match url.host() {
            Some(Host::Ipv4(ip)) => self.effective(ip.into()),
            Some(Host::Ipv6(ip)) => self.effective(ip.into()),
            Some(Host::Domain(name)) => {
                return is_local(name.strip_suffix('.').unwrap_or(name)) && self.allows_loopback();
            }
            None => return false,
        };
        address.is_loopback() && self.is_allowed(address)
    }

    fn allows_loopback(&self) -> bool {
        let loopbacks = [
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ];
        loopbacks.into_iter().any(|ip| self.is_allowed(ip))
    }

    fn is_allowed(&self, address: IpAddr) -> bool {
        self.allowed.iter().any(|network| network.contains(address))
    }

    /// Returns the IPv4 address that an IPv6 address holds, or the address itself.
    fn effective(&self, address: IpAddr) -> IpAddr {
        match address.to_canonical() {
            IpAddr::V6(v6) if self.nat64 => address::nat64(v6).map_or(IpAddr::V6(v6), IpAddr::V4),
            canonical => canonical,
        }
    }
}

/// RFC 6761, section 6.3: these names always mean this host.
fn is_local(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

/// Why the client may not call a URL or an address.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum EgressError {
    /// The scheme is neither `https` nor `http`.
    #[error("the URL must begin with https://")]
    Scheme,
    /// The URL holds a user name or a password.
    #[error("the URL must not hold a user name or a password")]
    Userinfo,
    /// The URL holds a fragment, which is never sent.
    #[error("the URL must not hold a fragment: remove what begins with `#`")]
    Fragment,
    /// The port is below 1024 and neither 80 nor 443, or a known service's that no webhook goes to:
    ///
    /// * those that the Fetch standard blocks (section *Port blocking*): 1719, 1720, 1723, 2049,
    ///   3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665–6669, 6679, 6697, 10080;
    /// * default ports of data stores and queues: 1433, 1434, 1521, 1883, 2483, 2484, 3050, 3260,
    ///   3306, 4222, 5432, 5671, 5672, 5984, 6379, 6432, 7000, 7001, 7474, 7687, 8086, 8529, 8883,
    ///   9042, 9092, 9093, 9160, 9200, 9300, 11210, 11211, 15672, 16379, 25672, 26257, 26379,
    ///   27017–27019, 28017, 33060, 50000, 61613, 61616;
    /// * default ports of services that administer machines and clusters: 2181, 2375–2377, 2379, 2380, 2888,
    ///   3389, 3888, 4369, 4505, 4506, 4646–4648, 5900–5903, 5985, 5986, 6443, 8200, 8201, 8300–8302,
    ///   8500–8503, 8600, 9418, 10248–10250, 10255–10259.
    #[error(
        "port {port} is not allowed: use 443, 80, or one above 1023 that is no known service's"
    )]
    Port {
        /// The port.
        port: u16,
    },
    /// There is no host, or a name that cannot exist.
    #[error("the URL's host is not a valid name or address")]
    Host,
    /// Plain http, to something else than an allowed loopback address.
    #[error(
        "plain http is not allowed: use https, or for development allow the loopback network (`EgressPolicy::allow`)"
    )]
    PlainHttp,
    /// `localhost`, or a name under it.
    #[error(
        "the URL names this host: use a public name, or for development allow the loopback network (`EgressPolicy::allow`)"
    )]
    LocalName,
    /// The address is private, reserved or otherwise not public.
    #[error(
        "{address} is not a public address: use a public one, or allow its network (`EgressPolicy::allow`)"
    )]
    Address {
        /// The address.
        address: IpAddr,
    },
    /// The URL is too long, or holds a character that no HTTP request may carry.
    #[error("the URL cannot be sent in a request: shorten it, or percent-encode it")]
    Unsendable,
}

/// Longest name in bytes, without the final dot (RFC 1035, section 2.3.4).
const MAX_NAME: usize = 253;
