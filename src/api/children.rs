//! `/v1/children`: people on the register.

use std::sync::Arc;

use actix_web::HttpResponse;
use chrono::{DateTime, NaiveDate, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::fields::Fields;
use super::gate::{Gate, etag};
use super::named::{child_in_path, related_in_body};
use super::once::Once;
use super::practices::PracticeView;
use super::problem::Problem;
use super::respond::{created, item, kept};
use super::shapes::{AddressShape, NameShape};
use crate::authz::Action;
use crate::authz::policy::action;
use crate::domain::census::{CensusItems, Disability, Referral};
use crate::domain::dates::{BirthDate, DateOfBirth, ExpectedDeliveryDate, PartialDate, parse_date};
use crate::domain::identifiers::{GssCode, Identifier, IdentifierKind};
use crate::domain::ids::{ChildId, IdentifierId};
use crate::domain::language::PreferredLanguage;
use crate::domain::names::NameUse;
use crate::domain::sex::Sex;
use crate::domain::text::{Line, Note};
use crate::register::births::Outcome;
use crate::register::children::{
    self, AddressKind, Child, NewAddress, NewChild, NewHouseholdMember, NewIdentifier, NewName, Relationship, Sight, Surroundings,
    Validity, today,
};
use crate::register::{Region, RegisterError};
use crate::store::census::ReferralRow;
use crate::store::children::{AddressRow, ChildRow, HouseholdRow, IdentifierRow, NameRow};
use crate::store::connection::AnyConnection;
use crate::store::types::Id;
use crate::store::{Snapshot, Tx};

/// The most names, identifiers, addresses or household members of one person.
pub(super) const ITEMS: usize = 50;

/// A person to be entered.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChildRequest {
    /// The authority that keeps the record (GSS code).
    #[schema(example = "W06000022")]
    authority: Option<String>,
    /// Whether the record is shielded: matched only on what an enquirer could see of it.
    #[serde(default)]
    shielded: bool,
    /// Names; may be none for an unborn child.
    #[serde(default)]
    names: Vec<NewNameShape>,
    /// Date of birth: `YYYY-MM-DD`, or `YYYY-MM` or `YYYY` when no more is known.
    #[schema(example = "2017-05-09")]
    date_of_birth: Option<String>,
    /// First possible date of birth.
    date_of_birth_from: Option<String>,
    /// Last possible date of birth.
    date_of_birth_to: Option<String>,
    /// For an unborn child: the expected date of delivery.
    expected_delivery_date: Option<String>,
    /// `female`, `male`, `indeterminate` or `unknown` (default).
    #[schema(example = "female")]
    sex: Option<String>,
    /// The language that the child prefers (BCP 47).
    #[schema(example = "cy")]
    preferred_language: Option<String>,
    /// How to communicate with the child.
    communication_needs: Option<String>,
    /// Identifiers.
    #[serde(default)]
    identifiers: Vec<NewIdentifierShape>,
    /// Addresses, present and former.
    #[serde(default)]
    addresses: Vec<NewAddressShape>,
    /// Household and carers.
    #[serde(default)]
    household: Vec<NewHouseholdMemberShape>,
    /// Ethnicity, for returns: a code of England's children-in-need census.
    #[schema(example = "WBRI")]
    ethnicity: Option<String>,
    /// Disabilities, for returns: codes of the census; an empty list says that there are none.
    disabilities: Option<Vec<String>>,
    /// Why there is no pupil number, for returns: a code of the census.
    #[schema(example = "UN1")]
    upn_unknown: Option<String>,
    /// The referral to children's social care, for returns.
    referral: Option<ReferralShape>,
}

/// A referral.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReferralShape {
    /// When it arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    received_on: Option<String>,
    /// From whom: a code of England's children-in-need census.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "3E")]
    source: Option<String>,
    /// The primary need: a code of the census.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "N1")]
    primary_need: Option<String>,
}

impl std::fmt::Debug for ChildRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChildRequest([personal])")
    }
}

/// A name to be entered.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewNameShape {
    /// `official` (default), `preferred`, `alias` or `former`.
    #[serde(rename = "use")]
    #[schema(example = "official")]
    name_use: Option<String>,
    /// Given name.
    #[schema(example = "Siân")]
    given: Option<String>,
    /// Middle names.
    middle: Option<String>,
    /// Family name.
    #[schema(example = "Llewellyn")]
    family: Option<String>,
    /// First day of use.
    from: Option<String>,
    /// Last day of use.
    to: Option<String>,
}

/// An identifier to be entered.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewIdentifierShape {
    /// `nhs-number`, `chi-number`, `hc-number`, `upn`, `former-upn` or `local-authority-child-id`.
    #[schema(example = "nhs-number")]
    kind: Option<String>,
    /// The identifier.
    #[schema(example = "9990001006")]
    value: Option<String>,
    /// First day on which it was the one in use.
    from: Option<String>,
    /// Last day on which it was the one in use: a superseded number goes on finding the child, and the answer says so.
    to: Option<String>,
    /// The fact whose number this one supersedes; only where a number is added to a person.
    supersedes: Option<String>,
}

/// An address to be entered.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewAddressShape {
    /// `home` (default), `temporary`, `placement`, `refuge` or `other`.
    #[schema(example = "home")]
    kind: Option<String>,
    /// Lines.
    #[serde(default)]
    lines: Vec<String>,
    /// Postcode.
    #[schema(example = "NP20 4QR")]
    postcode: Option<String>,
    /// Unique property reference number.
    uprn: Option<String>,
    /// Who said so.
    source: Option<String>,
    /// Whether it is confidential: then it never leaves the owning authority and is never matched on.
    #[serde(default)]
    confidential: bool,
    /// First day there.
    from: Option<String>,
    /// Last day there.
    to: Option<String>,
}

/// A household member or carer to be entered.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewHouseholdMemberShape {
    /// `mother`, `father`, `step-parent`, `grandparent`, `sibling`, `half-sibling`, `carer`, `partner-of-parent` or `other`.
    #[schema(example = "mother")]
    relationship: Option<String>,
    /// Whether they care for the child.
    #[serde(default)]
    carer: bool,
    /// Whether they have parental responsibility.
    #[serde(default)]
    parental_responsibility: bool,
    /// Whether they live with the child; default true.
    in_household: Option<bool>,
    /// Name.
    name: Option<NameShape>,
    /// Date of birth.
    #[schema(example = "1990-02-17")]
    date_of_birth: Option<String>,
    /// Their NHS number: by that of the mother an unborn child is found.
    #[schema(example = "9990000433")]
    nhs_number: Option<String>,
    /// Their own record on this register.
    related_child_id: Option<String>,
    /// Whether that they are here is confidential.
    #[serde(default)]
    confidential: bool,
    /// Since when.
    from: Option<String>,
    /// Until when.
    to: Option<String>,
}

/// A reason for a correction.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonRequest {
    /// Why, in words.
    #[schema(example = "Entered twice by mistake")]
    pub reason: Option<String>,
}

impl ReasonRequest {
    /// Reads the reason; it must be there.
    ///
    /// # Errors
    /// 422.
    pub fn read(&self) -> Result<Note, Problem> {
        let mut fields = Fields::default();
        let note = fields.required::<Note>("/reason", self.reason.as_deref());
        fields.finish(note)
    }
}

/// A person on the register.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChildView {
    /// Identifier.
    id: String,
    /// The authority that keeps the record (GSS code).
    authority: String,
    /// `current`, `entered-in-error` or `closed-by-adoption`.
    standing: String,
    /// Whether the record is shielded.
    shielded: bool,
    /// The record into which this one was merged: both are of one person.
    #[serde(skip_serializing_if = "Option::is_none")]
    merged_into: Option<String>,
    /// The records that were merged into this one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    merged_from: Vec<String>,
    /// The entries of this person, whichever of their records they rest on.
    registration_ids: Vec<String>,
    /// How the pregnancy ended, of a child who was entered before birth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pregnancy: Option<PregnancyView>,
    /// Names.
    names: Vec<NameView>,
    /// Date of birth, when the day is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    date_of_birth: Option<NaiveDate>,
    /// First possible date of birth.
    #[serde(skip_serializing_if = "Option::is_none")]
    date_of_birth_from: Option<NaiveDate>,
    /// Last possible date of birth.
    #[serde(skip_serializing_if = "Option::is_none")]
    date_of_birth_to: Option<NaiveDate>,
    /// Expected date of delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_delivery_date: Option<NaiveDate>,
    /// Sex.
    sex: String,
    /// The language that the child prefers.
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_language: Option<String>,
    /// How to communicate with the child.
    #[serde(skip_serializing_if = "Option::is_none")]
    communication_needs: Option<String>,
    /// Identifiers.
    identifiers: Vec<IdentifierView>,
    /// Addresses; confidential ones only for those who keep the case.
    addresses: Vec<AddressView>,
    /// General practices, the one that holds now last; those of a shielded record only for those who keep the case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    practices: Vec<PracticeView>,
    /// Household and carers.
    household: Vec<HouseholdMemberView>,
    /// Ethnicity: a code of England's children-in-need census.
    #[serde(skip_serializing_if = "Option::is_none")]
    ethnicity: Option<String>,
    /// Disabilities: codes of the census; empty when it is recorded that there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    disabilities: Option<Vec<String>>,
    /// Why there is no pupil number: a code of the census.
    #[serde(skip_serializing_if = "Option::is_none")]
    upn_unknown: Option<String>,
    /// Referrals, oldest first.
    referrals: Vec<ReferralShape>,
    /// When the record was made.
    created_at: DateTime<Utc>,
    /// When it was last changed.
    changed_at: DateTime<Utc>,
}

/// How a pregnancy ended.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PregnancyView {
    /// `live-birth`, `stillbirth`, `miscarriage` or `termination`.
    outcome: String,
    /// When.
    on: NaiveDate,
    /// For when the child was expected.
    expected_delivery_date: NaiveDate,
    /// Whether nobody may write letters to the parents.
    no_letters: bool,
}

/// A name.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NameView {
    /// Identifier of the fact.
    id: String,
    /// How the name is used.
    #[serde(rename = "use")]
    name_use: String,
    /// Given name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Siân")]
    given: Option<String>,
    /// Middle names.
    #[serde(skip_serializing_if = "Option::is_none")]
    middle: Option<String>,
    /// Family name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Llewellyn")]
    family: Option<String>,
    /// First day of use.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<NaiveDate>,
    /// Last day of use.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<NaiveDate>,
    /// When it was recorded.
    recorded_at: DateTime<Utc>,
}

/// An identifier.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IdentifierView {
    /// Identifier of the fact.
    id: String,
    /// Which kind of identifier.
    kind: String,
    /// The identifier itself.
    #[schema(example = "9990001006")]
    value: String,
    /// First day on which it was the one in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<NaiveDate>,
    /// Last day on which it was the one in use: it was superseded.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<NaiveDate>,
    /// When it was recorded.
    recorded_at: DateTime<Utc>,
}

/// An address.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddressView {
    /// Identifier of the fact.
    id: String,
    /// What kind of address.
    kind: String,
    /// Lines.
    lines: Vec<String>,
    /// Postcode.
    #[serde(skip_serializing_if = "Option::is_none")]
    postcode: Option<String>,
    /// Unique property reference number.
    #[serde(skip_serializing_if = "Option::is_none")]
    uprn: Option<String>,
    /// Who said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    /// Whether it is confidential.
    confidential: bool,
    /// First day there.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<NaiveDate>,
    /// Last day there.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<NaiveDate>,
    /// When it was recorded.
    recorded_at: DateTime<Utc>,
}

/// A household member or carer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HouseholdMemberView {
    /// Identifier of the fact.
    id: String,
    /// What they are to the child.
    relationship: String,
    /// Whether they care for the child.
    carer: bool,
    /// Whether they have parental responsibility.
    parental_responsibility: bool,
    /// Whether they live with the child.
    in_household: bool,
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<PlainNameView>,
    /// Date of birth.
    #[serde(skip_serializing_if = "Option::is_none")]
    date_of_birth: Option<NaiveDate>,
    /// Their NHS number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "9990000433")]
    nhs_number: Option<String>,
    /// Their own record on this register.
    #[serde(skip_serializing_if = "Option::is_none")]
    related_child_id: Option<String>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<NaiveDate>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<NaiveDate>,
    /// When it was recorded.
    recorded_at: DateTime<Utc>,
}

/// Given and family name.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlainNameView {
    /// Given name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Rhiannon")]
    given: Option<String>,
    /// Family name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Llewellyn")]
    family: Option<String>,
}

fn validity(pointer: &str, from: Option<&str>, to: Option<&str>, fields: &mut Fields) -> Validity {
    let mut day = |item: &str, text: Option<&str>| {
        text.and_then(|text| fields.keep(&format!("{pointer}/{item}"), crate::domain::dates::parse_date(text)))
    };
    let validity = Validity { from: day("from", from), to: day("to", to) };
    if let (Some(from), Some(to)) = (validity.from, validity.to)
        && to < from
    {
        fields.note(&format!("{pointer}/to"), "ends-before-start", "correct the dates: it ends before it starts");
    }
    validity
}

impl NewNameShape {
    pub(super) fn read(&self, pointer: &str, fields: &mut Fields) -> Option<NewName> {
        let name_use = fields.optional(&format!("{pointer}/use"), self.name_use.as_deref()).unwrap_or(NameUse::Official);
        let shape = NameShape { given: self.given.clone(), middle: self.middle.clone(), family: self.family.clone() };
        let validity = validity(pointer, self.from.as_deref(), self.to.as_deref(), fields);
        shape.name(pointer, fields).map(|(name, middle)| NewName { name_use, name, middle, validity })
    }
}

impl NewIdentifierShape {
    pub(super) fn read(&self, pointer: &str, region: &Region, fields: &mut Fields) -> Option<NewIdentifier> {
        let kind: Option<IdentifierKind> = fields.required(&format!("{pointer}/kind"), self.kind.as_deref());
        let validity = validity(pointer, self.from.as_deref(), self.to.as_deref(), fields);
        let supersedes: Option<IdentifierId> = fields.optional(&format!("{pointer}/supersedes"), self.supersedes.as_deref());
        let Some(value) = self.value.as_deref() else {
            fields.missing(&format!("{pointer}/value"));
            return None;
        };
        let identifier = kind.and_then(|kind| fields.keep(&format!("{pointer}/value"), Identifier::parse(kind, value, region.ranges())))?;
        Some(NewIdentifier { identifier, validity, supersedes })
    }

    /// The same where there is nothing yet that it could supersede.
    pub(super) fn read_first(&self, pointer: &str, region: &Region, fields: &mut Fields) -> Option<NewIdentifier> {
        if self.supersedes.is_some() {
            fields.note(
                &format!("{pointer}/supersedes"),
                "unknown-fact",
                "leave it out: there is no number yet that this one could supersede",
            );
        }
        self.read(pointer, region, fields)
    }
}

impl NewAddressShape {
    pub(super) fn read(&self, pointer: &str, fields: &mut Fields) -> Option<NewAddress> {
        let kind = fields.optional(&format!("{pointer}/kind"), self.kind.as_deref()).unwrap_or(AddressKind::Home);
        let source: Option<Line> = fields.optional(&format!("{pointer}/source"), self.source.as_deref());
        let validity = validity(pointer, self.from.as_deref(), self.to.as_deref(), fields);
        let shape = AddressShape { lines: self.lines.clone(), postcode: self.postcode.clone(), uprn: self.uprn.clone() };
        let confidential = self.confidential || kind == AddressKind::Refuge;
        shape.read(pointer, fields).map(|address| NewAddress { kind, address, source, confidential, validity })
    }
}

impl NewHouseholdMemberShape {
    pub(super) fn read(&self, pointer: &str, region: &Region, now: DateTime<Utc>, fields: &mut Fields) -> Option<NewHouseholdMember> {
        let relationship: Option<Relationship> = fields.required(&format!("{pointer}/relationship"), self.relationship.as_deref());
        let name = self.name.as_ref().and_then(|name| name.name(&format!("{pointer}/name"), fields)).map(|(name, _)| name);
        let born: Option<DateOfBirth> = fields.optional(&format!("{pointer}/dateOfBirth"), self.date_of_birth.as_deref());
        if let Some(born) = born {
            fields.keep(&format!("{pointer}/dateOfBirth"), born.plausible_for_adult(today(now)));
        }
        let related_child: Option<ChildId> = fields.optional(&format!("{pointer}/relatedChildId"), self.related_child_id.as_deref());
        let nhs_number = self.nhs_number.as_deref().and_then(|text| {
            fields.keep(&format!("{pointer}/nhsNumber"), Identifier::parse(IdentifierKind::NhsNumber, text, region.ranges()))
        });
        if self.name.is_none() && self.related_child_id.is_none() {
            fields.missing(&format!("{pointer}/name"));
        }
        let validity = validity(pointer, self.from.as_deref(), self.to.as_deref(), fields);
        relationship.map(|relationship| NewHouseholdMember {
            relationship,
            carer: self.carer,
            parental_responsibility: self.parental_responsibility,
            in_household: self.in_household.unwrap_or(true),
            name,
            date_of_birth: born.map(|born| born.expose()),
            nhs_number,
            related_child,
            confidential: self.confidential,
            validity,
        })
    }
}

impl ChildRequest {
    fn read(&self, region: &Region, now: DateTime<Utc>) -> Result<NewChild, Problem> {
        let mut fields = Fields::default();
        let authority: Option<GssCode> = fields.required("/authority", self.authority.as_deref());
        let dates = BirthShape {
            date_of_birth: self.date_of_birth.as_deref(),
            from: self.date_of_birth_from.as_deref(),
            to: self.date_of_birth_to.as_deref(),
            expected: self.expected_delivery_date.as_deref(),
        };
        let birth = dates.read(now, &mut fields);
        let unborn = birth.is_some_and(|birth| birth.is_expected());
        if self.names.is_empty() && !unborn {
            fields.missing("/names");
        }
        let names = fields.bounded("/names", &self.names, ITEMS).iter().enumerate();
        let names = names.filter_map(|(index, name)| name.read(&format!("/names/{index}"), &mut fields)).collect();
        let identifiers = fields.bounded("/identifiers", &self.identifiers, ITEMS).iter().enumerate();
        let identifiers =
            identifiers.filter_map(|(index, shape)| shape.read_first(&format!("/identifiers/{index}"), region, &mut fields)).collect();
        let addresses = fields.bounded("/addresses", &self.addresses, ITEMS).iter().enumerate();
        let addresses = addresses.filter_map(|(index, shape)| shape.read(&format!("/addresses/{index}"), &mut fields)).collect();
        let household = fields.bounded("/household", &self.household, ITEMS).iter().enumerate();
        let household =
            household.filter_map(|(index, shape)| shape.read(&format!("/household/{index}"), region, now, &mut fields)).collect();
        let sex = read_sex(self.sex.as_deref(), unborn, &mut fields);
        let preferred_language: Option<PreferredLanguage> = fields.optional("/preferredLanguage", self.preferred_language.as_deref());
        let communication_needs: Option<Note> = fields.optional("/communicationNeeds", self.communication_needs.as_deref());
        let census = self.census(today(now), &mut fields);
        let read = authority.map(|authority| NewChild {
            authority: authority.as_str().to_owned(),
            shielded: self.shielded,
            names,
            birth,
            sex,
            preferred_language,
            communication_needs,
            identifiers,
            addresses,
            household,
            census,
        });
        fields.finish(read)
    }

    fn census(&self, today: NaiveDate, fields: &mut Fields) -> CensusItems {
        let disabilities = self.disabilities.as_deref().map(|codes| {
            let codes = fields.bounded("/disabilities", codes, Disability::ALL.len()).iter().enumerate();
            codes.filter_map(|(index, code)| fields.optional(&format!("/disabilities/{index}"), Some(code))).collect()
        });
        CensusItems {
            ethnicity: fields.optional("/ethnicity", self.ethnicity.as_deref()),
            disabilities,
            upn_unknown: fields.optional("/upnUnknown", self.upn_unknown.as_deref()),
            referral: self.referral.as_ref().and_then(|referral| referral.read(today, fields)),
        }
    }
}

/// The ways of saying when a child was or will be born.
pub(super) struct BirthShape<'a> {
    pub date_of_birth: Option<&'a str>,
    pub from: Option<&'a str>,
    pub to: Option<&'a str>,
    pub expected: Option<&'a str>,
}

impl BirthShape<'_> {
    /// What is said of the birth; only one way of saying it.
    pub(super) fn read(&self, now: DateTime<Utc>, fields: &mut Fields) -> Option<BirthDate> {
        let partial: Option<PartialDate> = fields.optional("/dateOfBirth", self.date_of_birth);
        let from: Option<DateOfBirth> = fields.optional("/dateOfBirthFrom", self.from);
        let to: Option<DateOfBirth> = fields.optional("/dateOfBirthTo", self.to);
        let expected: Option<ExpectedDeliveryDate> = fields.optional("/expectedDeliveryDate", self.expected);
        let birth = match partial {
            Some(_) if from.is_some() || to.is_some() || expected.is_some() => {
                fields.note("/dateOfBirth", "too-many-dates", "give the date of birth, or a range, or the expected date: only one of them");
                None
            }
            Some(partial) => fields.keep("/dateOfBirth", BirthDate::from_partial(partial)),
            None => fields.keep("/dateOfBirthFrom", BirthDate::from_parts(None, from, to, expected)).flatten(),
        }?;
        let pointer = if birth.is_expected() { "/expectedDeliveryDate" } else { "/dateOfBirth" };
        fields.keep(pointer, birth.plausible_for_child(today(now)));
        Some(birth)
    }
}

impl ReferralShape {
    fn read(&self, today: NaiveDate, fields: &mut Fields) -> Option<Referral> {
        let day = self.received_on.as_deref();
        if day.is_none() {
            fields.missing("/referral/receivedOn");
        }
        let on = day.and_then(|day| fields.keep("/referral/receivedOn", parse_date(day)));
        if on.is_some_and(|on| on > today) {
            fields.note("/referral/receivedOn", "in-the-future", "give the day on which it arrived, not a later one");
        }
        let source = fields.required("/referral/source", self.source.as_deref());
        let primary_need = fields.required("/referral/primaryNeed", self.primary_need.as_deref());
        Some(Referral { on: on?, source: source?, primary_need: primary_need? })
    }

    fn new(row: &ReferralRow) -> Self {
        Self {
            received_on: Some(row.referred_on.to_string()),
            source: Some(row.source.clone()),
            primary_need: Some(row.primary_need.clone()),
        }
    }
}

/// The sex; nobody's is known before birth (CIN-VAL 8750).
pub(super) fn read_sex(text: Option<&str>, unborn: bool, fields: &mut Fields) -> Sex {
    let sex = fields.optional("/sex", text).unwrap_or(Sex::Unknown);
    if unborn && sex != Sex::Unknown {
        fields.note("/sex", "sex-before-birth", "leave the sex out: it is recorded with the birth");
    }
    sex
}

impl ChildView {
    /// What is shown of a person: fields listed by hand.
    pub fn new(child: &Child, around: &Surroundings, sees_confidential: bool) -> Self {
        let particulars = child.particulars.as_ref();
        let dates = particulars.map(|row| (row.birth_kind.as_str(), row.birth_from, row.birth_to));
        Self {
            id: child.row.id.0.to_string(),
            authority: child.row.authority.clone(),
            standing: child.row.standing.clone(),
            shielded: child.row.shielded,
            merged_into: around.merged_into.map(|id| id.0.to_string()),
            merged_from: around.merged_from.iter().map(|id| id.0.to_string()).collect(),
            registration_ids: around.registrations.iter().map(|id| id.0.to_string()).collect(),
            pregnancy: around.pregnancy.as_ref().map(|row| PregnancyView {
                outcome: row.outcome.clone(),
                on: row.ended_on,
                expected_delivery_date: row.expected_on,
                no_letters: row.outcome != Outcome::LiveBirth.as_str(),
            }),
            names: child.names.iter().map(NameView::new).collect(),
            date_of_birth: dates.and_then(|(kind, from, _)| from.filter(|_| kind == "exact")),
            date_of_birth_from: dates.and_then(|(kind, from, _)| from.filter(|_| kind == "approximate")),
            date_of_birth_to: dates.and_then(|(kind, _, to)| to.filter(|_| kind == "approximate")),
            expected_delivery_date: dates.and_then(|(kind, from, _)| from.filter(|_| kind == "expected")),
            sex: particulars.map_or_else(|| "unknown".into(), |row| row.sex.clone()),
            preferred_language: particulars.and_then(|row| row.preferred_language.clone()),
            communication_needs: particulars.and_then(|row| row.communication_needs.clone()),
            identifiers: child.identifiers.iter().map(IdentifierView::new).collect(),
            addresses: address_views(child, sees_confidential),
            practices: practice_views(child, sees_confidential),
            household: household_views(child, sees_confidential),
            ethnicity: child.census.as_ref().and_then(|row| row.ethnicity.clone()),
            disabilities: child.census.as_ref().and_then(|row| serde_json::from_str(row.disabilities.as_deref()?).ok()),
            upn_unknown: child.census.as_ref().and_then(|row| row.upn_unknown.clone()),
            referrals: child.referrals.iter().map(ReferralShape::new).collect(),
            created_at: child.row.created_at.get(),
            changed_at: child.row.changed_at.get(),
        }
    }
}

/// Whether an address is shown only to those who keep the case.
fn hides(child: &Child, address: &AddressRow) -> bool {
    address.confidential || (child.row.shielded && !address.is_over())
}

/// The addresses: of one that is confidential, others than those who keep the case see only that there is one.
pub(super) fn address_views(child: &Child, sees_confidential: bool) -> Vec<AddressView> {
    let view = |row: &AddressRow| if sees_confidential || !hides(child, row) { AddressView::new(row) } else { AddressView::hidden(row) };
    child.addresses.iter().map(view).collect()
}

/// The household; a confidential member only for those who keep the case.
pub(super) fn household_views(child: &Child, sees_confidential: bool) -> Vec<HouseholdMemberView> {
    child.household.iter().filter(|row| sees_confidential || !row.confidential).map(HouseholdMemberView::new).collect()
}

/// The practices: whoever knows with which one a child is knows where they live.
pub(super) fn practice_views(child: &Child, sees_confidential: bool) -> Vec<PracticeView> {
    let shown = child.practices.iter().filter(|_| sees_confidential || !child.row.shielded);
    shown.map(PracticeView::new).collect()
}

/// A record as it is shown, with what stands around it.
///
/// # Errors
/// When the database fails.
pub(super) fn view(connection: &mut AnyConnection, row: ChildRow, sees_confidential: bool) -> Result<ChildView, RegisterError> {
    let around = children::surroundings(connection, row.id)?;
    let child = children::load(connection, row)?;
    Ok(ChildView::new(&child, &around, sees_confidential))
}

/// The record with this identifier as it is shown to those who keep it, with its version.
///
/// # Errors
/// When there is none, or the database fails.
pub(super) fn kept_view(connection: &mut AnyConnection, id: Id) -> Result<(i64, ChildView), RegisterError> {
    let row = crate::store::children::find(connection, id)?.ok_or(RegisterError::NotFound)?;
    Ok((row.version, view(connection, row, true)?))
}

impl NameView {
    pub(super) fn new(row: &NameRow) -> Self {
        Self {
            id: row.id.0.to_string(),
            name_use: row.name_use.clone(),
            given: row.given.clone(),
            middle: row.middle.clone(),
            family: row.family.clone(),
            from: row.valid_from,
            to: row.valid_to,
            recorded_at: row.recorded_at.get(),
        }
    }
}

impl IdentifierView {
    pub(super) fn new(row: &IdentifierRow) -> Self {
        // The database has a shorter word for it; an answer says what a request says.
        let kind = if row.kind == "local" { IdentifierKind::LocalAuthorityChildId.as_str() } else { &row.kind };
        Self {
            id: row.id.0.to_string(),
            kind: kind.to_owned(),
            value: row.value.clone(),
            from: row.valid_from,
            to: row.valid_to,
            recorded_at: row.recorded_at.get(),
        }
    }
}

impl AddressView {
    pub(super) fn new(row: &AddressRow) -> Self {
        Self {
            id: row.id.0.to_string(),
            kind: row.kind.clone(),
            lines: serde_json::from_str(&row.lines).unwrap_or_default(),
            postcode: row.postcode.clone(),
            uprn: row.uprn.clone(),
            source: row.source.clone(),
            confidential: row.confidential,
            from: row.valid_from,
            to: row.valid_to,
            recorded_at: row.recorded_at.get(),
        }
    }
}

impl AddressView {
    /// That there is an address, and nothing of where.
    fn hidden(row: &AddressRow) -> Self {
        Self {
            id: row.id.0.to_string(),
            kind: AddressKind::Other.as_str().into(),
            lines: Vec::new(),
            postcode: None,
            uprn: None,
            source: None,
            confidential: true,
            from: None,
            to: None,
            recorded_at: row.recorded_at.get(),
        }
    }
}

impl HouseholdMemberView {
    pub(super) fn new(row: &HouseholdRow) -> Self {
        let name =
            (row.given.is_some() || row.family.is_some()).then(|| PlainNameView { given: row.given.clone(), family: row.family.clone() });
        Self {
            id: row.id.0.to_string(),
            relationship: row.relationship.clone(),
            carer: row.carer,
            parental_responsibility: row.parental_responsibility,
            in_household: row.in_household,
            name,
            date_of_birth: row.date_of_birth,
            nhs_number: row.nhs_number.clone(),
            related_child_id: row.related_child_id.map(|id| id.0.to_string()),
            from: row.valid_from,
            to: row.valid_to,
            recorded_at: row.recorded_at.get(),
        }
    }
}

/// Says in the audit entry under which opening a restricted record is read.
pub(super) fn note_break_glass(snapshot: &mut Snapshot<'_>, sight: &Sight) {
    if let Some(opened) = sight.break_glass {
        snapshot.audit().detail("break-glass", opened.0);
    }
}

/// Enter a person
///
/// Enters a person with names, birth, identifiers, addresses and household. A person is told to enquirers only once there is
/// a registration for them.
#[utoipa::path(
    post, path = "/v1/children", operation_id = "addChild", tag = "Children",
    params(super::openapi::IdempotencyKey), request_body = ChildRequest,
    responses((status = 201, description = "The person", body = ChildView,
        headers(("Location" = String, description = "Where the person can be read"), ("ETag" = String, description = "Its version"))),
        super::openapi::CreateProblems),
)]
pub async fn add(gate: Gate<action::AddChild>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let reach = permit.reach();
    let by = principal.key();
    let (reader, writer) = (Arc::clone(&app.region), Arc::clone(&app.region));
    app.store
        .run(
            permit,
            move |snapshot| {
                Once::read(snapshot, incoming.creation::<ChildRequest>()?, |snapshot, body| {
                    let new = body.read(&reader, snapshot.now())?;
                    reader.within_scope(&principal, &new.authority)?;
                    for (place, member) in new.household.iter().enumerate() {
                        let pointer = format!("/household/{place}/relatedChildId");
                        related_in_body(snapshot, None, member, &principal, reach, &pointer)?;
                    }
                    Ok(new)
                })
            },
            move |tx, once| {
                once.make(tx, |tx, new| {
                    let (id, _) = children::add(tx, &writer, new, &by)?;
                    let (version, view) = kept_view(tx.connection, id.into())?;
                    created(Some(format!("/v1/children/{id}")), Some(etag(version)), &view)
                })
            },
        )
        .await
        .map(kept)
}

/// Read a person
///
/// What the register holds of a person, as far as the caller's role and authority reach. Of a confidential address others than
/// those who keep the case – the custodian and the co-ordinator of the authority that keeps the record – see only that there is
/// one. A shielded record is there only for custodians and its own co-ordinator, and for whoever has opened it in an emergency.
#[utoipa::path(
    get, path = "/v1/children/{id}", operation_id = "readChild", tag = "Children",
    params(("id" = String, Path, description = "Identifier of the person")),
    responses((status = 200, description = "The person", body = ChildView, headers(("ETag" = String, description = "Its version"))),
        super::openapi::ReadProblems),
)]
pub async fn read(gate: Gate<action::ReadChild>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let reach = permit.reach();
    app.store
        .read(permit, move |snapshot| {
            let id: ChildId = incoming.id()?;
            let (row, sight) = children::look(snapshot.connection, id, &principal, reach, snapshot.now())?;
            incoming.reading()?;
            snapshot.audit().child(id);
            note_break_glass(snapshot, &sight);
            let version = row.version;
            item(version, &view(snapshot.connection, row, sight.full)?)
        })
        .await
        .map(kept)
}

macro_rules! add_fact {
    ($(#[$doc:meta])* $name:ident, $action:ident, $operation:literal, $path:literal, $shape:ty, $new:ty, $view:ident, $insert:path,
     |$body:ident, $region:ident, $now:ident, $fields:ident| $read:expr, $row:ty) => {
        $(#[$doc])*
        ///
        /// The fact is added; what was known before stays.
        #[utoipa::path(
            post, path = $path, operation_id = $operation, tag = "Children",
            params(super::openapi::IdempotencyKey, super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the person")),
            request_body = $shape,
            responses((status = 201, description = "The fact that was added", body = $view,
                headers(("Location" = String, description = "Where the person can be read"), ("ETag" = String, description = "The person's new version"))),
                super::openapi::ChangeProblems),
        )]
        pub async fn $name(gate: Gate<action::$action>) -> Result<HttpResponse, Problem> {
            let Gate { permit, incoming, app, .. } = gate;
            let principal = Arc::clone(permit.principal());
            let by = principal.key();
            let reach = permit.reach();
            let (reader, writer) = (Arc::clone(&app.region), Arc::clone(&app.region));
            app.store
                .run(
                    permit,
                    move |snapshot| {
                        let row = child_in_path(snapshot, &incoming, &principal, reach)?;
                        Once::read(snapshot, incoming.creation_unshaped()?, |snapshot, _| {
                            let $body: $shape = incoming.change(row.version)?;
                            let ($region, $now) = (&*reader, snapshot.now());
                            let _ = ($region, $now);
                            let mut fields = Fields::default();
                            let $fields = &mut fields;
                            let new: Option<$new> = $read;
                            let new: $new = fields.finish(new)?;
                            related_in_body(snapshot, Some(row.id), &new, &principal, reach, "/relatedChildId")?;
                            Ok((row, new))
                        })
                    },
                    move |tx, once| {
                        once.make(tx, |tx, (row, new)| {
                            let child = ChildId::try_from(row.id.0).map_err(|_| RegisterError::NotFound)?;
                            let id = $insert(tx, child, new, &by)?;
                            children::changed(tx, &writer, child, row.version)?;
                            let added = <$row>::current(tx.connection, &[row.id])?.into_iter().find(|row| row.id == Id::from(id)).ok_or(RegisterError::NotFound)?;
                            created(Some(format!("/v1/children/{child}")), Some(etag(row.version + 1)), &$view::new(&added))
                        })
                    },
                )
                .await
                .map(kept)
        }
    };
}

add_fact! {
    /// Add a name
    add_name, AddName, "addName", "/v1/children/{id}/names", NewNameShape, NewName, NameView, children::insert_name,
    |body, region, now, fields| body.read("", fields), NameRow
}
add_fact! {
    /// Add an address
    add_address, AddAddress, "addAddress", "/v1/children/{id}/addresses", NewAddressShape, NewAddress, AddressView, children::insert_address,
    |body, region, now, fields| body.read("", fields), AddressRow
}
add_fact! {
    /// Add an identifier
    add_identifier, AddIdentifier, "addIdentifier", "/v1/children/{id}/identifiers", NewIdentifierShape, NewIdentifier, IdentifierView, children::insert_identifier,
    |body, region, now, fields| body.read("", region, fields), IdentifierRow
}
add_fact! {
    /// Add a household member or carer
    add_household_member, AddHouseholdMember, "addHouseholdMember", "/v1/children/{id}/household", NewHouseholdMemberShape, NewHouseholdMember, HouseholdMemberView, children::insert_household_member,
    |body, region, now, fields| body.read("", region, now, fields), HouseholdRow
}

/// Changes a person's record as `read` makes it of the body, and shows the person.
pub(super) async fn change<A, Body, Change>(
    gate: Gate<A>,
    read: fn(&Body, DateTime<Utc>) -> Result<Change, Problem>,
    write: fn(&mut Tx<'_>, &Region, &ChildRow, &Change, &str) -> Result<(), RegisterError>,
) -> Result<HttpResponse, Problem>
where
    A: Action,
    Body: DeserializeOwned + 'static,
    Change: Send + Sync + 'static,
{
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let by = principal.key();
    let reach = permit.reach();
    let region = Arc::clone(&app.region);
    app.store
        .run(
            permit,
            move |snapshot| {
                let row = child_in_path(snapshot, &incoming, &principal, reach)?;
                let body: Body = incoming.change(row.version)?;
                let change = read(&body, snapshot.now())?;
                Ok((row, change))
            },
            move |tx, (row, change): &(ChildRow, Change)| {
                write(tx, &region, row, change, &by)?;
                let (version, view) = kept_view(tx.connection, row.id)?;
                item::<ChildView>(version, &view)
            },
        )
        .await
        .map(kept)
}

macro_rules! withdraw {
    ($(#[$doc:meta])* $name:ident, $action:ident, $operation:literal, $path:literal, $standing:literal) => {
        $(#[$doc])*
        #[utoipa::path(
            post, path = $path, operation_id = $operation, tag = "Children",
            params(super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the person")),
            request_body = ReasonRequest,
            responses((status = 200, description = "The person", body = ChildView, headers(("ETag" = String, description = "Its version"))),
                super::openapi::ChangeProblems),
        )]
        pub async fn $name(gate: Gate<action::$action>) -> Result<HttpResponse, Problem> {
            change(
                gate,
                |body: &ReasonRequest, _| body.read(),
                |tx, region, row, _: &Note, by| children::withdraw(tx, region, row, $standing, by),
            )
            .await
        }
    };
}

withdraw! {
    /// Mark a person as entered in error
    ///
    /// They are no longer found by any question. Nothing is deleted. Refused while a live entry rests on them.
    mark_in_error, MarkChildInError, "markChildInError", "/v1/children/{id}/entered-in-error", "entered-in-error"
}
withdraw! {
    /// Close an identity because of an adoption
    ///
    /// The adopted child has a new identity that is never linked to this one. The closed one is no longer found by any
    /// question. Refused while a live entry rests on it.
    close_identity, CloseIdentity, "closeIdentity", "/v1/children/{id}/adoption", "closed-by-adoption"
}
