//! Where tokens come from. In: what the app gave, a text or a closure that gets a fresh one.
//! Out: a token, or that there is none, or that nobody can say now. Never looks inside one.

use std::error::Error;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use steadfast_protocol::Token;

use crate::dial_error::DialError;

/// How long the app may take to give a token.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(30);

/// What an app answers when it is asked for a token, by
/// [`Builder::token_source`](crate::Builder::token_source).
///
/// It is made of what such a closure gives back: `Some` and `Ok` hold a token, `None` and
/// `Ok(None)` say that there is none, and `Err` that nobody can say now.
#[derive(Debug)]
#[non_exhaustive]
pub enum TokenAnswer {
    /// A token.
    Token(String),
    /// There is none, as where somebody has signed out: where the server wants one, the link ends
    /// as rejected.
    NoToken,
    /// Nobody can say now, as where the app's own server does not answer: the link asks again,
    /// after pauses that double from 1 s to 30 s.
    NotNow(Box<dyn Error + Send + Sync>),
}

impl From<Option<String>> for TokenAnswer {
    fn from(answer: Option<String>) -> Self {
        answer.map_or(Self::NoToken, Self::Token)
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<Result<String, E>> for TokenAnswer {
    fn from(answer: Result<String, E>) -> Self {
        answer.map(Some).into()
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<Result<Option<String>, E>> for TokenAnswer {
    fn from(answer: Result<Option<String>, E>) -> Self {
        answer.map_or_else(|error| Self::NotNow(error.into()), Self::from)
    }
}

/// What a closure for tokens gives back.
pub(crate) type TokenFuture = Pin<Box<dyn Future<Output = TokenAnswer> + Send>>;

/// The app's way of giving tokens.
#[derive(Clone, Default)]
pub(crate) enum TokenSource {
    /// It has none: the server wants none.
    #[default]
    Nothing,
    /// One for the life of the link.
    Fixed(Token),
    /// A fresh one each time.
    Asked(Arc<dyn Fn() -> TokenFuture + Send + Sync>),
}

impl TokenSource {
    /// The token to start with.
    pub(crate) async fn first(&self) -> Result<Option<Token>, DialError> {
        match self {
            Self::Fixed(token) => Ok(Some(token.clone())),
            Self::Nothing | Self::Asked(_) => self.fresh().await,
        }
    }

    /// Another token than the last, which the server no longer takes; or why nobody can say now
    /// whether there is one.
    pub(crate) async fn fresh(&self) -> Result<Option<Token>, DialError> {
        let Self::Asked(ask) = self else { return Ok(None) };
        // The link must not wait for ever, and a bug in the app's closure is no sign-out.
        let asked = AssertUnwindSafe(async { ask().await }).catch_unwind();
        let answer = match tokio::time::timeout(TOKEN_TIMEOUT, asked).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => TokenAnswer::NotNow("the closure for tokens panicked".into()),
            Err(_) => TokenAnswer::NotNow("the closure for tokens took over 30 s".into()),
        };
        match answer {
            TokenAnswer::Token(token) if token.is_empty() => {
                Err(DialError::Token { source: "the closure for tokens gave an empty one".into() })
            }
            TokenAnswer::Token(token) => Ok(Some(Token::new(&token))),
            TokenAnswer::NoToken => Ok(None),
            TokenAnswer::NotNow(source) => Err(DialError::Token { source }),
        }
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Fixed(_) => "Fixed(…)",
            Self::Asked(_) => "Asked(…)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{TOKEN_TIMEOUT, TokenFuture, TokenSource};
    use std::error::Error as _;
    use std::io;
    use std::sync::Arc;
    use std::time::Duration;
    use steadfast_protocol::Token;

    fn asked(ask: fn() -> TokenFuture) -> TokenSource {
        TokenSource::Asked(Arc::new(ask))
    }

    /// What there was: a token, none, or why nobody could say.
    async fn fresh(ask: fn() -> TokenFuture) -> Result<Option<Token>, String> {
        let answer = asked(ask).fresh().await;
        answer.map_err(|error| error.source().unwrap().to_string())
    }

    #[tokio::test]
    async fn a_fixed_token_is_given_once() {
        let source = TokenSource::Fixed(Token::new("t"));
        assert_eq!(source.first().await.unwrap(), Some(Token::new("t")));
        assert_eq!(source.fresh().await.unwrap(), None);
        assert_eq!(TokenSource::Nothing.first().await.unwrap(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_is_asked_each_time_and_waited_for_so_long() {
        let source = asked(|| Box::pin(async { Some("t".to_owned()).into() }));
        assert_eq!(source.first().await.unwrap(), Some(Token::new("t")));
        assert_eq!(source.fresh().await.unwrap(), Some(Token::new("t")));
        let in_time = fresh(|| {
            Box::pin(async {
                tokio::time::sleep(TOKEN_TIMEOUT).await;
                Some("late".to_owned()).into()
            })
        });
        assert_eq!(in_time.await, Ok(Some(Token::new("late"))));
        let late = fresh(|| {
            Box::pin(async {
                tokio::time::sleep(TOKEN_TIMEOUT + Duration::from_millis(1)).await;
                Some("too late".to_owned()).into()
            })
        });
        assert!(late.await.unwrap_err().contains("30 s"));
    }

    /// P-19
    #[tokio::test]
    async fn that_nobody_can_say_now_is_told_from_that_there_is_none() {
        assert_eq!(fresh(|| Box::pin(async { None.into() })).await, Ok(None));
        let none: fn() -> TokenFuture =
            || Box::pin(async { Ok::<Option<String>, io::Error>(None).into() });
        assert_eq!(fresh(none).await, Ok(None));
        let down: fn() -> TokenFuture =
            || Box::pin(async { Err::<String, _>(io::Error::other("the app's 503")).into() });
        assert_eq!(fresh(down).await, Err("the app's 503".to_owned()));
        let empty = fresh(|| Box::pin(async { Some(String::new()).into() })).await;
        assert!(empty.unwrap_err().contains("empty"));
        let broken = fresh(|| Box::pin(async { panic!("a bug of the app") })).await;
        assert!(broken.unwrap_err().contains("panicked"));
    }
}
