//! Whether a call takes turns with other instances, as a type.

use crate::limit::turn_state::TurnState;
use crate::limit::turn_step::TurnStep;

/// How a call takes turns with other instances: [`WithTurns`] or [`WithoutTurns`].
pub trait Turns: AsRef<TurnState> + AsMut<TurnState> + Sized {
    /// What a call asks of the other instances.
    type Step;

    /// The turns of a new call; none if it takes no turns.
    fn begin() -> Option<Self>;

    /// A step in the form that [`Turns::Step`] gives it.
    fn step(&self, step: TurnStep) -> Self::Step;
}

/// Takes turns with other instances.
#[derive(Debug)]
pub struct WithTurns(TurnState);

impl Turns for WithTurns {
    type Step = TurnStep;

    fn begin() -> Option<WithTurns> {
        Some(WithTurns(TurnState::default()))
    }

    fn step(&self, step: TurnStep) -> TurnStep {
        step
    }
}

impl AsRef<TurnState> for WithTurns {
    fn as_ref(&self) -> &TurnState {
        &self.0
    }
}

impl AsMut<TurnState> for WithTurns {
    fn as_mut(&mut self) -> &mut TurnState {
        &mut self.0
    }
}

/// Takes no turns. It has no value, and so a plugin without turns has none of their code.
#[derive(Debug)]
pub enum WithoutTurns {}

impl Turns for WithoutTurns {
    type Step = WithoutTurns;

    fn begin() -> Option<WithoutTurns> {
        None
    }

    fn step(&self, _: TurnStep) -> WithoutTurns {
        match *self {}
    }
}

impl AsRef<TurnState> for WithoutTurns {
    fn as_ref(&self) -> &TurnState {
        match *self {}
    }
}

impl AsMut<TurnState> for WithoutTurns {
    fn as_mut(&mut self) -> &mut TurnState {
        match *self {}
    }
}
