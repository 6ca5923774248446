//! The description holds: it has every route, it is whole, and the node answers as it says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::operations::{OPERATIONS, Operation, ResponseBody};
use super::{components, document};
use crate::backend_api::tests::TestApi;

/// The dashboard's files and data, which are no API of others.
const DASHBOARD: &str = "/admin";

#[test]
fn every_route_of_the_list_is_described_in_the_same_words() {
    let page = include_str!("../../../../../docs/http.md");
    let (_, internal) = page.split_once("## Internal port").unwrap();
    let rows = internal.lines().filter_map(|line| line.strip_prefix("| `"));
    let listed: BTreeMap<&str, &str> = rows
        .filter_map(|row| row.strip_suffix(" |")?.split_once("` | "))
        .filter(|(route, _)| !route.contains(DASHBOARD))
        .collect();
    let described: BTreeMap<String, &str> = OPERATIONS
        .iter()
        .map(|one| (format!("{} {}", one.method, one.path), one.summary))
        .collect();
    let described: BTreeMap<&str, &str> =
        described.iter().map(|(route, summary)| (route.as_str(), *summary)).collect();
    assert_eq!(described, listed);
}

#[test]
fn the_document_is_whole() {
    let document = document();
    assert_eq!(components()["securitySchemes"]["key"]["scheme"], "bearer");
    let ids: BTreeSet<&str> = OPERATIONS.iter().map(|one| one.id).collect();
    assert_eq!(ids.len(), OPERATIONS.len());
    let mut used = BTreeSet::new();
    references(&document, &mut used);
    for reference in &used {
        let at = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(at).is_some(), "{reference} leads nowhere");
    }
    for kind in ["parameters", "headers", "schemas"] {
        for name in components()[kind].as_object().unwrap().keys() {
            assert!(used.contains(&format!("#/components/{kind}/{name}")), "nothing uses {name}");
        }
    }
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                found.insert(reference.clone());
            }
            for member in members.values() {
                references(member, found);
            }
        }
        Value::Array(items) => {
            for item in items {
                references(item, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn the_node_answers_as_it_is_described() {
    let api = TestApi::new();
    let (session, ..) = api.open("link-0001", &["a"]);
    let (other, ..) = api.open("link-0002", &["a"]);
    let event = json!({"event": "e", "data": {"n": 1}, "idempotency_key": "k"});
    let entry = json!({"channel": "b", "event": "e"});
    let requests = [
        ("publish", "/v1/channels/a/events".to_owned(), event.clone()),
        ("publish", "/v1/channels/a/events".to_owned(), event),
        ("listEvents", "/v1/channels/a/events?limit=1".to_owned(), Value::Null),
        ("getKey", "/v1/key".to_owned(), Value::Null),
        ("publishBatch", "/v1/events".to_owned(), json!([entry.clone(), 7, {}])),
        ("publishBatch", "/v1/events".to_owned(), json!({"events": [entry]})),
        ("listChannels", "/v1/channels?limit=1".to_owned(), Value::Null),
        ("getChannel", "/v1/channels/a".to_owned(), Value::Null),
        ("listConnections", "/v1/connections?channel=a&limit=1".to_owned(), Value::Null),
        ("getConnection", format!("/v1/connections/{session}"), Value::Null),
        ("disconnect", format!("/v1/connections/{other}?reconnect=true"), Value::Null),
        ("listUserConnections", "/v1/users/ada".to_owned(), Value::Null),
        ("disconnectUser", "/v1/users/ada/connections".to_owned(), Value::Null),
        ("revoke", "/v1/revocations".to_owned(), json!({"sub": "ada"})),
        ("deleteChannel", "/v1/channels/a".to_owned(), Value::Null),
        ("getStats", "/v1/stats".to_owned(), Value::Null),
        ("getMetrics", "/metrics".to_owned(), Value::Null),
        ("getDescription", "/openapi.json".to_owned(), Value::Null),
        ("getLiveness", "/livez".to_owned(), Value::Null),
        ("getReadiness", "/readyz".to_owned(), Value::Null),
        ("drain", "/v1/drain".to_owned(), json!({})),
    ];
    let asked: BTreeSet<&str> = requests.iter().map(|(id, ..)| *id).collect();
    assert_eq!(asked.len(), OPERATIONS.len(), "each operation is asked");
    for (id, target, body) in requests {
        let operation = OPERATIONS.iter().find(|one| one.id == id).unwrap();
        let answer = if body.is_null() {
            api.ask(operation.method, &target).await
        } else {
            api.post(&target, body.to_string()).await
        };
        assert_eq!(answer.status.as_u16(), operation.status, "{id}: {answer:?}");
        match operation.response {
            ResponseBody::Empty => assert_eq!(answer.text, "", "{id}"),
            ResponseBody::Text(kind) => assert_eq!(answer.headers["content-type"], kind, "{id}"),
            ResponseBody::Json(schema) => {
                assert_eq!(answer.headers["content-type"], "application/json", "{id}");
                let schema = &components()["schemas"][schema];
                conforms(&answer.json(), schema).unwrap_or_else(|wrong| panic!("{id}: {wrong}"));
            }
        }
    }
}

#[tokio::test]
async fn a_parameter_that_an_operation_does_not_have_is_refused() {
    let api = TestApi::new();
    for operation in OPERATIONS.iter().filter(|one| !one.is_open()) {
        let path = operation.path.replace("{channel}", "a").replace("{id}", "0-0-1");
        let target = format!("{}?limmit=1", path.replace("{sub}", "ada"));
        let detail = api.ask(operation.method, &target).await.problem(400, "bad_query");
        let has_limit = operation.parameters.contains(&"Limit");
        assert_eq!(detail.contains("did you mean `limit`?"), has_limit, "{target}: {detail}");
    }
    assert!(Operation::find("HEAD", "/v1/stats").is_some());
    assert!(Operation::find("PUT", "/v1/stats").is_none());
}

/// Found by a program that makes up requests from the description.
#[tokio::test]
async fn what_the_description_allows_is_taken_and_nothing_else() {
    let api = TestApi::new();
    api.open("link-0001", &["a"]);
    for (after, count) in [("0-0-0", 0), ("ffffffff-0-0", 0), ("0-0-1.ab", 0)] {
        // It is the same for an id of a node that has gone, or of a shard that is no more.
        let answer = api.ask("GET", &format!("/v1/connections?user=ada&after={after}")).await;
        assert_eq!(answer.json()["connections"].as_array().unwrap().len(), count, "{after}");
        api.ask("GET", &format!("/v1/connections/{after}"))
            .await
            .problem(404, "connection_not_found");
    }
    for bad in ["0-0", "0-0-0-0", "0-0-%2B1", "0-0-g", "0-0-1.", "0-0-1.x"] {
        api.ask("GET", &format!("/v1/connections?after={bad}")).await.problem(400, "bad_query");
    }
    let keys =
        api.post_with_key("/v1/channels/a/events", "k", r#"{"event":"e","idempotency_key":""}"#);
    keys.await.problem(400, "bad_idempotency_key");
    assert_eq!(api.post("/v1/revocations", r#"{"before":7.0}"#).await.status, 200);
    for bad in ["7.5", "-1", "1e30", "\"7\"", "null"] {
        let body = format!(r#"{{"before":{bad}}}"#);
        api.post("/v1/revocations", body).await.problem(400, "bad_body");
    }
}

/// Whether a value is what a schema says, for the keywords that ours have.
fn conforms(value: &Value, schema: &Value) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("{why}: {value} is not of {schema}"));
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        conforms(value, &components()["schemas"][name])?;
    }
    let kinds = match &schema["type"] {
        Value::String(kind) => vec![kind.as_str()],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    };
    if !kinds.is_empty() && !kinds.iter().any(|kind| is_of_kind(value, kind)) {
        return wrong("type");
    }
    if let Some(choices) = schema["anyOf"].as_array()
        && !choices.iter().any(|choice| conforms(value, choice).is_ok())
    {
        return wrong("anyOf");
    }
    let mut all = schema["allOf"].as_array().into_iter().flatten();
    all.try_for_each(|part| conforms(value, part))?;
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        return wrong("enum");
    }
    if schema.get("const").is_some_and(|word| word != value) {
        return wrong("const");
    }
    if let Some(members) = value.as_object() {
        let required = schema["required"].as_array().into_iter().flatten();
        if !required.filter_map(Value::as_str).all(|name| members.contains_key(name)) {
            return wrong("required");
        }
        for (name, member) in members {
            match (&schema["properties"][name], &schema["additionalProperties"]) {
                (Value::Null, Value::Bool(false)) => return wrong(name),
                (Value::Null, Value::Null) => {}
                (Value::Null, other) => conforms(member, other)?,
                (property, _) => conforms(member, property)?,
            }
        }
    }
    let mut items = value.as_array().into_iter().flatten();
    items.try_for_each(|item| conforms(item, &schema["items"]))
}

fn is_of_kind(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64(),
        "null" => value.is_null(),
        _ => false,
    }
}

#[test]
fn what_does_not_conform_is_noticed() {
    let schema = |name: &str| &components()["schemas"][name];
    let good = json!({"channel": "a", "epoch": "e", "offset": 1});
    assert_eq!(conforms(&good, schema("PublishReceipt")), Ok(()));
    for bad in [
        json!({"channel": "a", "epoch": "e"}),
        json!({"channel": "a", "epoch": "e", "offset": "1"}),
        json!({"channel": "a", "epoch": "e", "offset": 1, "more": 1}),
        json!([]),
    ] {
        assert!(conforms(&bad, schema("PublishReceipt")).is_err(), "{bad}");
        assert!(conforms(&json!({"results": [bad]}), schema("BatchResults")).is_err());
    }
    assert!(conforms(&json!({"status": "bad"}), schema("Health")).is_err());
}
