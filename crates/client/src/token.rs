//! Where tokens come from. In: what the app gave, a text or a closure that gets a fresh one.
//! Out: a token, or none within the time allowed. Never looks inside one.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use steadfast_protocol::Token;

/// How long the app may take to give a token.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(30);

/// What a closure for tokens gives back.
pub(crate) type TokenFuture = Pin<Box<dyn Future<Output = Option<String>> + Send>>;

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
    pub(crate) async fn first(&self) -> Option<Token> {
        match self {
            Self::Fixed(token) => Some(token.clone()),
            Self::Nothing | Self::Asked(_) => self.fresh().await,
        }
    }

    /// Another token than the last, which the server no longer takes.
    pub(crate) async fn fresh(&self) -> Option<Token> {
        let Self::Asked(ask) = self else { return None };
        // A bug in the app's closure is an answer too: the link must not wait for ever.
        let asked = AssertUnwindSafe(async { ask().await }).catch_unwind();
        let answer = tokio::time::timeout(TOKEN_TIMEOUT, asked).await.ok()?.ok()?;
        answer.as_deref().map(Token::new)
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
    use std::sync::Arc;
    use std::time::Duration;
    use steadfast_protocol::Token;

    fn asked(ask: fn() -> TokenFuture) -> TokenSource {
        TokenSource::Asked(Arc::new(ask))
    }

    #[tokio::test]
    async fn a_fixed_token_is_given_once() {
        let source = TokenSource::Fixed(Token::new("t"));
        assert_eq!(source.first().await, Some(Token::new("t")));
        assert_eq!(source.fresh().await, None);
        assert_eq!(TokenSource::Nothing.first().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_is_asked_each_time_and_waited_for_so_long() {
        let source = asked(|| Box::pin(async { Some("t".to_owned()) }));
        assert_eq!(source.first().await, Some(Token::new("t")));
        assert_eq!(source.fresh().await, Some(Token::new("t")));
        let in_time = asked(|| {
            Box::pin(async {
                tokio::time::sleep(TOKEN_TIMEOUT).await;
                Some("late".to_owned())
            })
        });
        assert_eq!(in_time.fresh().await, Some(Token::new("late")));
        let late = asked(|| {
            Box::pin(async {
                tokio::time::sleep(TOKEN_TIMEOUT + Duration::from_millis(1)).await;
                Some("too late".to_owned())
            })
        });
        assert_eq!(late.fresh().await, None);
    }

    #[tokio::test]
    async fn a_source_that_breaks_has_no_token() {
        assert_eq!(asked(|| Box::pin(async { panic!("a bug of the app") })).fresh().await, None);
    }
}
