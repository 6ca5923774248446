//! The operations of the internal port: one table, from which its description is made and by which
//! queries are checked. The routes themselves are in `backend_api.rs`, one line about each in
//! docs/http.md; a test compares the three.

use crate::problem::Code;

/// One method of one route.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    /// What generated clients call it.
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    /// Its parameters beside those of the path, by their names in `components.json`.
    pub(super) parameters: &'static [&'static str],
    /// The schema of its body, and whether there has to be one.
    pub(super) body: Option<(&'static str, bool)>,
    /// The status if all goes well.
    pub(super) status: u16,
    pub(super) response: ResponseBody,
    /// What it may be refused for, beside what holds for all.
    pub(super) codes: &'static [Code],
}

/// The body of a response.
#[derive(Clone, Copy, Debug)]
pub(super) enum ResponseBody {
    Empty,
    /// JSON of this schema.
    Json(&'static str),
    /// Text of this media type.
    Text(&'static str),
}

use ResponseBody::{Empty, Json, Text};

/// Why one event may be refused.
const OF_EVENT: &[Code] = &[
    Code::BadChannel,
    Code::BadEvent,
    Code::BadIdempotencyKey,
    Code::MissingField,
    Code::TooDeep,
    Code::TooManyChannels,
    Code::ChannelFinished,
    Code::IdempotencyMismatch,
    Code::IdempotencyFull,
    Code::StorageFull,
    Code::BrokerUnavailable,
];
const OF_CHANNEL: &[Code] = &[Code::BadChannel, Code::ChannelNotFound, Code::BrokerUnavailable];
const OF_CONNECTION: &[Code] = &[Code::ConnectionNotFound, Code::NodeSilent];

const fn get(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    Operation {
        method: "GET",
        path,
        id,
        summary,
        parameters: &[],
        body: None,
        status: 200,
        response: Empty,
        codes: &[],
    }
}

const fn post(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    Operation { method: "POST", ..get(path, id, summary) }
}

const fn delete(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    Operation { method: "DELETE", ..get(path, id, summary) }
}

/// Every operation, as docs/http.md lists them.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        parameters: &["IdempotencyKey"],
        body: Some(("Event", true)),
        status: 201,
        response: Json("PublishReceipt"),
        codes: OF_EVENT,
        ..post("/v1/channels/{channel}/events", "publish", "publish one event")
    },
    Operation {
        parameters: &["BeforeOffset", "Limit"],
        response: Json("EventPage"),
        codes: OF_CHANNEL,
        ..get("/v1/channels/{channel}/events", "listEvents", "the newest events of a channel")
    },
    Operation {
        parameters: &["IdempotencyKey"],
        body: Some(("Batch", true)),
        response: Json("BatchResults"),
        codes: &[Code::BadIdempotencyKey, Code::MissingField],
        ..post(
            "/v1/events",
            "publishBatch",
            "publish many, to many channels, with one result per entry",
        )
    },
    Operation {
        parameters: &["AfterChannel", "Limit"],
        response: Json("ChannelPage"),
        codes: &[Code::BrokerUnavailable],
        ..get("/v1/channels", "listChannels", "list the channels, in pages")
    },
    Operation {
        response: Json("Channel"),
        codes: OF_CHANNEL,
        ..get("/v1/channels/{channel}", "getChannel", "one channel: its offsets and what is kept")
    },
    Operation {
        status: 204,
        codes: OF_CHANNEL,
        ..delete("/v1/channels/{channel}", "deleteChannel", "forget a channel and its events")
    },
    Operation {
        parameters: &[
            "AfterConnection",
            "Limit",
            "OfAddress",
            "OfChannel",
            "OfGrade",
            "OfLink",
            "OfPlatform",
            "OfTransport",
            "OfUser",
        ],
        response: Json("ConnectionPage"),
        ..get("/v1/connections", "listConnections", "list the sessions of all nodes, in pages")
    },
    Operation {
        response: Json("Connection"),
        codes: OF_CONNECTION,
        ..get(
            "/v1/connections/{id}",
            "getConnection",
            "one session, and the timeline of its link on this node",
        )
    },
    Operation {
        parameters: &["Reconnect"],
        status: 204,
        codes: OF_CONNECTION,
        ..delete("/v1/connections/{id}", "disconnect", "disconnect it")
    },
    Operation {
        parameters: &["AfterConnection", "Limit"],
        response: Json("ConnectionPage"),
        codes: &[Code::BadUser],
        ..get("/v1/users/{sub}", "listUserConnections", "the sessions of a user, on every node")
    },
    Operation {
        parameters: &["Reconnect"],
        response: Json("EndedConnections"),
        codes: &[Code::BadUser],
        ..delete("/v1/users/{sub}/connections", "disconnectUser", "disconnect them")
    },
    Operation {
        body: Some(("Revocation", true)),
        response: Json("RevocationReceipt"),
        codes: &[Code::RevocationsFull],
        ..post("/v1/revocations", "revoke", "tokens that count no more, on every node")
    },
    Operation {
        body: Some(("Drain", false)),
        status: 202,
        response: Json("DrainPlan"),
        ..post(
            "/v1/drain",
            "drain",
            "let the links of this node go, as SIGTERM does, and go on to run",
        )
    },
    Operation {
        response: Json("Key"),
        ..get("/v1/key", "getKey", "the name and the roles of the key that asks")
    },
    Operation { response: Json("Stats"), ..get("/v1/stats", "getStats", "the node's statistics") },
    Operation {
        response: Text("application/openmetrics-text; version=1.0.0; charset=utf-8"),
        ..get("/metrics", "getMetrics", "the node's metrics, in the OpenMetrics text format")
    },
    Operation {
        response: Json("Description"),
        ..get("/openapi.json", "getDescription", "this port's routes, described in OpenAPI 3.1")
    },
    Operation {
        response: Json("Health"),
        ..get("/livez", "getLiveness", "whether the process is up")
    },
    Operation {
        response: Json("Health"),
        codes: &[Code::Draining, Code::BrokerUnavailable, Code::KeysUnavailable],
        ..get(
            "/readyz",
            "getReadiness",
            "whether the node can serve: its broker answers, it has keys to check tokens with, \
             and it does not drain",
        )
    },
];

impl Operation {
    /// The operation of a method on a route.
    pub(super) fn find(method: &str, path: &str) -> Option<&'static Self> {
        let method = if method == "HEAD" { "GET" } else { method };
        OPERATIONS.iter().find(|one| one.method == method && one.path == path)
    }

    /// Whether anybody may ask.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.path, "/livez" | "/readyz")
    }
}
