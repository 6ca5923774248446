//! The servers that are compared: how each is installed, started and spoken to. In: places, ports.
//! Out: a command, a target. A peer is the thinnest fair server that its library's users write.

mod install;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use steadfast_loadgen::{Dialect, Publishing, Target};

use crate::floor::Manner;

/// Where things are.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// The peers' sources.
    pub(crate) sources: PathBuf,
    /// Where they are installed.
    pub(crate) build: PathBuf,
    /// The binary that is compared.
    pub(crate) steadfast: PathBuf,
    /// This program: it is the floor, and the generator's workers.
    pub(crate) own: PathBuf,
}

/// The ports of one server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    pub(crate) links: u16,
    pub(crate) publish: u16,
}

/// A server that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Peer {
    /// This project's.
    Steadfast,
    /// A write for each frame and socket, no features.
    FloorWrite,
    /// The same, joining frames that wait.
    FloorCoalesce,
    /// nginx with the nchan module.
    Nchan,
    /// Bun's own server.
    Bun,
    /// An afternoon's server on axum, its sockets tuned.
    Axum,
    /// Node with ws.
    NodeWs,
    /// Node with Socket.IO.
    SocketIo,
    /// Python with websockets.
    Python,
}

impl Peer {
    /// In the order in which they are measured and shown.
    pub(crate) const ALL: [Self; 9] = [
        Self::Steadfast,
        Self::FloorWrite,
        Self::FloorCoalesce,
        Self::Nchan,
        Self::Bun,
        Self::Axum,
        Self::NodeWs,
        Self::SocketIo,
        Self::Python,
    ];

    /// What it is called in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Steadfast => "steadfast",
            Self::FloorWrite => "floor write",
            Self::FloorCoalesce => "floor coalesce",
            Self::Nchan => "nginx + nchan",
            Self::Bun => "Bun",
            Self::Axum => "axum",
            Self::NodeWs => "node ws",
            Self::SocketIo => "socket.io",
            Self::Python => "py websockets",
        }
    }

    /// Gets it ready to be started, or says why that is not possible.
    pub(crate) fn install(self, places: &Places) -> anyhow::Result<()> {
        match self {
            Self::Steadfast => {
                let is_there = places.steadfast.is_file();
                let path = places.steadfast.display();
                anyhow::ensure!(is_there, "{path} is not there; `make bench` builds it");
                Ok(())
            }
            Self::FloorWrite | Self::FloorCoalesce => Ok(()),
            Self::Nchan => install::nchan(places),
            Self::Axum => install::axum(places),
            Self::Bun | Self::NodeWs | Self::SocketIo => install::node(places),
            Self::Python => install::python(places),
        }
    }

    /// The command that runs it.
    pub(crate) fn command(self, places: &Places, ports: Ports) -> anyhow::Result<Command> {
        let build = |path: &str| places.build.join(path);
        let node = |script: &str| {
            let mut command = Command::new("node");
            command.arg(build("node").join(script));
            command
        };
        let mut command = match self {
            Self::Steadfast => return Ok(steadfast(&places.steadfast, ports)),
            Self::FloorWrite => floor(&places.own, Manner::Write),
            Self::FloorCoalesce => floor(&places.own, Manner::Coalesce),
            Self::Nchan => return nchan(places, ports),
            Self::Axum => Command::new(build("axum/release/afternoon")),
            Self::NodeWs => node("ws.mjs"),
            Self::SocketIo => node("socket_io.mjs"),
            Self::Bun => {
                let mut command = Command::new(build("node/node_modules/.bin/bun"));
                command.arg(build("node/bun.mjs"));
                command
            }
            Self::Python => {
                let mut command = Command::new(build("python/bin/python"));
                command.arg(places.sources.join("python/server.py"));
                command
            }
        };
        command.arg(ports.links.to_string()).arg(ports.publish.to_string());
        Ok(command)
    }

    /// How the generator speaks to it.
    pub(crate) fn target(self, ports: Ports) -> anyhow::Result<Target> {
        let (links, publish) = (url(ports.links), url(ports.publish));
        let mut target = Target::steadfast(&links, &publish)?;
        match self {
            Self::Steadfast => return Ok(target),
            Self::SocketIo => {
                target.path = "/socket.io/?EIO=4&transport=websocket&channel={channel}".into();
                target.dialect = Dialect::SocketIo;
            }
            Self::FloorWrite
            | Self::FloorCoalesce
            | Self::Nchan
            | Self::Bun
            | Self::Axum
            | Self::NodeWs
            | Self::Python => {
                target.path = "/sub/{channel}".into();
                target.dialect = Dialect::Plain;
            }
        }
        target.publishing = Publishing::Lines;
        if self == Self::Nchan {
            target.publish_path = "/pub/{channel}".into();
            target.publishing = Publishing::Post;
        }
        Ok(target)
    }
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn steadfast(program: &Path, ports: Ports) -> Command {
    let mut command = Command::new(program);
    command.args(["serve", "--dev", "--listen", &format!("127.0.0.1:{}", ports.links)]);
    command.args(["--internal", &format!("127.0.0.1:{}", ports.publish)]);
    command.env("STEADFAST_LOG", "warn");
    command
}

fn floor(program: &Path, manner: Manner) -> Command {
    let mut command = Command::new(program);
    let manner = match manner {
        Manner::Write => "write",
        Manner::Coalesce => "coalesce",
    };
    command.args([crate::FLOOR_COMMAND, manner]);
    command
}

fn nchan(places: &Places, ports: Ports) -> anyhow::Result<Command> {
    let folder = places.build.join("nchan");
    let text = std::fs::read_to_string(places.sources.join("nchan/nginx.conf"))?;
    let (program, module) = install::nginx(places).context("nginx or its module is gone")?;
    let text = text
        .replace("{module}", &module.display().to_string())
        .replace("{folder}", &folder.display().to_string())
        .replace("{links}", &ports.links.to_string())
        .replace("{publish}", &ports.publish.to_string());
    let path = folder.join("nginx.conf");
    std::fs::write(&path, text)?;
    let mut command = Command::new(program);
    command.arg("-p").arg(&folder).arg("-c").arg(&path).args(["-e", "stderr"]);
    Ok(command)
}
