//! A call as text: its requests, their results, and what the plugin reported.

use std::fmt;
use std::time::Duration;

use host_test::bindings::actions::Batch;
use host_test::bindings::calls::Event;

use crate::record::{CallRecord, Next, first};
use crate::token_log::{TokenAnswer, TokenRecord};

impl fmt::Display for CallRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call = &self.call;
        writeln!(f, "{} {} of {} ids", seconds(self.started), call.action.name(), call.ids.len())?;
        writeln!(f, "           {:?}, {:?}", call.form, call.options)?;
        let mut lines: Vec<_> = self.arrivals.iter().map(|arrival| (arrival.sent, arrival.to_string())).collect();
        lines.extend(self.tokens.iter().map(|token| (token.asked, token_line(token))));
        lines.extend(self.nexts.iter().map(|next| (next.began, next_line(next))));
        lines.extend(self.stops.iter().map(|(at, grace)| (*at, format!("{}   stop within {grace:?}", seconds(*at)))));
        lines.sort_by_key(|(at, _)| *at);
        lines.iter().try_for_each(|(_, line)| writeln!(f, "{line}"))?;
        let result = match (&self.result, self.cause()) {
            (Err(why), _) => why.clone(),
            (_, Some(cause)) => format!("cause {cause:?}"),
            _ if self.is_abandoned => "dropped".into(),
            _ => "every id accepted".into(),
        };
        writeln!(f, "{} {result}", seconds(self.ended))?;
        self.batches().iter().try_for_each(|batch| writeln!(f, "           {}", batch_line(batch)))
    }
}

fn token_line(token: &TokenRecord) -> String {
    if token.answer == TokenAnswer::Store {
        return format!("{}   store: {:?}", seconds(token.asked), token.answered - token.asked);
    }
    let refresh = if token.request.refresh { " refresh" } else { "" };
    format!("{}   token{refresh}: {:?} after {:?}", seconds(token.asked), token.answer, token.answered - token.asked)
}

fn next_line(next: &Next) -> String {
    let wait = next.wait_ms.map_or(String::new(), |ms| format!("{ms} ms"));
    let event = match &next.event {
        Event::Ended(batches) => {
            let batches: Vec<String> = batches
                .iter()
                .map(|batch| format!("{} {} {}", batch.outcome.name(), batch.ids.len(), first(&batch.ids)))
                .collect();
            format!("ended {}", batches.join(", "))
        }
        Event::Waiting(progress) => format!(
            "waiting, {} left, {} requests, {} in flight, next send {:?}",
            progress.left, progress.requests, progress.in_flight, progress.next_send_ms
        ),
        Event::Over(_) => "over".into(),
    };
    format!("{} next({wait}) until {}: {event}", seconds(next.began), seconds(next.ended).trim())
}

fn batch_line(batch: &Batch) -> String {
    let detail = match (&batch.receipt, &batch.error) {
        (Some(receipt), _) => format!("{:?}", receipt.client_request_id),
        (None, error) => format!("{error:?}"),
    };
    let ids = format!("{} ids {}", batch.ids.len(), first(&batch.ids));
    format!("{ids} {} after {} attempts: {detail}", batch.outcome.name(), batch.attempts)
}

fn seconds(time: Duration) -> String {
    format!("{:10.3}", time.as_secs_f64())
}
