//! What England's children-in-need census asks of a child beside what a register needs itself: codes, as the census has them.
//!
//! # Source
//!
//! CIN-VAL, SSD-CATS: the code lists of the census, part 8.1 of the domain notes.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::coded::closed_set;

closed_set! {
    /// Ethnicity.
    pub enum Ethnicity {
        /// White British.
        WhiteBritish = "WBRI",
        /// White Irish.
        WhiteIrish = "WIRI",
        /// Traveller of Irish heritage.
        IrishTraveller = "WIRT",
        /// Any other white background.
        WhiteOther = "WOTH",
        /// Gypsy or Roma.
        Roma = "WROM",
        /// White and Black Caribbean.
        MixedCaribbean = "MWBC",
        /// White and Black African.
        MixedAfrican = "MWBA",
        /// White and Asian.
        MixedAsian = "MWAS",
        /// Any other mixed background.
        MixedOther = "MOTH",
        /// Indian.
        Indian = "AIND",
        /// Pakistani.
        Pakistani = "APKN",
        /// Bangladeshi.
        Bangladeshi = "ABAN",
        /// Any other Asian background.
        AsianOther = "AOTH",
        /// Black Caribbean.
        Caribbean = "BCRB",
        /// Black African.
        African = "BAFR",
        /// Any other Black background.
        BlackOther = "BOTH",
        /// Chinese.
        Chinese = "CHNE",
        /// Any other ethnic group.
        Other = "OOTH",
        /// Refused.
        Refused = "REFU",
        /// Not yet obtained.
        NotObtained = "NOBT",
    }
}

closed_set! {
    /// A disability. That there is none is an empty set, told apart from not being recorded.
    pub enum Disability {
        /// Autism.
        Autism = "AUT",
        /// Behaviour.
        Behaviour = "BEH",
        /// Communication.
        Communication = "COMM",
        /// Consciousness.
        Consciousness = "CON",
        /// Another disability under the Act.
        OtherUnderTheAct = "DDA",
        /// Hand function.
        HandFunction = "HAND",
        /// Hearing.
        Hearing = "HEAR",
        /// Incontinence.
        Incontinence = "INC",
        /// Learning.
        Learning = "LD",
        /// Mobility.
        Mobility = "MOB",
        /// Personal care.
        PersonalCare = "PC",
        /// Vision.
        Vision = "VIS",
    }
}

closed_set! {
    /// Why a child has no unique pupil number.
    pub enum UpnUnknown {
        /// Reason 1.
        One = "UN1",
        /// Reason 2.
        Two = "UN2",
        /// Reason 3.
        Three = "UN3",
        /// Reason 4.
        Four = "UN4",
        /// Reason 5.
        Five = "UN5",
        /// Reason 6.
        Six = "UN6",
        /// Reason 7.
        Seven = "UN7",
    }
}

closed_set! {
    /// Who referred a child.
    pub enum ReferralSource {
        /// A family member, relative or carer.
        Family = "1A",
        /// An acquaintance.
        Acquaintance = "1B",
        /// The child.
        Child = "1C",
        /// Another individual.
        OtherIndividual = "1D",
        /// A school.
        School = "2A",
        /// Education services.
        Education = "2B",
        /// A general practitioner.
        GeneralPractitioner = "3A",
        /// A health visitor.
        HealthVisitor = "3B",
        /// A school nurse.
        SchoolNurse = "3C",
        /// Other primary health services.
        OtherPrimaryHealth = "3D",
        /// An emergency department.
        EmergencyDepartment = "3E",
        /// Other health services.
        OtherHealth = "3F",
        /// Housing.
        Housing = "4",
        /// Social care of the authority.
        SocialCare = "5A",
        /// Other services of the authority.
        OtherOfAuthority = "5B",
        /// Another authority.
        OtherAuthority = "5C",
        /// Another service of another authority.
        OtherOfOtherAuthority = "5D",
        /// The police.
        Police = "6",
        /// Another legal agency.
        Legal = "7",
        /// Another source.
        Other = "8",
        /// Anonymous.
        Anonymous = "9",
        /// Not known.
        Unknown = "10",
    }
}

closed_set! {
    /// The primary need at referral.
    pub enum PrimaryNeed {
        /// Abuse or neglect.
        AbuseOrNeglect = "N1",
        /// The child's disability.
        ChildDisability = "N2",
        /// A parent's illness or disability.
        ParentalIllness = "N3",
        /// The family in acute stress.
        AcuteStress = "N4",
        /// Family dysfunction.
        Dysfunction = "N5",
        /// Socially unacceptable behaviour.
        Behaviour = "N6",
        /// Low income.
        LowIncome = "N7",
        /// An absent parent.
        AbsentParent = "N8",
        /// Not a child in need.
        Other = "N9",
    }
}

/// A referral to children's social care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Referral {
    /// When it arrived.
    pub on: NaiveDate,
    /// From whom.
    pub source: ReferralSource,
    /// The primary need.
    pub primary_need: PrimaryNeed,
}

/// What is recorded of a child for the census; nothing of it is needed to enter a child.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CensusItems {
    /// Ethnicity.
    pub ethnicity: Option<Ethnicity>,
    /// Disabilities; empty: recorded as none; `None`: not recorded.
    pub disabilities: Option<BTreeSet<Disability>>,
    /// Why there is no pupil number.
    pub upn_unknown: Option<UpnUnknown>,
    /// The referral.
    pub referral: Option<Referral>,
}

impl CensusItems {
    /// Whether any of the child's own items is recorded (the referral is a fact by itself).
    pub fn has_particulars(&self) -> bool {
        self.ethnicity.is_some() || self.disabilities.is_some() || self.upn_unknown.is_some()
    }
}
