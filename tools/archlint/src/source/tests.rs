//! What counts as code, as a comment and as a test.

use super::Source;

const SAMPLE: &str = r##"//! Header é.
/// Doc of `run`.
fn run<'a>(name: &'a str) { // trailing
    say("é // not a comment", 'x', b"code?", r#"raw "quoted" text"#); /* block */
    let n = 12;
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_runs() {}
}
"##;

fn line(text: &str, number: usize) -> &str {
    text.lines().nth(number - 1).unwrap()
}

#[test]
fn code_has_neither_strings_nor_comments() {
    let source = Source::parse("a.rs", SAMPLE).unwrap();
    assert_eq!(line(&source.code, 1).trim(), "");
    assert_eq!(line(&source.code, 2).trim(), "");
    assert_eq!(line(&source.code, 3).trim(), "fn run<'a>(name: &'a str) {");
    let call: String = line(&source.code, 4).split_whitespace().collect();
    assert_eq!(call, "say(,,,);");
    assert_eq!(line(&source.code, 5).trim(), "let n = 12;");
}

#[test]
fn comments_are_plain_doc_and_block_comments() {
    let source = Source::parse("a.rs", SAMPLE).unwrap();
    let comments: Vec<&str> = source.comments.lines().map(str::trim).collect();
    assert_eq!(comments[..4], ["//! Header é.", "/// Doc of `run`.", "// trailing", "/* block */"]);
}

#[test]
fn test_lines_are_those_of_test_modules_and_test_functions() {
    let source = Source::parse("crates/x/src/a.rs", SAMPLE).unwrap();
    assert!(!source.is_test_line(3));
    assert!(source.is_test_line(8));
    assert!(source.is_test_line(11));
    let alone = "#[tokio::test(start_paused = true)]\nasync fn it_waits() {}\nfn other() {}\n";
    let source = Source::parse("crates/x/src/a.rs", alone).unwrap();
    assert!(source.is_test_line(2));
    assert!(!source.is_test_line(3));
}

#[test]
fn test_files_are_told_by_their_path() {
    let tests = |path| Source::parse(path, "").unwrap().is_test_file();
    assert!(tests("crates/x/src/a/tests.rs"));
    assert!(tests("crates/x/tests/it/main.rs"));
    assert!(tests("crates/x/src/a/tests/more.rs"));
    assert!(!tests("crates/x/src/tests_of_time.rs"));
    assert!(!tests("crates/x/src/a.rs"));
}

#[test]
fn what_is_not_rust_is_an_error_with_a_line() {
    let error = Source::parse("a.rs", "fn a() {}\nfn fn").err().unwrap();
    assert_eq!(error.span().start().line, 2);
}
