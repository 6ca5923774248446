//! `steadfast publish`: one event from the command line, or one for each line of standard input.
//! In: channel, event, JSON. Out: positions on standard output, a summary on standard error.

mod batch;
mod body;
mod causes;
mod input;
mod post;
mod retry;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use steadfast_protocol::{ChannelName, EventName, Payload, ReplaceKey};

use crate::key;
use batch::Batches;
use body::{Placed, Template};
use post::Post;

/// The variable that holds the internal port's key.
const KEY_VARIABLE: &str = "STEADFAST_KEY";

/// What `publish` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The key of the internal port is read from --key-file, else from STEADFAST_KEY.

Examples:
  steadfast publish build:1 progress '{\"pct\":40}' --replace progress
  cargo build --message-format=json | steadfast publish build:1 progress - --final")]
pub(crate) struct PublishArgs {
    /// Where to
    #[arg(value_parser = ChannelName::new)]
    channel: ChannelName,
    /// What kind of event: progress, result, complete, error, or your own word
    #[arg(value_parser = EventName::new)]
    event: EventName,
    /// Its data; `-` reads JSON lines from standard input, each an event [default: null]
    #[arg(allow_negative_numbers = true)]
    json: Option<String>,
    /// End the channel with this event, or with the last line
    #[arg(long = "final")]
    is_final: bool,
    /// Slow readers may be given only the newest event with this key
    #[arg(long, value_name = "KEY", value_parser = ReplaceKey::new)]
    replace: Option<ReplaceKey>,
    /// The server's address for backends
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8081")]
    server: String,
    /// A file that holds the internal port's key and nothing else
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

/// Publishes, and says what became of it.
pub(crate) async fn run(args: PublishArgs) -> anyhow::Result<ExitCode> {
    let key = key::from_file_or_variable(args.key_file.as_deref(), KEY_VARIABLE)?;
    let post = Post::new(&args.server, key.as_deref())?;
    let json = args.json.as_deref();
    let data = if json == Some("-") { None } else { Some(payload(json)?) };
    let run = key::request_name()?;
    let template = Template { channel: args.channel, event: args.event, replace: args.replace };
    match data {
        Some(data) => one(&post, &template.one(&data, args.is_final), &template, &run).await,
        None => lines(&post, &template, args.is_final, &run).await,
    }
}

fn payload(json: Option<&str>) -> anyhow::Result<Payload> {
    let Some(text) = json else { return Ok(Payload::null()) };
    Payload::new(text).map_err(|error| {
        anyhow!("the event's data is {error}; a text needs quotes of its own: '\"hello\"'")
    })
}

async fn one(
    post: &Post,
    body: &str,
    template: &Template,
    idempotency_key: &str,
) -> anyhow::Result<ExitCode> {
    let route = ["v1", "channels", template.channel.as_str(), "events"];
    let answer = post.send(&route, body, Some(idempotency_key)).await?;
    let placed: Placed = body::read(&answer)?;
    let line = serde_json::to_string(&placed)?;
    writeln!(std::io::stdout().lock(), "{line}").context("standard output cannot be written")?;
    Ok(ExitCode::SUCCESS)
}

/// What became of the lines so far.
#[derive(Debug, Default)]
struct Tally {
    published: u64,
    left_out: u64,
}

async fn lines(
    post: &Post,
    template: &Template,
    is_final: bool,
    run: &str,
) -> anyhow::Result<ExitCode> {
    let mut batches = Batches::new(input::read(std::io::stdin()), is_final);
    let mut tally = Tally::default();
    while let Some(batch) = batches.next(|line| template.entry(line, run)).await {
        for (number, why) in &batch.bad {
            eprintln!("line {number} is left out: {why}");
        }
        tally.left_out += batch.bad.len() as u64;
        if let Err(error) = publish_batch(post, &batch, &mut tally).await {
            eprintln!("{}", tally.summary(&template.channel));
            return Err(error);
        }
    }
    eprintln!("{}", tally.summary(&template.channel));
    if is_final && tally.published == 0 {
        eprintln!("error: no event was published, so none is final; publish one with --final");
        return Ok(ExitCode::FAILURE);
    }
    Ok(if tally.left_out == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn publish_batch(post: &Post, batch: &batch::Batch, tally: &mut Tally) -> anyhow::Result<()> {
    if batch.numbers.is_empty() {
        return Ok(());
    }
    let answer = post.send(&["v1", "events"], &batch.body(), None).await?;
    for (number, result) in batch.numbers.iter().zip(body::results(&answer, &batch.numbers)?) {
        match result {
            Ok(_) => tally.published += 1,
            Err(problem) => {
                eprintln!("line {number} is not published: {problem}");
                tally.left_out += 1;
            }
        }
    }
    Ok(())
}

impl Tally {
    fn summary(&self, channel: &ChannelName) -> String {
        let events = |count: u64, what: &str| {
            let plural = if count == 1 { "" } else { "s" };
            format!("{count} {what}{plural}")
        };
        let published = format!("published {} to {channel}", events(self.published, "event"));
        if self.left_out == 0 {
            return published;
        }
        format!("{published}; {} left out", events(self.left_out, "line"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Tally, payload};
    use steadfast_protocol::ChannelName;

    #[test]
    fn data_that_is_not_json_is_said_where() {
        assert_eq!(payload(None).unwrap().as_str(), "null");
        assert_eq!(payload(Some("{\"a\" : 1}")).unwrap().as_str(), "{\"a\" : 1}");
        let error = payload(Some("{\"a\":hello}")).unwrap_err().to_string();
        assert!(error.contains("line 1 column 6") && error.contains("quotes"), "{error}");
    }

    #[test]
    fn the_summary_counts() {
        let channel = ChannelName::new("build:1").unwrap();
        let summary = |published, left_out| Tally { published, left_out }.summary(&channel);
        assert_eq!(summary(132, 0), "published 132 events to build:1");
        assert_eq!(summary(1, 1), "published 1 event to build:1; 1 line left out");
        assert_eq!(summary(0, 2), "published 0 events to build:1; 2 lines left out");
    }
}
