//! `Emit` as a part of an axum response.

use std::convert::Infallible;

use axum_core::response::{IntoResponse, IntoResponseParts, Response, ResponseParts};

use super::declared::Emit;

impl IntoResponseParts for Emit {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        self.attach_to(parts.extensions_mut());
        Ok(parts)
    }
}

impl IntoResponse for Emit {
    fn into_response(self) -> Response {
        let mut response = ().into_response();
        self.attach(&mut response);
        response
    }
}
