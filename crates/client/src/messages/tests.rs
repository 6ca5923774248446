//! The catalogue: complete, within its limits, in plain words, and as it was when last read over.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};
use steadfast_link::{Message, MessageCode, Severity};

use super::{CATALOGUE, Catalogue, Language, Text};

const LANGUAGES: [(Language, &str); 2] = [(Language::En, "en"), (Language::ZhCn, "zh-CN")];
const AUDIENCES: [&str; 3] = ["user", "operator", "developer"];
/// Words that mean something to us alone. In lower case.
const JARGON: [&str; 33] = [
    "websocket",
    "socket",
    "heartbeat",
    "timeout",
    "timed out",
    "1006",
    "http",
    "tcp",
    "tls",
    "ping",
    "token",
    "server",
    "session",
    "poll",
    "attempt",
    "error",
    "failed",
    "retries",
    "handshake",
    "upgrade",
    "offset",
    "gateway",
    "心跳",
    "超时",
    "套接字",
    "令牌",
    "轮询",
    "长连接",
    "握手",
    "会话",
    "服务器",
    "错误",
    "网关",
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    code: String,
    class: String,
    audience: String,
    severity: String,
    show_after_ms: u64,
    auto_heals: bool,
    texts: Map<String, Value>,
    /// Explicit: a row without the field is refused by [`the_catalogue_has_every_field`].
    action: Option<Value>,
}

fn rows() -> Vec<Row> {
    serde_json::from_str(CATALOGUE).unwrap()
}

/// Every text that people may see of a code.
fn seen(code: MessageCode, language: Language) -> Vec<String> {
    let Text { title, body, action } = Catalogue::text(code, language);
    [Some(title), Some(body), action.map(|action| action.label)].into_iter().flatten().collect()
}

#[test]
fn every_code_has_one_row_and_every_row_a_code() {
    let codes: Vec<_> = rows().into_iter().map(|row| row.code).collect();
    assert_eq!(codes, MessageCode::ALL.map(MessageCode::as_str));
}

#[test]
fn rows_and_codes_say_the_same() {
    for (row, code) in rows().iter().zip(MessageCode::ALL) {
        assert_eq!(row.severity, code.severity().as_str(), "{}", row.code);
        assert_eq!(row.show_after_ms, code.show_after().0, "{}", row.code);
        assert_eq!(row.auto_heals, code.heals(), "{}", row.code);
        assert!(AUDIENCES.contains(&&*row.audience), "{}: {}", row.code, row.audience);
        assert!(!row.class.is_empty(), "{} has no class", row.code);
    }
}

#[test]
fn the_catalogue_has_every_field() {
    let rows: Vec<Map<String, Value>> = serde_json::from_str(CATALOGUE).unwrap();
    for row in &rows {
        assert!(
            row.contains_key("action"),
            "{}: say null where nothing is to be done",
            row["code"]
        );
        assert_eq!(row.len(), 8, "{}", row["code"]);
    }
}

#[test]
fn every_code_speaks_both_languages() {
    for row in rows() {
        let languages: BTreeSet<_> = row.texts.keys().map(String::as_str).collect();
        assert_eq!(languages, LANGUAGES.map(|(_, name)| name).into(), "{}", row.code);
        for (language, name) in LANGUAGES {
            let texts = &row.texts[name];
            assert_eq!(texts.as_object().unwrap().len(), 2, "{} {name}", row.code);
            let code = MessageCode::ALL.into_iter().find(|code| code.as_str() == row.code).unwrap();
            let said = Catalogue::text(code, language);
            assert_eq!([&texts["title"], &texts["body"]], [&*said.title, &*said.body]);
            assert_eq!(row.action.is_some(), said.action.is_some());
            assert!(seen(code, language).iter().all(|text| !text.is_empty()), "{}", row.code);
        }
    }
}

/// What cannot heal by itself needs people to do something, so it offers it.
#[test]
fn what_people_must_heal_offers_an_action() {
    for code in MessageCode::ALL.into_iter().filter(|code| !code.heals()) {
        assert!(Catalogue::text(code, Language::En).action.is_some(), "{}", code.as_str());
    }
}

#[test]
fn texts_are_short() {
    for code in MessageCode::ALL {
        for (language, title_max, body_max, label_max) in
            [(Language::En, 60, 120, 20), (Language::ZhCn, 20, 40, 8)]
        {
            let Text { title, body, action } = Catalogue::text(code, language);
            let label = action.map(|action| action.label).unwrap_or_default();
            for (text, max) in [(title, title_max), (body, body_max), (label, label_max)] {
                assert!(text.chars().count() <= max, "longer than {max} characters: {text}");
            }
        }
    }
}

#[test]
fn texts_are_in_plain_words() {
    for code in MessageCode::ALL {
        for (language, name) in LANGUAGES {
            for text in seen(code, language) {
                let plain = text.to_lowercase();
                let jargon = JARGON.into_iter().find(|word| plain.contains(word));
                assert_eq!(jargon, None, "{} {name}: {text}", code.as_str());
                let is_chinese = text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
                assert_eq!(is_chinese, language == Language::ZhCn, "{text}");
            }
        }
    }
}

#[test]
fn no_parameter_is_left_open() {
    for code in MessageCode::ALL {
        for (language, _) in LANGUAGES {
            for retry_in_ms in [None, Some(4_001)] {
                let message = Message { code, severity: Severity::Warn, retry_in_ms };
                let Text { title, body, .. } = Catalogue::say(&message, language);
                assert!(!format!("{title}{body}").contains(['{', '}']), "{title} {body}");
            }
        }
    }
    let message =
        |retry_in_ms| Message { code: MessageCode::SrvBusy, severity: Severity::Info, retry_in_ms };
    let say = |retry_in_ms, language| Catalogue::say(&message(retry_in_ms), language).body;
    assert_eq!(say(Some(4_001), Language::En), "We'll try again by ourselves within 5 s.");
    assert_eq!(say(Some(4_000), Language::ZhCn), "将在 4 秒内自动重试，无需操作。");
    assert_eq!(say(None, Language::En), "We'll try again by ourselves within 30 s.");
}

#[test]
fn locales_have_a_language() {
    for locale in ["zh_CN.UTF-8", "zh-CN", "zh", "ZH_cn", "zh_TW.Big5", "zh.UTF-8"] {
        assert_eq!(Language::from_locale(locale), Language::ZhCn, "{locale}");
    }
    for locale in ["en_US.UTF-8", "C", "POSIX", "", "de_DE@euro", "zha_CN"] {
        assert_eq!(Language::from_locale(locale), Language::En, "{locale}");
    }
}

/// The whole of each language as people see it, for reading over. `UPDATE=1` writes it anew.
#[test]
fn the_texts_are_those_that_were_read_over() {
    for (language, name) in LANGUAGES {
        let mut sheet = String::new();
        for code in MessageCode::ALL {
            let Text { title, body, action } = Catalogue::text(code, language);
            let action = action.map_or(String::from("-"), |one| format!("[{}]", one.label));
            writeln!(sheet, "{}\n  {title}\n  {body}\n  {action}\n", code.as_str()).unwrap();
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../messages")
            .join(format!("snapshot.{name}.txt"));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &sheet).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), sheet, "{}", path.display());
    }
}
