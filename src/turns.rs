//! What a call asks of other instances: turns in the world `plugin-with-turns`, nothing in the world `plugin`.

#[cfg(feature = "turns")]
pub(crate) use shared::{Turns, perform};
#[cfg(not(feature = "turns"))]
pub(crate) use single::{Turns, perform};

#[cfg(not(feature = "turns"))]
mod single {
    use entra_risk_engine::call::Call;
    use entra_risk_engine::time::Nanos;

    pub(crate) use entra_risk_engine::limit::turns::NoTurns as Turns;

    /// Is never called: there is no such step.
    pub(crate) fn perform(step: Turns, _: &mut Call<Turns>) -> Nanos {
        match step {}
    }
}

#[cfg(feature = "turns")]
mod shared {
    use entra_risk_engine::call::Call;
    use entra_risk_engine::contract::action::ServiceLimit;
    use entra_risk_engine::limit::turns::{Queue, Turn, TurnRequest};
    use entra_risk_engine::time::Nanos;

    use crate::bindings::entra::risk::turns;
    use crate::http;

    pub(crate) use entra_risk_engine::limit::turns::TurnStep as Turns;

    /// Asks the other instances, reports the answer to the call, and returns the time after it.
    pub(crate) fn perform(step: Turns, call: &mut Call<Turns>) -> Nanos {
        match step {
            Turns::Reserve(TurnRequest { queue, ticket, spacing }) => {
                let result = turns::reserve(&queue.into(), ticket, spacing);
                let now = http::now();
                call.turn(result.map(Into::into), now);
                now
            }
            Turns::Hold(queue, wait) => {
                let result = turns::hold(&queue.into(), wait);
                let now = http::now();
                call.held(result, now);
                now
            }
        }
    }

    impl From<turns::Turn> for Turn {
        fn from(turn: turns::Turn) -> Turn {
            match turn {
                turns::Turn::Granted(wait) => Turn::Granted(wait),
                turns::Turn::Reserved(turns::Reservation { ticket, ask_again_after, held_for }) => {
                    Turn::Reserved { ticket, ask_again_after, held_for }
                }
            }
        }
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
}
