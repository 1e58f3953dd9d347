//! Conversions between the types of the contract and those of the engine.

use std::rc::Rc;

use entra_risk_engine::contract::action::{self, ACTIONS};
use entra_risk_engine::contract::token::{Credential, TokenError, TokenRequest};
use entra_risk_engine::contract::{arguments, error, report};
use entra_risk_engine::time::Duration;

use crate::bindings::entra::risk::credentials;
use crate::bindings::exports::entra::risk::{actions, calls};

impl From<calls::Action> for &action::Action {
    fn from(action: calls::Action) -> Self {
        let [
            dismiss_sign_ins,
            confirm_sign_ins_safe,
            confirm_sign_ins_compromised,
            dismiss_risky_users,
            confirm_risky_users_safe,
            confirm_risky_users_compromised,
            dismiss_risky_service_principals,
            confirm_risky_service_principals_compromised,
            dismiss_risky_agents,
            confirm_risky_agents_safe,
            confirm_risky_agents_compromised,
        ] = &ACTIONS;
        match action {
            calls::Action::DismissSignIns => dismiss_sign_ins,
            calls::Action::ConfirmSignInsSafe => confirm_sign_ins_safe,
            calls::Action::ConfirmSignInsCompromised => confirm_sign_ins_compromised,
            calls::Action::DismissRiskyUsers => dismiss_risky_users,
            calls::Action::ConfirmRiskyUsersSafe => confirm_risky_users_safe,
            calls::Action::ConfirmRiskyUsersCompromised => confirm_risky_users_compromised,
            calls::Action::DismissRiskyServicePrincipals => dismiss_risky_service_principals,
            calls::Action::ConfirmRiskyServicePrincipalsCompromised => confirm_risky_service_principals_compromised,
            calls::Action::DismissRiskyAgents => dismiss_risky_agents,
            calls::Action::ConfirmRiskyAgentsSafe => confirm_risky_agents_safe,
            calls::Action::ConfirmRiskyAgentsCompromised => confirm_risky_agents_compromised,
        }
    }
}

impl From<actions::Options> for arguments::Options {
    fn from(options: actions::Options) -> Self {
        arguments::Options {
            tenant: options.tenant,
            cloud: options.cloud.map(|cloud| match cloud {
                actions::Cloud::Global => action::Cloud::Global,
                actions::Cloud::UsGovL4 => action::Cloud::UsGovL4,
                actions::Cloud::UsGovL5 => action::Cloud::UsGovL5,
                actions::Cloud::China => action::Cloud::China,
            }),
            endpoint: options.endpoint,
            audience: options.audience,
            api_version: options.api_version.map(|version| match version {
                actions::ApiVersion::V1 => action::ApiVersion::V1,
                actions::ApiVersion::Beta => action::ApiVersion::Beta,
            }),
            ids_per_request: options.ids_per_request,
            max_in_flight: options.max_in_flight,
            max_attempts: options.max_attempts,
            attempt_timeout_ms: options.attempt_timeout_ms,
            deadline_ms: options.deadline_ms,
            patience_ms: options.patience_ms,
            isolate_refused: options.isolate_refused,
            rate_limit: options
                .rate_limit
                .map(|actions::RateLimit { requests, window_ms }| action::RateLimit { requests, window_ms }),
        }
    }
}

impl From<report::Batch> for actions::Batch {
    fn from(batch: report::Batch) -> Self {
        let (outcome, receipt, error) = match &batch.outcome {
            report::Outcome::Accepted(receipt) => (actions::Outcome::Accepted, Some(receipt), None),
            report::Outcome::Refused(error) => (actions::Outcome::Refused, None, Some(error)),
            report::Outcome::NotApplied(error) => (actions::Outcome::NotApplied, None, Some(error)),
            report::Outcome::Unknown(error) => (actions::Outcome::Unknown, None, Some(error)),
        };
        actions::Batch {
            ids: batch.ids.iter().map(|id| id.as_str().to_owned()).collect(),
            attempts: batch.attempts,
            outcome,
            receipt: receipt.map(|receipt| actions::Receipt::from(report::Receipt::clone(receipt))),
            error: error.cloned().map(actions::Error::from),
        }
    }
}

impl From<report::Receipt> for actions::Receipt {
    fn from(receipt: report::Receipt) -> Self {
        let report::Receipt { request_id, client_request_id, date } = receipt;
        actions::Receipt { request_id, client_request_id, date }
    }
}

impl From<Rc<error::Error>> for actions::Error {
    fn from(error: Rc<error::Error>) -> Self {
        let error::Error { kind, message, response, .. } = Rc::unwrap_or_clone(error);
        actions::Error { kind: kind.into(), message, response: response.map(Into::into) }
    }
}

impl From<error::ErrorKind> for actions::ErrorKind {
    fn from(kind: error::ErrorKind) -> Self {
        match kind {
            error::ErrorKind::InvalidArgument => actions::ErrorKind::InvalidArgument,
            error::ErrorKind::NoToken => actions::ErrorKind::NoToken,
            error::ErrorKind::DeniedByHost => actions::ErrorKind::DeniedByHost,
            error::ErrorKind::Unauthenticated => actions::ErrorKind::Unauthenticated,
            error::ErrorKind::Forbidden => actions::ErrorKind::Forbidden,
            error::ErrorKind::ClientError => actions::ErrorKind::ClientError,
            error::ErrorKind::Throttled => actions::ErrorKind::Throttled,
            error::ErrorKind::ServerError => actions::ErrorKind::ServerError,
            error::ErrorKind::UnexpectedStatus => actions::ErrorKind::UnexpectedStatus,
            error::ErrorKind::Unreachable => actions::ErrorKind::Unreachable,
            error::ErrorKind::NoResponse => actions::ErrorKind::NoResponse,
            error::ErrorKind::DeadlineExceeded => actions::ErrorKind::DeadlineExceeded,
            error::ErrorKind::Cancelled => actions::ErrorKind::Cancelled,
            error::ErrorKind::NotAttempted => actions::ErrorKind::NotAttempted,
            error::ErrorKind::Other => actions::ErrorKind::Other,
        }
    }
}

impl From<error::Response> for actions::Response {
    fn from(response: error::Response) -> Self {
        let error::Response { status, code, message, request_id, client_request_id, date, retry_after_ms } = response;
        actions::Response { status, code, message, request_id, client_request_id, date, retry_after_ms }
    }
}

impl From<report::Progress> for calls::Progress {
    fn from(progress: report::Progress) -> Self {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        calls::Progress {
            left: count(progress.remaining),
            requests: progress.requests,
            in_flight: count(progress.in_flight),
            next_send_ms: progress.next_send.map(Duration::as_millis),
            error: progress.error.map(Into::into),
        }
    }
}

impl From<TokenRequest> for credentials::TokenRequest {
    fn from(request: TokenRequest) -> Self {
        let TokenRequest { tenant, audience, endpoint, refresh, claims } = request;
        credentials::TokenRequest { tenant, audience, endpoint, refresh, claims }
    }
}

impl From<credentials::Credential> for Credential {
    fn from(credential: credentials::Credential) -> Self {
        let credentials::Credential { bearer } = credential;
        Credential { bearer }
    }
}

impl From<credentials::TokenError> for TokenError {
    fn from(error: credentials::TokenError) -> Self {
        match error {
            credentials::TokenError::Unavailable(text) => TokenError::Unavailable(text),
            credentials::TokenError::Denied(text) => TokenError::Denied(text),
        }
    }
}
