//! What happens in a run, as the checks and the journal hear of it.

use std::fmt;

use steadfast_link::{Input, Notice};
use steadfast_protocol::{ChannelName, CloseCode, Position, Since};

/// One thing that happened.
#[derive(Clone, Debug)]
pub(crate) enum Fact<'a> {
    /// An app was told something.
    Told { link: usize, notice: &'a Notice },
    /// An app asks to follow a channel.
    Wanted { link: usize, channel: &'a ChannelName, since: &'a Since },
    /// An app leaves a channel.
    Unwanted { link: usize, channel: &'a ChannelName },
    /// An app publishes from its link.
    Asked { link: usize, ticket: u64, channel: &'a ChannelName, data: &'a str },
    /// A link hears of its device or its app.
    Heard { link: usize, input: &'a Input },
    /// A link opens a socket.
    Attempt { link: usize },
    /// A link polls.
    Polled { link: usize, channel: &'a ChannelName, since: &'a Since },
    /// A link probes.
    Probed { link: usize },
    /// A link was told the time.
    Woken { link: usize },
    /// Something reached a link on a socket.
    Arrived { link: usize },
    /// A device begins to sleep.
    Asleep { link: usize },
    /// A device wakes up.
    Awake { link: usize },
    /// A session's owner took what waited for it.
    Taken { messages: usize, bytes: usize },
    /// The broker took an event.
    Published { channel: &'a ChannelName, position: &'a Position, is_final: bool },
    /// The server closed a session.
    Ended { link: usize, code: CloseCode },
    /// A fault begins, or something else worth a line.
    Remark(&'a str),
}

impl fmt::Display for Fact<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Told { link, notice } => {
                write!(f, "link {link}  app told: ")?;
                write_notice(f, notice)
            }
            Self::Wanted { link, channel, since } => {
                write!(f, "link {link}  app follows {channel} from ")?;
                write_since(f, since)
            }
            Self::Unwanted { link, channel } => write!(f, "link {link}  app leaves {channel}"),
            Self::Asked { link, ticket, channel, .. } => {
                write!(f, "link {link}  app publishes {ticket} in {channel}")
            }
            Self::Heard { link, input } => write!(f, "link {link}  hears {input:?}"),
            Self::Attempt { link } => write!(f, "link {link}  opens a socket"),
            Self::Polled { link, channel, since } => {
                write!(f, "link {link}  polls {channel} from ")?;
                write_since(f, since)
            }
            Self::Probed { link } => write!(f, "link {link}  probes"),
            Self::Woken { link } => write!(f, "link {link}  tick"),
            Self::Arrived { link } => write!(f, "link {link}  something arrives"),
            Self::Asleep { link } => write!(f, "link {link}  falls asleep"),
            Self::Awake { link } => write!(f, "link {link}  wakes up"),
            Self::Taken { messages, bytes } => {
                write!(f, "server  writes {messages} messages, {bytes} bytes")
            }
            Self::Published { channel, position, is_final } => {
                let end = if *is_final { ", the last" } else { "" };
                write!(f, "broker  {channel} ")?;
                write_position(f, position)?;
                f.write_str(end)
            }
            Self::Ended { link, code } => write!(f, "server  closes link {link} with {code}"),
            Self::Remark(text) => f.write_str(text),
        }
    }
}

fn write_notice(f: &mut fmt::Formatter<'_>, notice: &Notice) -> fmt::Result {
    match notice {
        Notice::State { new, old, reason } => {
            write!(f, "{} -> {} ({})", old.as_str(), new.as_str(), reason.as_str())
        }
        Notice::Subscribed { channel, position, is_recovered } => {
            write!(f, "{channel} followed behind ")?;
            write_position(f, position)?;
            f.write_str(if *is_recovered { "" } else { ", not recovered" })
        }
        Notice::Event(event) => {
            let epoch = event.epoch.as_ref().map_or("?", |epoch| epoch.as_str());
            write!(f, "{} {epoch}/{}", event.channel, event.offset)
        }
        Notice::Gap { channel, gap } => {
            write!(f, "{channel} gap ")?;
            write_position(f, &gap.from)?;
            f.write_str(" to ")?;
            write_position(f, &gap.to)?;
            write!(f, " ({:?})", gap.cause)
        }
        Notice::Quality(report) => {
            write!(f, "quality {} ({})", report.grade.as_str(), report.score)
        }
        Notice::Finished { channel } => write!(f, "{channel} finished"),
        Notice::Refused { channel, code, .. } => write!(f, "{channel} refused: {code}"),
        Notice::Message { message } => {
            let code = message.map_or("nothing", |message| message.code.as_str());
            write!(f, "people are told {code}")
        }
        Notice::Published { ticket, epoch, offset } => {
            write!(f, "publish {ticket} is {epoch}/{offset}")
        }
        Notice::PublishFailed { ticket, code, .. } => write!(f, "publish {ticket} failed: {code}"),
    }
}

fn write_since(f: &mut fmt::Formatter<'_>, since: &Since) -> fmt::Result {
    match since {
        Since::Start => f.write_str("the start"),
        Since::Now => f.write_str("now"),
        Since::After(position) => write_position(f, position),
    }
}

fn write_position(f: &mut fmt::Formatter<'_>, position: &Position) -> fmt::Result {
    write!(f, "{}/{}", position.epoch, position.offset)
}
