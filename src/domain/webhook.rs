//! Subscriptions to events: where they may be sent, and when they are sent again.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use url::{Host, Url};

use super::coded::{closed_set, coded_error};

closed_set! {
    /// How a subscription stands.
    pub enum WebhookStatus {
        /// Events are sent.
        Active = "active",
        /// Its owner holds them back; they wait.
        Paused = "paused",
        /// The receiver said that it is gone (410); they wait until its owner turns it on again.
        Disabled = "disabled",
        /// Over for good.
        Ended = "ended",
    }
}

impl WebhookStatus {
    /// Whether its owner may make it so. Only the receiver's own word disables it, and what is over stays over.
    pub const fn may_become(self, to: Self) -> bool {
        !matches!(self, Self::Ended) && !matches!(to, Self::Disabled)
    }
}

closed_set! {
    /// How what is sent is signed.
    ///
    /// # Source
    /// Standard Webhooks 1.0.0: `v1` and `v1a`.
    pub enum WebhookSigning {
        /// By a secret that sender and receiver share.
        Hmac = "hmac-sha256",
        /// By a key of which the receiver knows the public half.
        Ed25519 = "ed25519",
    }
}

closed_set! {
    /// How the delivery of one event stands.
    pub enum DeliveryStatus {
        /// It is sent when it is due, or again.
        Waiting = "waiting",
        /// The receiver took it.
        Delivered = "delivered",
        /// After the last attempt: it is sent again when its owner says so.
        Failed = "failed",
    }
}

closed_set! {
    /// Why an event was not taken.
    pub enum DeliveryProblem {
        /// The receiver took too long.
        TimedOut = "timed-out",
        /// It could not be reached, or not trusted.
        Unreachable = "unreachable",
        /// Its address, or what its name leads to, is not public.
        AddressRefused = "address-refused",
        /// It sent us elsewhere (3xx): no redirect is followed.
        Redirected = "redirected",
        /// It refused (4xx).
        Refused = "refused",
        /// It failed (any other status).
        ReceiverFailed = "receiver-failed",
        /// It is there no more (410).
        Gone = "gone",
        /// The partner system that owns the subscription is not let in.
        OwnerCutOff = "owner-cut-off",
        /// This server could not send it.
        TemporarilyUnavailable = "temporarily-unavailable",
    }
}

coded_error! {
    /// Why events are not sent to an address.
    pub enum AddressError {
        /// No address.
        NotAnAddress = "not-an-address", "give an address that begins with https://";
        /// It is not encrypted.
        InTheClear = "in-the-clear", "give an address that begins with https://";
        /// It holds a name or a password.
        HasCredentials = "credentials-in-address", "leave name and password out of the address: what is sent is signed";
        /// It ends in a fragment.
        HasFragment = "fragment-in-address", "leave # and what follows it out of the address";
        /// It is too long.
        TooLong = "too-long", "give an address of 500 characters at most";
        /// It is of a network that the internet does not reach.
        NotPublic = "address-not-public", "give an address that the internet reaches: not of this machine, a private network or a cloud's own services";
    }
}

/// The longest address, in characters.
const LONGEST: usize = 500;

/// An address to which events may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookAddress(String);

impl WebhookAddress {
    /// Reads one. In a sandbox it may be of this machine, and then in the clear.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn read(text: &str, sandbox: bool) -> Result<Self, AddressError> {
        if text.len() > LONGEST {
            return Err(AddressError::TooLong);
        }
        let url = Url::parse(text).map_err(|_| AddressError::NotAnAddress)?;
        let host = url.host().ok_or(AddressError::NotAnAddress)?;
        let is_here = is_this_machine(&host);
        match url.scheme() {
            "https" => {}
            "http" if sandbox && is_here => {}
            "http" => return Err(AddressError::InTheClear),
            _ => return Err(AddressError::NotAnAddress),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(AddressError::HasCredentials);
        }
        if url.fragment().is_some() {
            return Err(AddressError::HasFragment);
        }
        let is_open = match host {
            Host::Ipv4(address) => is_public(IpAddr::V4(address)),
            Host::Ipv6(address) => is_public(IpAddr::V6(address)),
            Host::Domain(_) => !is_here,
        };
        if is_open || (sandbox && is_here) { Ok(Self(url.into())) } else { Err(AddressError::NotPublic) }
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_this_machine(host: &Host<&str>) -> bool {
    match host {
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
        Host::Domain(name) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
    }
}

/// Whether the internet reaches an address: not this machine, a private network, a cloud's own services, or anything that is set
/// aside; and not an address that stands for one of those.
///
/// # Source
/// IANA's registries of special-purpose addresses (RFC 6890); ASVS 5.0, 13.2.4.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_set_aside = matches!(
        (a, b, c),
        (0 | 10 | 127 | 224.., _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 168, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    );
    !is_set_aside
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let inner = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match segments {
        // IPv4 in other clothes: mapped, compatible, translated (NAT64) and 6to4.
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            is_public_v4(inner(high, low))
        }
        // Teredo, benchmarking and what else is set aside under 2001::/23; documentation.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // Of what is left only 2000::/3 is given out.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// An event type as a subscription names it: `cofrestr.` and words, or with `*` at the end everything that begins so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventFilter(String);

coded_error! {
    /// Why a text names no type of event.
    pub enum FilterError {
        /// It does not look like one.
        NotAType = "not-an-event-type", "give a type such as cofrestr.notice.enquiry, or the beginning of some with an asterisk: cofrestr.notice.*";
    }
}

impl FromStr for EventFilter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let words = text.strip_suffix('*').unwrap_or(text);
        let is_one = text.len() <= 100
            && words.starts_with("cofrestr.")
            && words.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
        if is_one { Ok(Self(text.to_owned())) } else { Err(FilterError::NotAType) }
    }
}

impl EventFilter {
    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it names a type of event.
    pub fn names(&self, kind: &str) -> bool {
        self.0.strip_suffix('*').map_or(self.0 == kind, |beginning| kind.starts_with(beginning))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_go_to_addresses_that_the_internet_reaches() {
        for (text, sandbox, expected) in [
            ("https://events.hospital.example/cofrestr", false, Ok(())),
            ("https://events.hospital.example:8443/a?b=c", false, Ok(())),
            ("https://93.184.215.14/", false, Ok(())),
            ("https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/", false, Ok(())),
            ("http://events.hospital.example/", false, Err(AddressError::InTheClear)),
            ("http://events.hospital.example/", true, Err(AddressError::InTheClear)),
            ("ftp://events.hospital.example/", false, Err(AddressError::NotAnAddress)),
            ("events.hospital.example", false, Err(AddressError::NotAnAddress)),
            ("", false, Err(AddressError::NotAnAddress)),
            ("https://", false, Err(AddressError::NotAnAddress)),
            ("https://me:secret@events.hospital.example/", false, Err(AddressError::HasCredentials)),
            ("https://me@events.hospital.example/", false, Err(AddressError::HasCredentials)),
            ("https://events.hospital.example/#here", false, Err(AddressError::HasFragment)),
            ("https://localhost/", false, Err(AddressError::NotPublic)),
            ("https://a.localhost./", false, Err(AddressError::NotPublic)),
            ("https://127.0.0.1/", false, Err(AddressError::NotPublic)),
            ("https://2130706433/", false, Err(AddressError::NotPublic)),
            ("https://0x7f.1/", false, Err(AddressError::NotPublic)),
            ("https://169.254.169.254/latest/meta-data", false, Err(AddressError::NotPublic)),
            ("https://10.1.2.3/", false, Err(AddressError::NotPublic)),
            ("https://[::1]/", false, Err(AddressError::NotPublic)),
            ("https://[::ffff:169.254.169.254]/", false, Err(AddressError::NotPublic)),
            ("https://[fd00:ec2::254]/", false, Err(AddressError::NotPublic)),
            ("https://10.1.2.3/", true, Err(AddressError::NotPublic)),
            ("http://127.0.0.1:9000/events", true, Ok(())),
            ("http://localhost:9000/events", true, Ok(())),
            ("http://[::1]:9000/events", true, Ok(())),
        ] {
            assert_eq!(WebhookAddress::read(text, sandbox).map(|_| ()), expected, "{text}");
        }
        assert_eq!(WebhookAddress::read(&format!("https://a.example/{}", "x".repeat(500)), false), Err(AddressError::TooLong));
    }

    #[test]
    fn what_is_set_aside_is_not_public() {
        for text in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.8.8.8",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:a00:1::1",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        for text in [
            "1.1.1.1",
            "100.63.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700::1",
            "2a00:1450::1",
            "64:ff9b::101:101",
            "2002:101:101::1",
        ] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn a_filter_names_types() {
        let filter = |text: &str| text.parse::<EventFilter>();
        for text in ["", "*", "cofrestr", "notice.enquiry", "cofrestr.Notice", "cofrestr.*.x", "cofrestr.notice ", "cofrestr.a**"] {
            assert_eq!(filter(text), Err(FilterError::NotAType), "{text}");
        }
        for (text, kind, expected) in [
            ("cofrestr.notice.enquiry", "cofrestr.notice.enquiry", true),
            ("cofrestr.notice.enquiry", "cofrestr.notice.enquiry-late", false),
            ("cofrestr.notice.*", "cofrestr.notice.enquiry", true),
            ("cofrestr.*", "cofrestr.check.read-by-authority", true),
            ("cofrestr.notice.*", "cofrestr.check.read-by-authority", false),
        ] {
            assert_eq!(filter(text).unwrap().names(kind), expected, "{text} {kind}");
        }
    }

    #[test]
    fn only_the_receiver_disables_and_what_is_over_stays_over() {
        use WebhookStatus::{Active, Disabled, Ended, Paused};
        for from in WebhookStatus::ALL {
            for to in WebhookStatus::ALL {
                assert_eq!(from.may_become(to), from != Ended && [Active, Paused, Ended].contains(&to), "{from} {to}");
            }
        }
        assert!(Disabled.may_become(Active));
    }
}
