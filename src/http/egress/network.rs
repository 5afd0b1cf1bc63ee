//! Ranges of addresses, as operators write them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

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
pub struct Network {
    base: IpAddr,
    prefix: u8,
}

impl Network {
    /// This host: `127.0.0.0/8` and `::1/128`.
    pub const LOOPBACK: [Self; 2] = [
        Self {
            base: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)),
            prefix: 8,
        },
        Self {
            base: IpAddr::V6(Ipv6Addr::LOCALHOST),
            prefix: 128,
        },
    ];

    /// Creates the range of the addresses that share their first `prefix` bits with `base`.
    ///
    /// # Errors
    ///
    /// [`InvalidNetwork`] if `prefix` exceeds the bits of the address (32 or 128), or if `base` has
    /// a bit set after the prefix: `10.1.0.0/8` is more likely a slip than an intention.
    pub fn new(base: IpAddr, prefix: u8) -> Result<Self, InvalidNetwork> {
        let (width, bits) = bits(base);
        let host_bits = width.checked_sub(prefix).ok_or(InvalidNetwork)?;
        let host_mask = !mask(host_bits);
        if bits & host_mask == 0 {
            Ok(Self { base, prefix })
        } else {
            Err(InvalidNetwork)
        }
    }

    /// Returns whether `address` lies in the range. An IPv4 address never lies in an IPv6 range,
    /// not even in `::ffff:0:0/96`.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let ((width, base), (other, bits)) = (bits(self.base), bits(address));
        width == other && (base ^ bits) & mask(width.saturating_sub(self.prefix)) == 0
    }
}

/// Returns the number of bits, and the bits.
fn bits(address: IpAddr) -> (u8, u128) {
    match address {
        IpAddr::V4(v4) => (32, u128::from(v4.to_bits())),
        IpAddr::V6(v6) => (128, v6.to_bits()),
    }
}

/// Returns all ones except for the last `host_bits`.
fn mask(host_bits: u8) -> u128 {
    u128::MAX.checked_shl(host_bits.into()).unwrap_or(0)
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        Self {
            base: address,
            prefix: bits(address).0,
        }
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    /// Reads `10.1.0.0/16`, or an address alone.
    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let address = |text: &str| text.parse::<IpAddr>().map_err(|_| InvalidNetwork);
        let Some((base, prefix)) = text.split_once('/') else {
            return address(text).map(Self::from);
        };
        if !prefix.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidNetwork);
        }
        let prefix = prefix.parse().map_err(|_| InvalidNetwork)?;
        Self::new(address(base)?, prefix)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

/// The text is no range of addresses, or has bits set after the prefix.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a network is written as its first address and a prefix length, such as 10.1.0.0/16")]
pub struct InvalidNetwork;
