//! The configurations of the server under attack: its defaults, and what some cases change. In:
//! nothing. Out: text of a configuration and the files beside it.

use std::path::Path;

use crate::token::{BACKEND_KEY, SECRET};

/// One configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setup {
    /// Keys, channels in memory, every limit at its default. Loopback has no limits of addresses.
    Usual,
    /// The same on a disk.
    Disk,
    /// The same with the limits of addresses for loopback too, behind a proxy at 127.0.0.2 that
    /// says by the PROXY protocol who its clients are.
    Addresses,
    /// The same with small limits, so that a case reaches them soon.
    Small,
    /// The same with TLS.
    Tls,
}

/// All of them, in the order in which they are tried.
pub const ALL: [Setup; 5] = [Setup::Usual, Setup::Addresses, Setup::Small, Setup::Disk, Setup::Tls];

/// Small limits; each is named by the cases that meet it.
const SMALL: &str = "[limits]
channels_max = 400
idempotency_keys_max = 2000
idempotency_window_ms = 2000
history_bytes_total_max = 4194304
tickets_max = 50
reserved_epochs_max = 1000
";

impl Setup {
    /// What tables call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Usual => "usual",
            Self::Disk => "disk",
            Self::Addresses => "addresses",
            Self::Small => "small",
            Self::Tls => "tls",
        }
    }

    /// Whether the public port speaks TLS.
    pub const fn has_tls(self) -> bool {
        matches!(self, Self::Tls)
    }

    /// The configuration.
    pub fn config(self) -> String {
        let public = match self {
            Self::Usual | Self::Disk | Self::Small => "",
            Self::Addresses => {
                "unlimited_addresses = []\ntrusted_proxies = [\"127.0.0.2\"]\n\
                 client_address = \"proxy_protocol\"\n"
            }
            Self::Tls => "tls_cert_file = \"cert.pem\"\ntls_key_file = \"key.pem\"\n",
        };
        let more = match self {
            Self::Usual | Self::Addresses | Self::Tls => "",
            Self::Small => SMALL,
            Self::Disk => "[broker]\ndata_dir = \"data\"\n",
        };
        // What attackers publish is gone a second later, so that memory says what is lost for good.
        format!(
            "[public]\n{public}[internal]\nkey = \"{BACKEND_KEY}\"\n[auth]\n\
             hs256_key = \"{SECRET}\"\njwks_file = \"keys.json\"\n{more}\
             [namespaces.healthy]\nhistory_events_max = 100\n\
             [namespaces.flood]\nhistory_age_ms = 1000\n"
        )
    }

    /// Writes the files that the configuration names.
    pub fn prepare(self, folder: &Path) -> anyhow::Result<()> {
        if self.has_tls() {
            let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
            std::fs::write(folder.join("cert.pem"), pair.cert.pem())?;
            std::fs::write(folder.join("key.pem"), pair.signing_key.serialize_pem())?;
        }
        Ok(())
    }
}
