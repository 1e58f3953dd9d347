//! The client, with the actions as methods.

use std::fmt;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tracing::{field, info_span};

use crate::call_state::CallState;
use crate::instance::Usage;
use crate::library::Library;
use crate::task::Task;
use crate::worker;
use crate::{Action, Call, CallError, InvalidArgument, Options, Report, Settings, SetupError, TokenSource};

/// Performs the actions, and lists what is at risk, with one rate limit for each tenant. Clones
/// share everything.
///
/// Keep it: what it learns about the rate limit is lost with it. It needs a tokio runtime with time
/// and I/O. Calls of the same tenant share its rate limit and take turns, so a call of one id does
/// not wait for the end of one of thousands.
///
/// Each action has a method, which returns the outcome of every id whatever happened, and can be
/// started as a [`Call`], which yields the outcomes as they come. A future of a method that is
/// dropped abandons its call.
///
/// The methods have an error only if an argument is not as documented, in which case nothing was
/// sent, or if the token source itself failed ([`TokenError::Failed`](crate::TokenError::Failed)),
/// in which case the error contains the report.
#[derive(Clone)]
pub struct EntraRisk(pub(crate) Arc<Library>);

impl EntraRisk {
    /// Prepares the actions. The first time in a process, and each time with a pool, it compiles
    /// the plugin: that blocks for a moment, which is seconds if wasmtime was built without
    /// optimization.
    ///
    /// # Errors
    /// If a setting is not as documented, or the system refuses a resource.
    pub fn new(token_source: impl TokenSource + 'static, settings: Settings) -> Result<EntraRisk, SetupError> {
        Ok(EntraRisk(Arc::new(Library::new(Arc::new(token_source), settings)?)))
    }

    /// Starts an action on these ids. The call begins immediately, and goes on whether its handle
    /// is polled or not. An id that is given twice is sent and reported once. An empty list is a
    /// call that is over.
    ///
    /// # Errors
    /// If an argument is not as documented.
    pub fn start(&self, action: Action, ids: &[impl AsRef<str>], options: &Options) -> Result<Call, InvalidArgument> {
        let Library { settings, tenants, .. } = &*self.0;
        let ids: Vec<String> = ids.iter().map(|id| id.as_ref().to_owned()).collect();
        let state = Arc::new(CallState::new(options.check(action, &ids, settings)?));
        let span = info_span!(
            "entra_risk",
            action = action.name(),
            tenant = options.tenant.as_deref(),
            ids = state.ids().len(),
            requests = field::Empty,
            instructions = field::Empty,
            memory_bytes = field::Empty,
            accepted = field::Empty,
            refused = field::Empty,
            not_applied = field::Empty,
            unknown = field::Empty,
            outcome = field::Empty,
        );
        let usage = Usage::of(self.0.limits());
        let (tenant, options) = (options.tenant.clone(), options.with(settings).into());
        let task = Task { state: Arc::clone(&state), action, tenant: tenant.clone(), options, span, usage };
        if state.is_over() {
            task.report(0);
            return Ok(Call::new(state, watch::Sender::new(())));
        }
        let Ok(runtime) = Handle::try_current() else {
            task.stopped("a call needs a tokio runtime");
            return Ok(Call::new(state, watch::Sender::new(())));
        };
        let (orders, needs_worker) = tenants.submit(&tenant, task);
        if needs_worker {
            runtime.spawn(worker::work(Arc::clone(&self.0), tenant));
        }
        Ok(Call::new(state, orders))
    }

    /// Dismisses the risk of sign-ins: they no longer contribute to the risk of their users.
    ///
    /// Microsoft Graph refuses the ids of sign-ins that are not in the tenant or not at risk.
    /// Repeating the call is safe.
    ///
    /// # Errors
    /// If an argument is not as documented, or the token source itself failed.
    pub async fn dismiss_sign_ins(
        &self,
        ids: &[impl AsRef<str> + Sync],
        options: &Options,
    ) -> Result<Report, CallError> {
        self.perform(Action::DismissSignIns, ids, options).await
    }

    /// Confirms sign-ins as safe: their risk is removed, and detection learns from it.
    ///
    /// Microsoft Graph refuses the ids of sign-ins that are not in the tenant or not at risk.
    /// Repeating the call is safe. It also overrides a `confirm_sign_ins_compromised` made in
    /// between.
    ///
    /// # Errors
    /// If an argument is not as documented, or the token source itself failed.
    pub async fn confirm_sign_ins_safe(
        &self,
        ids: &[impl AsRef<str> + Sync],
        options: &Options,
    ) -> Result<Report, CallError> {
        self.perform(Action::ConfirmSignInsSafe, ids, options).await
    }

    /// Confirms sign-ins as compromised: the risk of their users becomes high. Policies based on
    /// risk may block these users or require them to change their password.
    ///
    /// Microsoft Graph refuses the ids of sign-ins that are not in the tenant. Repeating the call
    /// is safe, but a user whose risk was remediated in between is set to high risk again.
    ///
    /// # Errors
    /// If an argument is not as documented, or the token source itself failed.
    pub async fn confirm_sign_ins_compromised(
        &self,
        ids: &[impl AsRef<str> + Sync],
        options: &Options,
    ) -> Result<Report, CallError> {
        self.perform(Action::ConfirmSignInsCompromised, ids, options).await
    }

    /// Dismisses the risk of users: their risk level becomes none. The ids are object ids.
    ///
    /// Microsoft Graph refuses the ids of users who were deleted. How it responds for users who are
    /// unknown or not at risk is not documented. Repeating the call is safe.
    ///
    /// # Errors
    /// If an argument is not as documented, or the token source itself failed.
    pub async fn dismiss_risky_users(
        &self,
        ids: &[impl AsRef<str> + Sync],
        options: &Options,
    ) -> Result<Report, CallError> {
        self.perform(Action::DismissRiskyUsers, ids, options).await
    }

    /// Confirms users as safe: their risk is removed, and detection learns from it. The ids are
    /// object ids.
    ///
    /// Absent users are refused as by `dismiss_risky_users`. Repeating the call is safe. It also
    /// overrides a `confirm_risky_users_compromised` made in between.
    ///
    /// # Errors
    /// If an argument is not as documented, or the token source itself failed.
    pub async fn confirm_risky_users_safe(
        &self,
        ids: &[impl AsRef<str> + Sync],
        options: &Options,
    ) -> Result<Report, CallError> {
        self.perform(Action::ConfirmRiskyUsersSafe, ids, options).await
    }

    /// Confirms users as compromised: their risk becomes high, and policies based on risk may block
    /// them. The ids are object ids.
    ///
    /// Absent users are refused as by `dismiss_risky_users`. Repeating the call is safe, but a user
    /// whose risk was remediated in between is set to high risk again.
    ///
    /// # Errors
    /// If an argument is not as documented, or the token source itself failed.
    pub async fn confirm_risky_users_compromised(
        &self,
        ids: &[impl AsRef<str> + Sync],
        options: &Options,
    ) -> Result<Report, CallError> {
        self.perform(Action::ConfirmRiskyUsersCompromised, ids, options).await
    }

    /// Dismisses the risk of service principals. The ids are object ids.
    ///
    /// How Microsoft Graph responds for absent ones is not documented. Repeating the call is safe.
    ///
    /// # Errors
    /// If an argument is not as documented, or the token source itself failed.
    pub async fn dismiss_risky_service_principals(
        &self,
        ids: &[impl AsRef<str> + Sync],
        options: &Options,
    ) -> Result<Report, CallError> {
        self.perform(Action::DismissRiskyServicePrincipals, ids, options).await
    }

    /// Confirms service principals as compromised: their risk becomes high, and policies based on
    /// risk may block them. The ids are object ids.
    ///
    /// How Microsoft Graph responds for absent ones is not documented. Repeating the call is safe,
    /// but one whose risk was remediated in between is set to high risk again.
    ///
    /// # Errors
    /// If an argument is not as documented, or the token source itself failed.
    pub async fn confirm_risky_service_principals_compromised(
        &self,
        ids: &[impl AsRef<str> + Sync],
        options: &Options,
    ) -> Result<Report, CallError> {
        self.perform(Action::ConfirmRiskyServicePrincipalsCompromised, ids, options).await
    }

    /// Dismisses the risk of agents. The ids are object ids of agent identities. The action exists
    /// in `beta` and the global cloud only.
    ///
    /// How Microsoft Graph responds for absent ones is not documented. Repeating the call is safe.
    ///
    /// # Errors
    /// If an argument is not as documented, or the token source itself failed.
    pub async fn dismiss_risky_agents(
        &self,
        ids: &[impl AsRef<str> + Sync],
        options: &Options,
    ) -> Result<Report, CallError> {
        self.perform(Action::DismissRiskyAgents, ids, options).await
    }

    /// Confirms agents as safe: their risk is removed. The ids are object ids of agent identities.
    /// The action exists in `beta` and the global cloud only.
    ///
    /// How Microsoft Graph responds for absent ones is not documented. Repeating the call is safe.
    /// It also overrides a `confirm_risky_agents_compromised` made in between.
    ///
    /// # Errors
    /// If an argument is not as documented, or the token source itself failed.
    pub async fn confirm_risky_agents_safe(
        &self,
        ids: &[impl AsRef<str> + Sync],
        options: &Options,
    ) -> Result<Report, CallError> {
        self.perform(Action::ConfirmRiskyAgentsSafe, ids, options).await
    }

    /// Confirms agents as compromised: their risk becomes high, and policies based on risk may
    /// block them. The ids are object ids of agent identities. The action exists in `beta` and the
    /// global cloud only.
    ///
    /// How Microsoft Graph responds for absent ones is not documented. Repeating the call is safe,
    /// but one whose risk was remediated in between is set to high risk again.
    ///
    /// # Errors
    /// If an argument is not as documented, or the token source itself failed.
    pub async fn confirm_risky_agents_compromised(
        &self,
        ids: &[impl AsRef<str> + Sync],
        options: &Options,
    ) -> Result<Report, CallError> {
        self.perform(Action::ConfirmRiskyAgentsCompromised, ids, options).await
    }

    /// How many instances of the plugin exist now, idle ones and those with open calls: at most
    /// `max_instances`.
    pub fn instances(&self) -> usize {
        self.0.tenants.instances()
    }

    async fn perform(
        &self,
        action: Action,
        ids: &[impl AsRef<str> + Sync],
        options: &Options,
    ) -> Result<Report, CallError> {
        Ok(self.start(action, ids, options)?.finish().await?)
    }
}

impl fmt::Debug for EntraRisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntraRisk").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}
