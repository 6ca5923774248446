//! What must hold for any bytes that a stranger sends, or that a disk or a broker gives back.
//!
//! Each function takes bytes and panics where a promise breaks. `fuzz/` hands them what libFuzzer
//! makes up (`make fuzz`); the tests of this crate hand them the inputs that are kept in
//! `fuzz/corpus`, and changes of these.

mod codecs;
#[cfg(test)]
mod corpus;
mod http;
mod hub;
mod records;
mod tokens;
mod websocket;

/// A target: its name, which is the name of its file and of its folder of inputs, and its check.
pub type Target = (&'static str, fn(&[u8]));

/// All targets but that of the link, which lives with its random tests.
pub const TARGETS: [Target; 9] = [
    ("client_frame", codecs::client_frame),
    ("cluster_message", records::cluster_message),
    ("config", tokens::config),
    ("disk_record", records::disk_record),
    ("http_head", http::head),
    ("hub", hub::life),
    ("server_frame", codecs::server_frame),
    ("token", tokens::token),
    ("websocket", websocket::reader),
];

/// Runs a target by its name.
pub fn run(name: &str, bytes: &[u8]) {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    let (_, check) = found.unwrap_or_else(|| panic!("there is no target `{name}`"));
    check(bytes);
}
