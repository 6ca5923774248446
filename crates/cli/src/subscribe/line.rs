//! What is told, as one line of text each: JSON for programs, words for people.

use serde::Serialize;
use steadfast_client::{
    Catalogue, ChannelName, DialError, Epoch, Event, EventName, Gap, Language, LinkState, Message,
    Part, Payload, QualityReport, Reason,
};

#[derive(Serialize)]
struct EventLine<'a> {
    channel: &'a ChannelName,
    epoch: Option<&'a Epoch>,
    offset: u64,
    event: &'a EventName,
    data: &'a Payload,
    time: &'a str,
}

#[derive(Serialize)]
struct GapLine<'a> {
    channel: &'a ChannelName,
    gap: &'a Gap,
}

/// `{"channel","epoch","offset","event","data","time"}`, the data as it was published.
pub(super) fn event(event: &Event) -> String {
    json(&EventLine {
        channel: &event.channel,
        epoch: event.epoch.as_ref(),
        offset: event.offset,
        event: &event.event,
        data: &event.data,
        time: &event.time,
    })
}

/// `{"channel","gap":{"from","to","cause"}}`.
pub(super) fn gap(channel: &ChannelName, gap: &Gap) -> String {
    json(&GapLine { channel, gap })
}

/// `state: NEW (was OLD): REASON`.
pub(super) fn state(new: LinkState, old: LinkState, reason: Reason) -> String {
    format!("state: {} (was {}): {}", new.as_str(), old.as_str(), reason.as_str())
}

/// `quality: GRADE (SCORE of 100): PART`, the part that takes most off, if any does.
pub(super) fn quality(report: QualityReport) -> String {
    let part = report.reason.map_or("nothing takes points off", Part::as_str);
    format!("quality: {} ({} of 100): {part}", report.grade.as_str(), report.score)
}

/// `message: CODE: TITLE (BODY)`.
pub(super) fn message(message: &Message, language: Language) -> String {
    let text = Catalogue::say(message, language);
    format!("message: {}: {} ({})", message.code.as_str(), text.title, text.body)
}

/// Why the server will not have this link, and what to do.
pub(super) fn rejection(last: Option<&DialError>) -> &'static str {
    match last {
        Some(DialError::Closed { code: 4201, .. }) => {
            "the server wants a token; give one with --token-file or STEADFAST_TOKEN (`steadfast \
             token` makes them)"
        }
        Some(
            DialError::Closed { code: 4200..=4299, .. } | DialError::Refused { status: 401, .. },
        ) => {
            "the server does not take this token; give another with --token-file or \
             STEADFAST_TOKEN (`steadfast token` makes them)"
        }
        Some(DialError::Closed { code: 4402, .. }) => {
            "an operator of the server disconnected this link; follow anew by the same command"
        }
        Some(_) | None => "the server refuses this link",
    }
}

/// JSON has raw line breaks between tokens only: inside of strings they are escaped.
fn json<T: Serialize>(value: &T) -> String {
    // Names, numbers and checked JSON cannot fail to be written.
    serde_json::to_string(value).unwrap_or_default().replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::{event, gap, message, quality, rejection, state};
    use steadfast_client::{
        ChannelName, DialError, Epoch, Event, EventName, Gap, GapCause, Grade, Language, LinkState,
        Message, MessageCode, Part, Parts, Payload, Position, QualityReport, Reason, Severity,
    };

    fn channel() -> ChannelName {
        ChannelName::new("build:1").unwrap()
    }

    #[test]
    fn an_event_is_one_line_and_its_data_is_left_alone() {
        let told = Event {
            channel: channel(),
            epoch: Some(Epoch::new("e1").unwrap()),
            offset: 7,
            event: EventName::new("pro\"gress").unwrap(),
            data: Payload::new("{\n\t\"n\" : 1e400,\r\n \"s\":\"a\\nb\\u00e9\" }").unwrap(),
            time: "2026-02-28T00:00:00.007Z".into(),
        };
        let data = r"{ ".to_owned() + "\t" + r#""n" : 1e400,   "s":"a\nb\u00e9" }"#;
        let line = format!(
            r#"{{"channel":"build:1","epoch":"e1","offset":7,"event":"pro\"gress","data":{data}{}"#,
            r#","time":"2026-02-28T00:00:00.007Z"}"#
        );
        assert_eq!(event(&told), line);
    }

    #[test]
    fn a_gap_names_both_ends_and_the_cause() {
        let at = |offset| Position::new(Epoch::new("e1").unwrap(), offset);
        let missing = Gap { from: at(2), to: at(5), cause: GapCause::Retention };
        let line = r#"{"channel":"build:1","gap":{"from":{"epoch":"e1","offset":2},"#;
        let line = line.to_owned() + r#""to":{"epoch":"e1","offset":5},"cause":"retention"}}"#;
        assert_eq!(gap(&channel(), &missing), line);
    }

    #[test]
    fn a_state_is_said_in_words() {
        let text = state(LinkState::Connected, LinkState::Reconnecting, Reason::Welcomed);
        assert_eq!(text, "state: connected (was reconnecting): welcomed");
    }

    #[test]
    fn a_quality_names_what_takes_most_off() {
        let (grade, parts) = (Grade::Good, Parts::default());
        let report = QualityReport { score: 78, grade, parts, reason: Some(Part::Loss) };
        assert_eq!(quality(report), "quality: good (78 of 100): loss");
        let report = QualityReport { score: 100, grade, parts, reason: None };
        assert_eq!(quality(report), "quality: good (100 of 100): nothing takes points off");
    }

    #[test]
    fn a_message_is_said_in_the_language_asked_for() {
        let (code, severity) = (MessageCode::SrvBusy, Severity::Info);
        let busy = Message { code, severity, retry_in_ms: Some(7_000) };
        let english = "message: SRV_BUSY: Our service is busy \
                       (We'll try again by ourselves within 7 s.)";
        assert_eq!(message(&busy, Language::En), english);
        let chinese = "message: SRV_BUSY: 服务繁忙 (将在 7 秒内自动重试，无需操作。)";
        assert_eq!(message(&busy, Language::ZhCn), chinese);
    }

    #[test]
    fn a_rejection_says_what_to_do_about_its_code() {
        let closed =
            |code| DialError::Closed { place: "h:1".to_owned(), code, reason: String::new() };
        let told = |code| rejection(Some(&closed(code)));
        assert!(told(4201).contains("wants a token"));
        for code in [4200, 4202, 4203] {
            assert!(told(code).contains("does not take this token"), "{code}");
        }
        assert!(told(4402).contains("operator") && !told(4402).contains("token"));
        for code in [4199, 4300, 4400] {
            assert_eq!(told(code), rejection(None), "{code}");
        }
    }
}
