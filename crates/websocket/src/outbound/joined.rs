//! Text payloads that wait for one socket as the bytes of one write, headers included. The last
//! joined bytes are kept: the next socket mostly waits for the same payloads.

use bytes::Bytes;

use super::{compressed_text_header, text_header};

/// The bytes of some payloads, and what they were made of.
#[derive(Debug, Default)]
pub struct Joined {
    payloads: Vec<Bytes>,
    bytes: Vec<u8>,
    sizes: JoinedSizes,
}

/// How much of the joined payloads is compressed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct JoinedSizes {
    /// Compressed messages.
    pub messages: u64,
    /// Their bytes before.
    pub bytes_before: u64,
    /// Their bytes as they are sent.
    pub bytes_after: u64,
}

impl Joined {
    /// One text frame for each payload, in order.
    pub fn of(&mut self, payloads: &[Bytes]) -> &[u8] {
        self.join(payloads, |_| None);
        &self.bytes
    }

    /// The same, with the compressed copy of a payload in its place where `copy` has one. A copy
    /// must belong to its payload for good; the receivers must have agreed to compression.
    pub fn join(&mut self, payloads: &[Bytes], mut copy: impl FnMut(&Bytes) -> Option<Bytes>) {
        if self.is_of(payloads) {
            return;
        }
        self.payloads.clear();
        self.payloads.extend_from_slice(payloads);
        self.bytes.clear();
        self.sizes = JoinedSizes::default();
        for payload in payloads {
            if let Some(copy) = copy(payload) {
                self.sizes.count(payload, &copy);
                self.bytes.extend_from_slice(compressed_text_header(copy.len()).as_ref());
                self.bytes.extend_from_slice(&copy);
            } else {
                self.bytes.extend_from_slice(text_header(payload.len()).as_ref());
                self.bytes.extend_from_slice(payload);
            }
        }
    }

    /// What was joined last.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How much of what was joined last is compressed.
    pub const fn sizes(&self) -> JoinedSizes {
        self.sizes
    }

    /// Forgets them, and gives back what is over a page of memory.
    pub fn clear(&mut self) {
        self.payloads.clear();
        self.bytes.clear();
        self.bytes.shrink_to(4096);
    }

    /// Whether these very payloads were joined last. They are held, so that their place in memory
    /// cannot be another's.
    fn is_of(&self, payloads: &[Bytes]) -> bool {
        let is_same = |(a, b): (&Bytes, &Bytes)| a.as_ptr() == b.as_ptr() && a.len() == b.len();
        self.payloads.len() == payloads.len() && self.payloads.iter().zip(payloads).all(is_same)
    }
}

impl JoinedSizes {
    /// Counts what another write has.
    pub const fn add(&mut self, more: Self) {
        self.messages += more.messages;
        self.bytes_before += more.bytes_before;
        self.bytes_after += more.bytes_after;
    }

    /// Counts one more message.
    pub const fn count(&mut self, payload: &Bytes, copy: &Bytes) {
        self.messages += 1;
        self.bytes_before += payload.len() as u64;
        self.bytes_after += copy.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::{Joined, JoinedSizes};
    use crate::outbound::text_frame;
    use bytes::Bytes;

    #[test]
    fn payloads_are_joined_as_their_frames_in_order() {
        let long = "x".repeat(70_000);
        let payloads = [Bytes::from_static(b"{}"), Bytes::new(), Bytes::from(long.clone())];
        let wanted = [text_frame("{}"), text_frame(""), text_frame(&long)].concat();
        let mut joined = Joined::default();
        assert_eq!(joined.of(&payloads), wanted);
        assert_eq!(joined.of(&payloads), wanted);
        assert_eq!(joined.of(&payloads[..1]), &*text_frame("{}"));
        joined.clear();
        assert_eq!(joined.of(&[]), b"");
    }

    #[test]
    fn other_payloads_of_the_same_length_are_not_taken_for_the_last() {
        let mut joined = Joined::default();
        assert_eq!(joined.of(&[Bytes::from(vec![b'a'; 5])]), &*text_frame("aaaaa"));
        assert_eq!(joined.of(&[Bytes::from(vec![b'b'; 5])]), &*text_frame("bbbbb"));
    }
    #[test]
    fn a_copy_goes_in_the_place_of_its_payload_and_is_made_once() {
        let payloads = [Bytes::from(vec![b'a'; 9]), Bytes::from_static(b"b")];
        let mut made = 0;
        let mut copy = |payload: &Bytes| {
            made += 1;
            (payload.len() > 1).then(|| Bytes::from_static(b"xyz"))
        };
        let mut joined = Joined::default();
        let wanted = b"\xC1\x03xyz\x81\x01b";
        joined.join(&payloads, &mut copy);
        assert_eq!(joined.bytes(), wanted);
        joined.join(&payloads, &mut copy);
        assert_eq!(joined.bytes(), wanted);
        let sizes = JoinedSizes { messages: 1, bytes_before: 9, bytes_after: 3 };
        assert_eq!((joined.sizes(), made), (sizes, 2));
    }
}
