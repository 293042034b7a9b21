//! Errors and closed sets that carry a stable code.
//!
//! A code is kebab-case, never translated and never reused for another meaning: partners write programs against it.
//! The text beside it says what would help and never repeats what was sent in.

/// Something that failed in a way a caller can act on.
pub trait Coded: std::error::Error {
    /// The stable kebab-case code, as it stands in `errors[].code` of a problem document.
    fn code(&self) -> &'static str;
}

/// A text that is not one of the codes of a closed set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// The text is none of the codes.
    #[error("use one of: {}", allowed.join(", "))]
    UnknownCode {
        /// Every code of the set, in its own order.
        allowed: &'static [&'static str],
    },
}

impl CodeError {
    /// The stable kebab-case code of this error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownCode { .. } => "unknown-code",
        }
    }
}

impl Coded for CodeError {
    fn code(&self) -> &'static str {
        Self::code(self)
    }
}

/// Declares an error enum whose variants have a code and a helpful text, and nothing of the input.
macro_rules! coded_error {
    (
        $(#[$meta:meta])*
        $vis:vis enum $Name:ident {
            $( $(#[$variant_meta:meta])* $Variant:ident = $code:literal, $help:literal; )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
        $vis enum $Name {
            $( $(#[$variant_meta])* #[error($help)] $Variant, )+
        }

        impl $Name {
            /// Every way this can fail.
            pub const ALL: [Self; [$($code),+].len()] = [$(Self::$Variant),+];

            /// The stable kebab-case code of this error.
            pub const fn code(&self) -> &'static str {
                match self {
                    $( Self::$Variant => $code, )+
                }
            }
        }

        impl $crate::domain::coded::Coded for $Name {
            fn code(&self) -> &'static str {
                Self::code(self)
            }
        }
    };
}

/// Declares a closed set: an enum with one code for each variant.
macro_rules! closed_set {
    (
        $(#[$meta:meta])*
        $vis:vis enum $Name:ident {
            $( $(#[$variant_meta:meta])* $Variant:ident = $code:literal, )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis enum $Name {
            $( $(#[$variant_meta])* $Variant, )+
        }

        impl $Name {
            /// Every member of the set, in its own order.
            pub const ALL: [Self; [$($code),+].len()] = [$(Self::$Variant),+];

            /// Every code of the set, in the same order as [`Self::ALL`].
            pub const CODES: [&'static str; [$($code),+].len()] = [$($code),+];

            /// The code, as it stands in bodies, in the database and between regions.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $( Self::$Variant => $code, )+
                }
            }
        }

        impl ::std::str::FromStr for $Name {
            type Err = $crate::domain::coded::CodeError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $( $code => Ok(Self::$Variant), )+
                    _ => Err($crate::domain::coded::CodeError::UnknownCode { allowed: &Self::CODES }),
                }
            }
        }

        impl ::std::fmt::Display for $Name {
            fn fmt(&self, formatter: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                formatter.pad(self.as_str())
            }
        }

        $crate::domain::text::string_conversions!($Name, $crate::domain::coded::CodeError, |value: &$Name| value.as_str());
    };
}

pub(crate) use closed_set;
pub(crate) use coded_error;

#[cfg(test)]
mod tests {
    closed_set! {
        /// A set for the tests.
        enum Colour {
            /// Red.
            Red = "red",
            /// Dark blue.
            DarkBlue = "dark-blue",
        }
    }

    #[test]
    fn every_member_is_read_back_from_its_code() {
        for colour in Colour::ALL {
            assert_eq!(colour.as_str().parse(), Ok(colour));
            let json = serde_json::to_string(&colour).unwrap();
            assert_eq!(json, format!("\"{colour}\""));
            assert_eq!(serde_json::from_str::<Colour>(&json).unwrap(), colour);
            assert_eq!(Colour::try_from(String::from(colour)), Ok(colour));
        }
    }

    #[test]
    fn an_unknown_code_names_the_known_ones_and_not_the_input() {
        for text in ["", "Red", " red", "darkblue", "dark_blue", "purple"] {
            let error = text.parse::<Colour>().unwrap_err();
            assert_eq!(error.code(), "unknown-code");
            assert_eq!(error.to_string(), "use one of: red, dark-blue");
        }
    }
}
