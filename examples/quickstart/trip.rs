//! The main job: each exchange goes to the auth service, and its events all the way to the mirror.

use std::error::Error;
use std::time::Duration;

use http::HeaderMap;
use http::header::{CONTENT_TYPE, COOKIE};
use tokio_util::sync::CancellationToken;
use tower_auth_sync::id::MessageId;
use tower_auth_sync::mirror::Applied;

use crate::receiver::Arrival;
use crate::recorded::Exchange;
use crate::show;
use crate::stage::Stage;

pub(crate) async fn run(stage: &Stage) -> Result<bool, Box<dyn Error>> {
    let mut held = true;
    let (last, day) = stage.day.split_last().ok_or("there are no exchanges")?;
    for exchange in day {
        held &= ask(stage, exchange).await?;
        let before = stage.receiver.arrivals().len();
        let summary = stage.worker().await?.deliver_due().await?;
        held &= summary.failed + summary.unrecorded == 0;
        held &= follow(stage, exchange, before).await?;
    }
    Ok(held & in_the_background(stage, last).await?)
}

/// The same with the worker's loop, which is how a service runs it.
async fn in_the_background(stage: &Stage, exchange: &Exchange) -> Result<bool, Box<dyn Error>> {
    let stop = CancellationToken::new();
    let worker = tokio::spawn(stage.worker().await?.run(stop.clone()));
    let before = stage.receiver.arrivals().len();
    let mut held = ask(stage, exchange).await?;
    let expected = before + exchange.events.len();
    tokio::time::timeout(PATIENCE, stage.receiver.arrived(expected)).await?;
    stop.cancel();
    worker.await?;
    held &= follow(stage, exchange, before).await?;
    Ok(held
        & show::check(
            "the worker's loop delivered it, and stopped on request",
            true,
        ))
}

/// For the only wait that depends on another task.
const PATIENCE: Duration = Duration::from_secs(30);

async fn ask(stage: &Stage, exchange: &Exchange) -> Result<bool, Box<dyn Error>> {
    let request = &exchange.request;
    let url = format!("{}{}", stage.auth_url, request.path);
    let headers = headers(exchange)?;
    let response = stage
        .http
        .send(exchange.method(), &url, &headers, exchange.body())
        .await?;
    let status = response.status.as_u16();
    show::title(&format!("{} {} → {status}", request.method, request.path));
    let same = status == exchange.response.status && response.body == exchange.response_body();
    Ok(same || show::check("the client got the response of the auth service", false))
}

/// Follows what arrived since `before` back to the store, and on to the mirror.
async fn follow(stage: &Stage, exchange: &Exchange, before: usize) -> Result<bool, Box<dyn Error>> {
    let arrivals = stage.receiver.arrivals().split_off(before);
    let mut captured: Vec<_> = arrivals
        .iter()
        .map(|one| one.event.event_type().to_string())
        .collect();
    let names = captured.join(", ");
    show::hop(
        "captured",
        if names.is_empty() { "nothing" } else { &names },
    );
    let mut missing = exchange.events.clone();
    captured.retain(|name| {
        let found = missing.iter().position(|it| it == name);
        found.map(|it| missing.remove(it)).is_none() && !exchange.also.contains(name)
    });
    let complete = missing.is_empty() && captured.is_empty();
    let mut held = complete || show::check("these are the events it means", false);
    for arrival in &arrivals {
        held &= trace(stage, arrival).await?;
    }
    Ok(held)
}

async fn trace(stage: &Stage, arrival: &Arrival) -> Result<bool, Box<dyn Error>> {
    let mut held = false;
    let id: MessageId = arrival.delivered.id().unwrap_or_default().parse()?;
    let deliveries = stage.store.deliveries();
    for delivery in deliveries.of_event(&id).await? {
        let attempts = deliveries.attempts(&delivery.id).await?;
        let status = attempts.last().and_then(|attempt| attempt.report.status);
        held = status.is_some_and(|status| status.is_success());
        let status = status.map_or("no response".to_owned(), |status| {
            status.as_str().to_owned()
        });
        show::hop("stored", &format!("{id} for {}", delivery.endpoint));
        show::hop(
            "sent",
            &format!("attempt {}, response {status}", attempts.len()),
        );
    }
    let (scheme, key) = (arrival.delivered.scheme(), arrival.delivered.key_index());
    let signed = if arrival.delivered.id_is_authentic() {
        "signed too"
    } else {
        "unsigned"
    };
    show::hop(
        "verified",
        &format!("{scheme} signature of secret {key}, id {signed}"),
    );
    show::hop("mirrored", mirrored(arrival));
    Ok(held || show::check("the store says that it was delivered", false))
}

fn mirrored(arrival: &Arrival) -> &'static str {
    match arrival.applied {
        Applied::Changed => "changed",
        Applied::Unchanged => "unchanged",
        _ => "not a matter of users or sessions",
    }
}

/// Requests that were recorded with a cookie get one: of the session that it was recorded with.
fn headers(exchange: &Exchange) -> Result<HeaderMap, Box<dyn Error>> {
    let mut headers = HeaderMap::new();
    if exchange.request.body.is_some() {
        headers.insert(
            CONTENT_TYPE,
            http::HeaderValue::from_static("application/json"),
        );
    }
    if !exchange.request.cookies.is_empty() {
        headers.insert(COOKIE, exchange.cookie()?);
    }
    Ok(headers)
}

/// id, name, e-mail, role, banned
type User = (
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<bool>,
);
/// handle, the user's e-mail
type Session = (String, Option<String>);

/// What the receiving side knows by now, read with plain SQL.
pub(crate) async fn tables(stage: &Stage) -> Result<(), Box<dyn Error>> {
    let tables = stage.mirror_tables().await?;
    let users: Vec<User> =
        sqlx::query_as("SELECT id, name, email, role, banned FROM auth_users ORDER BY created_at")
            .fetch_all(&tables)
            .await?;
    show::title("auth_users");
    let rows: Vec<_> = users
        .into_iter()
        .map(|(id, name, email, role, banned)| {
            let banned = if banned == Some(true) { "yes" } else { "" };
            let text = Option::unwrap_or_default;
            vec![id, text(name), text(email), text(role), banned.to_owned()]
        })
        .collect();
    show::table(&["id", "name", "email", "role", "banned"], &rows);

    let sessions: Vec<Session> = sqlx::query_as(
        "SELECT s.handle, u.email FROM auth_sessions s
         LEFT JOIN auth_users u ON u.id = s.user_id ORDER BY u.email, s.handle",
    )
    .fetch_all(&tables)
    .await?;
    show::title("auth_sessions");
    let rows: Vec<_> = sessions
        .into_iter()
        .map(|(handle, email)| vec![handle, email.unwrap_or_default()])
        .collect();
    show::table(&["handle", "of"], &rows);
    tables.close().await;
    Ok(())
}
