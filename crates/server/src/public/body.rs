//! What the public port answers with: a whole body, or a stream that ends some day.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::Stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::Response;
use hyper::body::Frame;

/// The body of an answer.
pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A body of these bytes.
pub(super) fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).boxed_unsync()
}

/// A body that goes on as long as `pieces` does.
pub(super) fn streamed<S>(pieces: S) -> Body
where
    S: Stream<Item = Result<Frame<Bytes>, Infallible>> + Send + 'static,
{
    StreamBody::new(pieces).boxed_unsync()
}

/// The same answer with its body in the common form.
pub(super) fn boxed(response: Response<Full<Bytes>>) -> Response<Body> {
    response.map(BodyExt::boxed_unsync)
}
