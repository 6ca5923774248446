//! Events as the server wants to be handed them. In: events. Out: the bytes of a request. Must not
//! know: sockets, answers.

use super::Due;
use crate::payload;
use crate::target::{Publishing, Target};

/// Writes requests.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    pub(super) target: &'a Target,
    pub(super) channel_prefix: &'a str,
    pub(super) bytes: usize,
}

impl Writer<'_> {
    /// Appends one request, or lines, for `events`.
    pub(super) fn write(&self, events: &[Due], out: &mut Vec<u8>) {
        match (self.target.publishing, events) {
            (Publishing::Lines, _) => {
                for event in events {
                    out.extend_from_slice(format!("{} ", self.channel(*event)).as_bytes());
                    payload::write(out, event.mark, self.bytes);
                    out.push(b'\n');
                }
            }
            (Publishing::Steadfast | Publishing::Post, [event]) => {
                let path = self.target.publish_path_of(&self.channel(*event));
                self.post(&path, &self.body(*event), out);
            }
            (Publishing::Steadfast | Publishing::Post, _) => {
                let prefix = self.target.publish_path.split("/channels/").next();
                let path = format!("{}/events", prefix.unwrap_or("/v1"));
                self.post(&path, &self.list(events), out);
            }
        }
    }

    fn channel(&self, event: Due) -> String {
        format!("{}{}", self.channel_prefix, event.channel)
    }

    fn body(&self, event: Due) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.bytes + 64);
        match self.target.publishing {
            Publishing::Steadfast => {
                body.extend_from_slice(br#"{"event":"progress","data":"#);
                payload::write(&mut body, event.mark, self.bytes);
                body.push(b'}');
            }
            Publishing::Post | Publishing::Lines => {
                payload::write(&mut body, event.mark, self.bytes);
            }
        }
        body
    }

    fn list(&self, events: &[Due]) -> Vec<u8> {
        let mut body = b"[".to_vec();
        for (at, event) in events.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let channel = self.channel(*event);
            let start = format!(r#"{comma}{{"channel":"{channel}","event":"progress","data":"#);
            body.extend_from_slice(start.as_bytes());
            payload::write(&mut body, event.mark, self.bytes);
            body.push(b'}');
        }
        body.push(b']');
        body
    }

    fn post(&self, path: &str, body: &[u8], out: &mut Vec<u8>) {
        let host = self.target.publish_address;
        let length = body.len();
        let key = self.target.key.as_ref();
        let key = key.map(|key| format!("Authorization: Bearer {key}\r\n")).unwrap_or_default();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
             {key}Content-Length: {length}\r\n\r\n"
        );
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(body);
    }
}

#[cfg(test)]
mod tests {
    use super::{Due, Writer};
    use crate::payload::Mark;
    use crate::target::{Publishing, Target};

    fn due(channel: usize, message: u64) -> Due {
        Due { channel, mark: Mark { at: 1, number: 2, message } }
    }

    fn written(publishing: Publishing, events: &[Due]) -> String {
        let mut target = Target::steadfast("http://127.0.0.1:1", "http://127.0.0.1:2").unwrap();
        target.publishing = publishing;
        target.key = Some("k".into());
        let mut out = Vec::new();
        Writer { target: &target, channel_prefix: "a:", bytes: 150 }.write(events, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn one_event_is_posted_to_its_channel_and_many_to_all() {
        let one = written(Publishing::Steadfast, &[due(3, 4)]);
        assert!(one.starts_with("POST /v1/channels/a:3/events HTTP/1.1\r\n"), "{one}");
        assert!(one.contains("\r\nAuthorization: Bearer k\r\n"), "{one}");
        let two = written(Publishing::Steadfast, &[due(3, 4), due(4, 5)]);
        assert!(two.starts_with("POST /v1/events HTTP/1.1\r\n"), "{two}");
        let (head, body) = two.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
        let list: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(list[1]["channel"], "a:4");
        assert_eq!(list[1]["data"].to_string().len(), 150);
    }

    #[test]
    fn others_are_posted_the_data_alone_or_told_it_in_lines() {
        let post = written(Publishing::Post, &[due(3, 4)]);
        assert!(post.contains("Content-Length: 150\r\n"), "{post}");
        let lines = written(Publishing::Lines, &[due(3, 4), due(4, 5)]);
        let all: Vec<&str> = lines.lines().collect();
        assert_eq!(all.len(), 2);
        assert!(all[1].starts_with(r#"a:4 {"at":1,"n":2,"m":5,"#), "{lines}");
    }
}
