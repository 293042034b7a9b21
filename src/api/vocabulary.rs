//! What the document says of texts: closed lists, forms, lengths and examples.
//!
//! A request is read as text and every mistake is named with its place (422), so its shape in Rust says only "text". The rules
//! stand in `domain`; here they are said in JSON Schema, as far as it can say them – no schema knows check digits.

use serde_json::{Value, json};
use utoipa::openapi::schema::{ArrayItems, Object, Schema, SchemaType, Type};
use utoipa::openapi::{Components, KnownFormat, RefOr, SchemaFormat};

use super::revocations::CLAIM_LONGEST;
use super::transfers;
use crate::authz::Operation;
use crate::domain::category::Category;
use crate::domain::census::{Disability, Ethnicity, PrimaryNeed, ReferralSource, UpnUnknown};
use crate::domain::client::ClientStatus;
use crate::domain::clocks::ClockState;
use crate::domain::conference::Decision;
use crate::domain::contact::{EMAIL_CHARACTERS_MAX, PHONE_CHARACTERS_MAX};
use crate::domain::custody::alert::{ClosureReason, MissingPath, RiskLevel};
use crate::domain::custody::{DutyKind, Level, Nature, Paper, RefusalReason, WithdrawalReason};
use crate::domain::identifiers::{IdentifierKind, REGION_CODE_CHARACTERS_MAX};
use crate::domain::names::{NAME_PART_CHARACTERS_MAX, NameUse};
use crate::domain::nation::Nation;
use crate::domain::notify::Notify;
use crate::domain::outcome::{CoverageStatus, Grade, MatchStatus, OutcomeCode};
use crate::domain::postcode::{ADDRESS_LINE_CHARACTERS_MAX, POSTCODE_CHARACTERS_MAX};
use crate::domain::procedures::EventKind;
use crate::domain::reason::Reason;
use crate::domain::registration::{ConferenceKind, LegalStatusCode, RegistrationStatus, RemovalGround};
use crate::domain::returns::ReturnCode;
use crate::domain::returns::cin::Gap;
use crate::domain::roles::{Role, Sector};
use crate::domain::section47::Determination;
use crate::domain::sex::Sex;
use crate::domain::span::Unit;
use crate::domain::text::{CASE_REFERENCE_CHARACTERS_MAX, LINE_CHARACTERS_MAX, NOTE_CHARACTERS_MAX};
use crate::domain::verification::VerificationMethod;
use crate::domain::webhook::{DeliveryProblem, DeliveryStatus, WebhookSigning, WebhookStatus};
use crate::register::alerts;
use crate::register::births::Outcome;
use crate::register::children::{AddressKind, Relationship};
use crate::register::comparisons::Compared;
use crate::register::conferences::Attendance;
use crate::register::corrections::Subject;
use crate::register::missed::Missed;
use crate::register::patterns::Pattern;
use crate::register::plans::MilestoneKind;
use crate::register::registrations::EARLIER_REGISTER;
use crate::register::transfers::{Step, suspected};
use crate::register::{identities, imports, notices, tasks};
use crate::store::audit::AuditOutcome;

/// A form that texts have.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// One of a closed list.
    Code(&'static [&'static str]),
    /// An identifier of ours.
    Id,
    /// A day.
    Date,
    /// A day, a month or a year.
    PartialDate,
    /// A point in time with its zone.
    Instant,
    /// A claim of a token, to the byte.
    Claim,
    /// A part of a name; empty means not known.
    Name,
    /// One line of at most so many characters; an empty one is a mistake.
    Line(usize),
    /// One line of an address; an empty one is passed over.
    AddressLine,
    /// Several lines; none at all is a mistake.
    Note,
    /// A telephone number.
    Phone,
    /// An e-mail address.
    Email,
    /// A postcode, also of another country; empty means not known.
    Postcode,
    /// A property number.
    Uprn,
    /// An NHS, CHI or Health and Care number.
    HealthNumber,
    /// An authority.
    Authority,
    /// A region.
    Region,
    /// A hash.
    Hash,
    /// Where a page begins.
    Cursor,
}

/// Years that dates may have.
const YEAR: &str = "(18[5-9][0-9]|19[0-9][0-9]|2[01][0-9][0-9])";
const ID: &str = "01938f0a-7c3e-7b02-9d0b-6f2f0f6f0b11";
const HASH: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// The steps about a move and about an alert, each once.
const POSSIBLE_STEPS: [&str; Step::CODES.len() + alerts::Step::CODES.len() - 1] = {
    let (moves, sought) = (Step::CODES, alerts::Step::CODES);
    let mut all = [""; Step::CODES.len() + alerts::Step::CODES.len() - 1];
    let mut count = 0;
    while count < moves.len() {
        all[count] = moves[count];
        count += 1;
    }
    let mut next = 0;
    while next < sought.len() {
        // Acknowledging is a step of both.
        if !matches!(sought[next].as_bytes(), b"acknowledge") {
            all[count] = sought[next];
            count += 1;
        }
        next += 1;
    }
    all
};

/// The codes of several sets, one after the other.
const fn together<const COUNT: usize>(sets: &[&[&'static str]]) -> [&'static str; COUNT] {
    let mut all = [""; COUNT];
    let (mut set, mut count) = (0, 0);
    while set < sets.len() {
        let mut next = 0;
        while next < sets[set].len() {
            all[count] = sets[set][next];
            (count, next) = (count + 1, next + 1);
        }
        set += 1;
    }
    all
}

/// Why tasks are raised: what looks like fishing, what a file and the register say differently, what looks like a move.
const TASK_REASONS: [&str; Pattern::CODES.len() + imports::Difference::CODES.len() + suspected::Sign::CODES.len()] =
    together(&[&Pattern::CODES, &imports::Difference::CODES, &suspected::Sign::CODES]);

/// Which fields have which form: `Schema/field`.
const FIELDS: &[(Form, &[&str])] = &[
    (Form::Code(&Reason::CODES), &["CheckRequest/reason", "CheckView/reason", "CheckSummary/reason", "TaskCheckView/reason"]),
    (Form::Code(&Notify::CODES), &["CheckRequest/notify", "NoticeView/urgency"]),
    (Form::Code(&OutcomeCode::CODES), &["CheckView/outcome", "CheckSummary/outcome"]),
    (Form::Code(&Grade::CODES), &["MatchView/grade"]),
    (Form::Code(&MatchStatus::CODES), &["MatchView/status"]),
    (Form::Code(&CoverageStatus::CODES), &["CoverageView/status"]),
    (
        Form::Code(&Sex::CODES),
        &[
            "ChildQuestion/sex",
            "ChildRequest/sex",
            "ChildView/sex",
            "ParticularsRequest/sex",
            "BirthRequest/sex",
            "NewbornShape/sex",
            "DayView/sex",
        ],
    ),
    (Form::Code(&Ethnicity::CODES), &["ChildRequest/ethnicity", "ChildView/ethnicity"]),
    (Form::Code(&Disability::CODES), &["ChildRequest/disabilities", "ChildView/disabilities"]),
    (Form::Code(&UpnUnknown::CODES), &["ChildRequest/upnUnknown", "ChildView/upnUnknown"]),
    (Form::Code(&ReferralSource::CODES), &["ReferralShape/source"]),
    (Form::Code(&PrimaryNeed::CODES), &["ReferralShape/primaryNeed"]),
    (Form::Code(&ReturnCode::CODES), &["StatisticsView/return"]),
    (Form::Code(&["internal", "public"]), &["StatisticsView/audience"]),
    (Form::Code(&Gap::CODES), &["GapView/missing"]),
    (Form::Code(&["live", "open", "legal-hold", "sibling-live", "rule-runs", "date-missing", "no-rule"]), &["KeptView/code"]),
    (Form::Code(&VerificationMethod::CODES), &["VerificationShape/method"]),
    (Form::Code(&NameUse::CODES), &["NewNameShape/use", "NameView/use"]),
    (Form::Code(&IdentifierKind::CODES), &["NewIdentifierShape/kind", "IdentifierView/kind"]),
    (Form::Code(&AddressKind::CODES), &["NewAddressShape/kind", "AddressView/kind"]),
    (Form::Code(&Relationship::CODES), &["NewHouseholdMemberShape/relationship", "HouseholdMemberView/relationship"]),
    (
        Form::Code(&Category::CODES),
        &[
            "RegistrationRequest/categories",
            "CategoryView/category",
            "CategoriesRequest/categories",
            "CategoriesView/initial",
            "CategoriesView/latest",
            "DecisionShape/categories",
            "DecisionView/categories",
            "PastEntryView/categories",
        ],
    ),
    (Form::Code(&["initial", "transfer-in", "pre-birth", EARLIER_REGISTER]), &["DecidingConferenceView/kind"]),
    (Form::Code(&ConferenceKind::CODES), &["ConferenceRequest/kind", "ConferenceView/kind"]),
    (Form::Code(&["held", "entered-in-error"]), &["ConferenceView/status"]),
    (Form::Code(&Attendance::CODES), &["AttendeeShape/attendance", "AttendeeView/attendance"]),
    (Form::Code(&Decision::CODES), &["DecisionShape/decision", "DecisionView/decision"]),
    (Form::Code(&Nature::CODES), &["FamilyMoveRequest/nature"]),
    (
        Form::Code(&["permanent", "not-said", "long-stay", "temporary"]),
        &["TransferRequest/nature", "TransferStepRequest/nature", "TransferView/nature"],
    ),
    (
        Form::Code(&Paper::CODES),
        &[
            "TransferStepRequest/papers",
            "TransferStepRequest/missing",
            "TransferView/papers",
            "TransferView/missingPapers",
            "TransferView/returnedFor",
        ],
    ),
    (
        Form::Code(&[
            "not-resident",
            "other-authority",
            "temporary",
            "court-order",
            "other",
            "mistake",
            "not-moving",
            "came-back",
            "moved-on",
        ]),
        &["TransferStepRequest/reason"],
    ),
    (Form::Code(&RefusalReason::CODES), &["TransferView/refusal"]),
    (Form::Code(&WithdrawalReason::CODES), &["TransferView/withdrawal"]),
    (Form::Code(&transfers::STATUSES), &["TransferView/status"]),
    (Form::Code(&DutyKind::CODES), &["TransferDutyView/code"]),
    (Form::Code(&Level::CODES), &["TransferDutyView/level"]),
    (Form::Code(&["origin", "receiver"]), &["TransferDutyView/side", "TransferDisputeView/side"]),
    (Form::Code(&POSSIBLE_STEPS), &["PossibleStep/action"]),
    (Form::Code(&MissingPath::CODES), &["AlertRequest/path", "AlertView/path"]),
    (Form::Code(&["raised", "not-circulated", "active", "closed"]), &["AlertView/status"]),
    (Form::Code(&RiskLevel::CODES), &["AlertDetailsShape/risk"]),
    (Form::Code(&Sector::CODES), &["AlertDetailsShape/sectors"]),
    (Form::Code(&ClosureReason::CODES), &["AlertView/closure"]),
    (
        Form::Code(&["raised-by-mistake", "removed", "reached-eighteen", "died", "exercise-over", "located-and-seen"]),
        &["AlertStepRequest/reason"],
    ),
    (Form::Code(&Nature::CODES), &["AlertStepRequest/nature"]),
    (Form::Code(&["current", "alias", "former"]), &["SoughtNameView/kind"]),
    (Form::Code(&DutyKind::CODES), &["AlertDutyView/code"]),
    (Form::Code(&Level::CODES), &["AlertDutyView/level"]),
    (Form::Code(&Grade::CODES), &["MissingAlertView/grade"]),
    (Form::Code(&["police", "manager", "lastSeen", "risk", "instructions"]), &["AlertView/missing"]),
    (Form::Code(&Role::CODES), &["PossibleStep/roles", "SignatureView/role"]),
    (Form::Code(&Determination::CODES), &["Section47Request/outcome", "Section47View/outcome"]),
    (Form::Code(&["open", "closed", "entered-in-error"]), &["Section47View/status"]),
    (Form::Code(&["england-cin", "england-nhs"]), &["DerivedView/codeSet"]),
    (Form::Code(&["PN0", "PN1", "PN2", "PN3", "PN4", "PN5", "PN6", "PN7"]), &["DecisionShape/participation", "VoiceShape/participation"]),
    (Form::Code(&["accepted", "declined", "already-has", "too-young", "not-possible"]), &["AdvocacyShape/response"]),
    (Form::Code(&["initial", "transfer-in", "pre-birth"]), &["ConferenceShape/kind"]),
    (
        Form::Code(&LegalStatusCode::CODES),
        &["RegistrationRequest/legalStatus", "RegistrationView/legalStatus", "DecisionShape/legalStatus"],
    ),
    (Form::Code(&RegistrationStatus::CODES), &["RegistrationView/status"]),
    (Form::Code(&RemovalGround::CODES), &["RegistrationView/removalGround", "RemovalRequest/ground", "RemovalView/ground"]),
    (Form::Code(&Nation::CODES), &["RegionView/nation", "CategoryView/codeSet", "ClockView/calendar"]),
    (Form::Code(&Role::CODES), &["NoticeView/toRole", "TaskView/toRole", "ClockView/told", "NextStepView/role"]),
    (Form::Code(&notices::Kind::CODES), &["NoticeView/kind"]),
    (Form::Code(&tasks::Kind::CODES), &["TaskView/kind"]),
    (Form::Code(&Missed::CODES), &["MissedAppointmentRequest/kind", "MissedAppointmentView/kind"]),
    (Form::Code(&imports::Fix::CODES), &["TaskFixView/code"]),
    (Form::Code(&imports::Status::CODES), &["ImportView/status"]),
    (Form::Code(&imports::Format::CODES), &["ImportView/format"]),
    (Form::Code(&["added", "unchanged", "changed", "rejected"]), &["ImportRowView/outcome"]),
    (Form::Code(&TASK_REASONS), &["TaskReasonView/code"]),
    (Form::Code(&["open", "closed"]), &["TaskView/status"]),
    (Form::Code(&MilestoneKind::CODES), &["MilestoneRequest/kind", "MilestoneView/kind"]),
    (Form::Code(&ClockState::CODES), &["ClockView/state"]),
    (Form::Code(&WebhookSigning::CODES), &["WebhookRequest/signing", "WebhookView/signing"]),
    (Form::Code(&WebhookStatus::CODES), &["WebhookView/status"]),
    (Form::Code(&["active", "paused", "ended"]), &["WebhookChangeRequest/status"]),
    (Form::Code(&DeliveryStatus::CODES), &["DeliveryView/status"]),
    (Form::Code(&["waiting", "parked"]), &["MessageView/state"]),
    (Form::Code(&Compared::CODES), &["ComparisonView/status"]),
    (Form::Code(&DeliveryProblem::CODES), &["DeliveryView/problem"]),
    (Form::Code(&EventKind::CODES), &["EventView/event"]),
    (Form::Code(&Unit::CODES), &["SpanView/unit"]),
    (Form::Code(&["overdue", "due-soon"]), &["DueView/state"]),
    (Form::Code(&["current", "entered-in-error", "closed-by-adoption"]), &["ChildView/standing"]),
    (Form::Code(&ClientStatus::CODES), &["ClientView/status"]),
    (Form::Code(&Sector::CODES), &["ClientRequest/sector", "ClientView/sector"]),
    (Form::Code(&Outcome::CODES), &["PregnancyView/outcome", "BirthRequest/outcome", "BirthView/outcome"]),
    (Form::Code(&identities::Kind::CODES), &["IdentityDecisionView/kind"]),
    (Form::Code(&Subject::CODES), &["CorrectionView/subject"]),
    (Form::Code(&["corrected", "entered-in-error"]), &["CorrectionView/action"]),
    (
        Form::Code(&["registered", "temporarily-registered", "transfer-pending", "previously-registered", "unborn-registered"]),
        &["PastEntryView/status"],
    ),
    (Form::Code(&["live"]), &["LiveView/status"]),
    (Form::Code(&["ready"]), &["ReadyView/status"]),
    (Form::Code(&["pending"]), &["PendingView/status"]),
    (Form::Code(&["sqlite", "postgres"]), &["ReadyView/database"]),
    (
        Form::Id,
        &[
            "CheckView/id",
            "CheckSummary/id",
            "ChildView/id",
            "NameView/id",
            "IdentifierView/id",
            "AddressView/id",
            "HouseholdMemberView/id",
            "HouseholdMemberView/relatedChildId",
            "NewHouseholdMemberShape/relatedChildId",
            "RevocationView/id",
            "HoldRequest/childId",
            "HoldView/id",
            "HoldView/childId",
            "RetentionView/childId",
            "KeptView/holdId",
            "KeptView/childId",
            "ClientView/id",
            "ImportView/id",
            "MissedAppointmentReceipt/id",
            "MissedAppointmentView/id",
            "ImportRowView/childId",
            "TaskView/importId",
            "CloudEventView/id",
            "WebhookView/id",
            "DeliveryView/eventId",
            "ReplayRequest/events",
            "CloudEventView/partitionkey",
            "CloudEventData/childId",
            "RegistrationRequest/childId",
            "RegistrationView/id",
            "RegistrationView/childId",
            "RegistrationRequest/conferenceId",
            "DecidingConferenceView/id",
            "RemovalRequest/conferenceId",
            "RemovalView/registrationId",
            "RemovalView/conferenceId",
            "AlertRequest/registrationId",
            "AlertStepRequest/sightingId",
            "AlertView/id",
            "AlertView/childId",
            "AlertView/registrationId",
            "AlertView/transferId",
            "AlertReportView/id",
            "NoticeView/alertId",
            "TaskView/alertId",
            "MessageView/id",
            "FamilyMoveRequest/registrationIds",
            "FamilyMoveView/familyMoveId",
            "ResponsibilityView/registrationId",
            "TransferRequest/registrationId",
            "TransferRequest/familyMoveId",
            "TransferStepRequest/familyMoveId",
            "TransferStepRequest/conferenceId",
            "TransferStepView/conferenceId",
            "TransferView/id",
            "TransferView/childId",
            "TransferView/familyMoveId",
            "TransferView/stayId",
            "TransferView/transferId",
            "Section47Request/childId",
            "Section47View/id",
            "Section47View/childId",
            "Section47View/conferenceId",
            "DecisionShape/childId",
            "DecisionShape/section47Id",
            "DecisionShape/registrationId",
            "VoiceShape/childId",
            "ConferenceView/id",
            "DecisionView/id",
            "DecisionView/childId",
            "DecisionView/section47Id",
            "DecisionView/registrationId",
            "HomeShape/registrationId",
            "HomeView/registrationId",
            "NoticeView/id",
            "NoticeView/childId",
            "NoticeView/registrationId",
            "NoticeView/checkId",
            "TaskView/id",
            "TaskCheckView/id",
            "TaskView/childId",
            "TaskView/otherChildId",
            "ChildView/mergedInto",
            "ChildView/mergedFrom",
            "ChildView/registrationIds",
            "NewIdentifierShape/supersedes",
            "IdentityRequest/otherChildId",
            "IdentityDecisionView/id",
            "IdentityDecisionView/childId",
            "IdentityDecisionView/otherChildId",
            "BreakGlassView/id",
            "BreakGlassView/childId",
            "HistoryView/childId",
            "PastEntryView/registrationId",
            "SpellView/registrationId",
            "CorrectionView/factId",
            "CorrectionView/replacedBy",
            "TaskView/registrationId",
            "TaskView/checkId",
            "VisitView/id",
            "CoreGroupMeetingView/id",
            "MilestoneView/id",
            "EventView/id",
            "DepartureView/id",
            "DueView/registrationId",
            "DueView/childId",
            "EntryView/id",
            "EntryView/checkId",
            "EntryView/childIds",
            "EntryView/requestId",
            "EntryView/correlationId",
            "ProofView/entry",
            "PendingView/entry",
        ],
    ),
    (
        Form::Date,
        &[
            "MissedAppointmentRequest/missedOn",
            "ChildQuestion/dateOfBirthFrom",
            "ChildQuestion/dateOfBirthTo",
            "ChildQuestion/expectedDeliveryDate",
            "ChildRequest/dateOfBirthFrom",
            "ChildRequest/dateOfBirthTo",
            "ChildRequest/expectedDeliveryDate",
            "NewNameShape/from",
            "NewNameShape/to",
            "NewIdentifierShape/from",
            "NewIdentifierShape/to",
            "ParticularsRequest/dateOfBirthFrom",
            "ParticularsRequest/dateOfBirthTo",
            "ParticularsRequest/expectedDeliveryDate",
            "BirthRequest/on",
            "BirthRequest/bornOn",
            "NewbornShape/bornOn",
            "PracticeRequest/from",
            "NewAddressShape/from",
            "NewAddressShape/to",
            "NewHouseholdMemberShape/dateOfBirth",
            "NewHouseholdMemberShape/from",
            "NewHouseholdMemberShape/to",
            "RegistrationRequest/registeredOn",
            "RegistrationRequest/reviewDueOn",
            "ConferenceShape/heldOn",
            "CoordinatorChangeRequest/from",
            "CategoriesRequest/from",
            "CoreGroupRequest/from",
            "RemovalRequest/removedOn",
            "Section47Request/referralOn",
            "Section47Request/strategyDiscussionOn",
            "Section47Request/decidedOn",
            "Section47Request/startedOn",
            "Section47Request/outcomeOn",
            "Section47Request/assessmentCompletedOn",
            "ConferenceRequest/heldOn",
            "TransferStepRequest/on",
            "TransferStepRequest/expectedTo",
            "TransferRequest/startsOn",
            "OutsideShape/since",
            "TransferRequest/expectedTo",
            "DecisionShape/registeredOn",
            "DecisionShape/removedOn",
            "DecisionShape/nextReviewOn",
            "DecisionShape/coreGroupOn",
            "AdvocacyShape/offeredOn",
            "VisitRequest/visitedOn",
            "CoreGroupMeetingRequest/heldOn",
            "MilestoneRequest/reachedOn",
            "DepartureRequest/dueOn",
            "ReferralShape/receivedOn",
        ],
    ),
    (
        Form::Instant,
        &[
            "ReplayRequest/since",
            "RevocationRequest/until",
            "VerificationShape/at",
            "EntryView/recordedAt",
            "LastSeenShape/at",
            "NotifiedShape/at",
            "AlertStepRequest/reviewBy",
            "AlertStepRequest/seenAt",
        ],
    ),
    (
        Form::PartialDate,
        &["ChildQuestion/dateOfBirth", "CarerShape/dateOfBirth", "ChildRequest/dateOfBirth", "ParticularsRequest/dateOfBirth"],
    ),
    (
        Form::Name,
        &["NameShape/given", "NameShape/middle", "NameShape/family", "NewNameShape/given", "NewNameShape/middle", "NewNameShape/family"],
    ),
    (Form::Line(CASE_REFERENCE_CHARACTERS_MAX), &["CheckRequest/caseReference"]),
    (
        Form::Line(LINE_CHARACTERS_MAX),
        &[
            "MissedAppointmentRequest/service",
            "PracticeRequest/name",
            "CheckRequest/reasonText",
            "OnBehalfOfShape/name",
            "OnBehalfOfShape/agency",
            "OnBehalfOfShape/role",
            "VerificationShape/by",
            "NewAddressShape/source",
            "CoordinatorShape/name",
            "CoordinatorShape/person",
            "CoreGroupMemberShape/name",
            "CoreGroupMemberShape/agency",
            "CoreGroupMemberShape/role",
            "RevocationRequest/reason",
            "ClientRequest/name",
            "OrganisationShape/name",
            "DepartureShape/approvedBy",
            "ConferenceRequest/chair",
            "ConferenceRequest/chairPerson",
            "ConferenceCorrectionRequest/chair",
            "ConferenceCorrectionRequest/chairPerson",
            "AttendeeShape/name",
            "AttendeeShape/agency",
            "AttendeeShape/role",
            "ViewsShape/childHow",
            "ViewsShape/parentsHow",
            "AdvocacyShape/offeredBy",
            "VisitRequest/visitedBy",
            "NotifiedShape/name",
            "NotifiedShape/reference",
            "ResponsibilityRequest/courtOrder",
            "OutsideShape/place",
            "AlertStepRequest/seenBy",
        ],
    ),
    (Form::Line(64), &["NewIdentifierShape/value"]),
    (Form::Line(10), &["OrganisationShape/code", "PracticeRequest/odsCode"]),
    (Form::Claim, &["RevocationRequest/issuer", "RevocationRequest/tokenId", "RevocationRequest/subject"]),
    (
        Form::Line(35),
        &[
            "ChildRequest/preferredLanguage",
            "ParticularsRequest/preferredLanguage",
            "ConferenceRequest/language",
            "ConferenceCorrectionRequest/language",
            "ViewsShape/language",
        ],
    ),
    (Form::AddressLine, &["AddressShape/lines", "NewAddressShape/lines", "AddressView/lines"]),
    (
        Form::Note,
        &[
            "ChildRequest/communicationNeeds",
            "ParticularsRequest/communicationNeeds",
            "ReasonRequest/reason",
            "AcknowledgementRequest/note",
            "HoldRequest/reason",
            "DepartureShape/reason",
            "RemovalRequest/evidence",
            "RemovalRequest/reasons",
            "ConferenceRequest/quorumReason",
            "ConferenceCorrectionRequest/quorumReason",
            "DecisionShape/dissent",
            "DecisionShape/reasons",
            "DecisionShape/evidence",
            "ViewsShape/child",
            "ViewsShape/parents",
            "VisitRequest/note",
            "CoreGroupMeetingRequest/note",
            "MilestoneRequest/note",
            "DepartureRequest/reason",
            "NameCorrectionRequest/reason",
            "AddressCorrectionRequest/reason",
            "IdentifierCorrectionRequest/reason",
            "HouseholdCorrectionRequest/reason",
            "ParticularsRequest/reason",
            "IdentityRequest/reason",
            "ShieldingRequest/reason",
            "FamilyMoveRequest/note",
            "ResponsibilityRequest/reason",
            "OutsideShape/evidence",
            "AlertRequest/note",
            "AlertStepRequest/note",
            "AlertStepRequest/place",
            "AlertDetailsShape/riskNote",
            "AlertDetailsShape/companions",
            "AlertDetailsShape/instructions",
            "LastSeenShape/place",
        ],
    ),
    (Form::Phone, &["OnBehalfOfShape/callBackNumber", "CoordinatorShape/phone", "CoreGroupMemberShape/phone"]),
    (Form::Email, &["CoordinatorShape/email"]),
    (Form::Postcode, &["AddressShape/postcode", "NewAddressShape/postcode"]),
    (Form::Uprn, &["AddressShape/uprn", "NewAddressShape/uprn"]),
    (
        Form::HealthNumber,
        &[
            "ChildQuestion/nhsNumber",
            "ChildQuestion/chiNumber",
            "ChildQuestion/hcNumber",
            "NewHouseholdMemberShape/nhsNumber",
            "BirthRequest/nhsNumber",
            "NewbornShape/nhsNumber",
        ],
    ),
    (
        Form::Authority,
        &[
            "ChildRequest/authority",
            "RegistrationRequest/authority",
            "ConferenceShape/authority",
            "HomeShape/authority",
            "AuthorityView/code",
            "MemberAuthorityView/code",
            "ChildView/authority",
            "RegistrationView/authority",
            "DecidingConferenceView/authority",
            "ConferenceView/authority",
            "ConferenceRequest/authority",
            "Section47Request/authority",
            "Section47View/authority",
            "AlertStepRequest/foundIn",
            "AlertOwnerView/code",
            "LocatedView/foundIn",
            "TransferRequest/to",
            "FamilyMoveRequest/to",
            "ResponsibilityView/responsible",
            "TransferPartyView/code",
            "TransferStepView/authority",
            "TransferView/responsible",
            "PossibleStep/authority",
            "HomeView/authority",
            "NoticeView/authority",
            "ClockView/owedBy",
            "DueView/authority",
            "StatisticsView/authorities",
            "HoldRequest/authority",
            "HoldView/authority",
            "RetentionView/authority",
            "PastEntryView/authority",
            "SpellView/authority",
        ],
    ),
    (
        Form::Region,
        &[
            "HomeShape/region",
            "HomeView/region",
            "TransferPartyView/region",
            "AlertStepRequest/regions",
            "AlertOwnerView/region",
            "AlertRecipientView/region",
            "AlertReportView/region",
            "AlertView/regions",
            "AuthorityView/region",
            "CoverageView/region",
            "MessageView/region",
            "ComparisonRequest/region",
            "ComparisonView/region",
            "RegionView/code",
        ],
    ),
    (
        Form::Hash,
        &[
            "EntryView/leafHash",
            "CheckpointView/rootHash",
            "ProofView/leafHash",
            "ProofView/hashes",
            "ConsistencyView/fromRootHash",
            "ConsistencyView/toRootHash",
            "ConsistencyView/hashes",
            "ImportView/digest",
        ],
    ),
];

/// What a request must have although its shape in Rust lets it be absent, so that its absence is named with all other mistakes.
const REQUIRED: &[&str] = &[
    "CheckRequest/reason",
    "OnBehalfOfShape/name",
    "OnBehalfOfShape/agency",
    "OnBehalfOfShape/role",
    "OnBehalfOfShape/callBackNumber",
    "OnBehalfOfShape/verifiedBy",
    "VerificationShape/method",
    "VerificationShape/at",
    "VerificationShape/by",
    "ChildRequest/authority",
    "NewIdentifierShape/kind",
    "NewIdentifierShape/value",
    "NewHouseholdMemberShape/relationship",
    "ReasonRequest/reason",
    "MissedAppointmentRequest/kind",
    "MissedAppointmentRequest/service",
    "MissedAppointmentRequest/missedOn",
    "MissedAppointmentRequest/child",
    "HoldRequest/authority",
    "HoldRequest/reason",
    "ReferralShape/receivedOn",
    "ReferralShape/source",
    "ReferralShape/primaryNeed",
    "EventAcknowledgementRequest/cursor",
    "WebhookRequest/url",
    "WebhookChangeRequest/url",
    "WebhookChangeRequest/status",
    "ClientRequest/name",
    "ClientRequest/sector",
    "ClientRequest/organisation",
    "OrganisationShape/code",
    "OrganisationShape/name",
    "RevocationRequest/issuer",
    "RevocationRequest/reason",
    "NameCorrectionRequest/reason",
    "NameCorrectionRequest/name",
    "AddressCorrectionRequest/reason",
    "AddressCorrectionRequest/address",
    "IdentifierCorrectionRequest/reason",
    "IdentifierCorrectionRequest/identifier",
    "HouseholdCorrectionRequest/reason",
    "HouseholdCorrectionRequest/member",
    "ParticularsRequest/reason",
    "PracticeRequest/name",
    "IdentityRequest/otherChildId",
    "IdentityRequest/reason",
    "ShieldingRequest/shielded",
    "ShieldingRequest/reason",
    "RegistrationRequest/childId",
    "RegistrationRequest/authority",
    "RegistrationRequest/registeredOn",
    "ConferenceShape/heldOn",
    "ConferenceShape/kind",
    "ConferenceShape/authority",
    "HomeShape/region",
    "HomeShape/authority",
    "CoordinatorShape/name",
    "CoreGroupMemberShape/name",
    "DepartureShape/reason",
    "DepartureShape/approvedBy",
    "TransferRequest/registrationId",
    "TransferRequest/to",
    "FamilyMoveRequest/registrationIds",
    "FamilyMoveRequest/to",
    "FamilyMoveRequest/nature",
    "ResponsibilityRequest/reason",
    "OutsideShape/place",
    "OutsideShape/since",
    "OutsideShape/evidence",
    "AlertRequest/registrationId",
    "AlertRequest/path",
    "LastSeenShape/at",
    "NotifiedShape/at",
    "NotifiedShape/name",
    "RemovalRequest/removedOn",
    "RemovalRequest/ground",
    "RemovalRequest/reasons",
    "Section47Request/strategyDiscussionOn",
    "ConferenceRequest/kind",
    "ConferenceRequest/authority",
    "ConferenceRequest/heldOn",
    "AttendeeShape/name",
    "AttendeeShape/attendance",
    "DecisionShape/childId",
    "DecisionShape/decision",
    "DecisionShape/consensus",
    "VoiceShape/childId",
    "VisitRequest/visitedOn",
    "VisitRequest/seen",
    "CoreGroupMeetingRequest/heldOn",
    "MilestoneRequest/kind",
    "MilestoneRequest/reachedOn",
    "DepartureRequest/dueOn",
    "DepartureRequest/reason",
];

/// Says what the table says of every field.
pub fn fields(components: &mut Components) {
    for (name, schema) in &mut components.schemas {
        if name == "SearchShape" {
            search(schema);
        }
        let RefOr::T(Schema::Object(object)) = schema else { continue };
        // An answer leaves out what is absent; a request may also say null.
        let is_request = ["Request", "Shape", "Question"].iter().any(|end| name.ends_with(end));
        for (field, property) in &mut object.properties {
            let place = format!("{name}/{field}");
            if let Some((form, _)) = FIELDS.iter().find(|(_, places)| places.contains(&place.as_str())) {
                form.say(property);
            }
            let required = REQUIRED.contains(&place.as_str());
            if required && !object.required.contains(field) {
                object.required.push(field.clone());
            }
            if required || !is_request {
                never_null(property);
            }
            explain(property);
        }
    }
}

/// A search is one of two words or a list of regions: an untagged enum, which cannot say so itself.
fn search(schema: &mut RefOr<Schema>) {
    let RefOr::T(Schema::OneOf(choice)) = schema else { return };
    for item in &mut choice.items {
        match item {
            RefOr::T(Schema::Array(list)) => {
                list.min_items = Some(1);
                Form::Region.say(item);
            }
            word => one_of(word, &["own-region", "federation"]),
        }
    }
}

/// Says the form of a parameter.
pub fn parameter(operation: &str, name: &str, schema: &mut RefOr<Schema>) {
    let form = match (operation, name) {
        (_, "id" | "fact" | "child" | "togetherWith") => Form::Id,
        ("addDeparture", "item") => return never_null(schema),
        (_, "item") => Form::Id,
        ("readHistory", "on" | "from" | "to") => Form::Date,
        ("readHistory", "known") => Form::Instant,
        ("listMessages", "state") => return one_of(schema, &["waiting", "parked"]),
        ("listWebhookDeliveries", "status") => return one_of(schema, &DeliveryStatus::CODES),
        (_, "cursor") => Form::Cursor,
        ("listAlerts", "status") => return one_of(schema, &["raised", "not-circulated", "active", "closed"]),
        ("listClocks", "authority") => Form::Authority,
        ("listClocks", "state") => return one_of(schema, &["overdue", "due-soon"]),
        ("listAudit", "from" | "to") | ("readStatistics", "knownAt") => Form::Instant,
        ("readStatistics", "on" | "from" | "to") => Form::Date,
        ("readStatistics", "authority") => Form::Authority,
        ("readStatistics", "return") => return one_of(schema, &ReturnCode::CODES),
        ("readStatistics", "audience") => return one_of(schema, &["internal", "public"]),
        ("listAudit", "outcome") => return one_of(schema, AuditOutcome::ALL.map(AuditOutcome::as_str).as_slice()),
        ("listAudit", "operation") => {
            let codes: Vec<&str> = Operation::ALL.iter().map(|operation| operation.as_str()).collect();
            return one_of(schema, &codes);
        }
        _ => return never_null(schema),
    };
    never_null(schema);
    form.say(schema);
}

fn one_of(schema: &mut RefOr<Schema>, codes: &[&str]) {
    never_null(schema);
    if let RefOr::T(Schema::Object(object)) = schema {
        object.enum_values = Some(codes.iter().map(|code| json!(code)).collect());
    }
}

/// A value that, when it is there, is not null.
fn never_null(property: &mut RefOr<Schema>) {
    match property {
        RefOr::T(Schema::Object(Object { schema_type, enum_values, .. })) => {
            if let SchemaType::Array(types) = schema_type
                && let [one] = types.iter().filter(|kind| **kind != Type::Null).collect::<Vec<_>>()[..]
            {
                *schema_type = SchemaType::Type(one.clone());
            }
            if let Some(codes) = enum_values {
                codes.retain(|code| !code.is_null());
            }
        }
        RefOr::T(Schema::OneOf(choice)) => {
            let is_null = |item: &RefOr<Schema>| matches!(item, RefOr::T(Schema::Object(object)) if matches!(object.schema_type, SchemaType::Type(Type::Null)));
            if choice.items.len() == 2
                && choice.items.iter().any(is_null)
                && let Some(shape) = choice.items.iter().find(|item| !is_null(item)).cloned()
            {
                *property = shape;
            }
        }
        _ => {}
    }
}

/// An optional shape is explained where it stands, not inside one of its alternatives.
fn explain(property: &mut RefOr<Schema>) {
    if let RefOr::T(Schema::OneOf(choice)) = property
        && choice.description.is_none()
    {
        choice.description = choice.items.iter().find_map(|item| match item {
            RefOr::Ref(shape) if !shape.description.is_empty() => Some(shape.description.clone()),
            _ => None,
        });
    }
}

impl Form {
    fn say(self, schema: &mut RefOr<Schema>) {
        match schema {
            RefOr::T(Schema::Object(text)) => self.say_of(text),
            RefOr::T(Schema::Array(list)) => {
                if let ArrayItems::RefOrSchema(item) = &mut list.items {
                    self.say(item);
                }
            }
            _ => {}
        }
    }

    fn say_of(self, text: &mut Object) {
        let mut pattern = |pattern: &str| text.pattern = Some(pattern.to_owned());
        let example: Value = match self {
            Self::Code(codes) => {
                let null = matches!(&text.schema_type, SchemaType::Array(types) if types.contains(&Type::Null));
                text.enum_values = Some(codes.iter().map(|code| json!(code)).chain(null.then_some(Value::Null)).collect());
                text.pattern = None;
                json!(codes.first())
            }
            Self::Id => {
                text.format = Some(SchemaFormat::KnownFormat(KnownFormat::Uuid));
                json!(ID)
            }
            Self::Date => {
                pattern(&format!("^{YEAR}-[0-9]{{2}}-[0-9]{{2}}$"));
                text.format = Some(SchemaFormat::KnownFormat(KnownFormat::Date));
                json!("2026-03-03")
            }
            Self::PartialDate => {
                pattern(&format!("^{YEAR}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?$"));
                json!("2017-05-09")
            }
            Self::Instant => {
                text.format = Some(SchemaFormat::KnownFormat(KnownFormat::DateTime));
                json!("2026-11-22T02:10:00Z")
            }
            Self::Name => {
                text.max_length = Some(NAME_PART_CHARACTERS_MAX);
                json!("Haf")
            }
            Self::Claim => {
                (text.min_length, text.max_length) = (Some(1), Some(CLAIM_LONGEST));
                text.example.clone().or_else(|| text.examples.first().cloned()).unwrap_or_else(|| json!("a.price"))
            }
            Self::Line(characters) => {
                pattern("\\S");
                (text.min_length, text.max_length) = (Some(1), Some(characters));
                json!("Ann Price")
            }
            Self::AddressLine => {
                text.max_length = Some(ADDRESS_LINE_CHARACTERS_MAX);
                json!("14 Stryd y Felin")
            }
            Self::Note => {
                pattern("\\S");
                (text.min_length, text.max_length) = (Some(1), Some(NOTE_CHARACTERS_MAX));
                json!("Needs an interpreter of British Sign Language")
            }
            Self::Phone => {
                pattern("[0-9]");
                (text.min_length, text.max_length) = (Some(3), Some(PHONE_CHARACTERS_MAX));
                json!("01632 960123")
            }
            Self::Email => {
                text.format = Some(SchemaFormat::Custom("email".into()));
                text.max_length = Some(EMAIL_CHARACTERS_MAX);
                json!("desk@council.example")
            }
            Self::Postcode => {
                text.max_length = Some(POSTCODE_CHARACTERS_MAX);
                json!("NP20 4QR")
            }
            Self::Uprn => {
                pattern("^0*[1-9][0-9]*$");
                (text.min_length, text.max_length) = (Some(1), Some(12));
                json!("100100812345")
            }
            Self::HealthNumber => {
                pattern("^[0-9]([ -]?[0-9]){9}$");
                json!("9990001006")
            }
            Self::Authority => {
                pattern("^[A-Za-z][0-9]{8}$");
                json!("W06000022")
            }
            Self::Region => {
                pattern("^[a-z][a-z0-9]*(-[a-z0-9]+)*$");
                text.max_length = Some(REGION_CODE_CHARACTERS_MAX);
                json!("gwent")
            }
            Self::Hash => {
                pattern("^[0-9a-f]{64}$");
                json!(HASH)
            }
            Self::Cursor => {
                // Sixteen bytes in base64: the last character carries two bits only.
                pattern("^[A-Za-z0-9_-]{21}[AQgw]$");
                json!("AZOPCnw-ewKdC28vD28LEQ")
            }
        };
        text.example.get_or_insert(example);
    }
}

/// An example of a schema, put together from the examples of its fields; nothing when one that must be there has none.
pub fn example(components: &Components, schema: &RefOr<Schema>) -> Option<Value> {
    match schema {
        RefOr::Ref(shape) => example(components, components.schemas.get(shape.ref_location.rsplit('/').next()?)?),
        RefOr::T(Schema::OneOf(choice)) => choice.items.first().and_then(|item| example(components, item)),
        RefOr::T(Schema::Array(list)) => match (&list.example, &list.items) {
            (Some(example), _) => Some(example.clone()),
            (None, ArrayItems::RefOrSchema(item)) => Some(json!([example(components, item)?])),
            (None, ArrayItems::False) => None,
        },
        RefOr::T(Schema::Object(object)) => {
            if object.example.is_some() {
                return object.example.clone();
            }
            match &object.schema_type {
                SchemaType::Type(Type::Boolean) => Some(json!(false)),
                SchemaType::Type(Type::Integer) => Some(json!(1)),
                SchemaType::Type(Type::Object) => {
                    let mut fields = serde_json::Map::new();
                    for (name, property) in &object.properties {
                        match example(components, property) {
                            Some(value) => drop(fields.insert(name.clone(), value)),
                            None if object.required.contains(name) => return None,
                            None => {}
                        }
                    }
                    Some(Value::Object(fields))
                }
                SchemaType::Type(Type::String) => match &object.format {
                    Some(SchemaFormat::KnownFormat(KnownFormat::Date)) => Some(json!("2026-03-03")),
                    Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)) => Some(json!("2026-11-22T02:10:00Z")),
                    _ => None,
                },
                _ => None,
            }
        }
        RefOr::T(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_tables_is_a_field_of_the_document() {
        let document = <super::super::openapi::Document as utoipa::OpenApi>::openapi();
        let schemas = serde_json::to_value(document.components.unwrap().schemas).unwrap();
        for place in FIELDS.iter().flat_map(|(_, places)| *places).chain(REQUIRED) {
            let (schema, field) = place.split_once('/').unwrap();
            assert!(schemas[schema]["properties"][field].is_object(), "{place}");
        }
    }
}
