//! Verdicts on tokens: fresh ones, old ones, and ones nobody asked for.

use steadfast_machine::Millis;
use steadfast_protocol::Token;

use super::{Credential, Fault, Refusal};

/// A token that the app gave at 100 s because it was asked to.
fn on_trial() -> Credential {
    let mut credential = Credential::new(None);
    assert_eq!(credential.refuse(0, Millis(0), Fault::Content), Refusal::Renew);
    assert!(credential.is_refused());
    assert!(credential.want(), "the app is asked");
    assert!(!credential.want(), "and not asked twice");
    credential.give(Millis(100_000), Token::new("one"));
    assert!(!credential.is_refused() && !credential.is_wanted());
    credential
}

/// P-17
#[test]
fn a_fresh_token_may_not_be_too_old_and_one_that_waited_may() {
    let verdict = |used_at| on_trial().refuse(1, Millis(used_at), Fault::Age);
    assert_eq!(verdict(110_000), Refusal::Stop);
    assert_eq!(verdict(110_001), Refusal::Renew);
}

/// P-17
#[test]
fn what_is_wrong_with_a_token_does_not_come_with_age() {
    assert_eq!(on_trial().refuse(1, Millis(900_000), Fault::Content), Refusal::Stop);
}

/// P-17
#[test]
fn a_token_that_was_slept_over_may_be_too_old() {
    let mut credential = on_trial();
    credential.sleep();
    assert_eq!(credential.clone().refuse(1, Millis(100_100), Fault::Age), Refusal::Renew);
    assert_eq!(credential.refuse(1, Millis(100_100), Fault::Content), Refusal::Stop);
}

/// P-17
#[test]
fn a_token_that_was_given_while_the_device_slept_may_be_too_old() {
    let mut credential = Credential::new(None);
    assert_eq!(credential.refuse(0, Millis(0), Fault::Age), Refusal::Renew);
    assert!(credential.want());
    credential.sleep();
    assert!(!credential.want(), "the app is still being asked");
    credential.give(Millis(100_000), Token::new("one"));
    assert_eq!(credential.clone().refuse(1, Millis(100_000), Fault::Age), Refusal::Renew);
    assert_eq!(credential.refuse(1, Millis(100_000), Fault::Content), Refusal::Stop);
}

/// P-17
#[test]
fn a_token_that_was_accepted_may_be_refused_later() {
    let mut credential = on_trial();
    credential.accept(0);
    assert_eq!(credential.clone().refuse(1, Millis(100_100), Fault::Age), Refusal::Stop);
    credential.accept(1);
    assert_eq!(credential.refuse(1, Millis(100_100), Fault::Age), Refusal::Renew);
}

/// P-17
#[test]
fn a_verdict_on_an_older_token_says_nothing_of_the_newer_one() {
    let mut credential = on_trial();
    assert_eq!(credential.refuse(0, Millis(100_100), Fault::Content), Refusal::Again);
    assert!(!credential.is_refused());
}
