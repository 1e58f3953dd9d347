//! A demonstration: loads the plugin, performs every action with the ids of the Microsoft Graph
//! documentation, and prints every request and response. Then it dismisses the risk of 600 users,
//! two of whom are bad, before the model of Microsoft Graph. Fails if anything differs from the
//! documentation.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use graph_model::{Behavior, Graph, Response, Settings};
use host_test::bindings::actions::{Batch, Failure, Options, Outcome, Response as ErrorResponse};
use host_test::bindings::calls::Event;
use host_test::checked_call::CheckedCall;
use host_test::component::{FILE, PluginComponent};
use host_test::examples::{DISMISS_USERS, EXAMPLES, Example};
use host_test::host::RecordedExchange;
use host_test::plugin::{Action, CANARY, canary};
use host_test::script::{accepted, graph_error};
use http::header::AUTHORIZATION;
use serde_json::Value;
use uuid::Uuid;

/// In virtual time, because retries wait for seconds.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<()> {
    let bytes = std::fs::metadata(FILE).context(FILE)?.len();
    let imports: Vec<String> = imports(PluginComponent::shared());
    println!("entra-risk.wasm: {bytes} bytes, imports {}", imports.join(", "));

    for example in &EXAMPLES {
        let call = perform(example, Options::default(), vec![accepted()]).await?;
        let [RecordedExchange { request, .. }] = call.exchanges.as_slice() else {
            anyhow::bail!("expected one request")
        };
        ensure!(
            request.method() == "POST" && request.uri() == example.url,
            "the request differs from the documentation"
        );
        ensure!(request.body() == example.body, "the body differs from the documentation");
        ensure!(
            request.headers()[AUTHORIZATION] == format!("Bearer {CANARY}"),
            "the authorization header does not contain the token"
        );
        ensure!(matches!(call.result.as_deref(), Ok([Batch { attempts: 1, .. }])), "not accepted in one attempt");
    }

    let users = &DISMISS_USERS;
    let denied =
        graph_error(403, &[], "Authorization_RequestDenied", "Insufficient privileges to complete the operation.");
    let call = perform(users, Options::default(), vec![denied]).await?;
    ensure!(call.batch().case() == "not-applied(forbidden)", "a 403 is not reported as not applied");
    ensure!(call.exchanges.len() == 1, "a 403 is retried");

    let throttled = || graph_error(429, &[("retry-after", "7")], "TooManyRequests", "Too many requests.");
    let call = perform(users, Options::default(), vec![throttled(), accepted()]).await?;
    ensure!(matches!(call.result.as_deref(), Ok([Batch { attempts: 2, .. }])), "a 429 is not retried");
    ensure!((7..=8).contains(&call.exchanges[1].sent.as_secs()), "the retry ignores Retry-After");

    let not_found = || graph_error(404, &[], "Request_ResourceNotFound", "The user does not exist.");
    let call = perform(users, Options::default(), vec![not_found(), not_found(), accepted()]).await?;
    let outcomes: Vec<String> = call.batches().iter().map(|batch| batch.case()).collect();
    ensure!(outcomes == ["refused(client-error)", "accepted"], "the id at fault was not isolated: {outcomes:?}");

    dismiss_600_users().await?;
    println!("\nEverything matches the documentation.");
    Ok(())
}

/// The main job: a list with two bad ids, at the documented limit.
async fn dismiss_600_users() -> Result<()> {
    let ids: Vec<String> = (1..=600).map(|number| Uuid::from_u128(number).to_string()).collect();
    let absent = [77, 400].map(Uuid::from_u128);
    let graph = Graph::new(Settings { absent: absent.into(), ..Settings::default() });
    println!("\n{}, 600 ids, of which two are bad", Action::DismissRiskyUsers.name());
    let action = Action::DismissRiskyUsers;
    let call = CheckedCall::before(Arc::new(graph), canary(), action, &ids, Options::default()).await;
    for RecordedExchange { sent, request, reply } in &call.exchanges {
        let body: Value = serde_json::from_slice(request.body())?;
        let ids = body["userIds"].as_array().map_or(0, Vec::len);
        let status = match reply.as_ref().map(|reply| &reply.behavior) {
            Some(Behavior::Complete(response)) => response.status().as_str().to_owned(),
            other => format!("{other:?}"),
        };
        println!("  after {:4.1} s: {ids:2} ids, {status}", sent.as_secs_f32());
    }
    let count = |outcome| call.batches().iter().filter(|b| b.outcome == outcome).map(|b| b.ids.len()).sum::<usize>();
    let (accepted, refused) = (count(Outcome::Accepted), count(Outcome::Refused));
    println!("  = {accepted} accepted, {refused} refused");
    ensure!((accepted, refused) == (598, 2), "not exactly the bad ids were refused");
    Ok(())
}

/// The imports of the plugin.
fn imports(plugin: &PluginComponent) -> Vec<String> {
    let component = plugin.component();
    component.component_type().imports(component.engine()).map(|(name, _)| name.to_owned()).collect()
}

/// Performs an action with the ids of a documented example, and prints every exchange and the
/// result.
async fn perform(example: &Example, options: Options, behaviors: Vec<Behavior>) -> Result<CheckedCall> {
    println!("\n{}({:?})", example.action.name(), example.ids);
    let call = CheckedCall::scripted(example.action, example.ids, options, behaviors).await;
    for RecordedExchange { sent, request, reply } in &call.exchanges {
        println!("  after {} s:", sent.as_secs_f32());
        println!("  > {} {}", request.method(), request.uri());
        for (name, value) in request.headers() {
            let value = if name == AUTHORIZATION { "Bearer [token]" } else { value.to_str()? };
            println!("  > {name}: {value}");
        }
        println!("  > {}", String::from_utf8_lossy(request.body()));
        if let Some(Behavior::Complete(response)) = reply.as_ref().map(|reply| &reply.behavior) {
            print_response(response)?;
        }
    }
    for (at, event) in &call.events {
        println!("  after {} s: {}", at.as_secs_f32(), text(event));
    }
    match &call.result {
        Ok(batches) => batches.iter().for_each(|batch| {
            println!("  = accepted: {} ids, attempts: {}", batch.ids.len(), batch.attempts);
        }),
        Err(Failure { cause, batches }) => {
            println!("  = failure, cause: {}", cause.case());
            for batch in batches {
                println!("    {}: {} ids, attempts: {}", batch.case(), batch.ids.len(), batch.attempts);
            }
            if let Some(ErrorResponse { status, code, message, request_id, .. }) = &cause.response {
                println!("    {status} {code}: {message} (request-id {})", request_id.as_deref().unwrap_or("none"));
            }
        }
    }
    Ok(call)
}

/// An event in a line.
fn text(event: &Event) -> String {
    match event {
        Event::Ended(batches) => format!("ended: {}", batches.iter().map(Batch::case).collect::<Vec<_>>().join(", ")),
        Event::Waiting(progress) => format!("waiting: {} ids left", progress.left),
        Event::Over(None) => "over: every id was accepted".into(),
        Event::Over(Some(error)) => format!("over: {}", error.message),
    }
}

fn print_response(response: &Response) -> Result<()> {
    println!("  < {}", response.status());
    for (name, value) in response.headers() {
        println!("  < {name}: {}", value.to_str()?);
    }
    if !response.body().is_empty() {
        println!("  < {}", String::from_utf8_lossy(response.body()));
    }
    Ok(())
}
