//! A small HTTP client for the demonstration: one request, one whole response.

use std::error::Error;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// What came back.
pub(crate) struct ClientResponse {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

impl ClientResponse {
    /// The end of the problem's `type`, or nothing where the body is no problem.
    pub(crate) fn problem(&self) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let kind = body["type"].as_str().unwrap_or_default();
        kind.rsplit(':').next().unwrap_or_default().to_owned()
    }
}

#[derive(Clone)]
pub(crate) struct Http(Client<HttpConnector, Full<Bytes>>);

impl Http {
    pub(crate) fn new() -> Self {
        Self(Client::builder(TokioExecutor::new()).build_http())
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        url: &str,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<ClientResponse, Box<dyn Error>> {
        let mut request = Request::builder()
            .method(method)
            .uri(url)
            .body(Full::new(body))?;
        request.headers_mut().extend(headers.clone());
        let (head, body) = self.0.request(request).await?.into_parts();
        Ok(ClientResponse {
            status: head.status,
            body: body.collect().await?.to_bytes(),
        })
    }
}
