//! Texts as they are laid out here, and what is found in them.

use super::{Function, Script};

fn functions(text: &str) -> Vec<(String, usize, usize)> {
    let script = Script::read("clients/js/src/a.ts", text);
    let all = script.functions().into_iter();
    all.map(|Function { name, line, lines }| (name.to_owned(), line, lines)).collect()
}

fn names(text: &str) -> Vec<String> {
    functions(text).into_iter().map(|(name, ..)| name).collect()
}

#[test]
fn strings_comments_and_patterns_are_told_apart_from_code() {
    let text = "a(\"it's // \\\" no\"); // it's \"one\"\n\
                b /* two */ (`c\n// d`, /[/\"]'/, e / f);\n";
    let script = Script::read("a.ts", text);
    assert_eq!(script.code.split_whitespace().collect::<String>(), "a();b(,,e/f);");
    assert_eq!(script.comments.trim(), "// it's \"one\"\n  /* two */");
    assert_eq!((script.code.len(), script.comments.len()), (text.len(), text.len()));
}

#[test]
fn functions_are_found_however_they_are_declared() {
    let text = "export function one(a: A): B {\n  two();\n}\n\
                export const three = (a: A): B => a;\n\
                const four = async () => {\n  await five();\n};\n\
                export const six = <A extends B>(\n  a: A,\n): A =>\n  a;\n\
                const seven = (a + b) * c;\n\
                const eight = list.map((a) => a);\n";
    let expected = [("one", 1, 3), ("three", 4, 1), ("four", 5, 3), ("six", 8, 4)]
        .map(|(name, line, lines)| (String::from(name), line, lines));
    assert_eq!(functions(text), expected);
}

#[test]
fn methods_are_found_and_calls_are_not() {
    let text = "class A {\n  private b = 1;\n\n  constructor(c: C) {\n    d(c);\n  }\n\n\
                \x20 get e(): E {\n    return f();\n  }\n\n\
                \x20 private async g(\n    h: H,\n  ): Promise<{ i: number }> {\n\
                \x20   if (h) {\n      j(h);\n    }\n  }\n}\n\n\
                function k() {\n  if (l) m();\n  for (const n of o) {\n    p(n);\n  }\n  q();\n}\n";
    assert_eq!(names(text), ["e", "g", "k"]);
    assert_eq!(functions(text)[1], ("g".to_owned(), 12, 7));
}

#[test]
fn a_header_ends_with_the_first_line_that_is_none() {
    let script = Script::read("a.ts", "// One.\n// Two.\n\n// Three.\n");
    assert_eq!(script.header().collect::<Vec<_>>(), [" One.", " Two."]);
}

#[test]
fn tests_are_known_by_their_folder_or_their_name() {
    for (path, is_test) in [
        ("clients/js/test/a.ts", true),
        ("clients/js/src/a.test.ts", true),
        ("clients/js/src/testing.ts", false),
    ] {
        assert_eq!(Script::read(path, "").is_test_file(), is_test, "{path}");
    }
}
