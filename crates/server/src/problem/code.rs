//! The stable codes of failed requests: one table of word, status and title.
//!
//! In: nothing. Out: what a `Problem` says about its kind. A word never changes its meaning. A
//! failure that `error` frames know too has the word and the status of [`ErrorCode`].

use std::fmt;

use hyper::StatusCode;
use steadfast_protocol::ErrorCode;

/// The status of a code that frames have too.
const fn status_of(code: ErrorCode) -> StatusCode {
    match code.http_status() {
        Some(400) => StatusCode::BAD_REQUEST,
        Some(403) => StatusCode::FORBIDDEN,
        Some(409) => StatusCode::CONFLICT,
        Some(429) => StatusCode::TOO_MANY_REQUESTS,
        Some(422) => StatusCode::UNPROCESSABLE_ENTITY,
        Some(503) => StatusCode::SERVICE_UNAVAILABLE,
        Some(507) => StatusCode::INSUFFICIENT_STORAGE,
        Some(_) | None => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

macro_rules! codes {
    (
        own { $($(#[$doc:meta])* $name:ident, $status:ident, $word:literal, $title:literal;)* }
        shared { $($(#[$shared_doc:meta])* $shared:ident, $shared_title:literal;)* }
    ) => {
        /// What kind of failure. Programs compare [`Code::as_str`]; it is stable over releases.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* $name,)*
            $($(#[$shared_doc])* $shared,)*
        }

        impl Code {
            /// Every code there is.
            pub const ALL: &[Self] = &[$(Self::$name,)* $(Self::$shared,)*];

            /// The stable word.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                    $(Self::$shared => ErrorCode::$shared.as_str(),)*
                }
            }

            /// The HTTP status that goes with it.
            pub const fn status(self) -> StatusCode {
                match self {
                    $(Self::$name => StatusCode::$status,)*
                    $(Self::$shared => status_of(ErrorCode::$shared),)*
                }
            }

            /// The kind of failure in one line for people.
            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)*
                    $(Self::$shared => $shared_title,)*
                }
            }
        }
    };
}

// Codes of HTTP alone, and those that frames have too, whose word and status are theirs.
codes! {
    own {
    /// An event's name or replace key breaks the rules.
    BadEvent, BAD_REQUEST, "bad_event", "The event is not valid";
    /// A field of the body is of the wrong kind.
    BadBody, BAD_REQUEST, "bad_body", "The body is not valid";
    /// A field of the body is none that the route knows.
    UnknownField, BAD_REQUEST, "unknown_field", "The body has a field that is not known here";
    /// A field that must be there is not.
    MissingField, BAD_REQUEST, "missing_field", "A field is missing";
    /// The request has no `Host`, or several.
    BadHost, BAD_REQUEST, "bad_host", "The request does not say which host it is for";
    /// The request for a WebSocket is not one of RFC 6455.
    BadHandshake, BAD_REQUEST, "bad_handshake", "The WebSocket handshake is not valid";
    /// The user in the path cannot be one.
    BadUser, BAD_REQUEST, "bad_user", "The user is not valid";
    /// A parameter of the query cannot be read.
    BadQuery, BAD_REQUEST, "bad_query", "The query is not valid";
    /// An epoch or offset cannot be read, or one came without the other.
    BadPosition, BAD_REQUEST, "bad_position", "The position is not valid";
    /// The `Idempotency-Key` is empty, too long or has characters it may not have.
    BadIdempotencyKey, BAD_REQUEST, "bad_idempotency_key", "The Idempotency-Key is not valid";
    /// No token came where one is needed.
    TokenMissing, UNAUTHORIZED, "token_missing", "A token is needed";
    /// The token is not a signed JSON web token.
    TokenMalformed, UNAUTHORIZED, "token_malformed", "The token cannot be read";
    /// The token names an algorithm that no key is for.
    TokenAlgorithm, UNAUTHORIZED, "token_algorithm", "Another algorithm is needed";
    /// The token's signature does not fit: changed, or made with another key.
    TokenForged, UNAUTHORIZED, "token_forged", "The token's signature is wrong";
    /// No key has the name that the token gives.
    TokenKeyUnknown, UNAUTHORIZED, "token_key_unknown", "The token's key is not known";
    /// The token was revoked before its time was over.
    TokenRevoked, UNAUTHORIZED, "token_revoked", "The token was revoked";
    /// The ticket is none, was used, or is too old.
    TicketUnknown, UNAUTHORIZED, "ticket_unknown", "The ticket is not known";
    /// The token is past its time.
    TokenExpired, UNAUTHORIZED, "token_expired", "The token has expired";
    /// The token's time has not come.
    TokenEarly, UNAUTHORIZED, "token_early", "The token is not valid yet";
    /// The token is ours, but says something that cannot be understood.
    TokenClaims, UNAUTHORIZED, "token_claims", "The token's claims are not valid";
    /// No key came on the internal port, where one is needed.
    KeyMissing, UNAUTHORIZED, "key_missing", "A key is needed";
    /// The key for the internal port is not the right one.
    KeyWrong, UNAUTHORIZED, "key_wrong", "The key is wrong";
    /// The page that asks is of an origin that is not allowed.
    OriginRefused, FORBIDDEN, "origin_refused", "Pages of this origin are not allowed";
    /// No route has this path.
    NotFound, NOT_FOUND, "not_found", "There is no such route";
    /// The channel has no history and no subscribers.
    ChannelNotFound, NOT_FOUND, "channel_not_found", "There is no such channel";
    /// The connection is on no node, or no more.
    ConnectionNotFound, NOT_FOUND, "connection_not_found", "There is no such connection";
    /// The route does not take this method.
    MethodNotAllowed, METHOD_NOT_ALLOWED, "method_not_allowed", "The method is not allowed here";
    /// The request did not arrive in time.
    RequestTimeout, REQUEST_TIMEOUT, "request_timeout", "The request took too long to arrive";
    /// The body is over the limit of bytes or entries.
    TooLarge, PAYLOAD_TOO_LARGE, "too_large", "The body is too large";
    /// The body is of a media type that the route does not take.
    UnsupportedMediaType, UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type",
        "The media type is not supported";
    /// The route speaks WebSocket, and the request asks for no upgrade.
    UpgradeRequired, UPGRADE_REQUIRED, "upgrade_required", "This route speaks WebSocket";
    /// The node, or this address, has as many connections as it may.
    TooManyConnections, SERVICE_UNAVAILABLE, "too_many_connections", "No room for more connections";
    /// The node has as much to write as it may hold.
    Overloaded, SERVICE_UNAVAILABLE, "overloaded", "The node has too much to write";
    /// There are as many tickets as there may be.
    TicketsFull, SERVICE_UNAVAILABLE, "tickets_full", "No room for more tickets";
    /// Too many tokens wait for their signatures to be checked.
    TokensWaiting, SERVICE_UNAVAILABLE, "tokens_waiting", "Too many tokens wait to be checked";
    /// The token's key may be in a set that cannot be fetched now.
    KeysUnavailable, SERVICE_UNAVAILABLE, "keys_unavailable", "The keys of tokens cannot be had";
    /// The node is leaving: another one, or this one restarted, will serve.
    Draining, SERVICE_UNAVAILABLE, "draining", "The node is leaving";
    /// What was asked for is on another node, which did not answer in time.
    NodeSilent, SERVICE_UNAVAILABLE, "node_silent", "Another node did not answer";
    /// There are as many revocations as there may be.
    RevocationsFull, INSUFFICIENT_STORAGE, "revocations_full", "No room for more revocations";
    /// The request is of a version of HTTP that the route does not speak.
    HttpVersion, HTTP_VERSION_NOT_SUPPORTED, "http_version", "Another version of HTTP is needed";
    }
    shared {
    /// The body is not JSON.
    BadJson, "The body is not JSON";
    /// The channel's name breaks the rules.
    BadChannel, "The channel's name is not valid";
    /// The payload nests deeper than the limit.
    TooDeep, "The payload nests too deep";
    /// The token does not permit it.
    Forbidden, "Not permitted";
    /// The node or link has as many channels as it may.
    TooManyChannels, "No room for another channel";
    /// The channel has had its final event.
    ChannelFinished, "The channel has had its final event";
    /// The idempotency key was used for another event.
    IdempotencyMismatch, "The key has another event";
    /// No more idempotency keys can be remembered for now.
    IdempotencyFull, "No room for another key";
    /// The sender is over its rate.
    RateLimited, "Too many requests";
    /// There is no room for more history.
    StorageFull, "There is no room for more history";
    /// The broker did not answer.
    BrokerUnavailable, "The broker cannot be reached";
    /// Something failed that should not: the server's fault.
    Internal, "Something failed that should not";
    }
}

/// The failure that an `error` frame names with the same word. One that no request can meet, and
/// that has no status therefore, is our fault.
impl From<ErrorCode> for Code {
    fn from(code: ErrorCode) -> Self {
        let same = Self::ALL.iter().find(|known| known.as_str() == code.as_str());
        same.copied().unwrap_or(Self::Internal)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Code;
    use std::collections::BTreeSet;
    use steadfast_protocol::ErrorCode;

    #[test]
    fn every_code_has_its_own_word_a_title_and_an_error_status() {
        let words: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(words.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!(code.as_str().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{code}");
            assert!(!code.title().is_empty(), "{code}");
            let status = code.status();
            assert!(status.is_client_error() || status.is_server_error(), "{code}");
        }
    }

    #[test]
    fn a_code_of_frames_has_the_status_that_its_table_says() {
        for code in ErrorCode::ALL {
            let status = code.http_status().unwrap_or(500);
            assert_eq!(Code::from(*code).status().as_u16(), status, "{}", code.as_str());
            let word = if code.http_status().is_some() { code.as_str() } else { "internal" };
            assert_eq!(Code::from(*code).as_str(), word);
        }
    }

    #[test]
    fn the_statuses_that_clients_act_on() {
        let table = [
            (Code::BadChannel, 400),
            (Code::TokenExpired, 401),
            (Code::TokenForged, 401),
            (Code::Forbidden, 403),
            (Code::OriginRefused, 403),
            (Code::NotFound, 404),
            (Code::MethodNotAllowed, 405),
            (Code::ChannelFinished, 409),
            (Code::TooLarge, 413),
            (Code::UpgradeRequired, 426),
            (Code::RateLimited, 429),
            (Code::Internal, 500),
            (Code::Draining, 503),
            (Code::NodeSilent, 503),
            (Code::TooManyConnections, 503),
            (Code::StorageFull, 507),
            (Code::HttpVersion, 505),
        ];
        for (code, status) in table {
            assert_eq!(code.status().as_u16(), status, "{code}");
        }
    }
}
