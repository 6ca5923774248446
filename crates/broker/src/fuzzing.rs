//! Readers of this crate as `tools/fuzzing` calls them: bytes in; a panic where a promise breaks.

use crate::cluster::ClusterMessage;
use crate::disk::read_records;

/// Reads the bytes as each kind of record of the store.
pub fn disk_record(bytes: &[u8]) {
    read_records(bytes);
}

/// Reads a message of another node. What is written again is the same message.
pub fn cluster_message(bytes: &[u8]) {
    if let Ok(message) = ClusterMessage::decode(bytes) {
        let written = message.encode();
        let again = ClusterMessage::decode(written.as_bytes());
        assert_eq!(again.as_ref(), Ok(&message), "{written}");
    }
}
