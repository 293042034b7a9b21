//! The floors of the house: a room uses only rooms below it, and each outside thing has its own room.

use std::fs;
use std::path::{Path, PathBuf};

/// The floors from the ground up; rooms on one floor may use each other.
const FLOORS: &[&[&str]] = &[
    &["domain", "matching", "words", "config", "invent", "upkeep"],
    &["authz"],
    &["store"],
    &["register"],
    &["federation"],
    &["api"],
    &["web"],
    &["cli"],
];

/// What may be named only in certain rooms: how it is written, and where it may stand (files or folders under `src/`).
const PLACES: &[(&str, &[&str])] = &[
    ("diesel::", &["store/"]),
    ("diesel_migrations::", &["store/"]),
    ("actix_web::", &["api/", "web/"]),
    ("reqwest::", &["federation/"]),
    ("std::env", &["config/", "cli/"]),
    ("env::var", &["config/", "cli/"]),
    ("Utc::now", &["store/clock.rs"]),
    ("Local::now", &[]),
    ("SystemTime::now", &["store/clock.rs"]),
];

struct Source {
    /// Its path under `src/`.
    path: String,
    /// Its lines without comments, numbered from one.
    lines: Vec<(usize, String)>,
}

impl Source {
    fn room(&self) -> &str {
        self.path.split(['/', '.']).next().expect("a first part")
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    files
        .into_iter()
        .map(|file| Source {
            path: file.strip_prefix(&root).expect("under src").display().to_string(),
            lines: fs::read_to_string(&file)
                .expect("a source")
                .lines()
                .enumerate()
                // Tests beside the code may do what the code may not: make a folder, read the clock.
                .take_while(|(_, line)| *line != "mod tests {")
                .filter(|(_, line)| !line.trim_start().starts_with("//"))
                .map(|(index, line)| (index + 1, line.split(" // ").next().expect("a first part").to_owned()))
                .collect(),
        })
        .collect()
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// The rooms that a line of code names, in `crate::room` and `crate::{room::…, other}`.
fn rooms(line: &str) -> Vec<String> {
    let name = |text: &str| -> String { text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect() };
    line.match_indices("crate::")
        .filter(|(at, _)| !line[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
        .flat_map(|(at, found)| {
            let rest = &line[at + found.len()..];
            match rest.strip_prefix('{') {
                Some(list) => list.split(',').map(|part| name(part.trim())).collect(),
                None => vec![name(rest)],
            }
        })
        .filter(|room| !room.is_empty())
        .collect()
}

#[test]
fn the_rooms_of_a_line_are_read() {
    assert_eq!(rooms("use crate::store::Tx;"), ["store"]);
    assert_eq!(rooms("    let x = crate::domain::a(crate::words::b());"), ["domain", "words"]);
    assert_eq!(rooms("use crate::{authz::Permit, store};"), ["authz", "store"]);
    assert_eq!(rooms("use mycrate::store;"), Vec::<String>::new());
}

#[test]
fn no_arrow_runs_upwards() {
    let mut wrong = Vec::new();
    let mut arrows = 0;
    for source in sources().iter().filter(|source| !["lib", "main"].contains(&source.room())) {
        let own = floor(source.room()).unwrap_or_else(|| panic!("{} stands on no floor", source.path));
        for (number, line) in &source.lines {
            for room in rooms(line) {
                match floor(&room) {
                    Some(other) if other > own => wrong.push(format!("src/{}:{number} uses {room}", source.path)),
                    Some(_) => arrows += 1,
                    // A macro of the crate's root, or `crate::` in a path of our own macros.
                    None => {}
                }
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(arrows > 100, "only {arrows} arrows were read");
}

#[test]
fn outside_things_are_named_only_in_their_own_rooms() {
    let mut wrong = Vec::new();
    let mut found = vec![0; PLACES.len()];
    for source in &sources() {
        for (number, line) in &source.lines {
            for (index, (thing, places)) in PLACES.iter().enumerate() {
                let named = line.match_indices(thing).any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'));
                if named {
                    found[index] += 1;
                    if !places.iter().any(|place| source.path.starts_with(place)) {
                        wrong.push(format!("src/{}:{number} names {thing}", source.path));
                    }
                }
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    for thing in ["diesel::", "actix_web::", "Utc::now"] {
        let index = PLACES.iter().position(|(name, _)| *name == thing).expect("a place");
        assert!(found[index] > 0, "{thing} was found nowhere: does this test still read the sources?");
    }
}
