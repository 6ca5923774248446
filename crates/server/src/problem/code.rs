//! The stable codes of failed requests: one table of word, status, title, cause and remedy, which
//! docs/problems.md shows.
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
        own {$(
            $(#[doc = $doc:literal])+
            $name:ident, $status:ident, $word:literal, $title:literal, $remedy:literal;
        )*}
        shared {$(
            $(#[doc = $shared_doc:literal])+
            $shared:ident, $shared_title:literal, $shared_remedy:literal;
        )*}
    ) => {
        /// What kind of failure. Programs compare [`Code::as_str`]; it is stable over releases.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[doc = $doc])+ $name,)*
            $($(#[doc = $shared_doc])+ $shared,)*
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

            /// When it is answered, in a sentence.
            pub const fn cause(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),+),)*
                    $(Self::$shared => concat!($($shared_doc),+),)*
                }
            }

            /// What to do about it, in a sentence.
            pub const fn remedy(self) -> &'static str {
                match self {
                    $(Self::$name => $remedy,)*
                    $(Self::$shared => $shared_remedy,)*
                }
            }
        }
    };
}

// Codes of HTTP alone, and those that frames have too, whose word and status are theirs.
codes! {
    own {
    /// An event's name or replace key breaks the rules.
    BadEvent, BAD_REQUEST, "bad_event", "The event is not valid",
        "Send a name and a replace key within the limits that `detail` names.";
    /// A field of the body is of the wrong kind.
    BadBody, BAD_REQUEST, "bad_body", "The body is not valid",
        "Correct the field that `detail` names.";
    /// A field of the body is none that the route knows.
    UnknownField, BAD_REQUEST, "unknown_field", "The body has a field that is not known here",
        "Take the field out, or write it as `detail` suggests.";
    /// A field that must be there is not.
    MissingField, BAD_REQUEST, "missing_field", "A field is missing",
        "Add the field that `detail` names.";
    /// The request has no `Host`, or several.
    BadHost, BAD_REQUEST, "bad_host", "The request does not say which host it is for",
        "Send one `Host` header; proxies must not add another one.";
    /// The request for a WebSocket is not one of RFC 6455.
    BadHandshake, BAD_REQUEST, "bad_handshake", "The WebSocket handshake is not valid",
        "Use a WebSocket client, and have proxies pass `Upgrade` and `Connection` on.";
    /// The user in the path cannot be one.
    BadUser, BAD_REQUEST, "bad_user", "The user is not valid",
        "Send the `sub` of the user's tokens, percent-encoded.";
    /// A parameter of the query cannot be read.
    BadQuery, BAD_REQUEST, "bad_query", "The query is not valid",
        "Correct the parameter that `detail` names, or take it out.";
    /// An epoch or offset cannot be read, or one came without the other.
    BadPosition, BAD_REQUEST, "bad_position", "The position is not valid",
        "Send `epoch` and `offset` as an answer gave them, or neither.";
    /// The `Idempotency-Key` is empty, too long or has characters it may not have.
    BadIdempotencyKey, BAD_REQUEST, "bad_idempotency_key", "The Idempotency-Key is not valid",
        "Send one key of 1 to 255 printable ASCII characters, a UUID say.";
    /// No token came where one is needed.
    TokenMissing, UNAUTHORIZED, "token_missing", "A token is needed",
        "Send `Authorization: Bearer TOKEN`, or the token in `hello`.";
    /// The token is not a signed JSON web token.
    TokenMalformed, UNAUTHORIZED, "token_malformed", "The token cannot be read",
        "Send a signed JSON web token as docs/tokens.md describes it.";
    /// The token names an algorithm that no key is for.
    TokenAlgorithm, UNAUTHORIZED, "token_algorithm", "Another algorithm is needed",
        "Sign with one of the algorithms that `detail` lists, or add a key for yours.";
    /// The token's signature does not fit: changed, or made with another key.
    TokenForged, UNAUTHORIZED, "token_forged", "The token's signature is wrong",
        "Sign with a key of this node; look for a line end in the key's file.";
    /// No key has the name that the token gives.
    TokenKeyUnknown, UNAUTHORIZED, "token_key_unknown", "The token's key is not known",
        "Use the `kid` of a key of the node, or add the key to `auth.keys` or the JWK set.";
    /// The token was revoked before its time was over.
    TokenRevoked, UNAUTHORIZED, "token_revoked", "The token was revoked",
        "Get a new token. Who revoked it meant this one to count no more.";
    /// The ticket is none, was used, or is too old.
    TicketUnknown, UNAUTHORIZED, "ticket_unknown", "The ticket is not known",
        "Ask for a new ticket with `POST /v1/tickets`: one is good once, for 30 s.";
    /// The token is past its time.
    TokenExpired, UNAUTHORIZED, "token_expired", "The token has expired",
        "Get a new token; make the client refresh it before its end.";
    /// The token's time has not come.
    TokenEarly, UNAUTHORIZED, "token_early", "The token is not valid yet",
        "Set the clocks, or raise `auth.leeway_s`: `nbf` or `iat` is in the future.";
    /// The token is ours, but says something that cannot be understood.
    TokenClaims, UNAUTHORIZED, "token_claims", "The token's claims are not valid",
        "Correct the claim that `detail` names; see docs/tokens.md.";
    /// No key came on the internal port, where one is needed.
    KeyMissing, UNAUTHORIZED, "key_missing", "A key is needed",
        "Send `Authorization: Bearer KEY` with a key of `internal.key` or `internal.keys`.";
    /// The key for the internal port is not the right one.
    KeyWrong, UNAUTHORIZED, "key_wrong", "The key is wrong",
        "Send a key of this node; after a change of keys, reload the node (SIGHUP).";
    /// The page that asks is of an origin that is not allowed.
    OriginRefused, FORBIDDEN, "origin_refused", "Pages of this origin are not allowed",
        "Add the origin of the page to `public.allowed_origins`.";
    /// No route has this path.
    NotFound, NOT_FOUND, "not_found", "There is no such route",
        "See docs/http.md for the routes; the two ports have different ones.";
    /// The channel has no history and no subscribers.
    ChannelNotFound, NOT_FOUND, "channel_not_found", "There is no such channel",
        "Publish to it first: a channel begins with its first event.";
    /// The connection is on no node, or no more.
    ConnectionNotFound, NOT_FOUND, "connection_not_found", "There is no such connection",
        "List connections anew: an id ends with its session.";
    /// The route does not take this method.
    MethodNotAllowed, METHOD_NOT_ALLOWED, "method_not_allowed", "The method is not allowed here",
        "Use a method that the header `Allow` lists.";
    /// The file is kept in an encoding that the request refuses.
    NotAcceptable, NOT_ACCEPTABLE, "not_acceptable", "The encoding is refused",
        "Send `Accept-Encoding: gzip`, or no such header.";
    /// The request did not arrive in time.
    RequestTimeout, REQUEST_TIMEOUT, "request_timeout", "The request took too long to arrive",
        "Send the body at once and faster; look at proxies that hold bodies back.";
    /// The body is over the limit of bytes or entries.
    TooLarge, PAYLOAD_TOO_LARGE, "too_large", "The body is too large",
        "Send less at once, or raise the limit that `detail` names.";
    /// The body is of a media type that the route does not take.
    UnsupportedMediaType, UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type",
        "The media type is not supported",
        "Send JSON as it is, without `Content-Encoding`.";
    /// The route speaks WebSocket, and the request asks for no upgrade.
    UpgradeRequired, UPGRADE_REQUIRED, "upgrade_required", "This route speaks WebSocket",
        "Open this route as a WebSocket; have proxies pass `Upgrade` on.";
    /// The node, or this address, has as many connections as it may.
    TooManyConnections, SERVICE_UNAVAILABLE, "too_many_connections", "No room for more connections",
        "Come back after `Retry-After`, or raise the limit that `detail` names.";
    /// The node has as much to write as it may hold.
    Overloaded, SERVICE_UNAVAILABLE, "overloaded", "The node has too much to write",
        "Come back after `Retry-After`; add nodes, or raise `limits.poll_bytes_total_max`.";
    /// There are as many tickets as there may be.
    TicketsFull, SERVICE_UNAVAILABLE, "tickets_full", "No room for more tickets",
        "Come back after `Retry-After`; raise `limits.tickets_max` or `tickets_per_ip_max`.";
    /// Too many tokens wait for their signatures to be checked.
    TokensWaiting, SERVICE_UNAVAILABLE, "tokens_waiting", "Too many tokens wait to be checked",
        "Come back after `Retry-After`; use a faster algorithm than ES384, or add nodes.";
    /// The token's key may be in a set that cannot be fetched now.
    KeysUnavailable, SERVICE_UNAVAILABLE, "keys_unavailable", "The keys of tokens cannot be had",
        "Come back after `Retry-After`; see that the node reaches `auth.jwks.url`.";
    /// The node is leaving: another one, or this one restarted, will serve.
    Draining, SERVICE_UNAVAILABLE, "draining", "The node is leaving",
        "Come back after `Retry-After`, by the load balancer to another node.";
    /// What was asked for is on another node, which did not answer in time.
    NodeSilent, SERVICE_UNAVAILABLE, "node_silent", "Another node did not answer",
        "Repeat the request; look at the node that `detail` names.";
    /// There are as many revocations as there may be.
    RevocationsFull, INSUFFICIENT_STORAGE, "revocations_full", "No room for more revocations",
        "Raise `auth.revocations_max`, or revoke by `before` instead of one by one.";
    /// The request is of a version of HTTP that the route does not speak.
    HttpVersion, HTTP_VERSION_NOT_SUPPORTED, "http_version", "Another version of HTTP is needed",
        "Use HTTP/1.1 for this route.";
    }
    shared {
    /// The body is not JSON.
    BadJson, "The body is not JSON",
        "Send valid JSON in UTF-8; `detail` has the line and column.";
    /// The channel's name breaks the rules.
    BadChannel, "The channel's name is not valid",
        "Send segments of `A-Z a-z 0-9 _ . -` with `:` between them, 255 bytes at most.";
    /// The payload nests deeper than the limit.
    TooDeep, "The payload nests too deep",
        "Nest less, or raise `limits.payload_depth_max`.";
    /// The token does not permit it.
    Forbidden, "Not permitted",
        "Use a token or key that permits it; `detail` says what is missing.";
    /// The node or link has as many channels as it may.
    TooManyChannels, "No room for another channel",
        "Come back after `Retry-After`; finish channels, or raise `limits.channels_max`.";
    /// The channel has had its final event.
    ChannelFinished, "The channel has had its final event",
        "Publish to another channel: nothing follows a final event.";
    /// The idempotency key was used for another event.
    IdempotencyMismatch, "The key has another event",
        "Use another key for another event; repeat a publish with the same body.";
    /// No more idempotency keys can be remembered for now.
    IdempotencyFull, "No room for another key",
        "Come back after `Retry-After`; raise `limits.idempotency_keys_max`.";
    /// The sender is over its rate.
    RateLimited, "Too many requests",
        "Come back after `Retry-After`, and send less often; see the limits of rates.";
    /// There is no room for more history.
    StorageFull, "There is no room for more history",
        "Raise `limits.history_bytes_total_max`, or keep less history.";
    /// The broker did not answer.
    BrokerUnavailable, "The broker cannot be reached",
        "Repeat with the same Idempotency-Key; look at the broker's servers.";
    /// Something failed that should not: the server's fault.
    Internal, "Something failed that should not",
        "Report it with the lines of the log at that time.";
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
            for sentence in [code.cause(), code.remedy()] {
                assert!(sentence.ends_with('.') && !sentence.contains('|'), "{code}: {sentence}");
            }
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

    /// `UPDATE=1` writes the page.
    #[test]
    fn the_page_of_problems_is_what_the_table_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/problems.md");
        let page = std::fs::read_to_string(path).unwrap();
        let (head, _) = page.split_once("| code |").unwrap();
        let mut table =
            String::from("| code | status | when | what to do |\n| --- | --- | --- | --- |\n");
        for code in Code::ALL {
            let (status, cause) = (code.status().as_u16(), code.cause().trim());
            let cells = [
                format!("`{code}`"),
                status.to_string(),
                cause.to_owned(),
                code.remedy().to_owned(),
            ];
            table.extend(["| ", &cells.join(" | "), " |\n"]);
        }
        let expected = format!("{head}{table}");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, &expected).unwrap();
        }
        assert_eq!(page, expected, "run it again with UPDATE=1 and read what has changed");
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
