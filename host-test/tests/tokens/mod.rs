//! Token providers, tokens that Microsoft Graph rejects, and texts in which tokens must not appear.

mod provider;
mod rejection;
mod texts;

use graph_model::Behavior;
use host_test::bindings::actions::Options;
use host_test::bindings::credentials::{Credential, TokenError, TokenRequest};
use host_test::checked_call::CheckedCall;
use host_test::host::TokenSource;
use host_test::plugin::Action;
use host_test::script::Script;

const IDS: [&str; 2] = ["29f270bb-4d23-4f68-8a57-dc73dc0d4caf", "20f91ec9-d140-4d90-9cd9-f618587a1471"];

async fn dismiss(
    token_source: TokenSource,
    options: Options,
    behaviors: impl IntoIterator<Item = Behavior>,
) -> CheckedCall {
    CheckedCall::before(Script::at_once(behaviors), token_source, Action::DismissSignIns, &IDS, options).await
}

/// One batch per id, one request at a time.
fn one_by_one() -> Options {
    Options { ids_per_request: Some(1), max_in_flight: Some(1), ..Options::default() }
}

fn source(provider: impl Fn(&TokenRequest) -> Result<Credential, TokenError> + Send + 'static) -> TokenSource {
    Box::new(provider)
}
