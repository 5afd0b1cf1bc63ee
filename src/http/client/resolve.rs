//! Names to addresses, as a port: tests decide what a name resolves to.

use std::fmt::Debug;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;

/// Turns a name into addresses.
pub(crate) trait Resolve: Debug + Send + Sync + 'static {
    /// Returns all addresses of `name`, the preferred one first.
    fn resolve(&self, name: &str) -> ResolveFuture;
}

/// Future of a look-up.
pub(crate) type ResolveFuture = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// The operating system's resolver.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: &str) -> ResolveFuture {
        let name = name.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}
