//! What is known of an invented child: the particulars a register holds, and those of an entry on it.

use chrono::{Datelike, Months, NaiveDate};

use super::names::NameTradition;

/// A region as far as inventing its children needs to know it.
#[derive(Debug, Clone, Copy)]
pub struct Region<'a> {
    /// Short name, for instance `gwent`.
    pub code: &'a str,
    /// Its authorities: GSS code and English name.
    pub authorities: &'a [(&'a str, &'a str)],
    /// `wales` or `england`; decides which categories and legal provisions exist.
    pub nation: &'a str,
}

/// An invented child. Nobody's particulars went into it.
#[derive(Debug, Clone, PartialEq)]
pub struct InventedChild {
    /// The same for the same region, seed and count; unique among the children of all regions.
    pub key: String,
    /// Key of the family, shared by brothers and sisters.
    pub family_key: String,
    /// GSS code of the authority that holds the entry, or would.
    pub authority: String,
    /// Where the family's names come from.
    pub tradition: NameTradition,
    /// The official name first, where one is known.
    pub names: Vec<InventedName>,
    /// Date of birth as far as it is known.
    pub birth: Birth,
    /// Sex as recorded.
    pub sex: Sex,
    /// Ten digits from a test range, with a right check digit.
    pub nhs_number: Option<String>,
    /// An earlier NHS number that was replaced by `nhs_number`.
    pub superseded_nhs_number: Option<String>,
    /// Scottish number of a child who lived there.
    pub chi_number: Option<String>,
    /// Northern Irish number of a child who lived there.
    pub hc_number: Option<String>,
    /// Unique pupil number with a right check letter.
    pub upn: Option<String>,
    /// The present address first.
    pub addresses: Vec<InventedAddress>,
    /// The mother first, where she is known.
    pub carers: Vec<InventedCarer>,
    /// Keys of the other children of the household, on the register or not.
    pub siblings: Vec<String>,
    /// Key of the twin.
    pub twin_of: Option<String>,
    /// The child's language, as a tag: `en`, `cy`, `pl` …
    pub language: &'static str,
    /// What it takes to talk with the child.
    pub communication_needs: Option<String>,
    /// A shielded child may be found only by what an enquirer may see.
    pub shielded: bool,
    /// The child's entry; `None` for a brother or sister who is not on the register.
    pub registration: Option<InventedRegistration>,
}

impl InventedChild {
    /// How the child stands to the register.
    pub fn standing(&self) -> Standing {
        self.registration.as_ref().map_or(Standing::Unregistered, |registration| registration.standing)
    }

    /// The name of one kind.
    pub fn name(&self, kind: NameKind) -> Option<&InventedName> {
        self.names.iter().find(|name| name.kind == kind)
    }

    /// The mother, where she is known.
    pub fn mother(&self) -> Option<&InventedCarer> {
        self.carers.iter().find(|carer| carer.is_mother)
    }

    /// The present address that an enquirer may be told of.
    pub fn open_address(&self) -> Option<&InventedAddress> {
        self.addresses.iter().find(|address| !address.confidential)
    }
}

/// How an invented child stands to the register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// On the register.
    Registered,
    /// On the register while staying in the area; the home entry is another authority's.
    TemporarilyRegistered,
    /// Was on the register.
    PreviouslyRegistered,
    /// On the register before birth.
    UnbornRegistered,
    /// Known as a member of the household only.
    Unregistered,
}

impl Standing {
    /// The word in data files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::TemporarilyRegistered => "temporarily-registered",
            Self::PreviouslyRegistered => "previously-registered",
            Self::UnbornRegistered => "unborn-registered",
            Self::Unregistered => "unregistered",
        }
    }
}

/// One of a child's names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InventedName {
    /// Which name it is.
    pub kind: NameKind,
    /// Forename; absent before birth or when not known.
    pub given: Option<String>,
    /// Middle name.
    pub middle: Option<String>,
    /// Family name; absent when not known.
    pub family: Option<String>,
}

/// Which of a child's names it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NameKind {
    /// On the birth certificate.
    Official,
    /// Used beside the official one.
    Alias,
    /// Used before.
    Former,
    /// What the child is called.
    Preferred,
}

/// When a child was or will be born.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Birth {
    /// The day is known.
    Exact(NaiveDate),
    /// Between two days, both included.
    Approximate {
        /// Not before.
        from: NaiveDate,
        /// Not after.
        to: NaiveDate,
    },
    /// Not yet born.
    Expected(NaiveDate),
}

impl Birth {
    /// The earliest day it can be.
    pub fn earliest(self) -> NaiveDate {
        match self {
            Self::Exact(on) | Self::Expected(on) => on,
            Self::Approximate { from, .. } => from,
        }
    }
}

/// Sex as recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sex {
    /// Female.
    Female,
    /// Male.
    Male,
    /// Neither could be assigned.
    Indeterminate,
    /// Not recorded; always so before birth.
    Unknown,
}

impl Sex {
    /// The word in data files; nothing when unknown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Female => "female",
            Self::Male => "male",
            Self::Indeterminate => "indeterminate",
            Self::Unknown => "",
        }
    }
}

/// An address of a child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InventedAddress {
    /// What sort of place it is.
    pub kind: AddressKind,
    /// Lines without the postcode.
    pub lines: Vec<String>,
    /// Postcode with a space.
    pub postcode: String,
    /// Twelve digits beginning with 99, where none are given out.
    pub uprn: Option<String>,
    /// First day there, where known.
    pub from: Option<NaiveDate>,
    /// Last day there; absent while the child lives there.
    pub to: Option<NaiveDate>,
    /// Never to leave the owning authority.
    pub confidential: bool,
}

/// What sort of place an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressKind {
    /// Where the family lives.
    Home,
    /// Where the child stays for a time.
    Temporary,
    /// A refuge.
    Refuge,
    /// With relatives.
    Relative,
    /// A caravan site.
    Site,
}

impl AddressKind {
    /// The word in data files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Temporary => "temporary",
            Self::Refuge => "refuge",
            Self::Relative => "relative",
            Self::Site => "site",
        }
    }
}

/// A parent or other carer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InventedCarer {
    /// Forename.
    pub given: String,
    /// Family name.
    pub family: String,
    /// Date of birth, where known.
    pub birth: Option<NaiveDate>,
    /// `mother`, `father`, `step-father`, `grandmother` …
    pub relationship: &'static str,
    /// Whether this is the mother.
    pub is_mother: bool,
    /// Whether the carer has parental responsibility.
    pub parental_responsibility: bool,
    /// The mother's own NHS number, held for an unborn child only.
    pub nhs_number: Option<String>,
}

/// An entry on the register.
#[derive(Debug, Clone, PartialEq)]
pub struct InventedRegistration {
    /// Never [`Standing::Unregistered`].
    pub standing: Standing,
    /// One or two; `financial` only in Wales.
    pub categories: Vec<Category>,
    /// The day of the entry.
    pub registered_on: NaiveDate,
    /// The conference that decided; absent for a temporary entry, which needs none.
    pub conference_on: Option<NaiveDate>,
    /// When and why the child came off.
    pub removal: Option<Removal>,
    /// The next review conference; in the past when it is overdue, absent once the child is off.
    pub next_review_on: Option<NaiveDate>,
    /// Care and support protection plan co-ordinator, or key worker.
    pub coordinator: Worker,
    /// Members of the core group.
    pub core_group: Vec<Worker>,
    /// Orders and provisions in force.
    pub legal_status: LegalStatus,
    /// For a temporary entry: code of the authority that holds the home entry.
    pub home_authority: Option<String>,
}

/// Why and when a child came off the register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removal {
    /// The day.
    pub on: NaiveDate,
    /// The ground.
    pub ground: RemovalGround,
}

/// The only grounds on which a name comes off.
///
/// # Source
/// Wales Safeguarding Procedures, section 4.9.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RemovalGround {
    /// A review conference found no continuing risk.
    NoLongerAtRisk,
    /// Turned eighteen.
    ReachedEighteen,
    /// Died.
    Died,
    /// Left the United Kingdom for good.
    LeftUnitedKingdom,
    /// Another authority's transfer conference took responsibility.
    Transferred,
}

impl RemovalGround {
    /// The word in data files: that of the register.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoLongerAtRisk => "review-conference-decision",
            Self::ReachedEighteen => "reached-eighteen",
            Self::Died => "died",
            Self::LeftUnitedKingdom => "left-united-kingdom",
            Self::Transferred => "transferred",
        }
    }
}

/// Category of abuse under which a child is registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Category {
    /// Neglect.
    Neglect,
    /// Physical abuse.
    Physical,
    /// Sexual abuse.
    Sexual,
    /// Emotional or psychological abuse.
    Emotional,
    /// Financial abuse; a category in Wales only.
    Financial,
}

impl Category {
    /// The word in data files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Neglect => "neglect",
            Self::Physical => "physical",
            Self::Sexual => "sexual",
            Self::Emotional => "emotional",
            Self::Financial => "financial",
        }
    }
}

/// Orders and provisions a child may be under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LegalStatus {
    /// None.
    None,
    /// Looked after by agreement (section 76 in Wales, section 20 in England).
    VoluntaryAccommodation,
    /// Interim care order.
    InterimCareOrder,
    /// Care order.
    CareOrder,
    /// Supervision order.
    SupervisionOrder,
    /// Emergency protection order.
    EmergencyProtectionOrder,
    /// Police protection.
    PoliceProtection,
}

impl LegalStatus {
    /// The word in data files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::VoluntaryAccommodation => "voluntary-accommodation",
            Self::InterimCareOrder => "interim-care-order",
            Self::CareOrder => "care-order",
            Self::SupervisionOrder => "supervision-order",
            Self::EmergencyProtectionOrder => "emergency-protection-order",
            Self::PoliceProtection => "police-protection",
        }
    }
}

/// Somebody who works with the family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// Full name.
    pub name: String,
    /// What they do.
    pub role: &'static str,
    /// From a range kept for drama.
    pub phone: String,
    /// At a domain kept for examples.
    pub email: String,
}

/// The birthday on which a person born on `birth` turns `years`; 28 February for those born on the 29th, as a bound only.
pub(super) fn birthday(birth: NaiveDate, years: u32) -> NaiveDate {
    birth.checked_add_months(Months::new(years * 12)).unwrap_or(birth)
}

/// The day itself, or the Friday before when it falls on a weekend: conferences are held on weekdays.
pub(super) fn weekday(day: NaiveDate) -> NaiveDate {
    let back = i64::from(day.weekday().number_from_monday()) - 5;
    if back > 0 { day - chrono::Duration::days(back) } else { day }
}
