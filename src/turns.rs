//! How calls take turns with other instances: not at all in the world `plugin`, through an import
//! in the world `plugin-with-turns`.

#[cfg(feature = "turns")]
pub(crate) use with_turns::perform;

/// How the calls of this plugin take turns.
#[cfg(feature = "turns")]
pub(crate) type PluginTurns = entra_risk_engine::limit::with_turns::WithTurns;

/// How the calls of this plugin take turns.
#[cfg(not(feature = "turns"))]
pub(crate) type PluginTurns = entra_risk_engine::limit::with_turns::WithoutTurns;

/// A plugin without turns has no such step to perform.
#[cfg(not(feature = "turns"))]
pub(crate) fn perform(step: PluginTurns, _: &mut entra_risk_engine::call::Call) -> entra_risk_engine::time::Instant {
    match step {}
}

#[cfg(feature = "turns")]
mod with_turns {

    use entra_risk_engine::call::Call;
    use entra_risk_engine::contract::action::ServiceLimit;
    use entra_risk_engine::limit::turn_step::{Queue, Turn, TurnStep};
    use entra_risk_engine::limit::with_turns::WithTurns;
    use entra_risk_engine::time::{Duration, Instant};
    use entra_risk_transport as transport;

    use crate::bindings::entra::risk::turns;

    /// Asks the other instances, reports the result to the call, and returns the time after it.
    pub(crate) fn perform(step: TurnStep, call: &mut Call<WithTurns>) -> Instant {
        match step {
            TurnStep::Reserve { queue, ticket, spacing } => {
                let result = turns::reserve(&queue.into(), ticket, spacing.as_nanos());
                let now = transport::now();
                call.on_turn(result.map(Into::into), now);
                now
            }
            TurnStep::Hold { queue, wait } => {
                let result = turns::hold(&queue.into(), wait.as_nanos());
                let now = transport::now();
                call.on_hold_result(result, now);
                now
            }
        }
    }

    impl From<turns::Turn> for Turn {
        fn from(turn: turns::Turn) -> Turn {
            match turn {
                turns::Turn::Granted(wait) => Turn::Granted(Duration::from_nanos(wait)),
                turns::Turn::Reserved(turns::Reservation { ticket, ask_again_after, held_for }) => Turn::Reserved {
                    ticket,
                    ask_again_after: Duration::from_nanos(ask_again_after),
                    held_for: Duration::from_nanos(held_for),
                },
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
