//! Where to start, as people write it: `start`, `now`, `EPOCH:OFFSET`.

use std::str::FromStr;

use steadfast_client::{Epoch, Position, Since};

/// The largest offset there can be.
const OFFSET_MAX: u64 = 1 << 53;

/// A place in a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Start(Since);

impl From<Start> for Since {
    fn from(start: Start) -> Self {
        start.0
    }
}

impl FromStr for Start {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "write start, now, or EPOCH:OFFSET such as e1:5".to_owned();
        let since = match text {
            "start" => Since::Start,
            "now" => Since::Now,
            _ => {
                let (epoch, offset) = text.split_once(':').ok_or_else(wrong)?;
                let epoch = Epoch::new(epoch).map_err(|error| error.to_string())?;
                let offset = offset.parse().map_err(|_| wrong())?;
                if offset > OFFSET_MAX {
                    return Err(format!("an offset is at most {OFFSET_MAX}"));
                }
                Since::After(Position::new(epoch, offset))
            }
        };
        Ok(Self(since))
    }
}

#[cfg(test)]
mod tests {
    use super::Start;
    use steadfast_client::{Epoch, Position, Since};

    #[test]
    fn a_start_has_three_forms() {
        let since = |text: &str| text.parse::<Start>().map(Since::from);
        assert_eq!(since("start"), Ok(Since::Start));
        assert_eq!(since("now"), Ok(Since::Now));
        let after = |offset| Since::After(Position::new(Epoch::new("e1").unwrap(), offset));
        assert_eq!(since("e1:5"), Ok(after(5)));
        assert_eq!(since("e1:9007199254740992"), Ok(after(1 << 53)));
        for bad in ["", "later", "e1", "e1:", ":5", "e1:-5", "e 1:5", "e1:9007199254740993"] {
            assert!(since(bad).is_err(), "{bad}");
        }
    }
}
