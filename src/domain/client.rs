//! Partner systems: whether one is let in.

use super::coded::closed_set;

closed_set! {
    /// The standing of a partner system.
    pub enum ClientStatus {
        /// It is issued tokens.
        Active = "active",
        /// It is issued none until somebody lets it in again.
        Suspended = "suspended",
        /// It is issued none, for good.
        Revoked = "revoked",
    }
}

impl ClientStatus {
    /// Whether it may become another: what is revoked stays so, and nothing becomes what it is.
    pub const fn may_become(self, other: Self) -> bool {
        match (self, other) {
            (Self::Active, Self::Suspended | Self::Revoked) | (Self::Suspended, Self::Active | Self::Revoked) => true,
            (Self::Active, Self::Active) | (Self::Suspended, Self::Suspended) | (Self::Revoked, _) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suspension_can_be_lifted_and_a_revocation_cannot() {
        let may: Vec<_> = ClientStatus::ALL
            .into_iter()
            .flat_map(|from| ClientStatus::ALL.map(|to| (from, to)))
            .filter(|(from, to)| from.may_become(*to))
            .map(|(from, to)| format!("{} {}", from.as_str(), to.as_str()))
            .collect();
        assert_eq!(may, ["active suspended", "active revoked", "suspended active", "suspended revoked"]);
    }
}
