//! Whose account the credentials in use are of. They may change without a word: a profile that is read anew, a process that
//! hands out others. So no export leaves that is signed with a key which has not shown the lane's account in a read.

use super::super::{CallError, ErrorClass, codes};
use crate::domain::AccountNumber;
use std::sync::{Mutex, PoisonError};

/// What is known of the account behind a lane's credentials.
#[derive(Debug, Default)]
pub(super) struct KeyAccount(Mutex<KnownAccount>);

#[derive(Debug, Default)]
struct KnownAccount {
    /// Whether the lane's account was compared with what it has been so far.
    compared: bool,
    /// That account; none where nothing shows one.
    expected: Option<AccountNumber>,
    /// The access key that has shown an account last, and which one.
    shown: Option<(String, AccountNumber)>,
}

impl KeyAccount {
    /// The account that exports may be made in.
    pub(super) fn expect(&self, account: Option<AccountNumber>) {
        let mut known = self.known();
        (known.compared, known.expected) = (true, account);
    }

    /// Records what a read that was signed with `key` has shown; whether it is another account than the expected one.
    pub(super) fn shows(&self, key: &str, account: AccountNumber) -> bool {
        let mut known = self.known();
        let other = known.expected.as_ref().is_some_and(|expected| *expected != account);
        known.shown = Some((key.to_owned(), account));
        other
    }

    /// Whether an export that is signed with `key` may leave.
    pub(super) fn lets_export(&self, key: &str) -> bool {
        let known = self.known();
        let shown = known.shown.as_ref().filter(|(of, _)| of == key).map(|(_, account)| account);
        known.compared && known.expected.as_ref() == shown
    }

    fn known(&self) -> std::sync::MutexGuard<'_, KnownAccount> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The access key that a request is signed with, by its header `Authorization`.
pub(super) fn signing_key(authorization: Option<&str>) -> &str {
    let credential = authorization.and_then(|header| header.split_once("Credential="));
    credential.and_then(|(_, rest)| rest.split('/').next()).unwrap_or_default()
}

/// The error of an export that did not leave.
pub(super) fn not_shown() -> CallError {
    CallError::new(
        ErrorClass::Credentials,
        codes::ACCOUNT_NOT_SHOWN,
        "the credentials have changed, and no read has shown yet that they are of the lane's account; nothing was sent",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_exports_once_it_has_shown_the_account_that_is_expected() {
        let number = |text| AccountNumber::parse(text).expect("an account");
        let (ours, other) = (number("100000000001"), number("100000000002"));
        let known = KeyAccount::default();
        assert!(!known.lets_export("AK1"), "nothing was compared");
        assert!(!known.shows("AK1", ours.clone()) && !known.lets_export("AK1"));
        known.expect(Some(ours.clone()));
        assert!(known.lets_export("AK1") && !known.lets_export("AK2"));
        assert!(known.shows("AK2", other));
        assert!(!known.lets_export("AK2") && !known.lets_export("AK1"), "it shows itself again");
        assert!(!known.shows("AK1", ours.clone()) && known.lets_export("AK1"));

        // Where nothing shows an account there is nothing to compare.
        let known = KeyAccount::default();
        known.expect(None);
        assert!(known.lets_export("AK1"));
        assert!(!known.shows("AK1", ours) && !known.lets_export("AK1"));
    }

    #[test]
    fn the_key_is_read_from_the_signature() {
        let header = "AWS4-HMAC-SHA256 Credential=AKIA1/20261130/eu-west-1/lightsail/aws4_request, SignedHeaders=host";
        assert_eq!(signing_key(Some(header)), "AKIA1");
        assert_eq!((signing_key(Some("Bearer x")), signing_key(None)), ("", ""));
    }
}
