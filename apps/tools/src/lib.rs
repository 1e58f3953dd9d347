//! The tools of entra-risk: the actions for hosts that offer the functions of a component to a
//! language model. A function takes ids and nothing else: the operator chooses tenant, cloud and
//! limits in the environment. It returns a text in which every id that was not accepted has its
//! outcome and its next step.

#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "only the component exports the tools"))]

mod bindings;
mod text;

use bindings::wasi::cli::environment::get_environment;
use entra_risk_common::{ACTIONS, Action, parse_options};

/// The implementation of the component's exports.
struct Tools;

impl bindings::Guest for Tools {
    fn dismiss_sign_ins(request_ids: Vec<String>) -> Result<String, String> {
        perform(&ACTIONS[0], &request_ids)
    }

    fn confirm_sign_ins_safe(request_ids: Vec<String>) -> Result<String, String> {
        perform(&ACTIONS[1], &request_ids)
    }

    fn confirm_sign_ins_compromised(request_ids: Vec<String>) -> Result<String, String> {
        perform(&ACTIONS[2], &request_ids)
    }

    fn dismiss_risky_users(user_ids: Vec<String>) -> Result<String, String> {
        perform(&ACTIONS[3], &user_ids)
    }

    fn confirm_risky_users_safe(user_ids: Vec<String>) -> Result<String, String> {
        perform(&ACTIONS[4], &user_ids)
    }

    fn confirm_risky_users_compromised(user_ids: Vec<String>) -> Result<String, String> {
        perform(&ACTIONS[5], &user_ids)
    }

    fn dismiss_risky_service_principals(service_principal_ids: Vec<String>) -> Result<String, String> {
        perform(&ACTIONS[6], &service_principal_ids)
    }

    fn confirm_risky_service_principals_compromised(service_principal_ids: Vec<String>) -> Result<String, String> {
        perform(&ACTIONS[7], &service_principal_ids)
    }

    fn dismiss_risky_agents(agent_ids: Vec<String>) -> Result<String, String> {
        perform(&ACTIONS[8], &agent_ids)
    }

    fn confirm_risky_agents_safe(agent_ids: Vec<String>) -> Result<String, String> {
        perform(&ACTIONS[9], &agent_ids)
    }

    fn confirm_risky_agents_compromised(agent_ids: Vec<String>) -> Result<String, String> {
        perform(&ACTIONS[10], &agent_ids)
    }
}

/// Performs an action. Returns the report as a text, as an error unless every id was accepted.
fn perform(action: &Action, ids: &[String]) -> Result<String, String> {
    let options = parse_options(&get_environment()).map_err(|problems| text::misconfigured(&problems))?;
    let report = entra_risk_common::perform(action, ids, &options, None, |_, _| {});
    let text = text::report(action, &report);
    if report.cause.is_none() { Ok(text) } else { Err(text) }
}
