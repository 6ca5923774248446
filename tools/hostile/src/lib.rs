//! Attacks on the real server over real sockets, beside healthy clients that must notice nothing.
//! `make hostile` runs all cases, `make hostile ARGS="floods"` the floods whose figures are in
//! `docs/security.md`. The attackers use a client of their own, which knows no rules.

pub mod attackers;
pub mod case;
pub mod cases;
pub mod expect;
pub mod floods;
pub mod frame;
pub mod healthy;
pub mod logs;
pub mod runner;
pub mod server;
pub mod setup;
pub mod table;
pub mod token;
pub mod wire;
