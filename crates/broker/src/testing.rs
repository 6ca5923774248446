//! Servers for tests: each starts on a port of its own with a folder of its own, and ends when it
//! is dropped. Built for this crate's tests, and with the feature `testing` for those of others.
mod nats_server;
mod redis_server;
mod reserved_port;
pub use nats_server::NatsServer;
pub use redis_server::RedisServer;
pub use reserved_port::ReservedPort;
