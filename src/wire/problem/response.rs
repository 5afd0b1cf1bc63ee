//! `Problem` as an axum response.

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};

use super::Problem;

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.to_response().map(Body::from)
    }
}
