//! One run of the binary: its lines as they come, its end. It is killed with its owner.

use std::os::fd::OwnedFd;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;

use crate::within;

const PROGRAM: &str = env!("CARGO_BIN_EXE_steadfast");

/// A shell that does what `script` says and becomes the program.
fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{script}; exec \"$0\" \"$@\""), PROGRAM]);
    command
}

/// What a process prints, line by line.
#[derive(Debug)]
pub(crate) struct Lines {
    coming: mpsc::UnboundedReceiver<String>,
    seen: Vec<String>,
}

/// A running command.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    input: Option<ChildStdin>,
    pub(crate) out: Lines,
    pub(crate) err: Lines,
    // Where it runs, so that no configuration lies around.
    _folder: TempDir,
}

impl Process {
    /// `steadfast` with these arguments and variables, and none of ours that this shell may have.
    pub(crate) fn start(args: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::run(Command::new(PROGRAM), args, variables)
    }

    /// The same, by a shell that first does what `script` says.
    pub(crate) fn start_after(script: &str, args: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::run(shell(script), args, variables)
    }

    /// The same, with these as the descriptors 3 and 4. Nothing can be typed or read then.
    pub(crate) fn start_on(
        [third, fourth]: [OwnedFd; 2],
        script: &str,
        args: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let moved = format!("exec 3<&0 4>&1 0</dev/null 1>/dev/null; {script}");
        let io = (Stdio::from(third), Stdio::from(fourth));
        Self::run_with(shell(&moved), io, args, variables)
    }

    fn run(command: Command, args: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::run_with(command, (Stdio::piped(), Stdio::piped()), args, variables)
    }

    fn run_with(
        mut command: Command,
        (stdin, stdout): (Stdio, Stdio),
        args: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy().to_uppercase();
            if text.starts_with("STEADFAST_") || text.ends_with("_PROXY") {
                command.env_remove(name);
            }
        }
        let folder = tempfile::tempdir().unwrap();
        command.current_dir(folder.path()).args(args).envs(variables.iter().copied());
        command.stdin(stdin).stdout(stdout).stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        Self {
            input: child.stdin.take(),
            out: child.stdout.take().map_or_else(Lines::none, Lines::of),
            err: Lines::of(child.stderr.take().unwrap()),
            child,
            _folder: folder,
        }
    }

    /// Types a line.
    pub(crate) async fn types(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(format!("{line}\n").as_bytes()).await.unwrap();
        input.flush().await.unwrap();
    }

    /// Ends what is typed.
    pub(crate) fn types_no_more(&mut self) {
        self.input = None;
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// SIGKILL, and waits for the end.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Sends a signal, by its short name.
    pub(crate) async fn signal(&self, name: &str) {
        let script = format!("kill -s {name} {}", self.pid());
        let status = Command::new("sh").args(["-c", &script]).status().await.unwrap();
        assert!(status.success());
    }

    /// Waits for the end by itself; the exit code.
    pub(crate) async fn code(&mut self) -> Option<i32> {
        within("the end of the process", self.child.wait()).await.unwrap().code()
    }

    /// Waits for the end; the exit code and everything printed that was not read yet.
    pub(crate) async fn finish(&mut self) -> (Option<i32>, String, String) {
        self.types_no_more();
        let (code, out, err) = (self.code().await, self.out.rest().await, self.err.rest().await);
        (code, out, err)
    }
}

impl Lines {
    fn of(source: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let (told, coming) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut lines = BufReader::new(source).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                // Whoever does not listen any more does not stop the process.
                drop(told.send(line));
            }
        });
        Self { coming, seen: Vec::new() }
    }

    /// None, of a process whose output goes elsewhere.
    fn none() -> Self {
        Self::of(tokio::io::empty())
    }

    /// The next line.
    pub(crate) async fn next(&mut self) -> String {
        self.until("a line", |_| true).await
    }

    /// The next line as JSON.
    pub(crate) async fn json(&mut self) -> serde_json::Value {
        let line = self.next().await;
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// All lines, those that were read included, once the process has ended.
    pub(crate) async fn all(&mut self) -> Vec<String> {
        while let Some(line) = self.coming.recv().await {
            self.seen.push(line);
        }
        std::mem::take(&mut self.seen)
    }

    /// The next line that has `part` in it.
    pub(crate) async fn with(&mut self, part: &str) -> String {
        self.until(part, |line| line.contains(part)).await
    }

    /// The same, or all that was printed where the process ended before.
    pub(crate) async fn with_or_all(&mut self, part: &str) -> Result<String, Vec<String>> {
        let found = self.search(part, |line| line.contains(part)).await;
        found.ok_or_else(|| std::mem::take(&mut self.seen))
    }

    async fn until(&mut self, what: &str, is_it: impl Fn(&str) -> bool) -> String {
        let found = self.search(what, is_it).await;
        found.unwrap_or_else(|| panic!("{what:?}: the process ended; it printed {:#?}", self.seen))
    }

    /// The next line that `is_it`; `None` where the process ended before.
    async fn search(&mut self, what: &str, is_it: impl Fn(&str) -> bool) -> Option<String> {
        let search = async {
            while let Some(line) = self.coming.recv().await {
                self.seen.push(line.clone());
                if is_it(&line) {
                    return Some(line);
                }
            }
            None
        };
        match tokio::time::timeout(crate::PATIENCE, search).await {
            Ok(found) => found,
            Err(late) => panic!("{what:?}: {late}; the process printed {:#?}", self.seen),
        }
    }

    async fn rest(&mut self) -> String {
        let mut rest = String::new();
        while let Some(line) = self.coming.recv().await {
            rest.push_str(&line);
            rest.push('\n');
        }
        rest
    }
}
