//! Lines of standard input, read by a thread of their own, since waiting for one cannot be called
//! off. In: bytes. Out: numbered JSON values through a small queue, or what is wrong with a line.

use std::io::{self, BufRead, BufReader, Read};

use steadfast_protocol::Payload;
use tokio::sync::mpsc;

/// The longest line, in bytes; what a server takes as one event by default.
const LINE_BYTES_MAX: usize = 1024 * 1024;
/// How many lines may wait.
const LINES_MAX: usize = 100;

/// One line that is not empty.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Its number, from 1, empty lines counted.
    pub number: u64,
    /// Its value, or why it has none.
    pub data: Result<Payload, String>,
}

/// Starts to read; the queue ends with the input.
pub(super) fn read(input: impl Read + Send + 'static) -> mpsc::Receiver<Line> {
    let (lines_in, lines) = mpsc::channel(LINES_MAX);
    std::thread::spawn(move || pump(&mut BufReader::new(input), &lines_in));
    lines
}

fn pump(input: &mut impl BufRead, lines_in: &mpsc::Sender<Line>) {
    for number in 1.. {
        let data = match read_line(input, LINE_BYTES_MAX) {
            Ok(None) => return,
            Ok(Some(line)) => parse(line, number == 1).transpose(),
            Err(error) => {
                let data = Err(format!("standard input cannot be read: {error}"));
                // Nobody listens any more where this fails; so below.
                let _ = lines_in.blocking_send(Line { number, data });
                return;
            }
        };
        if let Some(data) = data
            && lines_in.blocking_send(Line { number, data }).is_err()
        {
            return;
        }
    }
}

/// A line's bytes without its end; none at the end of the input. `Err(())` inside: too long.
type RawLine = Result<Vec<u8>, ()>;

fn read_line(input: &mut impl BufRead, bytes_max: usize) -> io::Result<Option<RawLine>> {
    let mut line = Vec::new();
    let (mut is_too_long, mut is_begun) = (false, false);
    loop {
        let chunk = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            chunk => chunk?,
        };
        if chunk.is_empty() {
            let whole = if is_too_long { Err(()) } else { Ok(line) };
            return Ok(is_begun.then_some(whole));
        }
        is_begun = true;
        let end = chunk.iter().position(|&byte| byte == b'\n');
        let part = &chunk[..end.unwrap_or(chunk.len())];
        is_too_long |= part.len() > bytes_max - line.len();
        if !is_too_long {
            line.extend_from_slice(part);
        }
        let used = end.map_or(chunk.len(), |end| end + 1);
        input.consume(used);
        if end.is_some() {
            return Ok(Some(if is_too_long { Err(()) } else { Ok(line) }));
        }
    }
}

/// `None` for a line of nothing but space. In front of the first line one byte-order mark is
/// skipped, which some editors write.
fn parse(line: RawLine, is_first: bool) -> Result<Option<Payload>, String> {
    let bytes = line.map_err(|()| format!("it is longer than {LINE_BYTES_MAX} bytes"))?;
    let text = std::str::from_utf8(&bytes).map_err(|error| format!("it is not UTF-8: {error}"))?;
    let text = text.strip_prefix('\u{feff}').filter(|_| is_first).unwrap_or(text);
    if text.trim().is_empty() {
        return Ok(None);
    }
    Payload::new(text).map(Some).map_err(|error| {
        // The line's own number is told with it.
        format!("it is {error}").replace("line 1 column", "column")
    })
}

#[cfg(test)]
mod tests {
    use super::{read, read_line};
    use std::io::Cursor;

    async fn lines(text: &'static [u8]) -> Vec<(u64, Result<String, ()>)> {
        let mut lines = read(Cursor::new(text));
        let mut read = Vec::new();
        while let Some(line) = lines.recv().await {
            let data = line.data.map(|data| data.as_str().to_owned()).map_err(|_| ());
            read.push((line.number, data));
        }
        read
    }

    #[tokio::test]
    async fn every_line_is_a_value_and_empty_ones_are_only_counted() {
        let read = lines(b"{\"a\" : 1}\r\n\n  \nnot json\n\"\xff\"\n2").await;
        let value = |text: &str| Ok(text.to_owned());
        let expected = [(1, value("{\"a\" : 1}")), (4, Err(())), (5, Err(())), (6, value("2"))];
        assert_eq!(read, expected);
        assert_eq!(lines(b"").await, []);
    }

    #[tokio::test]
    async fn one_byte_order_mark_is_skipped_in_front_of_the_first_line_alone() {
        let value = |text: &str| Ok(text.to_owned());
        assert_eq!(lines(b"\xef\xbb\xbf1\n2").await, [(1, value("1")), (2, value("2"))]);
        assert_eq!(lines(b"\xef\xbb\xbf\n2").await, [(2, value("2"))]);
        let twice = lines(b"\xef\xbb\xbf\xef\xbb\xbf1\n\xef\xbb\xbf2").await;
        assert_eq!(twice, [(1, Err(())), (2, Err(()))]);
    }

    #[test]
    fn a_line_has_a_largest_length_and_the_next_one_is_not_harmed() {
        let mut input = Cursor::new(b"12345\n123456\n1\n\n12345");
        let mut next = || read_line(&mut input, 5).unwrap();
        assert_eq!(next(), Some(Ok(b"12345".to_vec())));
        assert_eq!(next(), Some(Err(())));
        assert_eq!(next(), Some(Ok(b"1".to_vec())));
        assert_eq!(next(), Some(Ok(Vec::new())));
        assert_eq!(next(), Some(Ok(b"12345".to_vec())));
        assert_eq!(next(), None);
    }
}
