//! Dates on the wire: RFC 3339 in UTC with milliseconds.
//! In: Unix milliseconds from a shell's clock. Out: text.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;

use jiff::fmt::temporal::DateTimePrinter;
use serde::ser::{Serialize, Serializer};

/// A `0` stands for any digit.
const SHAPE: &[u8; 24] = b"0000-00-00T00:00:00.000Z";

/// What is written of dates beyond the year 9999, for which there is no RFC 3339.
const LAST: &[u8; SHAPE.len()] = b"9999-12-31T23:59:59.999Z";
const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

/// A date, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Reads a date exactly as written here: 24 characters, in UTC, to the millisecond. `None` for
    /// any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let is_shaped = text.len() == SHAPE.len()
            && text.bytes().zip(SHAPE).all(|(byte, shape)| match shape {
                b'0' => byte.is_ascii_digit(),
                _ => byte == *shape,
            });
        let time: jiff::Timestamp = text.parse().ok().filter(|_| is_shaped)?;
        u64::try_from(time.as_millisecond()).ok().map(Self)
    }
}

/// A date with its text: events of one millisecond share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeText {
    time: Timestamp,
    text: [u8; SHAPE.len()],
}

impl TimeText {
    /// Goes on to this date; nothing is written anew where it is the same.
    pub fn set(&mut self, time: Timestamp) {
        if self.time != time {
            *self = time.into();
        }
    }

    /// The text.
    pub const fn as_bytes(&self) -> &[u8] {
        &self.text
    }
}

impl From<Timestamp> for TimeText {
    fn from(time: Timestamp) -> Self {
        let milliseconds = i64::try_from(time.0).unwrap_or(i64::MAX);
        let mut text = Vec::with_capacity(SHAPE.len());
        if let Ok(time) = jiff::Timestamp::from_millisecond(milliseconds) {
            // A vector takes whatever it is given.
            drop(PRINTER.print_timestamp(&time, &mut text));
        }
        Self { time, text: text.try_into().unwrap_or(*LAST) }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(core::str::from_utf8(TimeText::from(*self).as_bytes()).unwrap_or_default())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;
    use alloc::string::ToString;

    #[test]
    fn a_date_has_milliseconds_and_a_z() {
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp(1_772_236_800_007).to_string(), "2026-02-28T00:00:00.007Z");
        assert_eq!(Timestamp(u64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn a_date_reads_as_it_is_written_and_in_no_other_way() {
        for time in [0, 1_772_236_800_007, 951_782_399_999] {
            assert_eq!(Timestamp::parse(&Timestamp(time).to_string()), Some(Timestamp(time)));
        }
        for bad in [
            "",
            "2026-02-28T00:00:00Z",
            "2026-02-28 00:00:00.000Z",
            "2026-02-28T00:00:00.000+00:00",
            "2026-02-30T00:00:00.000Z",
            "2026-02-28T24:00:00.000Z",
            "1969-12-31T23:59:59.999Z",
            "2026-02-28T00:00:00.000é",
        ] {
            assert_eq!(Timestamp::parse(bad), None, "{bad}");
        }
    }
}
