//! What is read, what is ignored, and what is refused with which word.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{client_frame, server_frame};
use crate::codec::json::{encode_client, encode_server};
use crate::{ClientFrame, DecodeError, ErrorCode, Limits, Scalar, ServerFrame, Since};

fn read(text: &str) -> Result<ClientFrame, DecodeError> {
    client_frame(text, &Limits::default())
}

fn code(text: &str) -> ErrorCode {
    read(text).unwrap_err().code
}

/// P-14
#[test]
fn an_entry_of_channels_that_cannot_be_read_spoils_no_other() {
    let text = r#"{"type":"hello","link":"abcdefgh","generation":1,"channels":[
        {"channel":"a:1"}, {"channel":"b:2","since":{"epoch":"e","offset":"2"}}, 7,
        {"channel":"no name!"}, {"channel":"c:3","id":5,"since":"latest"},
        {"channel":"d:4","since":{"epoch":"e","offset":2}}]}"#;
    let ClientFrame::Hello(hello) = read(text).unwrap() else { panic!("not a hello") };
    let followed: Vec<_> = hello.channels.iter().map(|one| one.channel.as_str()).collect();
    assert_eq!(followed, ["a:1", "d:4"]);
    let bad = hello.bad_channels.iter().map(|error| {
        let channel = error.channel.as_ref().map_or("-", |channel| channel.as_str());
        format!("{} {channel} {}", error.code.as_str(), error.id.is_some())
    });
    let bad: Vec<_> = bad.collect();
    let expected =
        ["bad_frame b:2 false", "bad_frame - false", "bad_channel - false", "bad_frame c:3 true"];
    assert_eq!(bad, expected);
    assert!(hello.bad_channels[0].message.starts_with("channels[1]: "));
}

/// P-1, P-2, P-11
#[test]
fn a_hello_needs_a_link_and_a_generation_and_no_more() {
    let ClientFrame::Hello(hello) =
        read(r#"{"type":"hello","link":"abcdefgh","generation":1,"extra":{"a":[1]}}"#).unwrap()
    else {
        panic!("not a hello")
    };
    assert_eq!(hello.link.as_str(), "abcdefgh");
    assert!(hello.channels.is_empty());
    for bad in [
        r#"{"type":"hello"}"#,
        r#"{"type":"hello","link":"short","generation":1}"#,
        r#"{"type":"hello","link":"abcdefgh","generation":0}"#,
        r#"{"type":"hello","link":"abcdefgh","generation":-1}"#,
        r#"{"type":"hello","link":"abcdefgh","generation":"1"}"#,
        r#"{"type":"hello","link":5,"generation":1}"#,
        r#"{"type":"hello","link":"abcdefgh","generation":1,"channels":{}}"#,
    ] {
        assert_eq!(code(bad), ErrorCode::BadFrame, "{bad}");
    }
}

#[test]
fn a_hello_carries_all_that_a_session_needs() {
    let text = r#"{"type":"hello","link":"abcdefgh","generation":3,"token":"secret",
        "client":{"name":"n","version":"1","platform":"p"},
        "heartbeat":{"interval":15000,"timeout_ms":10000},"channels":[
        {"channel":"a:1"},{"channel":"a:2","since":"now"},
        {"channel":"a:3","since":{"epoch":"e","offset":4}}]}"#;
    let ClientFrame::Hello(hello) = read(text).unwrap() else { panic!("not a hello") };
    assert_eq!(hello.heartbeat.unwrap().timeout, 10_000);
    assert_eq!(hello.channels[0].since, Since::Start);
    assert_eq!(hello.channels[1].since, Since::Now);
    assert!(matches!(&hello.channels[2].since, Since::After(p) if p.offset == 4));
    assert!(!format!("{hello:?}").contains("secret"));
    let again = encode_client(&ClientFrame::Hello(hello.clone()));
    assert_eq!(read(&again).unwrap(), ClientFrame::Hello(hello));
}

/// P-12, P-13
#[test]
fn what_is_not_a_frame_is_refused_with_its_own_word() {
    for bad in ["", "{", "nonsense", "{\"type\":\"ping\"} x", "[1]", "7", "null", "\"ping\""] {
        assert_eq!(code(bad), ErrorCode::BadJson, "{bad}");
    }
    assert_eq!(code("{}"), ErrorCode::BadFrame);
    assert_eq!(code(r#"{"type":"ping","id":{}}"#), ErrorCode::BadFrame);
    assert_eq!(code(r#"{"type":7}"#), ErrorCode::BadFrame);
    assert_eq!(code(r#"{"type":"dance"}"#), ErrorCode::UnknownType);
    assert_eq!(code(r#"{"type":"subscribe"}"#), ErrorCode::BadFrame);
    assert_eq!(code(r#"{"type":"subscribe","channel":"a b"}"#), ErrorCode::BadChannel);
    assert_eq!(code(r#"{"type":"subscribe","channel":"a","since":9}"#), ErrorCode::BadFrame);
    let error = read(r#"{"type":"subscribe","channel":"a::b","id":"q1"}"#).unwrap_err();
    assert_eq!(error.id, Some(Scalar::text("q1")));
    assert!(error.message.contains("byte 2"), "{}", error.message);
}

/// P-4
#[test]
fn an_id_is_a_number_or_a_short_string() {
    let long: String = core::iter::repeat_n('x', 63).collect();
    let kept: String = core::iter::repeat_n('x', 62).collect();
    let ping = |id: &str| read(&format!(r#"{{"type":"subscribe","channel":"a","id":{id}}}"#));
    assert!(ping("7").is_ok());
    assert!(ping("-7.5").is_ok());
    assert!(ping(&format!("\"{kept}\"")).is_ok());
    assert!(ping(&format!("\"{long}\"")).is_err());
    assert!(ping("{}").is_err());
    assert!(ping("true").is_err());
}

/// P-32
#[test]
fn a_payload_may_nest_to_the_limit_and_no_deeper() {
    let publish = |levels: usize| {
        let open: String = core::iter::repeat_n('[', levels).collect();
        let close: String = core::iter::repeat_n(']', levels).collect();
        read(&format!(r#"{{"type":"publish","channel":"a","event":"e","data":{open}{close}}}"#))
    };
    assert!(publish(64).is_ok());
    assert_eq!(publish(65).unwrap_err().code, ErrorCode::TooDeep);
    // A nesting that would exhaust a recursive reader is only too deep.
    assert_eq!(publish(200_000).unwrap_err().code, ErrorCode::TooDeep);
    let deep: String = core::iter::repeat_n('[', 200_000).collect();
    assert_eq!(code(&deep), ErrorCode::BadJson);
}

#[test]
fn server_frames_are_read_back_as_they_were_written() {
    let texts = [
        r#"{"type":"finished","channel":"a"}"#,
        r#"{"type":"published","id":1,"epoch":"e","offset":5}"#,
        r#"{"type":"heartbeat_ack","id":1,"timestamp":"t","server_time":"s"}"#,
        r#"{"type":"pong"}"#,
        r#"{"type":"superseded","channel":"a","from":1,"to":2}"#,
        r#"{"type":"go_away","reason":"drain","after_ms":0,"spread_ms":5000}"#,
        r#"{"type":"error","id":"x","code":"bad_frame","message":"m","retry":false}"#,
        concat!(
            r#"{"type":"event","channel":"a","epoch":"e","offset":1,"#,
            r#""event":"progress","data":{"x": 1},"time":"t"}"#
        ),
    ];
    for text in texts {
        let frame = server_frame(text).unwrap().unwrap();
        assert_eq!(encode_server(&frame), text);
    }
    assert_eq!(server_frame(r#"{"type":"from_the_future"}"#).unwrap(), None);
    assert!(matches!(
        server_frame(r#"{"type":"pong","new_field":[]}"#).unwrap(),
        Some(ServerFrame::Pong { id: None })
    ));
}

/// P-11
#[test]
fn a_field_of_the_client_has_as_many_bytes_as_it_may_and_no_more() {
    let hello = |field: &str, bytes: usize| {
        let value: String = core::iter::repeat_n('x', bytes).collect();
        let client = format!(r#"{{"{field}":"{value}"}}"#);
        read(&format!(r#"{{"type":"hello","link":"link-0001","generation":1,"client":{client}}}"#))
    };
    for field in ["name", "version", "platform"] {
        assert!(hello(field, 128).is_ok());
        let error = hello(field, 129).unwrap_err();
        assert_eq!(error.code, ErrorCode::BadFrame);
        assert!(error.message.contains("at most 128 bytes, this one has 129"), "{}", error.message);
    }
    let long = crate::ClientInfo { name: "\u{5b57}".repeat(43).into(), ..Default::default() };
    assert_eq!(long.clipped().name.len(), 126);
}

/// P-40
#[test]
fn statistics_have_as_many_bytes_as_they_may_and_no_more() {
    let heartbeat = |bytes: usize| {
        let text: String = core::iter::repeat_n('x', bytes - 2).collect();
        read(&format!(r#"{{"type":"heartbeat","stats":"{text}"}}"#))
    };
    assert!(heartbeat(4096).is_ok());
    let error = heartbeat(4097).unwrap_err();
    assert!(error.message.contains("4096 bytes, this one has 4097"), "{}", error.message);
}

/// P-17
#[test]
fn the_token_of_a_first_frame_is_read_before_anything_else_of_it() {
    let token = |text: &str| super::hello_token(text).map(|token| token.map(|t| t.expose().into()));
    let bad = r#"{"type":"hello","link":7,"channels":{},"token":"secret","generation":-1}"#;
    assert_eq!(token(bad), Ok(Some(alloc::boxed::Box::<str>::from("secret"))));
    assert_eq!(token(r#"{"type":"hello"}"#), Ok(None));
    assert_eq!(token(r#"{"type":"ping"}"#).unwrap_err().code, ErrorCode::BadFrame);
    let twice = r#"{"type":"hello","token":"a","token":"b"}"#;
    assert_eq!(token(twice).unwrap_err().code, ErrorCode::BadFrame);
    assert_eq!(token(r#"{"type":"hello","token":7}"#).unwrap_err().code, ErrorCode::BadFrame);
}
