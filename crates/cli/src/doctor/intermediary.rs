//! What stands between a client and the server, as far as answers tell, and the settings there that
//! mend what a check found. In: headers of an answer. Out: a name, and lines to set.

/// A proxy, balancer or network in front of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intermediary {
    Nginx,
    Caddy,
    Apache,
    Envoy,
    Varnish,
    Lighttpd,
    Cloudflare,
    AwsLoadBalancer,
    GoogleLoadBalancer,
    /// None that names itself: HAProxy, Traefik and many balancers do not.
    Unnamed,
}

/// What can be wrong on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PathProblem {
    /// No WebSocket gets through.
    Upgrade,
    /// Answers that go on are held back.
    Buffering,
    /// Connections are cut that were idle for a while.
    IdleCut,
}

use Intermediary::{
    Apache, AwsLoadBalancer, Caddy, Cloudflare, Envoy, GoogleLoadBalancer, Lighttpd, Nginx,
    Unnamed, Varnish,
};
use PathProblem::{Buffering, IdleCut, Upgrade};

/// Settings by who stands in between, in the order in which they are listed where that is unknown.
const SETTINGS: &[(Intermediary, PathProblem, &str)] = &[
    (
        Nginx,
        Upgrade,
        "nginx: `proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; \
         proxy_set_header Connection \"upgrade\";`",
    ),
    (Nginx, Buffering, "nginx: `proxy_buffering off;`, and no `gzip` for text/event-stream"),
    (Nginx, IdleCut, "nginx: `proxy_read_timeout` and `proxy_send_timeout` above the heartbeat"),
    (Unnamed, Upgrade, "HAProxy: `mode http`, without `option httpclose`"),
    (Unnamed, IdleCut, "HAProxy: `timeout tunnel 1h`, and `timeout server` above a poll's wait"),
    (Caddy, Buffering, "Caddy: `flush_interval -1` in `reverse_proxy`"),
    (Caddy, IdleCut, "Caddy: no `stream_timeout`; `stream_close_delay 1h` for reloads"),
    (
        Apache,
        Upgrade,
        "Apache: `ProxyPass \"/\" \"http://SERVER:8080/\" upgrade=websocket` (2.4.47 and newer)",
    ),
    (Apache, Buffering, "Apache: `flushpackets=on` on the ProxyPass, no mod_deflate for streams"),
    (
        Apache,
        IdleCut,
        "Apache: `ProxyTimeout`, or `timeout=` on the ProxyPass, above the heartbeat",
    ),
    (Unnamed, Buffering, "Traefik: no `buffering` and no `compress` middleware on this router"),
    (Unnamed, IdleCut, "Traefik: `respondingTimeouts.readTimeout` 0 or above the heartbeat"),
    (Envoy, Upgrade, "Envoy: `upgrade_configs: [{upgrade_type: websocket}]`"),
    (Envoy, IdleCut, "Envoy: `stream_idle_timeout` and the route's `timeout` 0 or longer"),
    (Varnish, Upgrade, "Varnish: `if (req.http.upgrade) { return (pipe); }` in vcl_recv"),
    (Varnish, Buffering, "Varnish: `set beresp.do_stream = true;`, no `do_gzip`"),
    (Varnish, IdleCut, "Varnish: `pipe_timeout` above the heartbeat"),
    (Lighttpd, Upgrade, "lighttpd: `proxy.header += (\"upgrade\" => \"enable\")`"),
    (Lighttpd, Buffering, "lighttpd: `server.stream-response-body = 2`"),
    (Cloudflare, Upgrade, "Cloudflare: Network > WebSockets on"),
    (Cloudflare, IdleCut, "Cloudflare: idle connections end after 100 s; stay below that"),
    (AwsLoadBalancer, Upgrade, "AWS: an application or network load balancer, not a classic one"),
    (AwsLoadBalancer, IdleCut, "AWS: `idle_timeout.timeout_seconds` of the load balancer"),
    (GoogleLoadBalancer, IdleCut, "Google Cloud: `timeoutSec` of the backend service"),
];

impl Intermediary {
    /// By the headers of an answer that came through it.
    pub(super) fn of(header: impl Fn(&str) -> Option<String>) -> Self {
        let [server, via] = ["server", "via"].map(|name| header(name).unwrap_or_default());
        let text = format!("{server} {via}").to_ascii_lowercase();
        let named = [
            ("cloudflare", Cloudflare),
            ("awselb", AwsLoadBalancer),
            ("google", GoogleLoadBalancer),
            ("nginx", Nginx),
            ("openresty", Nginx),
            ("caddy", Caddy),
            ("apache", Apache),
            ("envoy", Envoy),
            ("varnish", Varnish),
            ("lighttpd", Lighttpd),
        ];
        let found = named.into_iter().find(|(name, _)| text.contains(name));
        found.map_or(Unnamed, |(_, intermediary)| intermediary)
    }

    /// What it is called; none where it does not name itself.
    pub(super) const fn name(self) -> Option<&'static str> {
        Some(match self {
            Nginx => "nginx",
            Caddy => "Caddy",
            Apache => "Apache",
            Envoy => "Envoy",
            Varnish => "Varnish",
            Lighttpd => "lighttpd",
            Cloudflare => "Cloudflare",
            AwsLoadBalancer => "an AWS load balancer",
            GoogleLoadBalancer => "a Google load balancer",
            Unnamed => return None,
        })
    }

    /// The settings that mend a problem: its own, or those of all where it is unknown.
    pub(super) fn remedies(self, problem: PathProblem) -> Vec<String> {
        let of = |one: &&(Self, PathProblem, &str)| one.1 == problem;
        let own = SETTINGS.iter().filter(of).filter(|one| one.0 == self && self != Unnamed);
        let own: Vec<String> = own.map(|one| one.2.to_owned()).collect();
        if own.is_empty() {
            return SETTINGS.iter().filter(of).map(|one| one.2.to_owned()).collect();
        }
        own
    }
}

#[cfg(test)]
mod tests {
    use super::{Intermediary, PathProblem};

    fn of(server: &str, via: &str) -> Intermediary {
        Intermediary::of(|name| {
            let value = if name == "server" { server } else { via };
            (!value.is_empty()).then(|| value.to_owned())
        })
    }

    #[test]
    fn proxies_are_known_by_what_they_add() {
        assert_eq!(of("nginx/1.22.1", ""), Intermediary::Nginx);
        assert_eq!(of("", "1.1 Caddy"), Intermediary::Caddy);
        assert_eq!(of("cloudflare", "1.1 varnish"), Intermediary::Cloudflare);
        assert_eq!(of("", ""), Intermediary::Unnamed);
        assert_eq!(of("something", ""), Intermediary::Unnamed);
    }

    #[test]
    fn a_named_proxy_gets_its_own_settings_and_an_unnamed_one_those_of_all() {
        let nginx = Intermediary::Nginx.remedies(PathProblem::Upgrade);
        assert!(nginx.len() == 1 && nginx[0].starts_with("nginx: "), "{nginx:?}");
        let all = Intermediary::Unnamed.remedies(PathProblem::IdleCut);
        for name in ["nginx", "HAProxy", "Caddy", "Apache", "Traefik", "AWS", "Google"] {
            assert!(all.iter().any(|line| line.starts_with(name)), "{name}");
        }
        // A proxy that passes WebSockets by default is not what stops them.
        assert!(Intermediary::Caddy.remedies(PathProblem::Upgrade).len() > 1);
    }
}
