//! Says why a webhook was refused.
//!
//! ```text
//! cargo run --example doctor --features full -- tests/data/doctor/clock-skew.json
//! ```
//!
//! The file is JSON:
//!
//! | member | what |
//! |---|---|
//! | `method` | as it came |
//! | `headers` | list of `[name, value]`, so that a doubled header shows |
//! | `body_base64` | the bytes that came, before anything parsed them |
//! | `scheme` | the name of the preset that refused it: `banata`, `stripe`, … |
//! | `secrets` | the configured secrets; better left out, see below |
//! | `now` | when it was refused, in seconds since 1970; without it: now |
//!
//! The environment variable `DOCTOR_SECRETS`, with a secret on each line, goes before `secrets`: a
//! file with real secrets in it gets lost too easily.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::{env, fs};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use tower_auth_sync::clock::{Clock, SystemClock, UnixMillis, UnixTime};
use tower_auth_sync::doctor::Diagnosis;
use tower_auth_sync::doctor::diagnose;
use tower_auth_sync::scheme::Scheme;
use tower_auth_sync::secret::{Secret, SecretError};

const SECRETS: &str = "DOCTOR_SECRETS";

#[derive(Deserialize)]
struct SavedRequest {
    method: String,
    headers: Vec<(String, String)>,
    body_base64: String,
    scheme: String,
    #[serde(default)]
    secrets: Vec<String>,
    now: Option<u64>,
}

impl SavedRequest {
    fn headers(&self) -> Result<HeaderMap, Box<dyn Error>> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes())?;
            headers.append(name, HeaderValue::from_str(value)?);
        }
        Ok(headers)
    }

    fn now(&self) -> UnixMillis {
        match self.now {
            Some(secs) => UnixTime::from_secs(secs).to_millis(),
            None => SystemClock.now(),
        }
    }
}

/// Explains the request saved as `json`. `secrets`, one on each line, go before those in the file.
pub(crate) fn explain(json: &str, secrets: Option<&str>) -> Result<Vec<Diagnosis>, Box<dyn Error>> {
    let saved: SavedRequest = serde_json::from_str(json)?;
    let Some(scheme) = Scheme::by_name(&saved.scheme) else {
        return Err(format!("no preset is called `{}`", saved.scheme).into());
    };
    // As they are configured, damaged or not.
    let secrets: Result<Vec<Secret>, SecretError> = match secrets {
        Some(lines) => lines.lines().map(Secret::verbatim).collect(),
        None => saved
            .secrets
            .iter()
            .map(|text| Secret::verbatim(text.as_str()))
            .collect(),
    };
    let secrets = secrets?;
    if secrets.is_empty() {
        return Err(format!("neither {SECRETS} nor the file has a secret").into());
    }
    if saved.method != "POST" {
        println!("The method is {}; webhooks are POSTed.", saved.method);
    }
    let body = STANDARD.decode(&saved.body_base64)?;
    let headers = saved.headers()?;
    Ok(diagnose(&scheme, &secrets, &headers, &body, saved.now()))
}

fn main() -> Result<(), Box<dyn Error>> {
    let Some(path) = env::args().nth(1) else {
        return Err("usage: doctor <saved-request.json>".into());
    };
    let secrets = env::var(SECRETS).ok();
    for cause in explain(&fs::read_to_string(path)?, secrets.as_deref())? {
        println!("- {cause}");
    }
    Ok(())
}
