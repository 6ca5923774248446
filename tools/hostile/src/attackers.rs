//! The thread that attackers run on. It yields to the server and the healthy clients, since an
//! attacker's machine is another one. In: futures. Out: what they give.

use anyhow::Context;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// By how much the attackers' thread is nicer than others.
const NICE: i32 = 5;

/// The thread. It ends with its owner.
#[derive(Debug)]
pub struct Attackers {
    handle: Handle,
    end: Option<oneshot::Sender<()>>,
}

impl Attackers {
    /// Starts it.
    pub fn start() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        let work = move || {
            // Without it the attack only disturbs more.
            let _ = rustix::process::nice(NICE);
            runtime.block_on(async { drop(ended.await) });
        };
        std::thread::Builder::new()
            .name("attackers".to_owned())
            .spawn(work)
            .context("no thread for attackers")?;
        Ok(Self { handle, end: Some(end) })
    }

    /// Where to run them.
    pub const fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Attackers {
    fn drop(&mut self) {
        drop(self.end.take());
    }
}
