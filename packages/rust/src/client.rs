//! The four actions.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use tracing::{Instrument, Span, field, info, info_span};

use crate::action::Action;
use crate::bindings::PluginPre;
use crate::bindings::actions::Options as PluginOptions;
use crate::instance::{Host, Instance, Limits};
use crate::outbound::HttpClient;
use crate::plugin;
use crate::redaction::Redaction;
use crate::report::Counts;
use crate::tenants::Tenants;
use crate::token::AnyTokenSource;
use crate::{Batch, Error, Failure, Options, Outcome, Settings, SetupError, TokenSource};

/// Performs the four actions, with one rate limit for each tenant. Clones share everything.
///
/// Keep it: what it learns about the rate limit is lost with it. Calls of the same tenant run one after the other, calls of
/// different tenants at the same time. It needs a tokio runtime with time and I/O.
///
/// Each method returns the batches if every id was accepted, and otherwise a [`Failure`] with the outcome of every id. A
/// future that is dropped abandons its call: the outcomes, and what the tenant's instance has learned, are lost. To end a
/// call and keep the outcomes, let the token source return [`TokenError::Cancelled`](crate::TokenError::Cancelled).
#[derive(Clone)]
pub struct EntraRisk(Arc<Inner>);

struct Inner {
    settings: Settings,
    plugin: PluginPre<Host>,
    http_client: Arc<HttpClient>,
    token_source: Arc<dyn AnyTokenSource>,
    tenants: Arc<Tenants<Instance>>,
}

impl EntraRisk {
    /// Prepares the actions. The first time in a process, and each time with a pool, it compiles the plugin: that blocks for
    /// a moment, which is seconds if wasmtime was built without optimization.
    ///
    /// # Errors
    /// If a setting is not as documented, or the system refuses a resource.
    pub fn new(token_source: impl TokenSource + 'static, settings: Settings) -> Result<EntraRisk, SetupError> {
        if settings.max_instances == 0 {
            return Err(SetupError("max_instances: expected at least 1; got 0".to_owned()));
        }
        let http_client = Arc::new(HttpClient::new(&settings)?);
        let plugin = plugin::load(&settings)
            .map_err(|error| SetupError(format!("the plugin cannot be loaded: {}", error.root_cause())))?;
        let tenants = Arc::new(Tenants::new(usize::try_from(settings.max_instances).unwrap_or(usize::MAX)));
        Ok(EntraRisk(Arc::new(Inner { settings, plugin, http_client, token_source: Arc::new(token_source), tenants })))
    }

    /// Dismisses the risk of sign-ins: they no longer contribute to the risk of their users.
    ///
    /// Microsoft Graph refuses the ids of sign-ins that are not in the tenant or not at risk. Repeating the call is safe.
    ///
    /// # Errors
    /// If not every id was accepted.
    pub async fn dismiss_sign_ins(
        &self,
        request_ids: &[impl AsRef<str> + Sync],
        options: &Options,
    ) -> Result<Vec<Batch>, Failure> {
        self.perform(Action::DismissSignIns, request_ids, options).await
    }

    /// Confirms sign-ins as safe: their risk is removed, and detection learns from it.
    ///
    /// Microsoft Graph refuses the ids of sign-ins that are not in the tenant or not at risk. Repeating the call is safe. It
    /// also overrides a `confirm_sign_ins_compromised` made in between.
    ///
    /// # Errors
    /// If not every id was accepted.
    pub async fn confirm_sign_ins_safe(
        &self,
        request_ids: &[impl AsRef<str> + Sync],
        options: &Options,
    ) -> Result<Vec<Batch>, Failure> {
        self.perform(Action::ConfirmSignInsSafe, request_ids, options).await
    }

    /// Confirms sign-ins as compromised: the risk of their users becomes high. Policies based on risk may block these users
    /// or require them to change their password.
    ///
    /// Microsoft Graph refuses the ids of sign-ins that are not in the tenant. Repeating the call is safe, but a user whose
    /// risk was remediated in between is set to high risk again.
    ///
    /// # Errors
    /// If not every id was accepted.
    pub async fn confirm_sign_ins_compromised(
        &self,
        request_ids: &[impl AsRef<str> + Sync],
        options: &Options,
    ) -> Result<Vec<Batch>, Failure> {
        self.perform(Action::ConfirmSignInsCompromised, request_ids, options).await
    }

    /// Dismisses the risk of users: their risk level becomes none. `user_ids` are object ids.
    ///
    /// Microsoft Graph refuses the ids of users who were deleted or are not at risk. Repeating the call is safe.
    ///
    /// # Errors
    /// If not every id was accepted.
    pub async fn dismiss_risky_users(
        &self,
        user_ids: &[impl AsRef<str> + Sync],
        options: &Options,
    ) -> Result<Vec<Batch>, Failure> {
        self.perform(Action::DismissRiskyUsers, user_ids, options).await
    }

    /// Instances of the plugin that exist now, idle ones and those in a call: at most `max_instances`.
    pub fn instances(&self) -> usize {
        self.0.tenants.instances()
    }

    async fn perform(
        &self,
        action: Action,
        ids: &[impl AsRef<str> + Sync],
        options: &Options,
    ) -> Result<Vec<Batch>, Failure> {
        let ids: Vec<String> = ids.iter().map(|id| id.as_ref().to_owned()).collect();
        let span = info_span!(
            "entra_risk",
            action = action.name(),
            tenant = options.tenant.as_deref(),
            ids = ids.len(),
            requests = field::Empty,
            instructions = field::Empty,
            memory_bytes = field::Empty,
            accepted = field::Empty,
            refused = field::Empty,
            not_applied = field::Empty,
            unknown = field::Empty,
            outcome = field::Empty,
        );
        self.0.perform(action, ids, options).instrument(span).await
    }
}

impl Inner {
    async fn perform(&self, action: Action, ids: Vec<String>, options: &Options) -> Result<Vec<Batch>, Failure> {
        let mut lease = self.tenants.lease(options.tenant.clone()).await;
        let limits = Limits {
            max_memory_bytes: self.settings.max_memory_bytes,
            max_instructions: self.settings.max_instructions,
        };
        let instance = match lease.take() {
            Some(instance) => Ok(instance),
            None => {
                let (http_client, token_source) = (Arc::clone(&self.http_client), Arc::clone(&self.token_source));
                Instance::new(&self.plugin, limits, http_client, token_source).await
            }
        };
        let mut instance = match instance {
            Ok(instance) => instance,
            Err(reason) => return report(stopped(&ids, 0, reason), 0),
        };
        let options = PluginOptions::new(options, &self.settings);
        let (ended, sent) = instance.call(action, &ids, &options).await;
        Span::current().record("instructions", instance.instructions()).record("memory_bytes", instance.memory_bytes());
        match ended {
            Ok(result) => {
                lease.give_back(instance);
                report(Redaction::of(&sent.tokens).result(result), sent.requests)
            }
            // The instance is dropped before its lease, so that there are never too many.
            Err(reason) => {
                drop(instance);
                report(stopped(&ids, sent.requests, reason), sent.requests)
            }
        }
    }
}

/// The result of a call whose plugin was stopped. Which ids its requests carried is lost with it.
fn stopped(ids: &[String], requests: u32, reason: String) -> Result<Vec<Batch>, Failure> {
    let outcome = if requests == 0 {
        Outcome::NotApplied(Error::NotAttempted)
    } else {
        Outcome::Unknown(Error::PluginStopped(reason.clone()))
    };
    let mut known = HashSet::new();
    let ids = ids.iter().filter(|id| known.insert(id.to_ascii_lowercase())).cloned().collect();
    let batches = vec![Batch { ids, attempts: requests, outcome }];
    Err(Failure { cause: Error::PluginStopped(reason), batches })
}

/// Records the result of a call in its span, without ids and texts of responses, which could imitate lines of a log.
fn report(result: Result<Vec<Batch>, Failure>, requests: u32) -> Result<Vec<Batch>, Failure> {
    let (batches, outcome) = match &result {
        Ok(batches) => (batches, "accepted"),
        Err(failure) => (&failure.batches, failure.cause.kind()),
    };
    let counts = Counts::of(batches);
    let span = Span::current();
    span.record("requests", requests);
    span.record("accepted", counts.accepted);
    span.record("refused", counts.refused);
    span.record("not_applied", counts.not_applied);
    span.record("unknown", counts.unknown);
    span.record("outcome", outcome);
    info!("ended");
    result
}

impl fmt::Debug for EntraRisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntraRisk").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}
