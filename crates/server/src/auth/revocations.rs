//! Tokens that count no more, though their time has not come. In: revocations, each for a user, a
//! token or all tokens, and the date. Out: whether a token is revoked. The table is bounded, and an
//! entry is dropped once every token it could be about has ended.

mod file;

use std::collections::BTreeMap;
use std::path::PathBuf;

use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use steadfast_history::stable_hash;
use steadfast_hub::Identity;
use steadfast_protocol::UserId;

use self::file::RevocationFile;

/// Why a session of a revoked token is closed.
pub(crate) const REVOKED_REASON: &str = "the token was revoked";

/// What is revoked. One field of the first two at least, or `before` alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Revocation {
    /// Tokens of this user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sub: Option<UserId>,
    /// The token with this id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) jti: Option<Box<str>>,
    /// Tokens that were issued before this, in seconds since 1970, or that do not say when; without
    /// it, at whatever time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) before: Option<u64>,
    /// When the revocation is dropped, in seconds since 1970.
    pub(crate) expires: u64,
}

/// Which tokens an entry is about, and what it says of them.
type Subject = (Option<UserId>, Option<Box<str>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    before: Option<u64>,
    expires: u64,
}

/// The table has as many entries as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there are {max} revocations (`auth.revocations_max`): revoke all older tokens at once with \
     `before` alone, or raise the limit"
)]
pub(crate) struct RevocationsFull {
    max: usize,
}

/// The revocations in force.
#[derive(Debug)]
pub(crate) struct Revocations {
    entries: RwLock<BTreeMap<Subject, Extent>>,
    max: usize,
    file: Option<Mutex<RevocationFile>>,
}

impl Revocations {
    /// A table of `max` entries, with those of the file that are still in force at `now_s`.
    pub(crate) fn new(max: usize, file: Option<PathBuf>, now_s: u64) -> std::io::Result<Self> {
        let mut table = Self { entries: RwLock::default(), max, file: None };
        if let Some(path) = file {
            for entry in file::read(&path)? {
                // What does not fit was more than another setting allowed.
                let _ = table.add(entry, now_s);
            }
            table.file = Some(Mutex::new(RevocationFile::new(path)));
        }
        Ok(table)
    }

    /// Takes a revocation in. False if the table had it, or it is over.
    pub(crate) fn add(&self, one: Revocation, now_s: u64) -> Result<bool, RevocationsFull> {
        if one.expires <= now_s {
            return Ok(false);
        }
        let mut entries = self.entries.write();
        let (subject, new) =
            ((one.sub, one.jti), Extent { before: one.before, expires: one.expires });
        if let Some(old) = entries.get_mut(&subject) {
            // Without `before` it reaches farther than with any.
            let before = match (old.before, new.before) {
                (Some(old), Some(new)) => Some(old.max(new)),
                _ => None,
            };
            let both = Extent { before, expires: old.expires.max(new.expires) };
            return Ok(std::mem::replace(old, both) != both);
        }
        if entries.len() >= self.max {
            entries.retain(|_, extent| extent.expires > now_s);
        }
        if entries.len() >= self.max {
            return Err(RevocationsFull { max: self.max });
        }
        entries.insert(subject, new);
        Ok(true)
    }

    /// Writes what the table has to the file, if there is one. True where it is written. Blocks.
    pub(crate) fn store(&self) -> std::io::Result<bool> {
        let Some(file) = &self.file else { return Ok(false) };
        // Taken first, so that the last writer writes the newest table.
        let mut file = file.lock();
        let all = self.all();
        file.write(&all).map(|()| true)
    }

    /// Whether the token of this identity is revoked.
    pub(crate) fn covers(&self, identity: Option<&Identity>) -> bool {
        let entries = self.entries.read();
        if entries.is_empty() {
            return false;
        }
        let nobody = Identity::default();
        let Identity { user, credential, issued_s } = identity.unwrap_or(&nobody);
        let (none, user, token) = (None, user.clone(), credential.clone());
        let mut subjects = vec![(None, None)];
        subjects.extend(user.clone().map(|user| (Some(user), None)));
        subjects.extend(token.clone().map(|token| (none, Some(token))));
        subjects.extend(user.zip(token).map(|(user, token)| (Some(user), Some(token))));
        subjects.iter().any(|subject| {
            let before = entries.get(subject).map(|extent| extent.before);
            before.is_some_and(|before| {
                before.is_none_or(|before| issued_s.is_none_or(|issued| issued < before))
            })
        })
    }

    /// Drops what is over.
    pub(crate) fn expire(&self, now_s: u64) {
        if !self.entries.read().is_empty() {
            self.entries.write().retain(|_, extent| extent.expires > now_s);
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.read().len()
    }

    /// All of them, those that last longest first.
    pub(crate) fn all(&self) -> Vec<Revocation> {
        let entries = self.entries.read();
        let mut all: Vec<Revocation> = entries
            .iter()
            .map(|((sub, jti), extent)| Revocation {
                sub: sub.clone(),
                jti: jti.clone(),
                before: extent.before,
                expires: extent.expires,
            })
            .collect();
        all.sort_by_key(|one| std::cmp::Reverse(one.expires));
        all
    }

    /// A number that is the same for tables with the same entries, and hardly ever for others.
    pub(crate) fn digest(&self) -> u64 {
        let texts = self.all().into_iter().filter_map(|one| serde_json::to_string(&one).ok());
        texts.fold(0, |sum, text| sum ^ stable_hash(text.bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Revocation, Revocations, RevocationsFull};
    use steadfast_hub::Identity;
    use steadfast_protocol::UserId;

    const NOW: u64 = 1_000;

    fn user(name: &str) -> UserId {
        UserId::new(name).unwrap()
    }

    fn revocation(sub: &str, jti: &str, before: Option<u64>) -> Revocation {
        let sub = (!sub.is_empty()).then(|| user(sub));
        let jti = (!jti.is_empty()).then(|| jti.into());
        Revocation { sub, jti, before, expires: NOW + 100 }
    }

    fn table(max: usize) -> Revocations {
        Revocations::new(max, None, NOW).unwrap()
    }

    fn token(sub: &str, jti: &str, issued_s: Option<u64>) -> Identity {
        let Revocation { sub, jti, .. } = revocation(sub, jti, None);
        Identity { user: sub, credential: jti, issued_s }
    }

    #[test]
    fn a_revocation_is_about_the_tokens_that_it_names_and_no_others() {
        let (old, new) = (Some(NOW - 1), Some(NOW));
        let tokens = [
            token("ada", "1", old),
            token("ada", "2", new),
            token("ada", "", None),
            token("bob", "1", old),
            token("", "1", new),
            token("", "", None),
        ];
        for (one, covered) in [
            (revocation("ada", "", None), [true, true, true, false, false, false]),
            (revocation("ada", "", Some(NOW)), [true, false, true, false, false, false]),
            (revocation("", "1", None), [true, false, false, true, true, false]),
            (revocation("ada", "1", None), [true, false, false, false, false, false]),
            (revocation("", "", Some(NOW)), [true, false, true, true, false, true]),
        ] {
            let table = table(10);
            assert_eq!(table.add(one.clone(), NOW), Ok(true));
            let found: Vec<bool> = tokens.iter().map(|one| table.covers(Some(one))).collect();
            assert_eq!(found, covered, "{one:?}");
        }
        assert!(!table(1).covers(None));
    }

    #[test]
    fn a_second_revocation_reaches_no_less_far_than_the_first() {
        let table = table(10);
        let ada = |before, expires| Revocation { expires, ..revocation("ada", "", before) };
        assert_eq!(table.add(ada(Some(500), NOW + 9), NOW), Ok(true));
        assert_eq!(table.add(ada(Some(500), NOW + 9), NOW), Ok(false));
        assert_eq!(table.add(ada(Some(400), NOW + 8), NOW), Ok(false));
        assert_eq!(table.add(ada(Some(600), NOW + 5), NOW), Ok(true));
        assert_eq!(table.all(), [ada(Some(600), NOW + 9)]);
        assert_eq!(table.add(ada(None, NOW + 5), NOW), Ok(true));
        assert_eq!(table.add(ada(Some(700), NOW + 5), NOW), Ok(false));
        assert_eq!(table.all(), [ada(None, NOW + 9)]);
        assert_eq!(table.add(ada(Some(1), NOW), NOW), Ok(false), "it is over");
    }

    #[test]
    fn the_table_is_full_at_its_limit_until_something_is_over() {
        let table = table(2);
        assert_eq!(table.add(revocation("a", "", None), NOW), Ok(true));
        let short = Revocation { expires: NOW + 1, ..revocation("b", "", None) };
        assert_eq!(table.add(short, NOW), Ok(true));
        let third = revocation("c", "", None);
        assert_eq!(table.add(third.clone(), NOW), Err(RevocationsFull { max: 2 }));
        assert_eq!(table.add(revocation("a", "", None), NOW), Ok(false));
        assert_eq!(table.add(third, NOW + 1), Ok(true));
        table.expire(NOW + 99);
        assert_eq!(table.len(), 2);
        table.expire(NOW + 100);
        assert_eq!((table.len(), table.digest()), (0, 0));
    }

    #[test]
    fn what_is_stored_is_in_force_after_a_restart_and_what_is_over_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("revocations.jsonl");
        let open = |now| Revocations::new(10, Some(path.clone()), now).unwrap();
        let first = open(NOW);
        first.add(revocation("ada", "", Some(NOW)), NOW).unwrap();
        first.add(Revocation { expires: NOW + 1, ..revocation("", "1", None) }, NOW).unwrap();
        assert!(first.store().unwrap());
        let second = open(NOW);
        assert_eq!((second.all(), second.digest()), (first.all(), first.digest()));
        assert_eq!(open(NOW + 1).len(), 1);
        // A line that cannot be read is no reason to forget the others.
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{{\"sub\":\n{text}")).unwrap();
        assert_eq!(open(NOW).len(), 2);
        assert!(!table(1).store().unwrap(), "without a file nothing is stored");
    }
}
