//! One worker process, as seen from whoever hired it: orders in, words out, an end in time.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::Duration;

use mio::unix::pipe::Receiver;
use mio::{Interest, Registry, Token};

use super::WORKER_COMMAND;
use crate::error::BenchError;
use crate::worker_protocol::{Word, WorkerOrder};

/// Bytes read at once.
const READ_BYTES: usize = 16 * 1024;
/// The longest word, in bytes: a histogram, or the members of many channels.
const WORD_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How long a dismissed worker may take to end, in looks of ten milliseconds.
const LOOKS: usize = 500;

/// A worker.
#[derive(Debug)]
pub(super) struct WorkerHandle {
    child: Child,
    input: Option<ChildStdin>,
    words: Receiver,
    inbox: Vec<u8>,
}

impl WorkerHandle {
    pub(super) fn start(
        program: &Path,
        registry: &Registry,
        at: usize,
    ) -> Result<Self, BenchError> {
        let mut command = Command::new(program);
        command.arg(WORKER_COMMAND).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(BenchError::system("a worker process"))?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let output = output.ok_or_else(|| BenchError::Worker("it has no output".into()))?;
        let mut words = Receiver::from(output);
        let ready = words
            .set_nonblocking(true)
            .and_then(|()| registry.register(&mut words, Token(at), Interest::READABLE));
        ready.map_err(BenchError::system("a pipe"))?;
        Ok(Self { child, input, words, inbox: Vec::new() })
    }

    pub(super) fn tell(&mut self, order: &WorkerOrder) -> Result<(), BenchError> {
        let gone = |error: &dyn std::fmt::Display| BenchError::Worker(error.to_string());
        let mut line = serde_json::to_vec(order).map_err(|error| gone(&error))?;
        line.push(b'\n');
        let input = self.input.as_mut().ok_or_else(|| gone(&"it is dismissed"))?;
        input.write_all(&line).map_err(|error| gone(&error))
    }

    /// All that it has said.
    pub(super) fn words(&mut self) -> Result<Vec<Word>, BenchError> {
        let mut buffer = [0; READ_BYTES];
        loop {
            match self.words.read(&mut buffer) {
                Ok(0) => return Err(BenchError::Worker("it has ended".into())),
                Ok(count) => self.inbox.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(BenchError::Worker(error.to_string())),
            }
        }
        let Some(end) = memchr::memrchr(b'\n', &self.inbox) else {
            let is_long = self.inbox.len() > WORD_BYTES_MAX;
            let endless = || BenchError::Worker("it says what does not end".into());
            return if is_long { Err(endless()) } else { Ok(Vec::new()) };
        };
        let lines = self.inbox[..end].split(|byte| *byte == b'\n');
        let words: Result<Vec<Word>, _> = lines.map(serde_json::from_slice).collect();
        let words = words.map_err(|error| BenchError::Worker(error.to_string()))?;
        self.inbox.drain(..=end);
        Ok(words)
    }

    /// Tells it to end and waits, but not for ever.
    pub(super) fn dismiss(&mut self) {
        // One that has ended already does not hear it.
        let _ = self.tell(&WorkerOrder::End);
        self.input = None;
        for _ in 0..LOOKS {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for WorkerHandle {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // It may end at this very moment.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
