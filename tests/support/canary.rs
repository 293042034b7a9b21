//! A child who is nowhere else, and the search for what was said of them: in other letters, other spellings, other forms.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use serde_json::{Value, json};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::app::TUESDAY;
use super::tokens::NEWPORT;

/// What is said of the child and of those around them. Letters and digits alone are compared, without accents: every value is
/// long enough not to stand in a random text by chance.
const WORDS: &[&str] = &[
    "Gwythyrwên",
    "Pendragwyllt",
    "Zephyrelle",
    "Quintrovane",
    "Oxwitherby",
    "Morfuddlan",
    "Crwydrgoch",
    "Iolanthyn",
    "Brackenshaw",
    "77 Stryd Dirgelwch",
    "Tŷ Ysgafnwen",
    "NP20 9XZ",
    "999 123 4594",
    "01632 960977",
    "Thessalonike Varnhagen",
    "Ysgol Glanyrafon Ddirgel",
    "CANARY-REF-58213",
    "100100876543",
];

/// Days: of birth of the child and of a carer.
const DAYS: &[(u16, u8, u8)] = &[(2018, 2, 27), (1987, 10, 31)];

const MONTHS: [&str; 12] =
    ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"];

/// A name, to be put where it does not belong.
pub const NAME: &str = "Gwythyrwên Pendragwyllt";
/// The same where only ASCII may stand and no space.
pub const PLAIN: &str = "Gwythyrwen-Pendragwyllt-999-123-4594";
/// The same in a path or a query.
pub const ESCAPED: &str = "Gwythyrw%C3%AAn%20Pendragwyllt%2027-02-2018";

/// The child as they are entered.
pub fn child() -> Value {
    json!({
        "authority": NEWPORT,
        "names": [
            {"given": "Gwythyrwên", "middle": "Zephyrelle", "family": "Pendragwyllt"},
            {"use": "alias", "given": "Zephyrelle", "family": "Quintrovane"},
            {"use": "former", "given": "Gwythyrwên", "family": "Oxwitherby"},
        ],
        "dateOfBirth": "2018-02-27",
        "sex": "female",
        "preferredLanguage": "cy",
        "communicationNeeds": "Signs at Ysgol Glanyrafon Ddirgel",
        "identifiers": [{"kind": "nhs-number", "value": "9991234594"}],
        "addresses": [{
            "lines": ["77 Stryd Dirgelwch", "Tŷ Ysgafnwen"], "postcode": "NP20 9XZ", "uprn": "100100876543", "source": "Thessalonike Varnhagen",
        }],
        "household": [
            {"relationship": "mother", "carer": true, "name": {"given": "Morfuddlan", "family": "Crwydrgoch"}, "dateOfBirth": "1987-10-31"},
            {"relationship": "carer", "carer": true, "name": {"given": "Iolanthyn", "family": "Brackenshaw"}},
        ],
    })
}

/// A question about them, by somebody who asks for a caller.
pub fn question() -> Value {
    let child = child();
    let names: Vec<_> =
        child["names"].as_array().expect("names").iter().map(|name| json!({"given": name["given"], "family": name["family"]})).collect();
    json!({
        "reason": "other",
        "reasonText": "Seen at Ysgol Glanyrafon Ddirgel",
        "caseReference": "CANARY-REF-58213",
        "search": "own-region",
        "onBehalfOf": {
            "name": "Thessalonike Varnhagen", "agency": "Ysgol Glanyrafon Ddirgel", "role": "Teacher", "callBackNumber": "01632 960977",
            "verifiedBy": {"method": "switchboard-call-back", "at": TUESDAY, "by": "Iolanthyn Brackenshaw"},
        },
        "child": {
            "names": names,
            "dateOfBirth": "2018-02-27",
            "sex": "female",
            "nhsNumber": "9991234594",
            "addresses": [{"lines": ["77 Stryd Dirgelwch", "Tŷ Ysgafnwen"], "postcode": "NP20 9XZ"}],
            "carers": [{"name": {"given": "Morfuddlan", "family": "Crwydrgoch"}, "dateOfBirth": "1987-10-31"}],
        },
    })
}

/// Lower-case, without accents, in the simplest form of each letter.
fn folded(text: &str) -> String {
    if text.is_ascii() {
        // A log has millions of characters.
        return text.to_ascii_lowercase();
    }
    text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect()
}

/// Letters and digits alone.
fn squeezed(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// What a percent-encoded text says; `+` is a space in a query.
fn unescaped(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3).and_then(|code| u8::from_str_radix(code, 16).ok())).flatten();
        out.push(code.unwrap_or(bytes[at]));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// What a text with escapes of JSON or Rust (`\u00ea`, `\u{ea}`, `\xc3\xaa`) says.
fn unquoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let braced = rest.strip_prefix("u{").and_then(|code| code.split_once('}'));
        let code = match braced {
            Some((code, after)) => u32::from_str_radix(code, 16).ok().map(|code| (code, after)),
            None => rest.strip_prefix('u').and_then(|code| Some((u32::from_str_radix(code.get(..4)?, 16).ok()?, &code[4..]))),
        };
        if let Some((character, after)) = code.and_then(|(code, after)| Some((char::from_u32(code)?, after))) {
            out.push(character);
            rest = after;
        } else if let Some(byte) = rest.strip_prefix('x').and_then(|code| u8::from_str_radix(code.get(..2)?, 16).ok()) {
            // Bytes are put together by the percent form, which comes after this one.
            out.push_str(&format!("%{byte:02x}"));
            rest = &rest[3..];
        }
    }
    out + rest
}

/// The forms in which people and programs write a day.
fn forms(year: u16, month: u8, day: u8) -> Vec<String> {
    let (name, short) = (MONTHS[usize::from(month) - 1], year % 100);
    let mut forms = vec![
        format!("{year}{month:02}{day:02}"),
        format!("{day:02}{month:02}{year}"),
        format!("{month:02}{day:02}{year}"),
        format!("{day} {name} {year}"),
        format!("{name} {day}, {year}"),
        format!("{day} {} {year}", &name[..3]),
    ];
    for separator in ["-", "/", ".", " "] {
        forms.push(format!("{year}{separator}{month:02}{separator}{day:02}"));
        forms.push(format!("{day:02}{separator}{month:02}{separator}{year}"));
        forms.push(format!("{month:02}{separator}{day:02}{separator}{year}"));
    }
    for separator in ["/", "."] {
        forms.push(format!("{day:02}{separator}{month:02}{separator}{short:02}"));
    }
    forms
}

/// What is sought: its forms, whether they are sought among letters and digits alone, and what it is.
fn sought() -> &'static [(Vec<String>, bool, String)] {
    static SOUGHT: OnceLock<Vec<(Vec<String>, bool, String)>> = OnceLock::new();
    SOUGHT.get_or_init(|| {
        let words = WORDS.iter().map(|word| (vec![squeezed(&folded(word))], true, (*word).to_owned()));
        let days = DAYS.iter().map(|(year, month, day)| (forms(*year, *month, *day), false, format!("{year}-{month:02}-{day:02}")));
        words.chain(days).collect()
    })
}

/// What of the child stands in a text, in whatever form.
pub fn found_in(text: &str) -> BTreeSet<String> {
    let mut views = vec![folded(text)];
    if text.contains(['\\', '%', '+']) {
        let once = unescaped(&unquoted(text));
        views.push(folded(&once));
        views.push(folded(&unescaped(&once)));
    }
    let mut found = BTreeSet::new();
    for view in &views {
        let letters = squeezed(view);
        for (forms, squeeze, name) in sought() {
            if forms.iter().any(|form| if *squeeze { &letters } else { view }.contains(form.as_str())) {
                found.insert(name.clone());
            }
        }
    }
    found
}

/// Everything that the child's record says of them.
pub fn everything() -> BTreeSet<String> {
    let of_questions = ["CANARY-REF-58213", "01632 960977"];
    let words = WORDS.iter().filter(|word| !of_questions.contains(word)).map(|word| (*word).to_owned());
    words.chain(DAYS.iter().map(|(year, month, day)| format!("{year}-{month:02}-{day:02}"))).collect()
}

#[test]
fn the_search_finds_what_is_written_in_any_form() {
    for (text, what) in [
        ("{\"given\":\"Gwythyrwên\"}", "Gwythyrwên"),
        ("GWYTHYRWÊN", "Gwythyrwên"),
        ("gwythyrwe\u{302}n", "Gwythyrwên"),
        ("Gwythyrwen", "Gwythyrwên"),
        ("/v1/children/Gwythyrw%C3%AAn", "Gwythyrwên"),
        ("/v1/children/Gwythyrw%25C3%25AAn", "Gwythyrwên"),
        ("\"Gwythyrw\\u00ean\"", "Gwythyrwên"),
        ("Gwythyrw\\u{ea}n", "Gwythyrwên"),
        ("b\"Gwythyrw\\xc3\\xaan\"", "Gwythyrwên"),
        ("Brackenshaw-Jones", "Brackenshaw"),
        ("q=np20+9xz&x=1", "NP20 9XZ"),
        ("NP209XZ", "NP20 9XZ"),
        ("9991234594", "999 123 4594"),
        ("999-123-4594", "999 123 4594"),
        ("+44 (0)1632 960977 or 01632-960 977", "01632 960977"),
        ("77, stryd   dirgelwch", "77 Stryd Dirgelwch"),
        ("born 2018-02-27", "2018-02-27"),
        ("27/02/2018", "2018-02-27"),
        ("27.02.18", "2018-02-27"),
        ("27%2F02%2F2018", "2018-02-27"),
        ("20180227", "2018-02-27"),
        ("27 February 2018", "2018-02-27"),
        ("31 Oct 1987", "1987-10-31"),
    ] {
        assert!(found_in(text).contains(what), "{text}: {:?}", found_in(text));
    }
    for text in ["", "Gwyth yr", "2018-02-28", "NP20 9XY", "999 123 459", "100%", "a\\", "\\u12", "%zz"] {
        assert_eq!(found_in(text), BTreeSet::new(), "{text}");
    }
    assert_eq!(found_in(&child().to_string()), everything());
}
