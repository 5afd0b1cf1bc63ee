//! The whole trip of an auth event in one process, then what is refused.
//!
//! ```text
//! cargo run --example quickstart --features full             # ends with `trip complete`
//! cargo run --example quickstart --features full -- --serve  # stays up and prints curl lines
//! ```
//!
//! The auth service responds as a Better Auth server did when the exchanges were recorded.
//! Everything else is real: SQLite files in a temporary directory, and HTTP over loopback ports that
//! the system chooses. Exit status 1 if a hop did not do what it says.
#![allow(clippy::print_stdout, reason = "it is there to be watched")]

#[path = "quickstart/http.rs"]
mod client;
#[path = "quickstart/receiver.rs"]
mod receiver;
#[path = "quickstart/recorded.rs"]
mod recorded;
#[path = "quickstart/refusals.rs"]
mod refusals;
#[path = "quickstart/show.rs"]
mod show;
#[path = "quickstart/stage.rs"]
mod stage;
#[path = "quickstart/trip.rs"]
mod trip;

use std::error::Error;
use std::process::ExitCode;

use stage::Stage;

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::ERROR)
        .init();
    let serve = std::env::args().any(|argument| argument == "--serve");

    let stage = Stage::set().await?;
    let mut held = trip::run(&stage).await?;
    held &= refusals::webhooks(&stage).await?;
    held &= refusals::tokens(&stage).await?;
    trip::tables(&stage).await?;
    if serve && held {
        stage.serve_until_interrupted().await?;
    }
    held &= stage.strike().await?;

    println!("\n{}", if held { "trip complete" } else { "trip FAILED" });
    Ok(if held {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
