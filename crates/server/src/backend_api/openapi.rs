//! `GET /openapi.json`: what the internal port takes and answers, in OpenAPI 3.1, for programs that
//! make clients and tests. In: the table of operations, the codes of problems, and the schemas of
//! bodies. Out: one JSON document; and the refusal of parameters that an operation does not have.

mod operations;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::Method;
use hyper::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};

use self::operations::{OPERATIONS, Operation, ResponseBody};
use super::backend_keys::BackendAction;
use super::query::Query;
use crate::problem::{self, Code};

/// Parameters, headers and schemas, by name.
const COMPONENTS: &str = include_str!("openapi/components.json");
/// What every operation with a key may be refused for.
const OF_KEY: [Code; 4] = [Code::KeyMissing, Code::KeyWrong, Code::Forbidden, Code::OriginRefused];
/// What every operation with a body may be refused for.
const OF_BODY: [Code; 6] = [
    Code::BadJson,
    Code::BadBody,
    Code::UnknownField,
    Code::RequestTimeout,
    Code::TooLarge,
    Code::UnsupportedMediaType,
];

/// Answers with the description, which is made once.
pub(super) async fn describe() -> Response {
    static TEXT: OnceLock<Bytes> = OnceLock::new();
    let text = TEXT.get_or_init(|| document().to_string().into());
    ([(CONTENT_TYPE, "application/json")], text.clone()).into_response()
}

/// Refuses a query with a parameter that the operation does not have: it was meant to do something.
pub(super) async fn check_query(request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>();
    let operation = path.and_then(|path| Operation::find(request.method().as_str(), path.as_str()));
    match operation.map(|one| Query::read(request.uri(), &one.query())) {
        Some(Err(problem)) => problem.into_response(),
        Some(Ok(_)) | None => next.run(request).await,
    }
}

fn components() -> &'static Value {
    static COMPONENTS_VALUE: OnceLock<Value> = OnceLock::new();
    // A test reads the text, which never changes.
    COMPONENTS_VALUE.get_or_init(|| serde_json::from_str(COMPONENTS).unwrap_or_default())
}

/// The whole document.
fn document() -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for operation in OPERATIONS {
        let of_path = paths.entry(operation.path).or_default();
        of_path.insert(operation.method.to_lowercase(), operation.describe());
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Steadfast, internal port",
            "description": "For backends and operators. docs/http.md has the public port.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": components(),
    })
}

impl Operation {
    /// The names of its parameters of the query.
    fn query(&self) -> Vec<&'static str> {
        let named = |name: &&str| {
            let parameter = &components()["parameters"][*name];
            (parameter["in"] == "query").then(|| parameter["name"].as_str())?
        };
        self.parameters.iter().filter_map(named).collect()
    }

    fn describe(&self) -> Value {
        let of_path = self.path.split('/').filter_map(|segment| {
            segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}'))
        });
        let all = of_path.chain(self.parameters.iter().copied());
        let parameters: Vec<Value> = all.map(|name| reference("parameters", name)).collect();
        let mut described = json!({
            "operationId": self.id,
            "summary": self.summary,
            "parameters": parameters,
            "responses": self.responses(),
        });
        if self.is_open() {
            described["security"] = json!([]);
        } else {
            let method = Method::from_bytes(self.method.as_bytes()).unwrap_or_default();
            let role = BackendAction::of_request(&method, self.path).role_name();
            let needs = role.map_or_else(
                || "Needs a key, whatever its roles.".to_owned(),
                |role| format!("Needs a key with the role `{role}`."),
            );
            described["description"] = json!(needs);
        }
        if let Some((schema, is_required)) = self.body {
            let content = json!({"application/json": {"schema": reference("schemas", schema)}});
            described["requestBody"] = json!({"required": is_required, "content": content});
        }
        described
    }

    fn responses(&self) -> Value {
        let content = match self.response {
            ResponseBody::Empty => None,
            ResponseBody::Json(schema) => {
                Some(json!({"application/json": {"schema": reference("schemas", schema)}}))
            }
            ResponseBody::Text(kind) => Some(json!({kind: {"schema": {"type": "string"}}})),
        };
        let mut good = json!({"description": "It is done."});
        if let Some(content) = content {
            good["content"] = content;
        }
        if self.parameters.contains(&"IdempotencyKey") {
            let header = reference("headers", "IdempotentReplayed");
            good["headers"] = json!({"Idempotent-Replayed": header});
        }
        let mut responses = Map::from_iter([(self.status.to_string(), good)]);
        for (status, codes) in self.codes_by_status() {
            let lines: Vec<String> =
                codes.iter().map(|code| format!("`{code}`: {}", code.cause().trim())).collect();
            let schema = reference("schemas", "Problem");
            let refused = json!({
                "description": lines.join("\n"),
                "content": {problem::CONTENT_TYPE: {"schema": schema}},
            });
            responses.insert(status.to_string(), refused);
        }
        Value::Object(responses)
    }

    /// Every code that it may be refused with.
    fn codes_by_status(&self) -> BTreeMap<u16, Vec<Code>> {
        let mut codes = self.codes.to_vec();
        if !self.is_open() {
            codes.extend([Code::BadQuery].iter().chain(&OF_KEY));
        }
        if self.body.is_some() {
            codes.extend(OF_BODY);
        }
        let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
        for code in codes {
            by_status.entry(code.status().as_u16()).or_default().push(code);
        }
        by_status
    }
}

fn reference(kind: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{kind}/{name}")})
}

#[cfg(test)]
mod tests;
