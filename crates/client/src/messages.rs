//! What people are told, in their language. In: a code of the link, a language. Out: a title, a
//! body and what can be done. The texts are those of `messages/catalogue.json`, which every
//! client of Steadfast reads. Must not choose what is told, nor when.

use std::sync::LazyLock;

use serde::Deserialize;
use steadfast_link::{Message, MessageCode};

const CATALOGUE: &str = include_str!("../../../messages/catalogue.json");
/// The promise of a text that counts seconds, where the link named none.
const RETRY_SECONDS: u64 = 30;

static ENTRIES: LazyLock<Vec<CatalogueEntry>> = LazyLock::new(|| {
    // It is part of the program, and tests read it: without it codes would speak for themselves.
    serde_json::from_str(CATALOGUE).unwrap_or_default()
});

/// The texts of every message.
#[derive(Clone, Copy, Debug)]
pub struct Catalogue;

/// A language that the catalogue has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Chinese, simplified.
    ZhCn,
}

/// One message in one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// What happened: at most 60 characters, or 20 in Chinese.
    pub title: String,
    /// What still works, what happens next, or what to do.
    pub body: String,
    /// What people can do about it; `None` where nothing is needed.
    pub action: Option<Action>,
}

/// What people can do about a message. Doing it is the app's part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// A stable word, such as `sign_in`.
    pub kind: String,
    /// What a button says.
    pub label: String,
}

impl Catalogue {
    /// The text of a code, with its parameters still open: `{n}` stands for a number.
    pub fn text(code: MessageCode, language: Language) -> Text {
        let entry = ENTRIES.iter().find(|entry| &*entry.code == code.as_str());
        entry.map_or_else(|| Text::bare(code), |entry| entry.text(language))
    }

    /// The text of a message of the link, ready to be shown.
    pub fn say(message: &Message, language: Language) -> Text {
        let seconds = message.retry_in_ms.map_or(RETRY_SECONDS, |span| span.div_ceil(1000));
        Self::text(message.code, language).fill("n", &seconds.to_string())
    }
}

impl Language {
    /// The language of a locale such as `zh_CN.UTF-8` or `en-GB`; English where it is another.
    pub fn from_locale(locale: &str) -> Self {
        let language = locale.split(['_', '-', '.', '@']).next().unwrap_or_default();
        if language.eq_ignore_ascii_case("zh") { Self::ZhCn } else { Self::En }
    }
}

impl Text {
    /// The same with `value` in place of every `{parameter}`.
    pub fn fill(mut self, parameter: &str, value: &str) -> Self {
        let place = format!("{{{parameter}}}");
        self.title = self.title.replace(&place, value);
        self.body = self.body.replace(&place, value);
        self
    }

    fn bare(code: MessageCode) -> Self {
        Self { title: code.as_str().to_owned(), body: String::new(), action: None }
    }
}

#[derive(Debug, Deserialize)]
struct CatalogueEntry {
    code: Box<str>,
    texts: Both<Words>,
    action: Option<Offer>,
}

#[derive(Debug, Deserialize)]
struct Both<T> {
    en: T,
    #[serde(rename = "zh-CN")]
    zh_cn: T,
}

#[derive(Debug, Deserialize)]
struct Words {
    title: Box<str>,
    body: Box<str>,
}

#[derive(Debug, Deserialize)]
struct Offer {
    kind: Box<str>,
    label: Both<Box<str>>,
}

impl CatalogueEntry {
    fn text(&self, language: Language) -> Text {
        let Words { title, body } = self.texts.of(language);
        let action = self.action.as_ref().map(|offer| Action {
            kind: String::from(&*offer.kind),
            label: String::from(&**offer.label.of(language)),
        });
        Text { title: String::from(&**title), body: String::from(&**body), action }
    }
}

impl<T> Both<T> {
    const fn of(&self, language: Language) -> &T {
        match language {
            Language::En => &self.en,
            Language::ZhCn => &self.zh_cn,
        }
    }
}

#[cfg(test)]
mod tests;
