//! Ranges of addresses, as operators write them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;

/// A range of addresses: an address and the number of its leading bits (`10.1.0.0/16`).
///
/// ```
/// use tower_auth_sync::egress::Network;
///
/// let office: Network = "10.1.0.0/16".parse()?;
/// assert!(office.contains("10.1.2.3".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Network(IpNet);

impl Network {
    /// This host: `127.0.0.0/8` and `::1/128`.
    pub const LOOPBACK: [Self; 2] = [
        Self(IpNet::new_assert(
            IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)),
            8,
        )),
        Self(IpNet::new_assert(IpAddr::V6(Ipv6Addr::LOCALHOST), 128)),
    ];

    /// Creates the range of the addresses that share their first `prefix` bits with `base`.
    ///
    /// # Errors
    ///
    /// [`InvalidNetwork`] if `prefix` exceeds the bits of the address (32 or 128), or if `base` has
    /// a bit set after the prefix: `10.1.0.0/8` is more likely a slip than an intention.
    pub fn new(base: IpAddr, prefix: u8) -> Result<Self, InvalidNetwork> {
        match IpNet::new(base, prefix) {
            Ok(network) if network.network() == base => Ok(Self(network)),
            _ => Err(InvalidNetwork),
        }
    }

    /// Returns whether `address` lies in the range. An IPv4 address never lies in an IPv6 range,
    /// not even in `::ffff:0:0/96`.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        Self(address.into())
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    /// Reads `10.1.0.0/16`, or an address alone.
    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        // `IpNet` would read `010.0.0.0/8` as 10.0.0.0; other programs read it as 8.0.0.0.
        let address = |text: &str| text.parse::<IpAddr>().map_err(|_| InvalidNetwork);
        let Some((base, prefix)) = text.split_once('/') else {
            return address(text).map(Self::from);
        };
        let is_plain = prefix == "0" || !prefix.starts_with(['0', '+']);
        if !is_plain {
            return Err(InvalidNetwork);
        }
        let prefix = prefix.parse().map_err(|_| InvalidNetwork)?;
        Self::new(address(base)?, prefix)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The text is no range of addresses, or has bits set after the prefix.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a network is written as its first address and a prefix length, such as 10.1.0.0/16")]
pub struct InvalidNetwork;
