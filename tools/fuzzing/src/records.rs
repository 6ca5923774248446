//! What a disk and other nodes give back: read, or refused; never a panic.

use steadfast_broker::fuzzing;

/// Each kind of record of the disk broker's store.
pub(crate) fn disk_record(bytes: &[u8]) {
    fuzzing::disk_record(bytes);
}

/// A message of another node: what is read and written again is the same message.
pub(crate) fn cluster_message(bytes: &[u8]) {
    fuzzing::cluster_message(bytes);
}
