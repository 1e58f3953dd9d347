//! Drives calls that take turns through random answers of the store and of the service: each turn
//! is used once and in time, a hold is announced, a store that fails or is slow does not end a
//! call, and a call that was stopped takes no more turns.

use entra_risk_engine::call::{AttemptId, Call, Step};
use entra_risk_engine::contract::action::ACTIONS;
use entra_risk_engine::contract::arguments::Options;
use entra_risk_engine::contract::error::Error;
use entra_risk_engine::contract::token::Credential;
use entra_risk_engine::http::response::Response;
use entra_risk_engine::limit::instance::InstanceState;
use entra_risk_engine::limit::turn_step::{Turn, TurnStep};
use entra_risk_engine::limit::with_turns::WithTurns;
use entra_risk_engine::time::{Duration, Instant};

type Nanos = u64;

const MILLISECOND: Nanos = 1_000_000;
const SECOND: Nanos = 1_000_000_000;

const SEQUENCES: u64 = 2_000;

#[test]
fn random_answers_of_the_store_violate_no_invariant() {
    let totals = (0..SEQUENCES).map(|seed| World::new(seed).run());
    let totals: Vec<usize> = totals.reduce(|all, one| all.iter().zip(&one).map(|(a, b)| a + b).collect()).unwrap();
    println!("turns used, lost, sends without the store, holds, answers discarded: {totals:?}");
    assert!(totals.iter().all(|count| *count > 100), "{totals:?}");
}

/// A store that gives random answers, and a service that does too.
struct World {
    seed: u64,
    random: u64,
    now: Nanos,
    /// Questions that the store answers with an error, and questions that may take it up to 3 s.
    percent_failing: u64,
    percent_late: u64,
    /// The turn that was granted and not used.
    granted: Option<Nanos>,
    /// The place in the queue.
    ticket: Option<u64>,
    /// Errors and late answers of the store in a row, and when the last one was returned.
    failures: u32,
    failed_at: Nanos,
    /// How often a hold may still be announced.
    to_announce: u32,
    /// The call met its first 429 while it used the store: the next step is a hold.
    must_announce: bool,
    has_met_429: bool,
    in_flight: Vec<(AttemptId, Nanos)>,
    counts: [usize; 5],
}

impl World {
    fn new(seed: u64) -> World {
        World {
            seed,
            random: seed,
            now: 0,
            percent_failing: 0,
            percent_late: 0,
            granted: None,
            ticket: None,
            failures: 0,
            failed_at: 0,
            to_announce: 0,
            must_announce: false,
            has_met_429: false,
            in_flight: Vec::new(),
            counts: [0; 5],
        }
    }

    fn run(mut self) -> Vec<usize> {
        let count = self.below(20) + 1;
        let ids: Vec<String> = (0..count).map(|n| format!("00000001-0000-0000-0000-{n:012x}")).collect();
        let options = Options { ids_per_request: Some(1), max_attempts: Some(10), ..Options::default() };
        let mut instance = InstanceState::default();
        let mut call: Call<WithTurns> =
            Call::new(&ACTIONS[3], "ids", &ids, options, &mut instance, Instant::ORIGIN, self.seed).unwrap();
        self.percent_failing = [0, 0, 10, 60, 100][self.below(5) as usize];
        self.percent_late = [0, 0, 10, 60, 100][self.below(5) as usize];
        let (mut ended, mut is_stopped) = (0, false);
        for _ in 0..100_000 {
            let step = call.next(self.clock(), None);
            let is_announced = matches!(step, Step::Turn(TurnStep::Hold { .. }) | Step::Ended(_) | Step::Over(_));
            assert!(is_announced || !self.must_announce, "{}: another step in place of a hold", self.seed);
            self.must_announce &= matches!(step, Step::Ended(_));
            match step {
                Step::GetToken(_) => {
                    self.now += self.below(3) * self.below(500) * MILLISECOND;
                    call.on_token(Ok(Credential { bearer: None }), self.clock());
                }
                Step::Turn(TurnStep::Reserve { ticket, spacing, .. }) => {
                    assert!(!is_stopped, "{}: a turn after the end", self.seed);
                    assert_eq!(ticket, self.ticket, "{}", self.seed);
                    assert!(spacing > Duration::from_secs(1), "{}: {spacing:?}", self.seed);
                    let result = self.answer();
                    call.on_turn(result, self.clock());
                }
                Step::Turn(TurnStep::Hold { wait, .. }) => {
                    let wait = wait.as_nanos();
                    assert!(self.to_announce > 0 && wait > 0, "{}: a hold of {wait} without a 429", self.seed);
                    self.counts[3] += 1;
                    let result = self.hold();
                    call.on_hold_result(result, self.clock());
                }
                Step::Send(id, _) => {
                    assert!(!is_stopped, "{}: sent after the end", self.seed);
                    self.send(id);
                }
                Step::Abandon(id) => {
                    self.in_flight.retain(|(other, _)| *other != id);
                    call.on_abandoned(id, None, self.clock());
                }
                Step::Wait(_) if self.below(50) == 0 => {
                    // Nobody drives the call for a while: a turn that begins meanwhile is lost.
                    call.pause(self.clock());
                    self.now += self.below(5_000) * MILLISECOND;
                    call.resume(self.clock());
                    is_stopped |= self.seed.is_multiple_of(4);
                    if is_stopped {
                        let (now, grace) = (self.clock(), Duration::from_nanos(self.below(3_000) * MILLISECOND));
                        call.stop(now, grace, now);
                    }
                }
                Step::Wait(until) => self.wait(&mut call, until.as_nanos()),
                Step::Ended(batches) => ended += batches.iter().map(|batch| batch.ids.len()).sum::<usize>(),
                Step::Over(cause) => {
                    let is_known = |cause: &Error| cause.response.is_some() || is_stopped;
                    assert!(cause.as_deref().is_none_or(is_known), "{}: {cause:?}", self.seed);
                    assert_eq!(ended as u64, count, "{}", self.seed);
                    return self.counts.to_vec();
                }
            }
        }
        panic!("{}: the call does not end", self.seed);
    }

    fn clock(&self) -> Instant {
        Instant::from_nanos(self.now)
    }

    fn answer(&mut self) -> Result<Turn, String> {
        let (fails, is_late) = self.ask_store();
        self.counts[1] += usize::from(self.granted.take().is_some());
        if fails || is_late {
            self.failed()
        } else {
            self.failures = 0
        }
        if fails {
            return Err("the store does not respond".to_owned());
        }
        // The first late answers are used.
        let is_used = self.failures <= 2;
        self.counts[4] += usize::from(!is_used);
        let wait = self.below(400) * MILLISECOND;
        if self.below(3) == 0 {
            self.granted = is_used.then_some(self.now + wait);
            self.ticket = None;
            return Ok(Turn::Granted(Duration::from_nanos(wait)));
        }
        let ticket = self.below(1_000);
        self.ticket = is_used.then_some(ticket);
        let ask_again_after = Duration::from_nanos(wait * self.below(30));
        Ok(Turn::Reserved { ticket, ask_again_after, held_for: Duration::ZERO })
    }

    fn hold(&mut self) -> Result<(), String> {
        let (fails, is_late) = self.ask_store();
        self.to_announce -= 1;
        if fails {
            self.failed();
            return Err("the store does not respond".to_owned());
        }
        // A late hold is no failure, but it is not announced again.
        if is_late {
            self.to_announce = 0
        } else {
            self.failures = 0
        }
        Ok(())
    }

    /// Time passes while the store is asked: whether it fails, and whether it is late.
    fn ask_store(&mut self) -> (bool, bool) {
        let elapsed = if self.below(100) < self.percent_late { self.below(3_000) } else { self.below(50) };
        self.now += elapsed * MILLISECOND;
        (self.below(100) < self.percent_failing, elapsed > 1_000)
    }

    fn failed(&mut self) {
        self.failures += 1;
        self.failed_at = self.now;
        // The place would pass unused.
        if self.failures > 2 {
            self.ticket = None;
        }
    }

    fn send(&mut self, id: AttemptId) {
        match self.granted.take() {
            Some(at) if at <= self.now => {
                assert!(self.now - at <= 40 * MILLISECOND, "{}: {} late", self.seed, self.now - at);
                self.counts[0] += 1;
            }
            other => {
                let may_do_without = self.failures >= 3 && self.now < self.failed_at + 75 * SECOND;
                assert!(may_do_without && other.is_none(), "{}: sent without a turn at {}", self.seed, self.now);
                self.counts[2] += 1;
            }
        }
        let ends = self.now + self.below(2_000) * MILLISECOND;
        self.in_flight.push((id, ends));
    }

    /// Until the end of the wait or the next response.
    fn wait(&mut self, call: &mut Call<WithTurns>, until: Nanos) {
        let next = self.in_flight.iter().enumerate().min_by_key(|(_, (_, at))| *at);
        let Some(index) = next.filter(|(_, (_, at))| *at <= until).map(|(index, _)| index) else {
            assert!(until > self.now && until < Nanos::MAX, "{}: waits for nothing", self.seed);
            // Hosts wake up a little late.
            self.now = until + self.below(2) * MILLISECOND;
            return;
        };
        let (id, at) = self.in_flight.swap_remove(index);
        self.now = self.now.max(at);
        let status = [204, 204, 204, 204, 429, 503, 404][self.below(7) as usize];
        if status == 429 {
            self.to_announce = 2;
            self.must_announce = !self.has_met_429 && self.failures < 3;
            self.has_met_429 = true;
        }
        call.on_response(id, Response { status, request_is_complete: true, ..Response::default() }, self.clock());
    }

    /// SplitMix64.
    fn below(&mut self, most: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ self.random >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % most
    }
}
