//! The files of TLS: what can be used, and what becomes of a change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{ClientCertificates, TlsError, TlsFiles, TlsPort, TlsPorts};

fn files(folder: &Path, certificate: &str, key: &str) -> TlsFiles {
    let (certificates, key_file) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&certificates, certificate).unwrap();
    std::fs::write(&key_file, key).unwrap();
    let client_certificates = ClientCertificates::Required;
    TlsFiles { certificates, key: key_file, client_ca: None, client_certificates }
}

fn pair() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

#[test]
fn a_certificate_and_its_key_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = pair();
    let files = files(folder.path(), &certificate, &key);
    assert!(files.config().unwrap().ticketer.enabled());
    let ca = |text: &str| {
        let path = folder.path().join("ca.pem");
        std::fs::write(&path, text).unwrap();
        TlsFiles { client_ca: Some(path), ..files.clone() }.config().map(drop)
    };
    assert!(ca(&certificate).is_ok());
    assert!(matches!(ca(""), Err(TlsError::NoCertificate(_))));
    let odd = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(matches!(ca(odd), Err(TlsError::ClientCa { .. })));
}

#[test]
fn what_is_wrong_with_the_files_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = pair();
    let (_, other) = pair();
    let error = |certificate: &str, key: &str| {
        files(folder.path(), certificate, key).config().map(drop).unwrap_err()
    };
    assert!(matches!(error("", &key), TlsError::NoCertificate(_)));
    assert!(matches!(error(&certificate, ""), TlsError::NoKey(_)));
    assert!(matches!(error(&certificate, &certificate), TlsError::NoKey(_)));
    assert!(matches!(error(&certificate, &other), TlsError::Unusable(_)));
    let nowhere: PathBuf = folder.path().join("nowhere");
    let files =
        TlsFiles { certificates: nowhere.clone(), key: nowhere, ..files(folder.path(), "", "") };
    assert!(matches!(files.config(), Err(TlsError::File { .. })));
}

#[test]
fn files_that_change_are_used_from_then_on_and_a_bad_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let ((first, first_key), (second, second_key)) = (pair(), pair());
    let port = TlsPort::open("public", files(folder.path(), &first, &first_key)).unwrap();
    let counts = |port: &TlsPort| {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (count(&port.changed), count(&port.failed))
    };
    let config = || Arc::clone(&port.current.read());
    let begun = config();
    port.reload();
    assert!(Arc::ptr_eq(&begun, &config()) && counts(&port) == (0, 0));

    // As a tool writes them: one after the other.
    files(folder.path(), &second, &first_key);
    port.reload();
    port.reload();
    assert!(Arc::ptr_eq(&begun, &config()) && counts(&port) == (0, 1));
    assert!(port.failure.lock().as_ref().is_some_and(|wrong| wrong.contains("cannot be used")));
    files(folder.path(), &second, &second_key);
    port.reload();
    let next = config();
    assert!(!Arc::ptr_eq(&begun, &next) && counts(&port) == (1, 1));
    assert_eq!(*port.failure.lock(), None);
    assert!(Arc::ptr_eq(&begun.ticketer, &next.ticketer), "tickets stay good");

    std::fs::remove_file(folder.path().join("key.pem")).unwrap();
    port.reload();
    assert!(Arc::ptr_eq(&next, &config()) && counts(&port) == (1, 2));
    files(folder.path(), &first, &first_key);
    port.reload();
    assert_eq!(counts(&port), (2, 2));
}

#[test]
fn another_name_of_a_file_is_used_once_it_is_read() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ((first, first_key), (second, second_key)) = (pair(), pair());
    let port = TlsPort::open("public", files(here.path(), &first, &first_key)).unwrap();
    let ports = TlsPorts(vec![port]);
    let config = || Arc::clone(&ports.0[0].current.read());
    let begun = config();
    let other = files(there.path(), &second, &second_key);
    ports.replace(vec![("internal", other.clone())]);
    ports.reload();
    assert!(Arc::ptr_eq(&begun, &config()), "that was for another port");
    ports.replace(vec![("public", other)]);
    ports.reload();
    assert!(!Arc::ptr_eq(&begun, &config()));
    assert_eq!(ports.reloads()[0], ("public", "changed", 1));
}

#[test]
fn tickets_of_clients_of_another_ca_are_good_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let ((own, key), (one, _), (other, _)) = (pair(), pair(), pair());
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, one).unwrap();
    let files = TlsFiles { client_ca: Some(ca.clone()), ..files(folder.path(), &own, &key) };
    let port = TlsPort::open("internal", files).unwrap();
    let ticketer = || Arc::clone(&port.current.read().ticketer);
    let begun = ticketer();
    std::fs::write(&ca, other).unwrap();
    port.reload();
    assert!(!Arc::ptr_eq(&begun, &ticketer()));
}
