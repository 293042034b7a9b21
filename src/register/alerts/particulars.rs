//! What travels beside an alert: who is sought, as much as it takes to know them again, and what is said of the matter.
//!
//! Where the child lives is no part of it: nobody finds a missing child by the address they are missing from, and a confidential
//! one never leaves its authority (invariant I16).

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::custody::Signature;
use crate::domain::text::{LINE_CHARACTERS_MAX, NOTE_CHARACTERS_MAX, lines};
use crate::matching::{Birth, NameKind, Person, PersonCarer, PersonName, Query};
use crate::register::children::Child;
use crate::register::matcher;

/// The most names or numbers of one child that another region's alert is read with.
const ITEMS_MAX: usize = 20;

/// A name.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Name {
    /// `current`, `alias` or `former`.
    pub kind: NameKind,
    /// Forename.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<String>,
    /// Middle names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub middle: Option<String>,
    /// Family name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
}

/// The child who is sought.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Sought {
    /// Names, aliases and former names among them.
    pub names: Vec<Name>,
    /// `exact`, `approximate`, `expected` or `unknown`.
    pub birth_kind: String,
    /// The date, or the first possible one.
    pub birth_from: Option<NaiveDate>,
    /// The last possible one.
    pub birth_to: Option<NaiveDate>,
    /// Sex.
    pub sex: String,
    /// Health numbers.
    pub numbers: Vec<String>,
    /// The mother, of a child who is not born yet.
    pub mother: Option<Name>,
    /// Whether the record is shielded: nobody is told where the child is.
    pub shielded: bool,
}

/// Where and when the child was last seen.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastSeen {
    /// When.
    pub at: DateTime<Utc>,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// That somebody was told.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notified {
    /// When.
    pub at: DateTime<Utc>,
    /// Who was told.
    pub name: String,
    /// Their reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// What is said of the matter.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Details {
    /// Last seen.
    pub last_seen: Option<LastSeen>,
    /// How great the risk is.
    pub risk: Option<String>,
    /// Which risk.
    pub risk_note: Option<String>,
    /// Who may be with the child.
    pub companions: Option<String>,
    /// What whoever meets the child is to do: told to every enquirer.
    pub instructions: Option<String>,
    /// The police were told.
    pub police: Option<Notified>,
    /// The manager was told.
    pub manager: Option<Notified>,
    /// The sectors to which recipients pass it on.
    pub sectors: Vec<String>,
}

impl Details {
    /// These with what another says besides.
    pub fn updated(&mut self, other: &Self) {
        fn put<T: Clone>(own: &mut Option<T>, other: &Option<T>) {
            if other.is_some() {
                own.clone_from(other);
            }
        }
        put(&mut self.last_seen, &other.last_seen);
        put(&mut self.risk, &other.risk);
        put(&mut self.risk_note, &other.risk_note);
        put(&mut self.companions, &other.companions);
        put(&mut self.instructions, &other.instructions);
        put(&mut self.police, &other.police);
        put(&mut self.manager, &other.manager);
        if !other.sectors.is_empty() {
            self.sectors.clone_from(&other.sectors);
        }
    }

    /// What another region sent, without what no text of a person is: control characters, or more than a page.
    pub fn sound(mut self) -> Self {
        let text = |text: &mut Option<String>, most: usize| *text = text.take().and_then(|text| lines(&text, most).ok());
        self.sectors.truncate(ITEMS_MAX);
        text(&mut self.risk, LINE_CHARACTERS_MAX);
        [&mut self.risk_note, &mut self.companions, &mut self.instructions].into_iter().for_each(|note| text(note, NOTE_CHARACTERS_MAX));
        if let Some(seen) = &mut self.last_seen {
            text(&mut seen.place, NOTE_CHARACTERS_MAX);
        }
        for notified in self.police.iter_mut().chain(&mut self.manager) {
            notified.name = lines(&notified.name, LINE_CHARACTERS_MAX).unwrap_or_default();
            text(&mut notified.reference, LINE_CHARACTERS_MAX);
        }
        self
    }

    /// What the procedures ask for and nobody has recorded.
    ///
    /// # Source
    /// WSP-4.11 (police and manager are told at once), KENT-ALERT (what a recipient needs).
    pub fn missing(&self) -> Vec<&'static str> {
        [
            ("police", self.police.is_none()),
            ("manager", self.manager.is_none()),
            ("lastSeen", self.last_seen.is_none()),
            ("risk", self.risk.is_none()),
            ("instructions", self.instructions.is_none()),
        ]
        .into_iter()
        .filter_map(|(name, missing)| missing.then_some(name))
        .collect()
    }

    /// Every text that somebody wrote, with where it stands.
    pub fn texts(&self) -> Vec<(&'static str, &str)> {
        let place = self.last_seen.as_ref().and_then(|seen| seen.place.as_deref());
        [
            ("/details/lastSeen/place", place),
            ("/details/riskNote", self.risk_note.as_deref()),
            ("/details/companions", self.companions.as_deref()),
            ("/details/instructions", self.instructions.as_deref()),
        ]
        .into_iter()
        .filter_map(|(pointer, text)| Some((pointer, text?)))
        .collect()
    }
}

/// What travels beside an alert.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Particulars {
    /// The authority that leads (GSS code): whom to ring.
    pub authority: String,
    /// The child.
    pub child: Sought,
    /// The matter.
    pub details: Details,
    /// The regions to which it goes.
    pub audience: Vec<String>,
}

/// What is kept of an alert here beside the state machine's record.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Kept {
    /// What travels.
    pub particulars: Particulars,
    /// At the owner: what was said anew with the present version.
    pub said: Details,
    /// At the owner: what has been said since it owns the alert.
    pub own: Details,
    /// At the owner: who opened the present version at each recipient.
    pub acknowledged_by: BTreeMap<String, Signature>,
    /// At the owner: that the child was found.
    pub located: Option<Located>,
    /// At the owner: the move that was begun then.
    pub transfer: Option<uuid::Uuid>,
}

/// The child was found, and seen by a named person.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Located {
    /// Who saw the child.
    pub seen_by: String,
    /// When.
    pub at: DateTime<Utc>,
    /// In the area of which authority (GSS code); absent for the own one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found_in: Option<String>,
}

macro_rules! silent {
    ($($name:ident),+) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "([personal])"))
            }
        }
    )+};
}
silent!(Name, Sought, LastSeen, Notified, Details, Particulars, Kept, Located);

impl Kept {
    /// Something is said in a new version.
    pub fn say(&mut self, details: &Details) {
        self.particulars.details.updated(details);
        self.own.updated(details);
        self.said = details.clone();
    }

    /// What a former owner said before it heard that the alert had been taken over is added. Where people here have said otherwise
    /// since, that stands: they lead.
    pub fn add(&mut self, details: Details) {
        self.particulars.details.updated(&details);
        self.particulars.details.updated(&self.own);
        self.said = details;
    }

    /// An authority of this region has come to lead, and owns the alert.
    pub fn taken_over(&mut self, authority: String) {
        self.particulars.authority = authority;
        self.acknowledged_by.clear();
        (self.said, self.own) = Default::default();
    }
}

impl Sought {
    /// A child of this register.
    pub fn of(child: &Child) -> Self {
        let person = matcher::person(child);
        let (particulars, shielded) = (child.particulars.as_ref(), child.row.shielded);
        let unborn = particulars.is_some_and(|row| row.birth_kind == "expected");
        let mother = person.carers.iter().find(|carer| carer.is_mother && !carer.hidden && unborn);
        Self {
            names: person
                .names
                .iter()
                .map(|name| Name { kind: name.kind, given: name.given.clone(), middle: name.middle.clone(), family: name.family.clone() })
                .collect(),
            birth_kind: particulars.map_or_else(|| "unknown".to_owned(), |row| row.birth_kind.clone()),
            birth_from: particulars.and_then(|row| row.birth_from),
            birth_to: particulars.and_then(|row| row.birth_to),
            sex: particulars.map(|row| row.sex.clone()).unwrap_or_default(),
            numbers: person.nhs_numbers,
            mother: mother.map(|mother| Name {
                kind: NameKind::Current,
                given: mother.given.clone(),
                middle: None,
                family: mother.family.clone(),
            }),
            shielded,
        }
    }

    /// The child as the matcher reads them.
    pub fn person(&self) -> Person {
        let birth = match (self.birth_kind.as_str(), self.birth_from, self.birth_to) {
            ("exact", Some(on), _) => Birth::Exact(on),
            ("approximate", Some(from), Some(to)) => Birth::Range { from, to },
            ("expected", Some(on), _) => Birth::Expected(on),
            _ => Birth::Unknown,
        };
        let name = |name: &Name| PersonName {
            given: name.given.clone(),
            middle: name.middle.clone(),
            family: name.family.clone(),
            kind: name.kind,
        };
        Person {
            names: self.names.iter().map(name).collect(),
            birth,
            sex: matcher::sex(&self.sex),
            nhs_numbers: self.numbers.clone(),
            addresses: Vec::new(),
            carers: self
                .mother
                .iter()
                .map(|mother| PersonCarer { given: mother.given.clone(), family: mother.family.clone(), is_mother: true, hidden: false })
                .collect(),
        }
    }

    /// The same as a question.
    pub fn query(&self) -> Query {
        Query::new(&self.person())
    }
}

impl Particulars {
    /// What another region sent, without what no text of a person is: control characters, or more than a page.
    pub fn sound(mut self) -> Self {
        let text = |text: &mut Option<String>, most: usize| *text = text.take().and_then(|text| lines(&text, most).ok());
        self.authority = lines(&self.authority, LINE_CHARACTERS_MAX).unwrap_or_default();
        self.child.names.truncate(ITEMS_MAX);
        self.child.numbers.truncate(ITEMS_MAX);
        self.audience.truncate(1_000);
        for name in self.child.names.iter_mut().chain(&mut self.child.mother) {
            [&mut name.given, &mut name.middle, &mut name.family].into_iter().for_each(|part| text(part, LINE_CHARACTERS_MAX));
        }
        self.details = self.details.sound();
        self
    }

    /// What a region keeps of an alert that was stood down: who ended it, and nobody's name.
    pub fn forgotten(&self) -> Self {
        Self { authority: self.authority.clone(), audience: self.audience.clone(), ..Self::default() }
    }
}

/// What is told of a report: an enquiry about the child, a record that may be theirs, or a sighting.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportDetails {
    /// `enquiry`, `record` or `sighting`.
    pub kind: String,
    /// The region where it was made.
    pub region: String,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// How sure it is that it is this child (a code); absent for a sighting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grade: Option<String>,
    /// Who asked, or on whose register the record is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agency: Option<String>,
    /// In which role they asked (a code).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Why they asked (a code).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The number on which a caller was rung back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_back: Option<String>,
    /// Where the child was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// By whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_by: Option<String>,
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}
silent!(ReportDetails);

impl ReportDetails {
    /// What another region sent, without what no text of a person is.
    pub fn sound(mut self) -> Self {
        let text = |text: &mut Option<String>, most: usize| *text = text.take().and_then(|text| lines(&text, most).ok());
        let Self { kind, region, grade, agency, role, reason, call_back, place, seen_by, note, .. } = &mut self;
        [grade, agency, role, reason, call_back, seen_by].into_iter().for_each(|line| text(line, LINE_CHARACTERS_MAX));
        [place, note].into_iter().for_each(|words| text(words, NOTE_CHARACTERS_MAX));
        for code in [kind, region] {
            *code = lines(code, LINE_CHARACTERS_MAX).unwrap_or_default();
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_region_sends_is_cut_to_what_a_person_writes() {
        let name = |given: &str| Name { kind: NameKind::Current, given: Some(given.into()), middle: None, family: None };
        let sent = Particulars {
            authority: "W06000011".into(),
            child: Sought { names: vec![name("Haf"), name("\u{1b}[2J"), name(&"a".repeat(300))], ..Sought::default() },
            details: Details { instructions: Some("Ring\u{7}".into()), companions: Some("A man".into()), ..Details::default() },
            audience: Vec::new(),
        };
        let read = sent.sound();
        let given: Vec<_> = read.child.names.iter().map(|name| name.given.as_deref()).collect();
        assert_eq!(given, [Some("Haf"), None, None]);
        assert_eq!((read.details.instructions, read.details.companions.as_deref()), (None, Some("A man")));
        assert_eq!(format!("{:?}", read.child), "Sought([personal])");
    }

    #[test]
    fn an_update_changes_what_it_says_and_nothing_else() {
        let mut details = Details { risk: Some("high".into()), companions: Some("A man".into()), ..Details::default() };
        details.updated(&Details { risk: Some("low".into()), sectors: vec!["health".into()], ..Details::default() });
        assert_eq!((details.risk.as_deref(), details.companions.as_deref(), details.sectors.len()), (Some("low"), Some("A man"), 1));
        assert_eq!(details.missing(), ["police", "manager", "lastSeen", "instructions"]);
    }
}
