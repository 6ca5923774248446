//! What a link remembers of networks, to be saved and restored. In: its records, or a text that was
//! saved, and the date. Out: records as old as they are now, or that text. Ages are kept with the
//! date they were true at: the time between two processes counts, too.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use steadfast_link::{NetworkKey, NetworkRecord};

/// The most networks that are kept: as many as a link remembers.
const NETWORKS_MAX: usize = 20;
/// The form of the text.
const VERSION: u32 = 1;

/// What is remembered of networks: what an app saves, so that after a restart it does not learn
/// anew which of them let no WebSocket through.
///
/// As JSON, with the date of saving in milliseconds since 1970:
///
/// ```json
/// {"version":1,"saved_at_ms":1767225600000,"networks":{
///  "4f1a":{"odds":6,"sightings":3,"age_ms":0}}}
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavedNetworks {
    saved_at_ms: u64,
    /// The one heard of last at the end.
    records: Vec<NetworkRecord>,
}

/// Why a text holds no networks.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetworksError {
    /// It is not JSON of the form that is saved.
    #[error("these are no saved networks; remove them to start anew")]
    Unreadable(#[source] serde_json::Error),
    /// It was saved by another release.
    #[error("networks of version {version} are not read, only {VERSION}; remove them")]
    Version {
        /// What was saved.
        version: u32,
    },
    /// It has too many networks.
    #[error("at most {NETWORKS_MAX} networks are saved, these are {count}; remove some")]
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// The key of a network cannot be. It is not repeated: it may be a network's real name.
    #[error("the key of network {index} is not 1 to 64 of [A-Za-z0-9_-]; remove it")]
    Key {
        /// Which network, from 0, by the order of keys.
        index: usize,
    },
}

#[derive(Serialize, Deserialize)]
struct NetworksFile {
    version: u32,
    saved_at_ms: u64,
    networks: BTreeMap<String, NetworkEntry>,
}

#[derive(Serialize, Deserialize)]
struct NetworkEntry {
    odds: i8,
    sightings: u8,
    age_ms: u64,
}

impl SavedNetworks {
    /// What a link remembers at this date, in milliseconds since 1970.
    pub(crate) const fn new(records: Vec<NetworkRecord>, now_ms: u64) -> Self {
        Self { saved_at_ms: now_ms, records }
    }

    /// Reads what [`SavedNetworks::to_json`] made, of at most 20 networks; anything else is an
    /// error, and changes nothing.
    pub fn from_json(text: &str) -> Result<Self, NetworksError> {
        let NetworksFile { version, saved_at_ms, networks } =
            serde_json::from_str(text).map_err(NetworksError::Unreadable)?;
        if version != VERSION {
            return Err(NetworksError::Version { version });
        }
        if networks.len() > NETWORKS_MAX {
            return Err(NetworksError::TooMany { count: networks.len() });
        }
        let record = |(index, (key, entry)): (usize, (String, NetworkEntry))| {
            let key = NetworkKey::new(&key).ok_or(NetworksError::Key { index })?;
            let NetworkEntry { odds, sightings, age_ms } = entry;
            Ok(NetworkRecord { key, odds, sightings, age_ms })
        };
        let records: Result<Vec<_>, _> = networks.into_iter().enumerate().map(record).collect();
        let mut records = records?;
        records.sort_by_key(|record| std::cmp::Reverse(record.age_ms));
        Ok(Self { saved_at_ms, records })
    }

    /// One line of JSON.
    pub fn to_json(&self) -> String {
        let entry = |record: &NetworkRecord| {
            let NetworkRecord { key, odds, sightings, age_ms } = record.clone();
            (key.as_str().to_owned(), NetworkEntry { odds, sightings, age_ms })
        };
        let networks = self.records.iter().map(entry).collect();
        let text = NetworksFile { version: VERSION, saved_at_ms: self.saved_at_ms, networks };
        // Names and numbers cannot fail to be written.
        serde_json::to_string(&text).unwrap_or_default()
    }

    /// Every network as it was when it was saved; the one heard of last comes last.
    pub fn iter(&self) -> impl Iterator<Item = &NetworkRecord> {
        self.records.iter()
    }

    /// Every network as it is at this date, in milliseconds since 1970. A clock that went back has
    /// made nothing older.
    pub(crate) fn records(&self, now_ms: u64) -> Vec<NetworkRecord> {
        let passed_ms = now_ms.saturating_sub(self.saved_at_ms);
        let aged = |record: &NetworkRecord| {
            let age_ms = record.age_ms.saturating_add(passed_ms);
            NetworkRecord { age_ms, ..record.clone() }
        };
        self.records.iter().map(aged).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{NETWORKS_MAX, NetworksError, SavedNetworks};
    use steadfast_link::{NetworkKey, NetworkRecord};

    fn record(key: &str, age_ms: u64) -> NetworkRecord {
        let key = NetworkKey::new(key).unwrap();
        NetworkRecord { key, odds: 6, sightings: 3, age_ms }
    }

    #[test]
    fn what_is_saved_is_read_again_and_is_as_old_as_it_is() {
        let saved = SavedNetworks::new(vec![record("b", 70), record("a", 5)], 1_000);
        let text = r#"{"version":1,"saved_at_ms":1000,"networks":{"#.to_owned()
            + r#""a":{"odds":6,"sightings":3,"age_ms":5},"#
            + r#""b":{"odds":6,"sightings":3,"age_ms":70}}}"#;
        assert_eq!(saved.to_json(), text);
        let read = SavedNetworks::from_json(&text).unwrap();
        assert_eq!(read, saved, "the one heard of last is the last again");
        assert_eq!(read.iter().map(|record| record.age_ms).collect::<Vec<_>>(), [70, 5]);
        let aged = |now_ms| read.records(now_ms).iter().map(|one| one.age_ms).collect::<Vec<_>>();
        assert_eq!(aged(1_000), [70, 5]);
        assert_eq!(aged(3_500), [2_570, 2_505]);
        assert_eq!(aged(999), [70, 5], "a clock that went back");
        assert_eq!(aged(u64::MAX), [u64::MAX - 930, u64::MAX - 995]);
        assert_eq!(SavedNetworks::default().records(3_500), []);
    }

    #[test]
    fn garbage_is_refused_with_words_that_help() {
        let error = |text: &str| SavedNetworks::from_json(text).unwrap_err();
        let with = |networks: &str| {
            format!(r#"{{"version":1,"saved_at_ms":0,"networks":{{{networks}}}}}"#)
        };
        let entry = |key: &str, odds: &str| {
            format!(r#""{key}":{{"odds":{odds},"sightings":255,"age_ms":0}}"#)
        };
        for garbage in ["", "{", "[]", r#"{"version":1}"#, &with(r#""a":1"#)] {
            let error = error(garbage);
            assert!(matches!(error, NetworksError::Unreadable(_)), "{garbage}");
            assert!(error.to_string().contains("remove them"));
        }
        let other = error(r#"{"version":2,"saved_at_ms":0,"networks":{}}"#);
        assert!(matches!(other, NetworksError::Version { version: 2 }));
        assert!(SavedNetworks::from_json(&with(&entry(&"k".repeat(64), "-128"))).is_ok());
        assert!(matches!(error(&with(&entry("k", "128"))), NetworksError::Unreadable(_)));
        for bad in ["", "my home", &"k".repeat(65)] {
            let error = error(&with(&entry(bad, "1")));
            assert!(matches!(error, NetworksError::Key { index: 0 }), "{error:?}");
            assert!(!error.to_string().contains("home"), "{error}");
        }
    }

    #[test]
    fn there_are_as_many_as_a_link_remembers() {
        let saved = |count: usize| {
            let records = (0..count).map(|n| record(&format!("k{n}"), 0));
            SavedNetworks::new(records.collect(), 0).to_json()
        };
        assert_eq!(SavedNetworks::from_json(&saved(NETWORKS_MAX)).unwrap().iter().count(), 20);
        let error = SavedNetworks::from_json(&saved(NETWORKS_MAX + 1)).unwrap_err();
        assert!(matches!(error, NetworksError::TooMany { count: 21 }), "{error:?}");
    }
}
