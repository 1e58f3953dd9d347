//! The main job: loads the component, performs the four actions with the ids of the Microsoft Graph documentation
//! before a Graph in this process, and shows what left the component and what came back. Ends with an error when
//! anything is not as it should be.

use anyhow::{Context, Result, ensure};
use host_test::bindings::actions::{Failure, GraphError, Options, Receipt};
use host_test::engine::{COMPONENT, Engine};
use host_test::examples::{EXAMPLES, Example};
use host_test::exchange::{Fate, Response};
use host_test::host::Exchange;
use host_test::plugin::CANARY;
use host_test::script::{accepted, graph_error};
use host_test::trial::Trial;
use http::header::AUTHORIZATION;

/// Virtual time: retries, which wait for seconds, are over at once.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<()> {
    let bytes = std::fs::metadata(COMPONENT).context(COMPONENT)?.len();
    let imports: Vec<String> = imports(Engine::shared());
    println!("entra_risk.wasm: {bytes} bytes; it imports {}", imports.join(", "));

    for example in &EXAMPLES {
        let trial = perform(example, Options::default(), vec![accepted()]).await?;
        let [Exchange { request, .. }] = trial.exchanges.as_slice() else { anyhow::bail!("not one request") };
        ensure!(request.method() == "POST" && request.uri() == example.url, "the request goes elsewhere");
        ensure!(request.body() == example.body, "the body is not as documented");
        ensure!(request.headers()[AUTHORIZATION] == format!("Bearer {CANARY}"), "the token is not in its header");
        ensure!(matches!(trial.result.as_deref(), Ok([Receipt { attempts: 1, .. }])), "not accepted at once");
    }

    let [.., users] = &EXAMPLES;
    let denied =
        graph_error(403, &[], "Authorization_RequestDenied", "Insufficient privileges to complete the operation.");
    let trial = perform(users, Options::default(), vec![denied]).await?;
    ensure!(trial.batch().outcome.case() == "refused(forbidden)", "a 403 is not a refusal");
    ensure!(trial.exchanges.len() == 1, "a 403 is tried again");

    let throttled = || graph_error(429, &[("retry-after", "7")], "TooManyRequests", "Too many requests.");
    let trial = perform(users, Options::default(), vec![throttled(), accepted()]).await?;
    ensure!(matches!(trial.result.as_deref(), Ok([Receipt { attempts: 2, .. }])), "a 429 is not tried again");
    ensure!(trial.exchanges[1].sent.as_secs() == 7, "Retry-After is not kept");

    let trial = perform(users, Options { max_attempts: Some(1), ..Options::default() }, vec![throttled()]).await?;
    ensure!(trial.batch().outcome.case() == "refused(throttled)", "a 429 is not a refusal");

    println!("\nAll as it should be.");
    Ok(())
}

/// What the component asks of its host.
fn imports(engine: &Engine) -> Vec<String> {
    let component = engine.component();
    component.component_type().imports(component.engine()).map(|(name, _)| name.to_owned()).collect()
}

/// Performs an action with a documented example's ids and prints all that happens.
async fn perform(example: &Example, options: Options, fates: Vec<Fate>) -> Result<Trial> {
    println!("\n{}({:?})", example.action.name(), example.ids);
    let trial = Trial::scripted(example.action, &example.ids, options, fates).await;
    for Exchange { sent, request, reply } in &trial.exchanges {
        println!("  after {} s:", sent.as_secs_f32());
        println!("  > {} {}", request.method(), request.uri());
        for (name, value) in request.headers() {
            let value = if name == AUTHORIZATION { "Bearer [token]" } else { value.to_str()? };
            println!("  > {name}: {value}");
        }
        println!("  > {}", String::from_utf8_lossy(request.body()));
        if let Some(Fate::Answered(response)) = reply.as_ref().map(|reply| &reply.fate) {
            print_response(response)?;
        }
    }
    match &trial.result {
        Ok(receipts) => receipts.iter().for_each(|receipt| {
            println!("  = accepted: {} ids, attempts: {}", receipt.ids.len(), receipt.attempts);
        }),
        Err(Failure { cause, batches }) => {
            println!("  = failure, cause: {}", cause.case());
            for batch in batches {
                println!("    {}: {} ids, attempts: {}", batch.outcome.case(), batch.ids.len(), batch.attempts);
            }
            if let Some(GraphError { status, code, message, request_id, .. }) = cause.graph_error() {
                println!("    {status} {code}: {message} (request-id {})", request_id.as_deref().unwrap_or("none"));
            }
        }
    }
    Ok(trial)
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
