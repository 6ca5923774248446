//! A TCP proxy that does what networks do: cut, swallow everything, refuse, or let through all of
//! HTTP but WebSockets. It remembers what it was asked for.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use steadfast_machine::Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::within;

/// How a WebSocket is asked for.
const SOCKET: &str = "GET /v1/ws";

/// What becomes of new connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// They go through.
    Pass,
    /// Upgrades are answered with 403, as by a strict proxy.
    Forbid,
    /// Upgrades are answered with a page, as by a hotel's.
    Page,
    /// Upgrades are swallowed and never answered; everything else goes through.
    Swallow,
    /// They are reset.
    Refuse,
}

/// A path to a server. Dropping it cuts everything.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    path: Arc<Path>,
    _accepting: JoinSet<()>,
}

#[derive(Debug)]
struct Path {
    target: SocketAddr,
    mode: watch::Sender<Mode>,
    is_stalled: watch::Sender<bool>,
    cut: watch::Sender<u64>,
    /// Whether and when new connections are cut.
    dice: Mutex<Option<Dice>>,
    cuts: AtomicUsize,
    /// The first line of each connection's first request.
    asked: watch::Sender<Vec<String>>,
}

/// Draws how many bytes a connection may carry.
#[derive(Debug)]
struct Dice {
    least: u32,
    most: u32,
    rng: Rng,
}

impl Proxy {
    /// In front of `target`.
    pub(crate) async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let path = Arc::new(Path {
            target,
            mode: watch::Sender::new(Mode::Pass),
            is_stalled: watch::Sender::new(false),
            cut: watch::Sender::new(0),
            dice: Mutex::new(None),
            cuts: AtomicUsize::new(0),
            asked: watch::Sender::new(Vec::new()),
        });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&path)));
        Self { address, path, _accepting: accepting }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What becomes of connections from now on.
    pub(crate) fn set(&self, mode: Mode) {
        self.path.mode.send_replace(mode);
    }

    /// Cuts everything that is open.
    pub(crate) fn cut_all(&self) {
        self.path.cut.send_modify(|count| *count += 1);
    }

    /// Swallows everything, both ways, and tells nobody; or lets it flow again.
    pub(crate) fn stall(&self, is_stalled: bool) {
        self.path.is_stalled.send_replace(is_stalled);
    }

    /// Cuts each new connection after a number of bytes towards the client, drawn by `seed`.
    pub(crate) fn cut_at_random(&self, seed: u32, least: u32, most: u32) {
        *self.path.dice.lock().unwrap() = Some(Dice { least, most, rng: Rng::new(seed) });
    }

    /// How many connections were cut at random.
    pub(crate) fn cuts(&self) -> usize {
        self.path.cuts.load(Ordering::Relaxed)
    }

    /// What each connection asked for first, in order: `METHOD PATH`.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.path.asked.borrow().clone()
    }

    /// Waits until this many WebSockets were asked for.
    pub(crate) async fn is_asked_for_sockets(&self, count: usize) {
        let mut asked = self.path.asked.subscribe();
        let enough = |all: &Vec<String>| all.iter().filter(|one| *one == SOCKET).count() >= count;
        within("a request for a WebSocket", asked.wait_for(enough)).await.unwrap();
    }
}

async fn accept(listener: TcpListener, path: Arc<Path>) {
    let mut open = JoinSet::new();
    loop {
        let Ok((near, _)) = listener.accept().await else { return };
        let path = Arc::clone(&path);
        open.spawn(async move {
            let mut cut = path.cut.subscribe();
            tokio::select! {
                // Either way both sockets are dropped, and that is all there is to it.
                _ = carry(near, &path) => {}
                _ = cut.changed() => {}
            }
        });
        while open.try_join_next().is_some() {}
    }
}

async fn carry(mut near: TcpStream, path: &Path) -> io::Result<()> {
    near.set_nodelay(true)?;
    path.flows().await;
    let mode = *path.mode.borrow();
    if mode == Mode::Refuse {
        return near.set_zero_linger();
    }
    let head = read_head(&mut near).await?;
    path.asked.send_modify(|asked| asked.push(request_line(&head)));
    if is_upgrade(&head) {
        if mode == Mode::Swallow {
            // For as long as the client waits.
            return tokio::io::copy(&mut near, &mut tokio::io::sink()).await.map(drop);
        }
        if let Some(answer) = in_the_way(mode) {
            near.write_all(answer.as_bytes()).await?;
            return near.shutdown().await;
        }
    }
    path.flows().await;
    let mut far = TcpStream::connect(path.target).await?;
    far.set_nodelay(true)?;
    far.write_all(&head).await?;
    let (bytes, is_reset) = path.fate();
    if is_reset {
        near.set_zero_linger()?;
    }
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    tokio::try_join!(
        pump(path, near_in, far_out, usize::MAX),
        pump(path, far_in, near_out, bytes)
    )?;
    Ok(())
}

async fn pump(
    path: &Path,
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut left: usize,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let count = from.read(&mut buffer).await?;
        path.flows().await;
        if count == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..count.min(left)]).await?;
        left = left.saturating_sub(count);
        if left == 0 {
            path.cuts.fetch_add(1, Ordering::Relaxed);
            return Err(io::ErrorKind::ConnectionReset.into());
        }
    }
}

async fn read_head(near: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        if near.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head)
}

fn request_line(head: &[u8]) -> String {
    let head = String::from_utf8_lossy(head);
    head.split(" HTTP/").next().unwrap_or_default().to_owned()
}

fn is_upgrade(head: &[u8]) -> bool {
    String::from_utf8_lossy(head).to_ascii_lowercase().contains("upgrade: websocket")
}

fn in_the_way(mode: Mode) -> Option<&'static str> {
    match mode {
        Mode::Forbid => Some("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"),
        Mode::Page => Some(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 16\r\n\r\n\
             <h1>Welcome</h1>",
        ),
        Mode::Pass | Mode::Swallow | Mode::Refuse => None,
    }
}

impl Path {
    async fn flows(&self) {
        // The sender lives as long as this path.
        drop(self.is_stalled.subscribe().wait_for(|is_stalled| !is_stalled).await);
    }

    /// After how many bytes a connection is cut, and whether by a reset.
    fn fate(&self) -> (usize, bool) {
        match &mut *self.dice.lock().unwrap() {
            Some(Dice { least, most, rng }) => {
                (rng.between(*least, *most) as usize, rng.next_u32().is_multiple_of(2))
            }
            None => (usize::MAX, false),
        }
    }
}
