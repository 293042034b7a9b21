//! What holds for every template.

use std::collections::BTreeSet;

use crate::words::{self, Language};

const TEMPLATES: [(&str, &str); 19] = [
    ("page.html", include_str!("templates/page.html")),
    ("macros.html", include_str!("templates/macros.html")),
    ("ask.html", include_str!("templates/ask.html")),
    ("answer.html", include_str!("templates/answer.html")),
    ("sign_in.html", include_str!("templates/sign_in.html")),
    ("work.html", include_str!("templates/work.html")),
    ("task.html", include_str!("templates/task.html")),
    ("child.html", include_str!("templates/child.html")),
    ("log.html", include_str!("templates/log.html")),
    ("open.html", include_str!("templates/open.html")),
    ("move.html", include_str!("templates/move.html")),
    ("begin.html", include_str!("templates/begin.html")),
    ("departure.html", include_str!("templates/departure.html")),
    ("responsibility.html", include_str!("templates/responsibility.html")),
    ("step.html", include_str!("templates/step.html")),
    ("alert.html", include_str!("templates/alert.html")),
    ("raise.html", include_str!("templates/raise.html")),
    ("alert_step.html", include_str!("templates/alert_step.html")),
    ("message.html", include_str!("templates/message.html")),
];

/// Messages whose names are put together when a page is made.
fn made() -> Vec<String> {
    use crate::domain::custody::alert::{AlertStatus, ClosureReason, MissingPath, RiskLevel};
    use crate::domain::custody::{DutyKind, Nature, Paper, RefusalReason, WithdrawalReason};
    use crate::domain::outcome::{CoverageStatus, Grade, MatchStatus};
    use crate::register::transfers::Step;
    let mut names = Vec::new();
    let mut all = |prefix: &str, codes: &[&str]| names.extend(codes.iter().map(|code| format!("{prefix}-{code}")));
    all("answer-outcome", &["on-register", "possible-match", "not-on-register", "indeterminate"]);
    all("answer-grade", &Grade::CODES);
    all("answer-status", &MatchStatus::CODES);
    all("answer-coverage", &CoverageStatus::CODES);
    all("ask-sex", &crate::domain::sex::Sex::CODES);
    all("ask-reason", &crate::domain::reason::Reason::CODES);
    all("ask-method", &crate::domain::verification::VerificationMethod::CODES);
    all("sign-in-as", &super::sign_in::PEOPLE);
    all("sign-in-away", &["title", "text"]);
    all("sign-in-farewell", &["title", "text"]);
    all("move-status", &crate::api::transfers::STATUSES);
    all("move-step", &["announce"]);
    all("move-step", &Step::CODES);
    all("move-choice", &[&Nature::CODES[..], &RefusalReason::CODES, &WithdrawalReason::CODES, &Paper::CODES].concat());
    all("move-choice", &[super::begin::UNCERTAIN]);
    all("move-duty", &DutyKind::CODES);
    all("alert-status", &AlertStatus::CODES);
    all("alert-path", &MissingPath::CODES);
    all("alert-step", &["raise"]);
    all("alert-step", &crate::register::alerts::Step::CODES);
    all("alert-choice", &[&RiskLevel::CODES[..], &ClosureReason::CODES].concat());
    all("alert-lacks", &["police", "manager", "lastSeen", "risk", "instructions"]);
    all("alert-stage", &["waiting", "delivered", "seen", "searched", "searched-and-seen", "found"]);
    all("alert-report", &["enquiry", "record", "sighting", "closure"]);
    all("work-role", &crate::domain::roles::Role::CODES);
    all("work-log-outcome", &["refused", "failed"]);
    let logged: Vec<String> = super::children::SAID.iter().map(|code| super::children::kebab(code)).collect();
    all("work-log", &logged.iter().map(String::as_str).collect::<Vec<_>>());
    all("month", &["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"]);
    names
}

/// The texts in quotation marks of a template or source that look like names of messages of the pages.
fn named(text: &str) -> BTreeSet<String> {
    let is_name = |part: &&str| {
        ["pages-", "ask-", "answer-", "sign-in-", "work-", "move-", "alert-", "advice-"].iter().any(|start| part.starts_with(start))
            && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !part.ends_with('-')
    };
    text.split('"').filter(is_name).map(str::to_owned).collect()
}

#[test]
fn every_message_of_the_pages_is_said_in_both_languages() {
    let sources = [
        include_str!("ask.rs"),
        include_str!("answer.rs"),
        include_str!("sign_in.rs"),
        include_str!("provider.rs"),
        include_str!("children.rs"),
        include_str!("work.rs"),
        include_str!("moves.rs"),
        include_str!("alerts.rs"),
        include_str!("raise.rs"),
        include_str!("begin.rs"),
        include_str!("departure.rs"),
        include_str!("responsibility.rs"),
        include_str!("sent.rs"),
        include_str!("entries.rs"),
        include_str!("form.rs"),
    ];
    let texts = TEMPLATES.iter().map(|(_, text)| *text).chain(sources);
    let mut names: BTreeSet<String> = texts.flat_map(named).chain(made()).collect();
    // Starts of names that are put together.
    for start in [
        "ask-sex",
        "ask-method",
        "answer-outcome",
        "answer-grade",
        "answer-status",
        "answer-coverage",
        "sign-in-as",
        "sign-in-away",
        "sign-in-farewell",
    ] {
        if words::find(Language::English, start, &[]).is_none() {
            names.remove(start);
        }
    }
    assert!(names.len() > 120, "only {} messages were found", names.len());
    for language in [Language::English, Language::Welsh] {
        let missing: Vec<_> = names.iter().filter(|name| words::find(language, name, &[]).is_none()).collect();
        assert!(missing.is_empty(), "{}: {missing:#?}", language.as_str());
    }
}

/// What of a template is neither markup nor filled in.
fn plain(template: &str) -> String {
    let mut rest = template;
    let mut plain = String::new();
    while let Some(at) = rest.find(['<', '{']) {
        plain.push_str(&rest[..at]);
        let end = match rest.as_bytes().get(at..at + 2) {
            Some(b"{{") => "}}",
            Some(b"{%") => "%}",
            _ if rest[at..].starts_with('<') => ">",
            _ => "{",
        };
        // A tag may have `>` only inside what is filled in.
        let mut inner = &rest[at + 1..];
        if end == ">" {
            while let (Some(open), Some(close)) = (inner.find('{'), inner.find('>')) {
                if close < open {
                    break;
                }
                let over = inner.find("%}").into_iter().chain(inner.find("}}")).min().expect("an end");
                inner = &inner[over + 2..];
            }
        }
        let close = inner.find(end).expect("an end");
        rest = &inner[close + end.len()..];
    }
    plain.push_str(rest);
    plain
}

#[test]
fn no_template_holds_a_text_of_its_own() {
    assert_eq!(plain("<p class=\"{% if a > b %}x{% endif %}\">{{ a }} Help</p>").trim(), "Help");
    for (name, text) in TEMPLATES {
        let letters: String = plain(text).chars().filter(|c| c.is_alphanumeric()).collect();
        assert_eq!(letters, "", "{name}");
    }
}

#[test]
fn no_template_has_a_script_or_style_of_its_own() {
    for (name, text) in TEMPLATES {
        for inline in ["style=", "<style", "onclick", "javascript:", "<script>"] {
            assert!(!text.contains(inline), "{name} has {inline}");
        }
    }
}

#[test]
fn the_stylesheet_asks_for_no_font_of_the_government_and_loads_nothing() {
    let css = include_str!("../assets/pages.css");
    assert!(!css.contains("GDS Transport") && !css.contains("@font-face") && !css.contains("url("));
    assert!(css.len() + include_str!("../assets/govuk-frontend.js").len() < 170_000, "room for the page itself below 200 kB");
}
