//! Everything that runs: the auth side, the worker, the receiving side.

use std::error::Error;

use axum::Router;
use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use sqlx::SqlitePool;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower_auth_sync::better_auth::BetterAuthRoutes;
use tower_auth_sync::egress::{EgressPolicy, Network};
use tower_auth_sync::emit::SyncEmitterLayer;
use tower_auth_sync::mirror::TablePrefix;
use tower_auth_sync::outbox::{Emitter, NewEndpoint};
use tower_auth_sync::scheme::Scheme;
use tower_auth_sync::secret::Secret;
use tower_auth_sync::session::GetSession;
use tower_auth_sync::signature::{Signer, Verifier};
use tower_auth_sync::store::AnyStore;
use tower_auth_sync::token::{
    Algorithm, JwtIssuer, KeySet, SigningKey, TokenVerifier, jwks_routes,
};
use tower_auth_sync::worker::Worker;
use zeroize::Zeroizing;

use crate::client::Http;
use crate::receiver;
use crate::receiver::Receiver;
use crate::recorded;
use crate::recorded::Exchange;
use crate::show;

pub(crate) const AUDIENCE: &str = "https://app.example";

pub(crate) struct Stage {
    pub(crate) http: Http,
    pub(crate) day: Vec<Exchange>,
    pub(crate) auth_url: String,
    pub(crate) receiver_url: String,
    pub(crate) store: AnyStore,
    /// Of the session that the sign-up made.
    pub(crate) receiver: Receiver,
    pub(crate) signer: Signer,
    pub(crate) signing_key_pem: Zeroizing<String>,
    pub(crate) issuer: JwtIssuer,
    folder: TempDir,
    stop: CancellationToken,
    servers: Vec<JoinHandle<std::io::Result<()>>>,
}

impl Stage {
    pub(crate) async fn set() -> Result<Self, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let http = Http::new();
        let stop = CancellationToken::new();
        let auth = TcpListener::bind("127.0.0.1:0").await?;
        let receiving = TcpListener::bind("127.0.0.1:0").await?;
        let auth_url = format!("http://{}", auth.local_addr()?);
        let receiver_url = format!("http://{}", receiving.local_addr()?);

        // One secret, known to both sides.
        let secret = Secret::generate();

        // The sending side: a store, an endpoint in it, a worker.
        let store = AnyStore::connect(&url(&folder, "auth-sync")).await?;
        let loopback = EgressPolicy::allow(Network::LOOPBACK);
        let hook = format!("{receiver_url}/webhooks/auth");
        let endpoint = NewEndpoint::new_with(&hook, Scheme::banata(), secret.clone(), &loopback)?;
        let _issued = store.endpoints().create(endpoint).await?;

        // The auth service behind the layer, and beside it the issuer's keys.
        let day = recorded::day()?;
        let signing_key = SigningKey::generate(Algorithm::Es256)?;
        let signing_key_pem = signing_key.to_pem()?;
        let issuer = JwtIssuer::builder(&auth_url, AUDIENCE)
            .key(signing_key)
            .build()?;
        let auth_app = auth_side(&day, store.emitter()).merge(jwks_routes(&issuer));
        let auth_server = tokio::spawn(serve(auth, auth_app, stop.clone()));

        let (receiver, app) = receiving_side(&folder, &http, &auth_url, secret.clone()).await?;
        let receiving_server = tokio::spawn(serve(receiving, app, stop.clone()));

        Ok(Self {
            http,
            day,
            auth_url,
            receiver_url,
            store,
            receiver,
            signer: Signer::new(Scheme::banata(), [secret])?,
            signing_key_pem,
            issuer,
            folder,
            stop,
            servers: vec![auth_server, receiving_server],
        })
    }
}

impl Stage {
    /// A worker that may call this machine. It opens the file anew, like a process of its own.
    pub(crate) async fn worker(&self) -> Result<Worker, Box<dyn Error>> {
        let store = AnyStore::connect(&url(&self.folder, "auth-sync")).await?;
        let egress = EgressPolicy::allow(Network::LOOPBACK);
        Ok(Worker::builder(&store).egress(egress).build()?)
    }

    /// The tables as any program would read them.
    pub(crate) async fn mirror_tables(&self) -> Result<SqlitePool, sqlx::Error> {
        SqlitePool::connect(&url(&self.folder, "mirror")).await
    }

    /// Ends the show: everything stops on request, and nothing is left over.
    pub(crate) async fn strike(self) -> Result<bool, Box<dyn Error>> {
        self.stop.cancel();
        for server in self.servers {
            server.await??;
        }
        self.folder.close()?;
        Ok(true)
    }

    pub(crate) async fn serve_until_interrupted(&self) -> Result<(), Box<dyn Error>> {
        let token = self.issuer.issue(&serde_json::json!({"sub": "usr_curl"}))?;
        let (auth, receiver) = (&self.auth_url, &self.receiver_url);
        let sign_in = r#"{"email":"alice@example.com","password":"correct-horse-battery-9"}"#;
        show::title("Try it (Ctrl-C ends it)");
        println!("  curl -i {auth}/.well-known/jwks.json");
        println!("  curl -i {receiver}/me -H 'Authorization: Bearer {token}'");
        println!("  curl -i {receiver}/me                                    # 401 token-missing");
        println!(
            "  curl -i {receiver}/webhooks/auth -d '{{}}'                 # 401 signature-missing"
        );
        println!("  curl -i {auth}/api/auth/sign-in/email -H 'content-type: application/json' \\");
        println!("       -d '{sign_in}'   # a session.created is delivered");
        tokio::select! {
            () = self.worker().await?.run(self.stop.clone()) => {}
            () = self.announce_arrivals() => {}
            interrupted = tokio::signal::ctrl_c() => interrupted?,
        }
        Ok(())
    }
}

impl Stage {
    async fn announce_arrivals(&self) {
        let mut seen = self.receiver.arrivals().len();
        loop {
            self.receiver.arrived(seen + 1).await;
            for arrival in self.receiver.arrivals().split_off(seen) {
                let id = arrival.delivered.id().unwrap_or_default();
                show::hop("arrived", &format!("{} {id}", arrival.event.event_type()));
                seen += 1;
            }
        }
    }
}

/// The recorded auth service behind the layer. Who is signed in is asked of the service itself.
fn auth_side(day: &[Exchange], emitter: Emitter) -> Router {
    let service = recorded::auth_service(day);
    let sessions = GetSession::new(service.clone(), Uri::from_static("/api/auth/get-session"));
    let layer = SyncEmitterLayer::new(emitter, BetterAuthRoutes::new(sessions));
    service.layer(layer)
}

/// The receiving service knows the secret, and fetches the keys.
async fn receiving_side(
    folder: &TempDir,
    http: &Http,
    auth_url: &str,
    secret: Secret,
) -> Result<(Receiver, Router), Box<dyn Error>> {
    let keys = format!("{auth_url}/.well-known/jwks.json");
    let keys = http
        .send(Method::GET, &keys, &HeaderMap::new(), Bytes::new())
        .await?;
    let tokens = TokenVerifier::builder(KeySet::from_json(&keys.body)?)
        .issuer(auth_url)
        .audience(AUDIENCE)
        .build()?;
    let store = AnyStore::connect(&url(folder, "mirror")).await?;
    let receiver = Receiver::new(store.mirror(TablePrefix::default()).await?);
    let verifier = Verifier::new(Scheme::banata(), [secret])?;
    let app = receiver
        .clone()
        .routes(verifier)
        .merge(receiver::api(tokens));
    Ok((receiver, app))
}

async fn serve(listener: TcpListener, app: Router, stop: CancellationToken) -> std::io::Result<()> {
    axum::serve(listener, app)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

fn url(folder: &TempDir, name: &str) -> String {
    format!("sqlite://{}/{name}.db", folder.path().display())
}
