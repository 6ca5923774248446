//! `steadfast serve`: runs a node until it is asked to end. In: the configuration, the environment,
//! flags. Out: on standard error, what listens and what to type next, then the log.

mod log;
mod systemd;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use steadfast_server::config::Overrides;
use steadfast_server::server::{RunHooks, Server, Signals};

use crate::settings::{self, File};

/// Where `subscribe` looks for a server.
const CLIENTS_DEFAULT: &str = "127.0.0.1:8080";
/// Where `publish` looks for one.
const BACKENDS_DEFAULT: &str = "127.0.0.1:8081";

/// What `serve` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Settings are read from the configuration, over it from STEADFAST_* variables, over them from flags.
STEADFAST_LOG says what is logged: error, warn, info, debug, trace, or for a part of the server, as
in info,steadfast_broker=debug; `library` is what libraries say.

Example:
  steadfast serve --dev")]
pub(crate) struct ServeArgs {
    /// Open to everybody on this machine: no keys, loopback addresses only
    #[arg(long)]
    dev: bool,
    /// The configuration [default: steadfast.toml, where there is one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The address for clients [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// The address for backends and operators [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDR")]
    internal: Option<String>,
    /// Keep channels in this directory, over restarts and crashes [default: in memory]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
}

/// Serves until SIGTERM or Ctrl-C, then lets the clients go. SIGHUP loads the settings again.
pub(crate) async fn run(args: ServeArgs) -> anyhow::Result<ExitCode> {
    let file = File::find(args.config.as_deref())?;
    let flags = Overrides {
        public_listen: args.listen,
        internal_listen: args.internal,
        node_name: None,
        data_dir: args.data_dir,
        dev: args.dev,
    };
    let config = settings::load(file.as_ref(), &flags)?;
    let is_dev = config.dev;
    log::start(is_dev)?;
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let server = Server::start_on(config, systemd::inherited()?)?;
    let path = file.as_ref().map(|file| file.path.clone());
    let config = &server.node().config;
    let clients_tls = config.public.tls_cert_file.is_some();
    let backends_tls = config.internal.tls_cert_file.is_some();
    let has_tls = clients_tls || backends_tls;
    let place = Place {
        clients: PortUrl::new(clients_tls, server.public_address()?),
        backends: PortUrl::new(backends_tls, server.internal_address()?),
        config: file.map(|file| file.path),
    };
    // A node for development ends with its terminal, unless there is something to reload.
    let signals = Signals::catch(!is_dev || has_tls)?;
    if is_dev {
        eprintln!("{}", place.dev_greeting(&command()));
    } else {
        place.log();
    }
    tokio::spawn(systemd::keep_alive(Arc::clone(server.node())));
    let load = Arc::new(move || settings::reload(path.as_deref(), &flags));
    server.run(signals, RunHooks { load, on_phase: Box::new(systemd::tell) }).await;
    Ok(ExitCode::SUCCESS)
}

/// Where a node listens.
struct Place {
    clients: PortUrl,
    backends: PortUrl,
    config: Option<PathBuf>,
}

/// The beginning of a port's URLs.
struct PortUrl {
    scheme: &'static str,
    address: SocketAddr,
}

impl PortUrl {
    const fn new(has_tls: bool, address: SocketAddr) -> Self {
        Self { scheme: if has_tls { "https" } else { "http" }, address }
    }
}

impl fmt::Display for PortUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.address)
    }
}

impl Place {
    fn greeting(&self) -> String {
        let config = match &self.config {
            Some(path) => format!("settings from {}", path.display()),
            None => "no configuration file".to_owned(),
        };
        format!(
            "steadfast {}, {config}\n  clients   {}\n  backends  {}",
            crate::VERSION,
            self.clients,
            self.backends
        )
    }

    /// The same as a line of the log, which may be read by a machine.
    fn log(&self) {
        tracing::info!(
            version = crate::VERSION,
            config = self.config.as_ref().map(|path| path.display().to_string()),
            clients = %self.clients,
            backends = %self.backends,
            "listening"
        );
    }

    /// `command` is what was typed to run this program.
    fn dev_greeting(&self, command: &str) -> String {
        let greeting = self.greeting();
        let clients = &self.clients;
        let subscribe = server_flag(clients, CLIENTS_DEFAULT);
        let publish = server_flag(&self.backends, BACKENDS_DEFAULT);
        format!(
            "{greeting}\n\n\
             For development only: everybody on this machine may follow and publish.\n\
             Open {clients} in a browser, or type in two other terminals:\n  \
             {command} subscribe demo:1{subscribe}\n  \
             {command} publish demo:1 progress '{{\"percent\":40}}'{publish}\n"
        )
    }
}

/// What was typed to run this program; its name where that is not known.
fn command() -> String {
    std::env::args().next().unwrap_or_else(|| env!("CARGO_PKG_NAME").to_owned())
}

/// The flag that leads to `address`, where the default does not.
fn server_flag(url: &PortUrl, default: &str) -> String {
    let is_default = url.to_string() == format!("http://{default}");
    if is_default { String::new() } else { format!(" --server {url}") }
}

#[cfg(test)]
mod tests {
    use super::{Place, PortUrl};

    #[test]
    fn the_greeting_says_what_to_type_for_this_node() {
        let url = |has_tls, address: &str| PortUrl::new(has_tls, address.parse().unwrap());
        let place = |clients, backends| Place {
            clients: url(false, clients),
            backends: url(false, backends),
            config: None,
        };
        let usual = place("127.0.0.1:8080", "127.0.0.1:8081").dev_greeting("steadfast");
        assert!(usual.contains("\n  steadfast subscribe demo:1\n"), "{usual}");
        assert!(
            usual.contains("\n  steadfast publish demo:1 progress '{\"percent\":40}'\n"),
            "{usual}"
        );
        let other = place("127.0.0.1:1", "[::1]:2").dev_greeting("./steadfast");
        assert!(
            other.contains("./steadfast subscribe demo:1 --server http://127.0.0.1:1\n"),
            "{other}"
        );
        assert!(other.contains("'{\"percent\":40}' --server http://[::1]:2\n"), "{other}");
        let secure =
            Place { backends: url(true, "127.0.0.1:8081"), ..place("127.0.0.1:8080", "[::1]:2") };
        let secure = secure.dev_greeting("steadfast");
        assert!(secure.contains("\n  backends  https://127.0.0.1:8081\n"), "{secure}");
        assert!(secure.contains("--server https://127.0.0.1:8081\n"), "{secure}");
    }
}
