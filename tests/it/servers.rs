//! Private servers, each on a free port of the loopback and in a directory of its own.
//!
//! A server ends with the test's process, however that ends: a shell waits for the end of a pipe
//! whose other end the process holds.

use std::env;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// A server that is there until this is dropped.
pub(crate) struct Server {
    port: u16,
    shell: Child,
}

impl Server {
    /// Starts a Redis server; `None` if there is none to start.
    pub(crate) fn redis(port: u16) -> Option<Self> {
        is_installed("redis-server").then(|| Self::start(REDIS, port))
    }

    /// Starts a PostgreSQL server; `None` if there is none to start.
    fn postgres(port: u16) -> Option<Self> {
        is_installed("postgres").then(|| Self::start(POSTGRES, port))
    }

    fn start(script: &str, port: u16) -> Self {
        let dir = tempfile::TempDir::with_prefix("tas-server-")
            .unwrap()
            .keep();
        let mut shell = Command::new("sh")
            .args(["-c", &format!("{script}{UNTIL_THE_PIPE_ENDS}"), "sh"])
            .arg(&dir)
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let log = dir.join("log");
        let started = Instant::now();
        loop {
            let said = fs::read_to_string(&log).unwrap_or_default();
            if said.contains("eady to accept connections") {
                return Self { port, shell };
            }
            let ended = shell.try_wait().unwrap().is_some();
            let late = started.elapsed() > Duration::from_secs(60);
            assert!(!ended && !late, "the server did not start:\n{said}");
            sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        self.shell.wait().unwrap();
    }
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Returns the URL of an empty Redis database; `None` if there is no server to start.
pub(crate) fn redis() -> Option<String> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let server = SERVER.get_or_init(|| Server::redis(free_port()));
    let server = server.as_ref()?;
    Some(format!("redis://127.0.0.1:{}/{}", server.port, next()))
}

/// Returns the URL of an empty PostgreSQL schema; `None` if there is no server to start.
pub(crate) async fn postgres() -> Option<String> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let server = SERVER.get_or_init(|| Server::postgres(free_port()));
    let port = server.as_ref()?.port;
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    let schema = format!("s{}", next());
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let create = AssertSqlSafe(format!("CREATE SCHEMA {schema}"));
    sqlx::raw_sql(create)
        .execute(&mut connection)
        .await
        .unwrap();
    Some(format!("{url}?options=-csearch_path%3D{schema}"))
}

fn next() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Without the program a test passes, having said so; in CI it fails.
fn is_installed(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path)
        .chain(debian_folders())
        .any(|folder| folder.join(program).is_file());
    if !found {
        let in_ci = env::var_os("CI").is_some_and(|ci| ci == "true");
        assert!(!in_ci, "{program} is not installed");
        println!("skipped: {program} is not installed");
    }
    found
}

/// Debian keeps PostgreSQL's server out of the PATH.
fn debian_folders() -> Vec<PathBuf> {
    let versions = fs::read_dir(Path::new("/usr/lib/postgresql"));
    let versions = versions.into_iter().flatten().flatten();
    versions.map(|version| version.path().join("bin")).collect()
}

/// $1 is the directory, $2 the port.
const REDIS: &str = r#"
redis-server --port "$2" --bind 127.0.0.1 --dir "$1" --save '' --databases 1024 \
    >"$1/log" 2>&1 &
stop=TERM
"#;

/// PostgreSQL refuses to run as root.
const POSTGRES: &str = r#"
for folder in /usr/lib/postgresql/*/bin; do PATH="$PATH:$folder"; done
cd "$1"
if [ "$(id -u)" = 0 ]; then
    id postgres >/dev/null 2>&1 && user=postgres || user=nobody
    chown "$user" "$1"
    as="setpriv --reuid=$user --regid=$(id -g "$user") --clear-groups"
fi
$as initdb -D "$1/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >"$1/log" 2>&1 || exit
$as postgres -D "$1/data" -p "$2" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
    -c fsync=off -c max_connections=300 >>"$1/log" 2>&1 &
stop=QUIT
"#;

const UNTIL_THE_PIPE_ENDS: &str = r#"
server=$!
cat >/dev/null
kill -s "$stop" "$server"
wait "$server"
rm -rf "$1"
"#;
