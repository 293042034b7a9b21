//! A temporary stay, as it is shown among the moves.

use super::{SignatureView, StayContactView, TransferStepView, TransferView, party, shown};
use crate::api::problem::{Kind, PossibleStep, Problem};
use crate::domain::custody::{DutyOf, StayState};
use crate::register::Region;
use crate::register::transfers::{TEMPORARY, Transfer, sides};
use crate::store::custody::StepRow;

/// What is shown of a stay: fields listed by hand.
pub(super) fn view(region: &Region, transfer: &Transfer, steps: &[StepRow]) -> Result<TransferView, Problem> {
    let row = &transfer.row;
    let both = sides(transfer);
    let terms = both.terms().ok_or(Kind::InternalError)?;
    let of = DutyOf::Stay(terms.stay);
    let mut duties = Vec::new();
    if let (Some(stay), Some(held)) = (both.home, &transfer.origin) {
        duties.extend(shown(region, &held.custody, "origin", of, &stay.duties));
    }
    if let (Some(hosted), Some(held)) = (both.host, &transfer.receiver) {
        duties.extend(shown(region, &held.custody, "receiver", of, &hosted.duties));
    }
    let acknowledged = match (both.host, both.home) {
        (Some(hosted), _) => hosted.is_acknowledged(),
        (None, home) => home.is_some_and(|stay| stay.acknowledged >= terms.version),
    };
    let status = match (terms.state, acknowledged) {
        (StayState::Ended, _) => "stay-ended",
        (StayState::Open, true) => "stay-acknowledged",
        (StayState::Open, false) => "staying",
    };
    let by = both.host.and_then(|hosted| hosted.acknowledged.as_ref()).filter(|_| acknowledged);
    let contacts = both.host.map(|hosted| &hosted.contacts).or_else(|| both.home.map(|stay| &stay.contacts));
    let responsible = transfer.origin.as_ref().or(transfer.receiver.as_ref()).and_then(|held| held.custody.leader());
    Ok(TransferView {
        id: row.id.0.to_string(),
        child_id: row.child_id.0.to_string(),
        from: party(region, &row.from_authority, &row.from_region),
        to: party(region, &row.to_authority, &row.to_region),
        status: status.to_owned(),
        open: row.is_open,
        responsible: responsible.map(|code| code.as_str().to_owned()),
        nature: Some(TEMPORARY.to_owned()),
        family_move_id: None,
        stay_id: None,
        transfer_id: both.home.and_then(|stay| stay.transfer).map(|id| id.to_string()),
        starts_on: Some(terms.from),
        expected_to: terms.expected_to,
        supervision: terms.supervision.as_ref().map(|words| words.expose().to_owned()),
        kept_on: terms.kept_on,
        contacts: contacts.into_iter().flatten().map(StayContactView::new).collect(),
        delivered: both.host.is_some() || both.home.is_some_and(|stay| stay.delivered >= 1),
        acknowledged: by.map(|(_, signature)| SignatureView::new(signature)),
        agreed: None,
        practitioner: None,
        conference_on: None,
        registered_on: None,
        papers: Vec::new(),
        missing_papers: Vec::new(),
        returned_for: Vec::new(),
        refusal: None,
        withdrawal: None,
        disputes: Vec::new(),
        duties,
        steps: steps.iter().map(TransferStepView::new).collect(),
        possible: transfer.possible().iter().map(PossibleStep::from).collect(),
        created_at: row.created_at.get(),
        changed_at: row.changed_at.get(),
    })
}

impl StayContactView {
    fn new(contact: &crate::domain::custody::StayContact) -> Self {
        Self { on: contact.on, by: SignatureView::new(&contact.by), note: contact.words.as_ref().map(|words| words.expose().to_owned()) }
    }
}
