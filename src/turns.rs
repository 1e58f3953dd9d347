//! The types of the imported `turns` and those of the engine, mapped to each other.

use entra_risk_engine::action::ServiceLimit;
use entra_risk_engine::time::Nanos;
use entra_risk_engine::turns::{Queue, Turn, TurnRequest};

use crate::bindings::entra::risk::turns;

/// Asks for a turn.
pub(crate) fn reserve(request: TurnRequest) -> Result<Turn, String> {
    let TurnRequest { queue, ticket, spacing } = request;
    turns::reserve(&queue.into(), ticket, spacing).map(|turn| match turn {
        turns::Turn::Granted(wait) => Turn::Granted(wait),
        turns::Turn::Reserved(turns::Reservation { ticket, ask_again_after, held_for }) => {
            Turn::Reserved { ticket, ask_again_after, held_for }
        }
    })
}

/// Has the others wait.
pub(crate) fn hold(queue: Queue, wait: Nanos) -> Result<(), String> {
    turns::hold(&queue.into(), wait)
}

impl From<Queue> for turns::Queue {
    fn from(Queue { tenant, audience, limit }: Queue) -> turns::Queue {
        let limit = match limit {
            ServiceLimit::SignIns => turns::ServiceLimit::SignIns,
            ServiceLimit::RiskyUsers => turns::ServiceLimit::RiskyUsers,
        };
        turns::Queue { tenant, audience, limit }
    }
}
