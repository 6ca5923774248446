//! Text payloads that wait for one socket as the bytes of one write, headers included. The last
//! joined bytes are kept: the next socket mostly waits for the same payloads.

use bytes::Bytes;

use super::text_header;

/// The bytes of some payloads, and what they were made of.
#[derive(Debug, Default)]
pub struct Joined {
    payloads: Vec<Bytes>,
    bytes: Vec<u8>,
}

impl Joined {
    /// One text frame for each payload, in order.
    pub fn of(&mut self, payloads: &[Bytes]) -> &[u8] {
        if !self.is_of(payloads) {
            self.payloads.clear();
            self.payloads.extend_from_slice(payloads);
            self.bytes.clear();
            for payload in payloads {
                self.bytes.extend_from_slice(text_header(payload.len()).as_ref());
                self.bytes.extend_from_slice(payload);
            }
        }
        &self.bytes
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

#[cfg(test)]
mod tests {
    use super::Joined;
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
}
