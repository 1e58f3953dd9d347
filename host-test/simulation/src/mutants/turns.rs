//! Mutants that do not take turns with other instances.

use crate::mutant::{Mutant, mutant};

pub(super) static MUTANTS: &[Mutant] = &[
    mutant(
        "turn-given-twice",
        "together, the instances keep the limit",
        "increment",
        "result = store.increment(&key)",
        "result = store.increment(&key).map(|ticket| ticket.div_ceil(2))",
    ),
    mutant(
        "turn-used-twice",
        "together, the instances keep the limit",
        "TurnState::sent",
        "Place::Granted { .. }",
        "Place::Idle",
    ),
    mutant(
        "hold-not-shared",
        "a hold reaches every instance",
        "Call::hold",
        "turns.as_mut().hold(self.holds.until())",
        "let _ = turns",
    ),
    mutant(
        "hold-not-read",
        "a hold reaches every instance",
        "hold",
        "write(store, name, Base { time: next.time.max(until), held_until: next.held_until.max(until), ..next })",
        "Ok(())",
    ),
    mutant(
        "failed-increment-taken-as-granted",
        "together, the instances keep the limit",
        "increment",
        "result = store.increment(&key)",
        "result = store.increment(&key).or_else(|_| Ok(read(store, name)?.map_or(2, |base| base.ticket)))",
    ),
    mutant(
        "turn-without-reading-again",
        "together, the instances keep the limit",
        "reserve",
        "Some(rest) if rest > early / 2 =>",
        "Some(rest) if rest > early / 2 && false =>",
    ),
    mutant(
        "store-not-cleaned-up",
        "the store has two entries for each queue",
        "increment",
        r#"let key = [name, ".ticket"].concat()"#,
        r#"let key = [name, &store.now().to_string(), ".ticket"].concat()"#,
    ),
    mutant(
        "store-failure-ends-the-call",
        "a store that fails loses no id",
        "Call::on_turn",
        "let is_granted =",
        "if result.is_err() { self.end(Rc::new(Error::not_attempted()), now); } let is_granted =",
    ),
];
