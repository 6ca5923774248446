//! Where the app stands in its channels, to be saved and restored. In: what the app was handed, or
//! a text that it saved. Out: positions, or that text. Moves when the app reads, not when the
//! network does: what waits unread is asked for again after a restart.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use steadfast_link::Notice;
use steadfast_protocol::{ChannelName, Position, Since};

/// The most channels whose positions are kept; beyond them the one that was still the longest is
/// forgotten.
const CHANNELS_MAX: usize = 1024;
/// The largest offset there is.
const OFFSET_MAX: u64 = 1 << 53;
/// The form of the text.
const VERSION: u32 = 1;

/// Positions in channels: what an app saves, so that it goes on there after a restart.
///
/// As JSON: `{"version":1,"positions":{"build:1":{"epoch":"e1","offset":7}}}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavedPositions {
    positions: BTreeMap<ChannelName, Position>,
}

/// Why a text holds no positions.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PositionsError {
    /// It is not JSON of the form that is saved.
    #[error("these are no saved positions; remove them to start anew")]
    Unreadable(#[source] serde_json::Error),
    /// It was saved by another release.
    #[error("positions of version {version} are not read, only {VERSION}; remove them")]
    Version {
        /// What was saved.
        version: u32,
    },
    /// It has too many channels.
    #[error("at most {CHANNELS_MAX} channels have saved positions, these are {count}; remove some")]
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// A position cannot be.
    #[error("an offset is at most {OFFSET_MAX}, that of {channel} is {offset}; remove it")]
    Offset {
        /// Of which channel.
        channel: ChannelName,
        /// What was saved.
        offset: u64,
    },
}

#[derive(Serialize, Deserialize)]
struct PositionsFile {
    version: u32,
    positions: BTreeMap<ChannelName, Position>,
}

impl SavedPositions {
    /// Reads what [`SavedPositions::to_json`] made, of at most 1,024 channels; anything else is an
    /// error, and changes nothing.
    pub fn from_json(text: &str) -> Result<Self, PositionsError> {
        let PositionsFile { version, positions } =
            serde_json::from_str(text).map_err(PositionsError::Unreadable)?;
        if version != VERSION {
            return Err(PositionsError::Version { version });
        }
        if positions.len() > CHANNELS_MAX {
            return Err(PositionsError::TooMany { count: positions.len() });
        }
        match positions.iter().find(|(_, position)| position.offset > OFFSET_MAX) {
            Some((channel, position)) => {
                let (channel, offset) = (channel.clone(), position.offset);
                Err(PositionsError::Offset { channel, offset })
            }
            None => Ok(Self { positions }),
        }
    }

    /// One line of JSON.
    pub fn to_json(&self) -> String {
        let text = PositionsFile { version: VERSION, positions: self.positions.clone() };
        // Names and numbers cannot fail to be written.
        serde_json::to_string(&text).unwrap_or_default()
    }

    /// The position in a channel, where there is one.
    pub fn position(&self, channel: &ChannelName) -> Option<&Position> {
        self.positions.get(channel)
    }

    /// Where to start in a channel: behind its position, or as `otherwise` says without one.
    pub fn since(&self, channel: &ChannelName, otherwise: Since) -> Since {
        self.position(channel).cloned().map_or(otherwise, Since::After)
    }

    /// Every channel and its position, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&ChannelName, &Position)> {
        self.positions.iter()
    }
}

/// The positions of a running client.
#[derive(Debug, Default)]
pub(crate) struct Positions {
    /// With the count of moves at which each moved last.
    positions: BTreeMap<ChannelName, (u64, Position)>,
    moves: u64,
}

impl Positions {
    /// Those that were saved.
    pub(crate) fn new(saved: SavedPositions) -> Self {
        let mut own = Self::default();
        saved.positions.into_iter().for_each(|(channel, position)| own.put(channel, position));
        own
    }

    /// The app is handed this.
    pub(crate) fn hand(&mut self, notice: &Notice) {
        match notice {
            Notice::Event(event) => {
                if let Some(epoch) = &event.epoch {
                    let position = Position::new(epoch.clone(), event.offset);
                    self.put(event.channel.clone(), position);
                }
            }
            Notice::Subscribed { channel, position, .. } => {
                self.put(channel.clone(), position.clone());
            }
            Notice::Gap { channel, gap } => self.put(channel.clone(), gap.to.clone()),
            Notice::State { .. }
            | Notice::Finished { .. }
            | Notice::Refused { .. }
            | Notice::Quality(_)
            | Notice::Message { .. }
            | Notice::Published { .. }
            | Notice::PublishFailed { .. } => {}
        }
    }

    /// What there is to save.
    pub(crate) fn save(&self) -> SavedPositions {
        let all = self.positions.iter();
        let positions = all.map(|(channel, (_, position))| (channel.clone(), position.clone()));
        SavedPositions { positions: positions.collect() }
    }

    fn put(&mut self, channel: ChannelName, position: Position) {
        self.moves += 1;
        self.positions.insert(channel, (self.moves, position));
        if self.positions.len() > CHANNELS_MAX {
            let stillest = self.positions.iter().min_by_key(|(_, (moved, _))| *moved);
            if let Some(stillest) = stillest.map(|(channel, _)| channel.clone()) {
                self.positions.remove(&stillest);
            }
        }
    }
}

#[cfg(test)]
mod tests;
