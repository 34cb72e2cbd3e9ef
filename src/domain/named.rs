//! Enums whose members have names: the same in SQL, in JSON and in text.

/// Defines such an enum. No member can be left out, and what is written is read again.
macro_rules! named {
    ($(#[$about:meta])* pub enum $kind:ident { $($(#[$what:meta])* $member:ident = $name:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $kind {
            $($(#[$what])* #[serde(rename = $name)] $member,)+
        }

        impl $kind {
            /// Every member, in this order.
            pub const ALL: [Self; [$($name,)+].len()] = [$(Self::$member,)+];

            /// The member's name.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$member => $name,)+
                }
            }

            /// The member of that name.
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|one| one.as_str() == name)
            }
        }

        impl std::fmt::Display for $kind {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}
pub(crate) use named;

#[cfg(test)]
mod tests {
    use crate::domain::{Existing, JobState, LaneTrouble};

    #[test]
    fn every_name_is_read_as_it_is_written() {
        assert!(LaneTrouble::ALL.into_iter().all(|one| LaneTrouble::parse(one.as_str()) == Some(one)));
        assert_eq!(LaneTrouble::parse("Quota"), None);
        for state in JobState::ALL {
            let json = serde_json::to_string(&state).expect("JSON");
            assert_eq!(json, format!("\"{state}\""));
            assert_eq!(serde_json::from_str::<JobState>(&json).expect("a state"), state);
        }
        assert_eq!(Existing::parse("export-again"), Some(Existing::ExportAgain));
    }
}
