//! Servers for tests: each starts on a port of its own with a folder of its own, and ends when it
//! is dropped. Built for this crate's tests, and with the feature `testing` for those of others.
#[cfg(feature = "nats")]
mod nats_server;
#[cfg(feature = "redis")]
mod redis_server;
mod reserved_port;
#[cfg(feature = "nats")]
pub use nats_server::NatsServer;
#[cfg(feature = "redis")]
pub use redis_server::RedisServer;
pub use reserved_port::ReservedPort;
