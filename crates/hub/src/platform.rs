//! What a client runs on, as one of few words: labels of metrics must not be made up by clients.
//! In: what a client says of itself. Out: a word.

use steadfast_protocol::ClientInfo;

/// The clients of this repository by their names, `other` where a client says something else, and
/// `unknown` where it says nothing.
pub const PLATFORMS: [&str; 7] =
    ["browser", "node", "wechat", "python", "rust", "other", "unknown"];

/// The word for a client.
pub(crate) fn platform_of(client: Option<&ClientInfo>) -> &'static str {
    let Some(client) = client else { return "unknown" };
    let first = client.platform.split(' ').next().unwrap_or_default();
    match (&*client.name, first) {
        ("", "") => "unknown",
        ("steadfast-client", _) => "rust",
        (_, name) => {
            let known = PLATFORMS.iter().find(|own| **own == name && name != "unknown");
            known.map_or("other", |own| own)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::platform_of;
    use steadfast_protocol::ClientInfo;

    #[test]
    fn a_client_cannot_make_up_a_platform() {
        let table = [
            ("steadfast-js", "browser", "browser"),
            ("steadfast-js", "wechat", "wechat"),
            ("steadfast-client", "linux", "rust"),
            ("steadfast", "python 3.11.2", "python"),
            ("mine", "unknown", "other"),
            ("mine", "a\"label", "other"),
            ("mine", "", "other"),
            ("", "", "unknown"),
        ];
        for (name, platform, expected) in table {
            let client =
                ClientInfo { name: name.into(), version: "1".into(), platform: platform.into() };
            assert_eq!(platform_of(Some(&client)), expected, "{name} {platform}");
        }
        assert_eq!(platform_of(None), "unknown");
    }
}
