//! The Lua scripts, and calls of them. In: keys and arguments. Out: the script's answer, or an
//! error. A script that the server does not have cached is sent with the call.

use std::sync::LazyLock;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, RedisError, ServerErrorKind, Value};

/// A script and its SHA-1 hash, by which the server caches it.
pub(super) struct Script {
    code: String,
    hash: String,
}

macro_rules! scripts {
    ($($(#[$doc:meta])* $name:ident = $file:literal;)*) => {
        $($(#[$doc])* pub(super) static $name: LazyLock<Script> = LazyLock::new(|| {
            Script::of(concat!(include_str!("lua/open.lua"), include_str!($file)))
        });)*
    };
}

scripts! {
    /// Stores and announces one event.
    PUBLISH = "lua/publish.lua";
    /// Reads a page of history.
    READ = "lua/read.lua";
    /// Reads the heads of channels.
    HEADS = "lua/heads.lua";
    /// Describes channels.
    LIST = "lua/list.lua";
    /// Deletes a channel.
    DELETE = "lua/delete.lua";
    /// Drops expired events.
    EXPIRE = "lua/expire.lua";
}

/// Registers a node and decides which fence is valid.
pub(super) static ENTER: LazyLock<Script> =
    LazyLock::new(|| Script::of(include_str!("lua/enter.lua")));

impl Script {
    fn of(code: &str) -> Self {
        Self { hash: redis::Script::new(code).get_hash().to_owned(), code: code.to_owned() }
    }

    /// The source of the script.
    pub(super) fn code(&self) -> &str {
        &self.code
    }

    /// Begins a call, to which arguments are added.
    pub(super) fn call(&'static self, keys: &[&str]) -> Call {
        let mut rest = Vec::with_capacity(24);
        rest.extend(keys.iter().map(|key| key.as_bytes().to_vec()));
        Call { script: self, rest, keys: keys.len() }
    }
}

/// One call of a script.
pub(super) struct Call {
    script: &'static Script,
    keys: usize,
    rest: Vec<Vec<u8>>,
}

impl Call {
    /// Adds an argument.
    pub(super) fn arg(mut self, argument: impl Into<Vec<u8>>) -> Self {
        self.rest.push(argument.into());
        self
    }

    /// Adds a number as an argument; one beyond 64 bits counts as the largest.
    pub(super) fn number(self, number: impl TryInto<u64>) -> Self {
        self.arg(number.try_into().unwrap_or(u64::MAX).to_string())
    }

    /// Sends the call; returns the script's answer, a list.
    pub(super) async fn send(
        self,
        connection: &mut MultiplexedConnection,
    ) -> Result<Vec<Value>, RedisError> {
        let answer = self.command("EVALSHA", &self.script.hash).query_async(connection).await;
        let forgotten = ErrorKind::Server(ServerErrorKind::NoScript);
        match answer {
            Err(error) if error.kind() == forgotten => {
                self.command("EVAL", &self.script.code).query_async(connection).await
            }
            answer => answer,
        }
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(script).arg(self.keys);
        for argument in &self.rest {
            command.arg(argument.as_slice());
        }
        command
    }
}

/// The text of a value; empty if it has none.
pub(super) fn text(value: Option<&Value>) -> &str {
    match value {
        Some(Value::BulkString(bytes)) => std::str::from_utf8(bytes).unwrap_or_default(),
        Some(Value::SimpleString(text)) => text,
        Some(_) | None => "",
    }
}

/// The number in a value's text.
pub(super) fn number<T: std::str::FromStr>(value: Option<&Value>) -> Option<T> {
    text(value).parse().ok()
}
