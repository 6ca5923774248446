//! What a server answers to events. In: an answer and the events it is about. Out: which were
//! taken, and why others were not. Must not know: sockets.

use serde::Deserialize;

use super::{Due, Fates};
use crate::target::Publishing;

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// The answer to many events: what became of each.
#[derive(Deserialize)]
struct Results {
    results: Vec<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    error: Option<Problem>,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    code: String,
    #[serde(default)]
    detail: String,
}

/// Sorts events by what became of them.
pub(super) fn settle(publishing: Publishing, events: Vec<Due>, answer: &Answer, fates: &mut Fates) {
    if !(200..300).contains(&answer.status) {
        let why = refusal(answer);
        fates.refused.extend(events.into_iter().map(|event| (event, why.clone())));
        return;
    }
    if publishing != Publishing::Steadfast || events.len() == 1 {
        fates.taken.extend(events);
        return;
    }
    let results = serde_json::from_slice::<Results>(&answer.body);
    let mut results = results.map(|all| all.results).unwrap_or_default().into_iter();
    for event in events {
        match results.next() {
            Some(Outcome { error: None }) => fates.taken.push(event),
            Some(Outcome { error: Some(problem) }) => {
                fates.refused.push((event, problem.text()));
            }
            None => fates.refused.push((event, "the answer does not speak of it".into())),
        }
    }
}

fn refusal(Answer { status, body }: &Answer) -> String {
    match serde_json::from_slice::<Problem>(body) {
        Ok(problem) if !problem.code.is_empty() => format!("{status}: {}", problem.text()),
        Ok(_) | Err(_) => format!("it answers {status}"),
    }
}

impl Problem {
    fn text(&self) -> String {
        format!("{} ({})", self.detail, self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Due, Fates, settle};
    use crate::payload::Mark;
    use crate::target::Publishing;

    fn fates(events: u64, status: u16, body: &str) -> (Vec<u64>, Vec<String>) {
        let due = |message| Due { channel: 0, mark: Mark { at: 1, number: 1, message } };
        let mut fates = Fates::default();
        let answer = Answer { status, body: body.into() };
        settle(Publishing::Steadfast, (0..events).map(due).collect(), &answer, &mut fates);
        let taken = fates.taken.iter().map(|due| due.mark.message).collect();
        (taken, fates.refused.into_iter().map(|(_, why)| why).collect())
    }

    #[test]
    fn each_event_of_a_request_has_a_fate() {
        assert_eq!(fates(1, 201, "{}"), (vec![0], vec![]));
        let some = r#"{"results":[{"offset":1},{"error":{"code":"full","detail":"no room"}}]}"#;
        let (taken, refused) = fates(3, 200, some);
        assert_eq!(taken, [0]);
        assert_eq!(refused, ["no room (full)", "the answer does not speak of it"]);
    }

    #[test]
    fn a_refusal_says_why() {
        let unauthorised = r#"{"code":"bad_key","detail":"send the key","status":401}"#;
        let (taken, refused) = fates(2, 401, unauthorised);
        assert!(taken.is_empty());
        assert_eq!(refused, ["401: send the key (bad_key)", "401: send the key (bad_key)"]);
        assert_eq!(fates(1, 502, "<html>").1, ["it answers 502"]);
    }
}
