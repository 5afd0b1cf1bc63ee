//! Settings of a worker.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;

use super::Worker;
use super::attempt::DeliveryJob;
use crate::http::client::{ClientSettings, HttpClient, SystemResolver};
use crate::http::egress::EgressPolicy;
use crate::queue::{
    Engine, MARGIN, RetryPolicy, WorkerConfigError, WorkerSettings, worker_setters,
};
use crate::send::outbox::{MAX_RESPONSE, Outbox};

/// Settings of a [`Worker`]; made by [`Worker::builder`].
///
/// ```
/// use std::time::Duration;
/// use tower_auth_sync::outbox::MemoryOutbox;
/// use tower_auth_sync::worker::Worker;
///
/// let worker = Worker::builder(MemoryOutbox::new())
///     .timeout(Duration::from_secs(10))
///     .lease(Duration::from_secs(30))
///     .build()?;
/// # Ok::<(), tower_auth_sync::queue::WorkerConfigError>(())
/// ```
#[must_use = "call `build` to get the worker"]
#[derive(Clone, Debug)]
pub struct WorkerBuilder {
    outbox: Outbox,
    settings: WorkerSettings,
    egress: EgressPolicy,
    per_endpoint: NonZeroU16,
    extra_roots: Vec<Vec<u8>>,
    user_agent: HeaderValue,
}

impl WorkerBuilder {
    pub(super) fn new(outbox: Outbox) -> Self {
        Self {
            outbox,
            settings: WorkerSettings::new(RetryPolicy::banata(), DEFAULT_TIMEOUT),
            egress: EgressPolicy::default(),
            per_endpoint: DEFAULT_PER_ENDPOINT,
            extra_roots: Vec::new(),
            user_agent: HeaderValue::from_static(DEFAULT_USER_AGENT),
        }
    }

    /// Sets the number and times of attempts. Default: [`RetryPolicy::banata`].
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.settings.schedule.retry = policy;
        self
    }

    /// Sets the URLs and addresses that the worker may call. Default: [`EgressPolicy::public`].
    ///
    /// The worker checks the policy before every attempt: it does not call an endpoint that was
    /// created under a wider one.
    pub fn egress(mut self, policy: EgressPolicy) -> Self {
        self.egress = policy;
        self
    }

    /// Sets the number of concurrent leases of one endpoint, for all workers of the store together.
    /// Default: 4.
    pub fn per_endpoint(mut self, attempts: NonZeroU16) -> Self {
        self.per_endpoint = attempts;
        self
    }

    /// Sets the time after which a lease lapses and another worker may take the delivery. Default:
    /// 60 s; 1 h at most.
    ///
    /// It must exceed the [timeout](Self::timeout) by 10 s or more, the time to record the outcome;
    /// otherwise a slow endpoint gets the same message from two workers at once.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.settings.lease = lease;
        self
    }

    /// Sets the timeout of one attempt, from name look-up to the end of the response body. Default:
    /// 15 s. Must not be zero.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// Sets how long the store keeps an event after all its deliveries finished. Then the worker
    /// deletes it with its deliveries, the log of their attempts and its idempotency key. Default:
    /// 30 days. [`Duration::MAX`] keeps everything.
    ///
    /// The worker also deletes skipped, cancelled and failed deliveries: until then you can read them
    /// and send them again. Of several workers on a store the shortest retention counts.
    ///
    /// [`run`](Worker::run) deletes beside its deliveries, 100 events at a time, once a minute; [`deliver_due`](Worker::deliver_due) deletes nothing, see [`prune`](Worker::prune).
    pub fn retention(mut self, kept: Duration) -> Self {
        self.settings.retention = kept;
        self
    }

    /// Trusts the certificates in `pem` as roots, besides Mozilla's. Each call adds to the last.
    ///
    /// # Security
    ///
    /// Whoever has the private key of one of these can pose as any endpoint.
    pub fn extra_roots_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.extra_roots.push(pem.into());
        self
    }

    /// Sets the `User-Agent` header. Default: the name and version of this crate.
    pub fn user_agent(mut self, user_agent: HeaderValue) -> Self {
        self.user_agent = user_agent;
        self
    }

    /// Makes the worker.
    ///
    /// # Errors
    ///
    /// [`WorkerConfigError`] if the lease does not exceed the timeout by 10 s or is longer than 1 h, if the
    /// timeout or the poll pause is zero, or if the extra roots hold no usable certificate.
    pub fn build(self) -> Result<Worker, WorkerConfigError> {
        let timeout = self.settings.timeout;
        self.settings.check(timeout.saturating_add(MARGIN))?;
        let client = HttpClient::new(ClientSettings {
            policy: self.egress,
            timeout,
            max_body: MAX_RESPONSE,
            extra_roots: self.extra_roots,
            user_agent: self.user_agent,
            resolver: Arc::new(SystemResolver),
        })
        .map_err(|err| WorkerConfigError::ExtraRoots(err.into()))?;
        let job = DeliveryJob {
            outbox: self.outbox,
            client,
            settings: self.settings,
            per_endpoint: self.per_endpoint,
        };
        Ok(Worker {
            engine: Engine::new(job),
        })
    }
}

worker_setters!(WorkerBuilder);

const DEFAULT_PER_ENDPOINT: NonZeroU16 = NonZeroU16::new(4).unwrap();
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(15);
const DEFAULT_USER_AGENT: &str = concat!("tower-auth-sync/", env!("CARGO_PKG_VERSION"));
