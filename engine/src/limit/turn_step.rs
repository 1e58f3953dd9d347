//! What a call asks of other instances, so that all of them together keep one limit.

use crate::contract::action::ServiceLimit;
use crate::time::Duration;

/// Instances whose queues are equal take turns with each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Names the tenant that the ids belong to.
    pub tenant: Option<String>,
    /// The audience of the token.
    pub audience: String,
    /// The limit that the instances share.
    pub limit: ServiceLimit,
}

/// What a call asks of the other instances.
#[derive(Debug)]
pub enum TurnStep {
    /// Ask for a turn, then report the result to `Call::on_turn`.
    Reserve {
        /// The queue to wait in.
        queue: Queue,
        /// The call's place in the queue, if it has one.
        ticket: Option<u64>,
        /// The time between turns that the call needs.
        spacing: Duration,
    },
    /// Ask the other instances to wait, then report the result to `Call::on_hold_result`.
    Hold {
        /// The queue of the instances that are to wait.
        queue: Queue,
        /// How long the other instances are to wait.
        wait: Duration,
    },
}

/// What becomes of a question for a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is the call's turn after this time.
    Granted(Duration),
    /// The call has a place in the queue.
    Reserved {
        /// The place, to be named when asking again.
        ticket: u64,
        /// The time after which to ask again.
        ask_again_after: Duration,
        /// How long everyone in the queue is held.
        held_for: Duration,
    },
}
