//! The files of the page, built from `clients/js/page` and kept in this binary. In: a path. Out:
//! the file with its type and tag; a browser that has it already gets 304.

use std::hash::{DefaultHasher, Hasher};

use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};

use crate::client_api::body::{Body, whole};

/// The page loads its own script and style, connects to this server, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file of the page.
#[derive(Debug)]
pub(super) struct PageFile {
    path: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

macro_rules! file {
    ($path:literal, $name:literal, $kind:literal) => {
        PageFile {
            path: $path,
            kind: $kind,
            bytes: include_bytes!(concat!("../../../assets/demo/", $name)),
        }
    };
}

const FILES: [PageFile; 5] = [
    file!("/", "index.html", "text/html; charset=utf-8"),
    file!("/demo/page.css", "page.css", "text/css; charset=utf-8"),
    file!("/demo/steadfast.min.js", "steadfast.min.js", "text/javascript; charset=utf-8"),
    file!("/demo/page.js", "page.js", "text/javascript; charset=utf-8"),
    file!("/demo/icon.svg", "icon.svg", "image/svg+xml"),
];

/// The file at a path.
pub(super) fn find(path: &str) -> Option<&'static PageFile> {
    const { &FILES }.iter().find(|file| file.path == path)
}

impl PageFile {
    /// The file, or a 304 response if the client has the same one.
    pub(super) fn answer(&self, asked: &HeaderMap) -> Response<Body> {
        let tag = self.tag();
        let has_it = asked.get(header::IF_NONE_MATCH).is_some_and(|known| {
            known.to_str().is_ok_and(|known| known.split(',').any(|one| one.trim() == tag))
        });
        let mut response = Response::new(whole(if has_it { &[] } else { self.bytes }));
        if has_it {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let headers = response.headers_mut();
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            headers.insert(header::ETAG, tag);
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.kind));
        // A file of one build must not be used with the page of another.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        response
    }

    /// It differs if the bytes differ.
    fn tag(&self) -> String {
        let mut hasher = DefaultHasher::new();
        hasher.write(self.bytes);
        format!("\"{:016x}\"", hasher.finish())
    }
}
