//! `steadfast token`: makes a signed token, or a key to sign them with. In: what it opens and for
//! how long. Out: one line on standard output.

mod lifetime;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use steadfast_protocol::UserId;
use steadfast_server::auth::token::{Claims, Pattern, sign};
use steadfast_server::config::Overrides;

use crate::clock;
use crate::key;
use crate::settings::{self, File};
use lifetime::Lifetime;

/// The variable that holds the key, as for `serve`.
const KEY_VARIABLE: &str = "STEADFAST_AUTH__HS256_KEY";
/// The shortest key that a node takes, in bytes.
const KEY_BYTES_MIN: usize = 32;

/// What `token` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The key is read from --key-file, else from STEADFAST_AUTH__HS256_KEY, else from the configuration.

Examples:
  steadfast token --subscribe build:1 --ttl 15m
  steadfast token --subscribe 'build:*' --publish build:1 --sub ci")]
pub(crate) struct TokenArgs {
    /// Channels its holder may follow: a channel, `prefix:*`, or `*` for all
    #[arg(long, value_name = "PATTERN", num_args = 1..)]
    subscribe: Vec<Pattern>,
    /// Channels its holder may publish to
    #[arg(long, value_name = "PATTERN", num_args = 1..)]
    publish: Vec<Pattern>,
    /// Channels whose followers its holder may see
    #[arg(long, value_name = "PATTERN", num_args = 1..)]
    presence: Vec<Pattern>,
    /// How long it is good for: a number and s, m, h or d
    #[arg(long, value_name = "TIME", default_value = "1h")]
    ttl: Lifetime,
    /// The user whom it is made for: users are kept apart, and operators see them
    #[arg(long, value_name = "USER", value_parser = UserId::new)]
    sub: Option<UserId>,
    /// An id of its own, by which it can be revoked
    #[arg(long, value_name = "ID")]
    jti: Option<String>,
    /// A file that holds the key and nothing else
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// The configuration that holds the key [default: steadfast.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print a fresh random key instead
    #[arg(long, exclusive = true)]
    new_key: bool,
}

/// Prints a token or a key.
pub(crate) fn run(args: &TokenArgs) -> anyhow::Result<ExitCode> {
    let line = if args.new_key { key::fresh()? } else { token(args)? };
    writeln!(std::io::stdout().lock(), "{line}")?;
    Ok(ExitCode::SUCCESS)
}

fn token(args: &TokenArgs) -> anyhow::Result<String> {
    let claims = claims(args, clock::unix_s()?)?;
    let key = signing_key(args)?;
    let length = key.len();
    ensure!(
        length >= KEY_BYTES_MIN,
        "the key has {length} bytes, at least {KEY_BYTES_MIN} are needed; \
         make one with `steadfast token --new-key`"
    );
    Ok(sign(&key, &claims)?)
}

fn claims(args: &TokenArgs, now_s: u64) -> anyhow::Result<Claims> {
    let opens_nothing = args.subscribe.is_empty() && args.publish.is_empty();
    ensure!(!opens_nothing, "this token would open no channel; add --subscribe or --publish");
    if let Some(id) = &args.jti {
        let is_usable = (1..=255).contains(&id.len());
        ensure!(is_usable, "--jti has {} bytes, 1 to 255 are allowed", id.len());
    }
    Ok(Claims {
        sub: args.sub.clone(),
        jti: args.jti.clone(),
        exp: now_s + args.ttl.seconds(),
        iat: Some(now_s),
        nbf: None,
        subscribe: args.subscribe.clone(),
        publish: args.publish.clone(),
        presence: args.presence.clone(),
    })
}

fn signing_key(args: &TokenArgs) -> anyhow::Result<Vec<u8>> {
    if let Some(path) = &args.key_file {
        return Ok(key::from_file(path)?.into_bytes());
    }
    if let Some(key) = key::from_variable(KEY_VARIABLE)? {
        return Ok(key.into_bytes());
    }
    let Some(file) = File::find(args.config.as_deref())? else {
        bail!(
            "there is no key to sign with: name a file that holds it with --key-file, or set \
             {KEY_VARIABLE}; `steadfast token --new-key` makes one"
        );
    };
    let config = settings::load(Some(&file), &Overrides::default())?;
    let key = config.auth.hs256_key.with_context(|| {
        format!("{} has no `auth.hs256_key`; set it, or use --key-file", file.path.display())
    })?;
    Ok(key.expose().to_vec())
}

#[cfg(test)]
mod tests {
    use super::{TokenArgs, UserId, claims};
    use clap::Parser;
    use steadfast_server::auth::token::{Verifier, sign};

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        args: TokenArgs,
    }

    fn typed(text: &str) -> TokenArgs {
        Typed::try_parse_from(text.split(' ')).map(|typed| typed.args).unwrap()
    }

    #[test]
    fn a_token_says_what_was_asked_for() {
        let args = typed(
            "token --subscribe build:* demo --publish build:1 --presence build:2 \
             --ttl 15m --sub ci",
        );
        let claims = claims(&args, 1_000).unwrap();
        assert_eq!((claims.exp, claims.iat), (1_900, Some(1_000)));
        assert_eq!(claims.sub.as_ref().map(UserId::as_str), Some("ci"));
        let texts: Vec<String> = claims.subscribe.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["build:*", "demo"]);
        assert_eq!(claims.presence, ["build:2".parse().unwrap()]);
        assert_eq!(claims.publish.len(), 1);
        let key = b"0123456789abcdef0123456789abcdef";
        let token = sign(key, &claims).unwrap();
        assert_eq!(Verifier::new(key, 0).verify(&token, 1_500), Ok(claims));
    }

    #[test]
    fn a_token_that_opens_nothing_is_not_made() {
        let error = claims(&typed("token"), 0).unwrap_err().to_string();
        assert!(error.contains("--subscribe"), "{error}");
        assert!(Typed::try_parse_from(["token", "--subscribe", "a", "--sub", ""]).is_err());
        assert!(claims(&typed("token --subscribe a --jti "), 0).is_err());
    }
}
