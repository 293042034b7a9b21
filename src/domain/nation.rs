//! The nations of the United Kingdom: each has its own procedures, categories and holidays.

use super::coded::closed_set;

closed_set! {
    /// A nation, as it decides which procedures, categories and holidays apply.
    pub enum Nation {
        /// Wales: the Wales Safeguarding Procedures; a register by that name.
        Wales = "wales",
        /// England: a list of children subject to a child protection plan.
        England = "england",
        /// Scotland: a register without legal status; no categories since 2021.
        Scotland = "scotland",
        /// Northern Ireland: one register for each Health and Social Care Trust.
        NorthernIreland = "northern-ireland",
    }
}

impl Nation {
    /// Whether a register entry in this nation must state at least one category of abuse.
    ///
    /// # Source
    ///
    /// WSP-3.2.10 and CIN-VAL for Wales and England; SCOT-26 for Scotland, which records areas of concern instead;
    /// NI-NORTHERN for Northern Ireland.
    pub const fn requires_category(self) -> bool {
        match self {
            Self::Wales | Self::England | Self::NorthernIreland => true,
            Self::Scotland => false,
        }
    }
}
