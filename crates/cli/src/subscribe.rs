//! `steadfast subscribe`: follows channels. In: channels and where to start. Out: events and gaps
//! as JSON lines on standard output, states and messages on standard error; ends when every
//! channel has, when the server refuses, or when it is told to.

mod line;
mod resume;
mod start;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use steadfast_client::{ChannelName, Client, DialError, Language, LinkState, Notice, Reason};
use tokio::time::MissedTickBehavior;

use crate::error_text::causes;
use crate::{certificates, key};
use resume::Resume;
use start::Start;

/// The variables that name the language of messages; the first that is set counts.
const LOCALE_VARIABLES: [&str; 3] = ["LC_ALL", "LC_MESSAGES", "LANG"];
/// How often positions are written at most.
const SAVE_INTERVAL: Duration = Duration::from_secs(1);

/// What `subscribe` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A token is read from --token-file, else from STEADFAST_TOKEN. The file is read again whenever the
server takes the last token no longer.

Examples:
  steadfast subscribe demo
  steadfast subscribe build:1 build:2 --since now | jq .data
  steadfast subscribe build:1 --resume build.json
  steadfast subscribe build:1 --server https://a.example.org --server https://b.example.org

A server of https:// is checked with this machine's certificates, or those of SSL_CERT_FILE, and
with those of --ca.")]
pub(crate) struct SubscribeArgs {
    /// Channels to follow
    #[arg(required = true, value_name = "CHANNEL", value_parser = ChannelName::new)]
    channels: Vec<ChannelName>,
    /// Where to start: `start`, `now`, or EPOCH:OFFSET for what comes after that event
    #[arg(long, value_name = "WHERE", default_value = "start")]
    since: Start,
    /// The server's address for clients; again for each further one of the same service, which is
    /// tried where the one before is slow or gone
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    server: Vec<String>,
    /// A file with certificates of CAs to trust besides those of this machine, as PEM
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// A file that holds a token and nothing else
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A file that remembers where this reader is: read if it is there, written as events are
    /// printed. Where it knows a channel, --since is not asked. One process at a time: it locks
    /// FILE.lock, which stays
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
}

/// Prints events until there are no more to come.
pub(crate) async fn run(mut args: SubscribeArgs) -> anyhow::Result<ExitCode> {
    let mut resume = args.resume.take().map(Resume::open).transpose()?;
    let mut client = connect(args, resume.as_ref()).await?;
    let code = follow(&mut client, resume.as_mut()).await?;
    // What could not be printed is not behind the reader: then the file stays as it was.
    if let (Some(code), Some(resume)) = (code, &mut resume) {
        resume.save(client.positions())?;
        return Ok(code);
    }
    Ok(code.unwrap_or(ExitCode::SUCCESS))
}

/// Prints to the end; nothing where whoever reads has had enough.
async fn follow(
    client: &mut Client,
    mut resume: Option<&mut Resume>,
) -> anyhow::Result<Option<ExitCode>> {
    let language = language(|name| std::env::var(name).ok());
    let mut printer = Printer { out: io::stdout().lock(), language, is_refused: false };
    let mut saves = tokio::time::interval(SAVE_INTERVAL);
    saves.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
    let mut is_closing = false;
    loop {
        let notice = tokio::select! {
            notice = client.next() => notice,
            _ = &mut interrupt, if !is_closing => {
                is_closing = true;
                client.close().await;
                continue;
            }
            _ = saves.tick(), if resume.is_some() => {
                if let Some(resume) = &mut resume {
                    resume.save(client.positions())?;
                }
                continue;
            }
        };
        let Some(notice) = notice else { return Ok(Some(printer.code())) };
        if let Notice::State {
            reason: Reason::Unreachable | Reason::WebSocketBlocked | Reason::Rejected,
            ..
        } = notice
            && let Some(error) = client.last_dial_error()
        {
            eprintln!("cause: {}", causes(&*error));
            if let DialError::Certificate { .. } = *error {
                eprintln!("  --ca FILE has the certificates of that file trusted, too");
            }
        }
        match printer.print(&notice) {
            Ok(Next::GoOn) => {}
            Ok(Next::End(code)) => {
                if printer.is_rejected_unsaid(&notice) {
                    eprintln!("error: {}", line::rejection(client.last_dial_error().as_deref()));
                }
                client.close().await;
                printer.say_why(client).await?;
                return Ok(Some(code));
            }
            // Whoever read this has had enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                client.close().await;
                return Ok(None);
            }
            Err(error) => return Err(error).context("standard output cannot be written"),
        }
    }
}

async fn connect(args: SubscribeArgs, resume: Option<&Resume>) -> anyhow::Result<Client> {
    let (first, others) = args.server.split_first().context("--server names no address")?;
    let mut builder = Client::builder(first);
    for url in others {
        builder = builder.endpoint(url);
    }
    if let Some(path) = &args.ca {
        builder = builder.root_certificate(certificates::from_file(path)?);
    }
    if let Some(resume) = resume {
        builder = builder.resume(resume.positions().clone());
    }
    if let Some(path) = args.token_file {
        // Said at once, and not when the link asks for it.
        key::from_file(&path)?;
        builder = builder.token_source(move || {
            let token = key::from_file(&path);
            if let Err(error) = &token {
                eprintln!("token: {error:#}; it is read again in a while");
            }
            async move { token }
        });
    } else if let Some(token) = key::from_variable(key::TOKEN_VARIABLE)? {
        builder = builder.token(&token);
    }
    for channel in args.channels {
        builder = builder.subscribe(channel, args.since.clone().into());
    }
    Ok(builder.connect().await?)
}

/// The language that the environment asks for.
fn language(variable: impl Fn(&str) -> Option<String>) -> Language {
    let set = |name| variable(name).filter(|locale| !locale.is_empty());
    let locale = LOCALE_VARIABLES.into_iter().find_map(set);
    locale.map_or(Language::En, |locale| Language::from_locale(&locale))
}

enum Next {
    GoOn,
    End(ExitCode),
}

struct Printer<W> {
    out: W,
    language: Language,
    is_refused: bool,
}

impl<W: Write> Printer<W> {
    fn print(&mut self, notice: &Notice) -> io::Result<Next> {
        match notice {
            Notice::Event(event) => self.line(&line::event(event)),
            Notice::Gap { channel, gap } => self.line(&line::gap(channel, gap)),
            Notice::State { new, old, reason } => {
                eprintln!("{}", line::state(*new, *old, *reason));
                Ok(self.after(*new, *reason))
            }
            Notice::Refused { channel, code, message } => {
                eprintln!("error: {channel}: {message} ({code})");
                self.is_refused = true;
                Ok(Next::GoOn)
            }
            Notice::Message { message } => {
                if let Some(message) = message {
                    eprintln!("{}", line::message(message, self.language));
                }
                Ok(Next::GoOn)
            }
            Notice::Quality(report) => {
                eprintln!("{}", line::quality(*report));
                Ok(Next::GoOn)
            }
            Notice::Subscribed { .. }
            | Notice::Finished { .. }
            | Notice::Published { .. }
            | Notice::PublishFailed { .. } => Ok(Next::GoOn),
        }
    }

    /// What people are told of an end comes behind it.
    async fn say_why(&mut self, client: &mut Client) -> io::Result<()> {
        while let Some(notice) = client.next().await {
            if let Notice::Message { .. } = notice {
                self.print(&notice)?;
            }
        }
        Ok(())
    }

    fn line(&mut self, text: &str) -> io::Result<Next> {
        writeln!(self.out, "{text}")?;
        self.out.flush()?;
        Ok(Next::GoOn)
    }

    fn after(&self, state: LinkState, reason: Reason) -> Next {
        match (state, reason) {
            (LinkState::Disconnected, Reason::Finished) => Next::End(self.code()),
            (LinkState::Disconnected, Reason::Rejected) => Next::End(ExitCode::FAILURE),
            _ => Next::GoOn,
        }
    }

    /// Whether the link ended as rejected, and not because channels were, which was said of each.
    const fn is_rejected_unsaid(&self, last: &Notice) -> bool {
        matches!(last, Notice::State { reason: Reason::Rejected, .. }) && !self.is_refused
    }

    fn code(&self) -> ExitCode {
        if self.is_refused { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

#[cfg(test)]
mod tests {
    use super::{Next, Printer, SubscribeArgs, language};
    use clap::Parser;
    use std::process::ExitCode;
    use steadfast_client::{ChannelName, Language, LinkState, Notice, Reason};

    fn end(notices: &[Notice]) -> Option<ExitCode> {
        let (out, language) = (Vec::new(), Language::En);
        let mut printer = Printer { out, language, is_refused: false };
        notices.iter().find_map(|notice| match printer.print(notice).unwrap() {
            Next::GoOn => None,
            Next::End(code) => Some(code),
        })
    }

    fn rest(reason: Reason) -> Notice {
        Notice::State { new: LinkState::Disconnected, old: LinkState::Connected, reason }
    }

    #[test]
    fn the_end_depends_on_how_the_link_came_to_rest() {
        let channel = ChannelName::new("a").unwrap();
        let refused = || Notice::Refused {
            channel: channel.clone(),
            code: "forbidden".into(),
            message: "no".into(),
        };
        assert_eq!(end(&[rest(Reason::Finished)]), Some(ExitCode::SUCCESS));
        assert_eq!(end(&[refused(), rest(Reason::Finished)]), Some(ExitCode::FAILURE));
        assert_eq!(end(&[rest(Reason::Rejected)]), Some(ExitCode::FAILURE));
        assert_eq!(end(&[refused(), rest(Reason::Offline), rest(Reason::Closed)]), None);
    }

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        args: SubscribeArgs,
    }

    #[test]
    fn there_is_a_usual_server_and_those_that_are_named_take_its_place() {
        let servers = |typed: &str| {
            let typed = Typed::try_parse_from(typed.split(' ')).map(|typed| typed.args);
            typed.unwrap().server
        };
        assert_eq!(servers("subscribe demo:1"), ["http://127.0.0.1:8080"]);
        let two = "subscribe demo:1 --server http://a --server http://b demo:2";
        assert_eq!(servers(two), ["http://a", "http://b"]);
    }

    #[test]
    fn the_first_locale_that_is_set_names_the_language() {
        let told = |set: &[(&str, &str)]| {
            language(|name| set.iter().find(|one| one.0 == name).map(|one| one.1.to_owned()))
        };
        assert_eq!(told(&[]), Language::En);
        assert_eq!(told(&[("LANG", "zh_CN.UTF-8")]), Language::ZhCn);
        assert_eq!(told(&[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "")]), Language::ZhCn);
        assert_eq!(told(&[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "C")]), Language::En);
        assert_eq!(told(&[("LC_MESSAGES", "zh_CN"), ("LANG", "en_GB")]), Language::ZhCn);
    }
}
