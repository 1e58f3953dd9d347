//! Which credential is used: the one that the operator names, or the first that is configured.
//!
//! A credential that is configured in part is used too, and fails with what it lacks: to try the
//! next one instead would silently change the identity that acts.

use crate::bindings::exports::entra::risk::credentials::TokenError;
use crate::client_credential::{ASSERTION, ASSERTION_FILE, SECRET};
use crate::environment::Environment;
use crate::managed_identity::IDENTITY_ENDPOINT;

/// The variable that names a credential.
const CREDENTIAL: &str = "ENTRA_RISK_CREDENTIAL";

/// The variable with a token.
pub(crate) const GRAPH_TOKEN: &str = "GRAPH_TOKEN";

/// The variables of credentials that Azure Identity knows and this adapter does not support. To
/// ignore them would change the identity that acts.
const UNSUPPORTED: [&str; 2] = ["AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_PASSWORD"];

/// A kind of credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Selection {
    GraphToken,
    ClientSecret,
    ClientAssertion,
    WorkloadIdentity,
    ManagedIdentity,
}

/// The order in which credentials are tried: each with its name, and the variable that configures
/// it.
const ORDER: [(Selection, &str, &str); 5] = [
    (Selection::GraphToken, "graph-token", GRAPH_TOKEN),
    (Selection::ClientSecret, "client-secret", SECRET),
    (Selection::ClientAssertion, "client-assertion", ASSERTION),
    (Selection::WorkloadIdentity, "workload-identity", ASSERTION_FILE),
    (Selection::ManagedIdentity, "managed-identity", IDENTITY_ENDPOINT),
];

impl Selection {
    /// Selects a credential. `has_virtual_machine_identity` asks the endpoint of virtual machines
    /// whether it is there, and is called only if the environment configures nothing.
    ///
    /// # Errors
    /// `denied`, with the variables to set, if no credential is configured, or only an unsupported
    /// one.
    pub(crate) fn of(
        environment: &Environment,
        has_virtual_machine_identity: impl FnOnce() -> bool,
    ) -> Result<Self, TokenError> {
        let denied = |message: String| Err(TokenError::Denied(message));
        if let Some(name) = environment.get(CREDENTIAL) {
            return match ORDER.iter().find(|(_, known, _)| *known == name) {
                Some((selection, ..)) => Ok(*selection),
                None => {
                    let mut message = [CREDENTIAL, " names no credential: expected"].concat();
                    let mut separator = " ";
                    for (_, name, _) in ORDER {
                        message.push_str(separator);
                        message.push_str(name);
                        separator = ", ";
                    }
                    denied(message)
                }
            };
        }
        let configured = ORDER.iter().find(|(.., variable)| environment.get(variable).is_some());
        let unsupported = UNSUPPORTED.iter().find(|variable| environment.get(variable).is_some());
        match (configured, unsupported) {
            // Azure Identity would use it before an identity of the platform.
            (None | Some((Selection::WorkloadIdentity | Selection::ManagedIdentity, ..)), Some(variable)) => {
                return denied([*variable, " is set, a credential that is not supported: ", ADVICE].concat());
            }
            (Some((selection, ..)), _) => return Ok(*selection),
            (None, None) => {}
        }
        if has_virtual_machine_identity() {
            return Ok(Selection::ManagedIdentity);
        }
        denied(
            ["no credential is configured, and no virtual machine's identity answered within 1 s: ", ADVICE].concat(),
        )
    }

    /// The name by which `ENTRA_RISK_CREDENTIAL` selects this credential.
    pub(crate) fn name(self) -> &'static str {
        ORDER.iter().find(|(selection, ..)| *selection == self).map(|(_, name, _)| *name).unwrap_or_default()
    }
}

const ADVICE: &str = "set GRAPH_TOKEN, AZURE_CLIENT_SECRET or AZURE_FEDERATED_TOKEN_FILE, or ENTRA_RISK_CREDENTIAL";

#[cfg(test)]
mod tests {
    use super::*;

    fn select(variables: &[&str], named: Option<&str>) -> Result<Selection, String> {
        let set = |name: &&str| ((*name).to_owned(), "value".to_owned());
        let named = named.map(|name| (CREDENTIAL.to_owned(), name.to_owned()));
        let environment = Environment::new(variables.iter().map(set).chain(named).collect());
        Selection::of(&environment, || variables.is_empty() && named_is_absent(&environment)).map_err(|error| {
            match error {
                TokenError::Denied(message) => message,
                TokenError::Unavailable(message) => unreachable!("{message}"),
            }
        })
    }

    fn named_is_absent(environment: &Environment) -> bool {
        environment.get(CREDENTIAL).is_none()
    }

    #[test]
    fn the_first_credential_that_is_configured_is_used() {
        let variables = ORDER.map(|(.., variable)| variable);
        for (first, (selection, ..)) in ORDER.iter().enumerate() {
            assert_eq!(select(variables.get(first..).unwrap_or_default(), None), Ok(*selection));
        }
        assert_eq!(select(&[], None), Ok(Selection::ManagedIdentity), "the endpoint of virtual machines answers");
    }

    #[test]
    fn a_name_takes_precedence_over_every_variable() {
        for (selection, name, _) in ORDER {
            assert_eq!(select(&ORDER.map(|(.., variable)| variable), Some(name)), Ok(selection));
            assert_eq!(select(&[], Some(name)), Ok(selection), "also over one that is not configured");
            assert_eq!(selection.name(), name);
        }
        let message = select(&[GRAPH_TOKEN], Some("canary")).unwrap_err();
        assert_eq!(
            message,
            "ENTRA_RISK_CREDENTIAL names no credential: expected graph-token, client-secret, client-assertion, \
             workload-identity, managed-identity"
        );
    }

    #[test]
    fn without_a_credential_the_variables_are_named() {
        let message = select(&["AZURE_TENANT_ID", "AZURE_CLIENT_ID"], None).unwrap_err();
        assert!(message.starts_with("no credential is configured") && message.contains("set GRAPH_TOKEN"), "{message}");
    }

    #[test]
    fn a_credential_that_is_not_supported_is_never_ignored() {
        for variable in UNSUPPORTED {
            let message = select(&[variable], None).unwrap_err();
            assert!(message.starts_with(variable), "{message}");
            for of_the_platform in [ASSERTION_FILE, IDENTITY_ENDPOINT] {
                assert_eq!(select(&[variable, of_the_platform], None), Err(message.clone()));
            }
            assert_eq!(select(&[variable, SECRET], None), Ok(Selection::ClientSecret));
        }
    }
}
