use std::io;

use super::*;

/// The circles of a crate, each as its first line without indentation.
fn circles_of(files: &[(&str, &str)]) -> Vec<String> {
    let circles = reported(files);
    let first = |circle: &String| circle.lines().next().unwrap().trim().to_owned();
    circles.iter().map(first).collect()
}

fn reported(files: &[(&str, &str)]) -> Vec<String> {
    let read_file = |file: &Path| {
        let mut files = files.iter();
        let found = files.find(|(name, _)| Path::new(name) == file);
        found
            .map(|(_, text)| (*text).to_owned())
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    };
    circles(Path::new("lib.rs"), &read_file).unwrap()
}

/// What is said, the files, and the circles that are to be found.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [&'a str]);

#[track_caller]
fn assert_rows(rows: &[Row<'_>]) {
    for (what, files, expected) in rows {
        assert_eq!(circles_of(files), *expected, "{what}");
    }
}

const A_AND_B: &[&str] = &["crate::a → crate::b → crate::a"];

#[test]
fn siblings_that_name_each_others_items_are_a_circle_however_they_do_it() {
    const B: (&str, &str) = (
        "b.rs",
        "use crate::a::A; pub struct B; macro_rules! b { () => {} }",
    );
    let modules = ("lib.rs", "mod a; mod b;");
    for a in [
        "use crate::b::B;",
        "use super::b::B;",
        "use super::{b::{B as C}};",
        "use crate::b::*;",
        "use crate::b; struct A(b::B);",
        "use crate::b as c; struct A(c::B);",
        "pub(crate) use crate::b::B;",
        "fn a() { use crate::b::B; }",
        "fn a() { let b = crate::b::B; }",
        "fn a() -> Option<Vec<super::b::B>> { None }",
        "impl crate::b::B {}",
        "impl From<A> for super::b::B {}",
        "fn a() { matches!(1, crate::b::ONE); }",
        "fn a() { println!(\"{}\", other!(x, [super::b::B])); }",
        "macro_rules! a { () => { $crate::b::B } }",
        "#[derive(Default)] struct A { #[serde(with = \"crate::b\", default = \"crate::b::one\")] a: u8 }",
        "#[command(help = crate::b::HELP)] struct A;",
        "fn a() { b!(); }",
        "fn a() { if x!() != crate::b::B { } }",
        "#[cfg(not(test))] use crate::b::B;",
        "#[cfg(any(test, unix))] use crate::b::B;",
        "use self::super::b::B;",
    ] {
        let a = format!("{a} pub struct A;");
        let files = [modules, ("a.rs", &a), B];
        assert_eq!(circles_of(&files), A_AND_B, "{a}");
    }
    for a in [
        "",
        "use crate::b;",
        "#[cfg(test)] use crate::b::B;",
        "#[cfg(all(unix, test))] use crate::b::B;",
        "#[test] fn a() { crate::b::B; }",
        "#[cfg(test)] mod tests { use crate::b::B; }",
        "#[cfg(test)] mod tests;",
        "/// [`crate::b::B`]\nstruct A;",
        "pub(in crate::b) fn a() {}",
        "use ::b::B;",
        "use other::b::B;",
        "fn a() { ::b::B; a::<u8>(\"crate::b::B\"); }",
    ] {
        let a = format!("{a} pub struct A;");
        let files = [modules, ("a.rs", &a), B];
        assert_eq!(circles_of(&files), [""; 0], "{a}");
    }
}

#[test]
fn a_circle_may_be_long_and_deep_in_the_tree() {
    assert_rows(&[
        (
            "three siblings",
            &[
                ("lib.rs", "mod a; mod b; mod c;"),
                ("a.rs", "use crate::b::B; pub struct A;"),
                ("b.rs", "use crate::c::C; pub struct B;"),
                ("c.rs", "use crate::a::A; pub struct C;"),
            ],
            &["crate::a → crate::b → crate::c → crate::a"],
        ),
        (
            "a ladder of three",
            &[
                ("lib.rs", "mod a; mod b; mod c;"),
                ("a.rs", "use crate::{b::B, c::C}; pub struct A;"),
                ("b.rs", "use crate::c::C; pub struct B;"),
                ("c.rs", "pub struct C;"),
            ],
            &[],
        ),
        (
            "modules in two folders",
            &[
                ("lib.rs", "mod a; mod b;"),
                ("a.rs", "mod x; mod y;"),
                ("a/x.rs", "use crate::b::B;"),
                ("a/y.rs", "pub struct Y;"),
                ("b/mod.rs", "mod deep; pub struct B;"),
                ("b/deep.rs", "fn deep() { crate::a::y::Y; }"),
            ],
            A_AND_B,
        ),
        (
            "siblings within a folder",
            &[
                ("lib.rs", "mod a;"),
                ("a.rs", "mod x; mod y;"),
                ("a/x.rs", "use super::y::Y; pub struct X;"),
                ("a/y.rs", "use super::x::X; pub struct Y;"),
            ],
            &["crate::a::x → crate::a::y → crate::a::x"],
        ),
        (
            "inline modules, and a file that is named",
            &[
                (
                    "lib.rs",
                    "mod a { pub mod x { use crate::b::B; } pub struct A; } #[path = \"other/c.rs\"] mod b;",
                ),
                ("other/c.rs", "use crate::a::A; mod d; pub struct B;"),
                ("other/d.rs", ""),
            ],
            A_AND_B,
        ),
        (
            "the files of two platforms are one module",
            &[
                (
                    "lib.rs",
                    "mod a; #[cfg(unix)] mod b; #[cfg(windows)] #[path = \"windows.rs\"] mod b;",
                ),
                ("a.rs", "use crate::b::B; pub struct A;"),
                ("b.rs", "pub struct B;"),
                ("windows.rs", "use crate::a::A; pub struct B;"),
            ],
            A_AND_B,
        ),
    ]);
}

#[test]
fn the_folders_own_file_is_one_of_its_rungs() {
    let both = &["crate::a (its own file) → crate::a::x → crate::a (its own file)"];
    let root = ("lib.rs", "mod a;");
    assert_rows(&[
        (
            "it holds what its children share",
            &[
                root,
                ("a.rs", "mod x; pub struct A;"),
                ("a/x.rs", "use super::A; pub struct X;"),
            ],
            &[],
        ),
        (
            "it holds what they share, and shows what they have",
            &[
                root,
                (
                    "a.rs",
                    "mod x; pub use x::X; pub(crate) use self::x::*; pub struct A;",
                ),
                ("a/x.rs", "use super::A; pub struct X;"),
            ],
            &[],
        ),
        (
            "it puts its children together",
            &[
                root,
                ("a.rs", "mod x; use x::X; struct A(X);"),
                ("a/x.rs", "pub struct X;"),
            ],
            &[],
        ),
        (
            "a child and it use each other",
            &[
                root,
                ("a.rs", "mod x; use x::X; struct A(X);"),
                ("a/x.rs", "use super::A; pub struct X;"),
            ],
            both,
        ),
        (
            "the same without `use`",
            &[
                root,
                ("a.rs", "mod x; struct A(x::X);"),
                ("a/x.rs", "pub struct X(super::A);"),
            ],
            both,
        ),
        (
            "it shows what a child has, and uses it too",
            &[
                root,
                ("a.rs", "mod x; pub use x::X; struct A(X);"),
                ("a/x.rs", "use super::A; pub struct X;"),
            ],
            both,
        ),
        (
            "a child uses a sibling by the name that the folder shows",
            &[
                root,
                ("a.rs", "mod x; mod y; pub use y::Y; use x::X; struct A(X);"),
                ("a/x.rs", "use super::Y; pub struct X;"),
                ("a/y.rs", "pub struct Y;"),
            ],
            &[],
        ),
        (
            "two children use each other by names that the crate's root shows",
            &[
                ("lib.rs", "mod a; mod b; pub use a::A; pub use crate::b::*;"),
                ("a.rs", "use crate::B; pub struct A;"),
                ("b.rs", "fn b() { crate::A; } pub struct B;"),
            ],
            A_AND_B,
        ),
        (
            "what the root holds, and the root shows all",
            &[
                (
                    "lib.rs",
                    "mod a; mod b; pub use a::A; pub use b::B; pub struct Error;",
                ),
                ("a.rs", "use crate::Error; pub struct A;"),
                ("b.rs", "use crate::{Error, a::A}; pub struct B;"),
            ],
            &[],
        ),
        (
            "all names of the folder",
            &[
                root,
                ("a.rs", "mod x; use x::X;"),
                ("a/x.rs", "use super::*; pub struct X;"),
            ],
            both,
        ),
    ]);
}

#[test]
fn names_that_lead_back_to_themselves_are_followed_no_further() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "pub use crate::b::Thing; pub use crate::b::*;"),
        (
            "b.rs",
            "pub use crate::a::Thing; pub use crate::a::*; fn b(_: Thing) {}",
        ),
    ];
    assert_eq!(circles_of(&files), A_AND_B);
}

#[test]
fn each_import_of_a_circle_is_reported_with_its_first_line() {
    let files = [
        ("lib.rs", "mod a;\nmod b;"),
        (
            "a.rs",
            "//! A.\n\nuse std::fmt;\nuse crate::{\n    b::B,\n};\nuse crate::b::C;",
        ),
        ("b.rs", "fn b() {\n    crate::a::a();\n}"),
    ];
    assert_eq!(
        reported(&files),
        [
            "  crate::a → crate::b → crate::a\n    crate::a imports crate::b at a.rs:5\n    crate::b imports crate::a at b.rs:2"
        ]
    );
}

#[test]
fn what_can_not_be_read_is_an_error_that_names_the_file() {
    let rows = [
        ("mod a;", "lib.rs: there is no file for `mod a`"),
        ("fn a() {\n    !\n}", "lib.rs:3: "),
    ];
    for (text, expected) in rows {
        let read_file = |file: &Path| {
            if file == Path::new("lib.rs") {
                Ok(text.to_owned())
            } else {
                Err(io::ErrorKind::NotFound.into())
            }
        };
        let error = circles(Path::new("lib.rs"), &read_file).unwrap_err();
        let error = error.to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}
