//! Servers for tests: each starts on a free port with a folder of its own, and ends when it is
//! dropped. Built for this crate's tests, and with the feature `testing` for those of others.

#[cfg(feature = "nats")]
mod nats_server;
#[cfg(feature = "redis")]
mod redis_server;

#[cfg(feature = "nats")]
pub use nats_server::NatsServer;
#[cfg(feature = "redis")]
pub use redis_server::RedisServer;
