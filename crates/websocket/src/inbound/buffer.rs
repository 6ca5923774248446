//! The buffer of an unfinished message. In: a part of it, and how much may follow. Out: a buffer
//! that is never larger than what may come.

/// Appends `part`, after which `room` more bytes may come: the buffer doubles as it fills, so
/// that a promise of many bytes costs nothing, but never outgrows what may come.
pub(super) fn append(buffer: &mut Vec<u8>, part: &[u8], room: usize) {
    let needed = buffer.len() + part.len();
    if needed > buffer.capacity() {
        let wanted = buffer.capacity().saturating_mul(2).min(needed.saturating_add(room));
        buffer.reserve_exact(wanted.max(needed) - buffer.len());
    }
    buffer.extend_from_slice(part);
}
