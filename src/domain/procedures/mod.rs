//! Procedures as data: what a nation's or a region's child protection procedures lay down, each rule with its source.
//!
//! A file holds one set of procedures (`config/procedures/wales.toml`, `england.toml`). It is read whole and checked whole:
//! an unknown key, a code given twice, a clock that hangs on no clock or a rule without a source is refused with its
//! place. What a program must be able to act on (events, grounds, evidence, roles, conference kinds) are closed sets; how
//! long, from what, to whom and on whose authority is the file's. Another nation is another file.

mod check;
mod values;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde::Deserialize;

pub use self::check::ProceduresError;
pub use self::values::{Code, RuleValueError, Source, Words};
use super::category::{Category, CinCategory};
use super::coded::closed_set;
use super::custody::{DutyKind, DutyRule, Paper};
use super::nation::Nation;
use super::registration::{ConferenceKind, RemovalGround};
use super::removal::Evidence;
use super::retention::RetentionRule;
use super::roles::Role;
use super::span::Span;

/// The Wales Safeguarding Procedures, as they come with the program.
pub const WALES: &str = include_str!("../../../config/procedures/wales.toml");

/// The procedures of the West Midlands, as they come with the program.
pub const ENGLAND: &str = include_str!("../../../config/procedures/england.toml");

closed_set! {
    /// What happens in the life of an entry, as far as a clock starts with it or is met by it.
    pub enum EventKind {
        /// A report or referral arrived.
        ReferralReceived = "referral-received",
        /// What to do about it was decided and recorded.
        NextStepDecided = "next-step-decided",
        /// A strategy discussion was decided on.
        StrategyDiscussionDecided = "strategy-discussion-decided",
        /// It was held.
        StrategyDiscussionHeld = "strategy-discussion-held",
        /// A section 47 enquiry was decided on.
        EnquiryDecided = "enquiry-decided",
        /// It began.
        EnquiryStarted = "enquiry-started",
        /// It ended in one of the three determinations.
        EnquiryEnded = "enquiry-ended",
        /// The assessment was completed.
        AssessmentCompleted = "assessment-completed",
        /// An initial conference was held.
        InitialConferenceHeld = "initial-conference-held",
        /// A pre-birth conference was held.
        PreBirthConferenceHeld = "pre-birth-conference-held",
        /// A review conference was held.
        ReviewConferenceHeld = "review-conference-held",
        /// A transfer-in conference was held.
        TransferInConferenceHeld = "transfer-in-conference-held",
        /// The name went on the register.
        Registered = "registered",
        /// The outline plan and the summary of decisions were circulated.
        PlanCirculated = "plan-circulated",
        /// The core group met.
        CoreGroupMet = "core-group-met",
        /// The child was seen.
        Seen = "seen",
        /// The child was seen without parents or carers.
        SeenAlone = "seen-alone",
        /// The child was seen at home.
        SeenAtHome = "seen-at-home",
        /// The child's bedroom was seen.
        BedroomSeen = "bedroom-seen",
        /// The child was born.
        Born = "born",
        /// Somebody learned of a move.
        MoveLearned = "move-learned",
        /// The receiving authority was told of it.
        MoveNotified = "move-notified",
        /// Both authorities agreed that it is permanent.
        MoveAgreedPermanent = "move-agreed-permanent",
        /// The papers went to the receiving authority.
        TransferPapersSent = "transfer-papers-sent",
        /// A transfer-in conference was asked for.
        TransferConferenceRequested = "transfer-conference-requested",
        /// A stay in another area began.
        TemporaryStayBegan = "temporary-stay-began",
        /// It ended.
        TemporaryStayEnded = "temporary-stay-ended",
        /// The name came off the register.
        Removed = "removed",
    }
}

closed_set! {
    /// Which of two authorities owes an action.
    pub enum Side {
        /// The one that holds the entry, the origin of a move.
        Holder = "holder",
        /// The one a child moves to.
        Receiver = "receiver",
    }
}

impl Side {
    const fn holder() -> Self {
        Self::Holder
    }
}

closed_set! {
    /// What becomes of something that is against a rule.
    pub enum Stance {
        /// It is not taken.
        Refuse = "refuse",
        /// It is taken, and doubted aloud.
        Doubt = "doubt",
        /// It is taken.
        Allow = "allow",
    }
}

closed_set! {
    /// What a registration must have, sooner or later.
    pub enum Item {
        /// A plan co-ordinator.
        Coordinator = "coordinator",
        /// The date by which the next review is due.
        ReviewDueOn = "review-due-on",
        /// The date of the next core group.
        CoreGroupDate = "core-group-date",
        /// The members of the core group.
        CoreGroupMembers = "core-group-members",
        /// The active offer of an advocate and its answer.
        AdvocacyOffer = "advocacy-offer",
    }
}

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty),* $(,)? })+) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
            #[serde(deny_unknown_fields)]
            pub struct $name {
                $($(#[$field_meta])* pub $field: $type,)*
                /// Where the rule comes from.
                pub source: Source,
                /// Whether it was not seen in these procedures themselves.
                #[serde(default)]
                pub unconfirmed: bool,
            }
        )+
    };
}

rules! {
    /// A category of abuse, with what it becomes elsewhere.
    CategoryRule {
        /// Code.
        code: Category,
        /// Name.
        words: Words,
        /// Code of the England census, if there is one: without, a set derived from it is lossy.
        cin: Option<CinCategory>,
        /// Code of the NHS data dictionary (England), if there is one.
        nhs: Option<Code>,
    }
    /// A duty with a date by which it is due.
    ClockRule {
        /// Code; the same duty has the same code in all procedures.
        code: Code,
        /// Name.
        words: Words,
        /// Any of these starts it.
        starts: Vec<EventKind>,
        /// The first of these that follows meets it.
        met_by: Vec<EventKind>,
        /// Whether what met it starts it again.
        #[serde(default)]
        repeats: bool,
        /// Whether it cannot run before the child is born.
        #[serde(default)]
        needs_birth: bool,
        /// Whose action it is, and so whose working days count.
        #[serde(default = "Side::holder")]
        owed_by: Side,
        /// How long after its start it falls due.
        due: Option<Span>,
        /// Instead: it falls due with the clock of one of these codes that the same event started.
        #[serde(default)]
        with: Vec<Code>,
        /// A shorter time that is recommended.
        recommended: Option<Span>,
        /// Whether it measures performance only and duns nobody beyond the roles named.
        #[serde(default)]
        measure: bool,
        /// For how many calendar days before it falls due it is due soon.
        due_soon_days: u16,
        /// Who is told, in this order.
        escalation: Vec<Escalation>,
    }
    /// A ground on which a name comes off the register.
    GroundRule {
        /// Code.
        code: RemovalGround,
        /// Name.
        words: Words,
        /// What must be held.
        needs: BTreeSet<Evidence>,
        /// Whether the register ends the entry by itself.
        #[serde(default)]
        computed: bool,
        /// Whether it is for temporary entries, and only for them.
        #[serde(default)]
        temporary_only: bool,
        /// Whether it can be used while a transfer of the child is open.
        #[serde(default)]
        while_transfer_open: bool,
    }
    /// Something a registration must have. A gap is told to somebody and never blocks the entry.
    RequiredItem {
        /// Code.
        code: Item,
        /// What to do about a gap.
        words: Words,
        /// Who is told on the same day.
        tell: Role,
    }
    /// A kind of conference.
    ConferenceRule {
        /// Kind.
        kind: ConferenceKind,
        /// Name.
        words: Words,
        /// What becomes of one held on a Saturday or Sunday.
        weekend: Stance,
        /// Who must be there.
        quorum: Quorum,
        /// The clock that says how far off the next review may be.
        review_clock: Code,
        /// The clock that says how far off the next core group may be.
        core_group_clock: Code,
    }
    /// What a move to another authority needs.
    MoveRules {
        /// The papers that go with it.
        papers: BTreeSet<Paper>,
        /// Whether a court order keeps responsibility with the origin, so that no custody is offered while there is one.
        court_order_keeps: bool,
    }
    /// Rules for children who are not born.
    UnbornRules {
        /// Weeks of gestation before which no conference is held.
        earliest_weeks: Option<u8>,
        /// Weeks of gestation by which it should have been held.
        conference_by_weeks: Option<u8>,
        /// Whether the clocks that run at birth run on unchanged.
        birth_keeps_clocks: bool,
    }
    /// For how long former entries are told of.
    FormerRules {
        /// From the day of removal; absent: no limit of the procedures.
        told_for: Option<Span>,
    }
    /// Parameters of the returns.
    ReturnRules {
        /// The census code for more than one category.
        several: CinCategory,
        /// How long after a removal a new registration counts as another one of the same child.
        reregistration_within: Span,
        /// Where each age band begins, in years.
        age_bands_from_years: Vec<u32>,
        /// Where each band of time on the register begins, in months.
        time_bands_from_months: Vec<u32>,
    }
    /// An answer to the active offer of an advocate.
    AdvocacyResponse {
        /// Code.
        code: Code,
        /// Name.
        words: Words,
        /// Whether the child's entitlement is still unmet.
        #[serde(default)]
        unmet: bool,
    }
    /// How a child took part in a conference.
    Participation {
        /// Code.
        code: Code,
        /// Name.
        words: Words,
    }
    /// A marker of a practice guide.
    Marker {
        /// Code.
        code: Code,
        /// Name.
        words: Words,
        /// The nearest assessment factors of England.
        factors: Vec<Code>,
        /// Whether it is a harm; a circumstance is never counted as abuse.
        #[serde(default = "yes")]
        harm: bool,
    }
}

const fn yes() -> bool {
    true
}

/// Who is told, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    /// Who.
    pub role: Role,
    /// On which day, counted in calendar days from the day it falls due; negative before it.
    pub day: i16,
}

/// Who must be at a conference: children's social care, and others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quorum {
    /// How many agencies beside children's social care.
    pub other_agencies: u8,
}

/// One set of procedures.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Procedures {
    /// Code.
    pub code: Code,
    /// The nation they are of.
    pub nation: Nation,
    /// Name.
    pub name: Words,
    /// Where they are.
    pub source: Source,
    /// Categories; none where the nation has none.
    #[serde(rename = "category", default)]
    pub categories: Vec<CategoryRule>,
    /// Clocks.
    #[serde(rename = "clock")]
    pub clocks: Vec<ClockRule>,
    /// Duties of moves, stays and alerts.
    #[serde(rename = "duty")]
    pub duties: Vec<DutyRule>,
    /// Moves.
    pub moves: MoveRules,
    /// Grounds for removal.
    #[serde(rename = "ground")]
    pub grounds: Vec<GroundRule>,
    /// What a registration must have.
    #[serde(rename = "required", default)]
    pub required: Vec<RequiredItem>,
    /// Conferences.
    #[serde(rename = "conference")]
    pub conferences: Vec<ConferenceRule>,
    /// Unborn children.
    pub unborn: UnbornRules,
    /// Former entries.
    pub former: FormerRules,
    /// Retention rules to start from.
    #[serde(default)]
    pub retention: Vec<RetentionRule>,
    /// Returns.
    pub returns: ReturnRules,
    /// Answers to the offer of an advocate.
    #[serde(default)]
    pub advocacy: Vec<AdvocacyResponse>,
    /// How a child can take part.
    #[serde(default)]
    pub participation: Vec<Participation>,
    /// Markers.
    #[serde(rename = "marker", default)]
    pub markers: Vec<Marker>,
}

impl Procedures {
    /// Reads a procedures file and checks the whole.
    ///
    /// # Errors
    ///
    /// [`ProceduresError`] with the place and what would be right.
    pub fn read(text: &str) -> Result<Self, ProceduresError> {
        let procedures: Self = toml::from_str(text).map_err(|error| ProceduresError::Unreadable(error.to_string()))?;
        procedures.check()?;
        Ok(procedures)
    }

    /// The procedures of a code that come with the program.
    ///
    /// # Errors
    ///
    /// [`ProceduresError::Unknown`] for a code that none has.
    pub fn embedded(code: &str) -> Result<&'static Self, ProceduresError> {
        static WALES_READ: LazyLock<Result<Procedures, ProceduresError>> = LazyLock::new(|| Procedures::read(WALES));
        static ENGLAND_READ: LazyLock<Result<Procedures, ProceduresError>> = LazyLock::new(|| Procedures::read(ENGLAND));
        match code {
            "wales" => WALES_READ.as_ref().map_err(Clone::clone),
            "england" => ENGLAND_READ.as_ref().map_err(Clone::clone),
            _ => Err(ProceduresError::Unknown),
        }
    }

    /// A clock by its code.
    pub fn clock(&self, code: &str) -> Option<&ClockRule> {
        self.clocks.iter().find(|clock| clock.code.as_str() == code)
    }

    /// The rule of a duty.
    pub fn duty(&self, kind: DutyKind) -> Option<&DutyRule> {
        self.duties.iter().find(|duty| duty.code == kind)
    }

    /// A ground by its code; `None`: no ground in these procedures.
    pub fn ground(&self, code: RemovalGround) -> Option<&GroundRule> {
        self.grounds.iter().find(|ground| ground.code == code)
    }

    /// A kind of conference; `None`: not held under these procedures.
    pub fn conference(&self, kind: ConferenceKind) -> Option<&ConferenceRule> {
        self.conferences.iter().find(|conference| conference.kind == kind)
    }

    /// A marker by its code.
    pub fn marker(&self, code: &str) -> Option<&Marker> {
        self.markers.iter().find(|marker| marker.code.as_str() == code)
    }

    /// What a registration that has `held` still lacks: each is told to somebody the same day, and none blocks it.
    ///
    /// # Source
    ///
    /// Invariant I7: WSP-3.2.11, WSP-4.3.
    pub fn gaps(&self, held: &BTreeSet<Item>) -> Vec<&RequiredItem> {
        self.required.iter().filter(|item| !held.contains(&item.code)).collect()
    }
}

#[cfg(test)]
mod tests;
