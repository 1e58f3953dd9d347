//! Mutants of the reader.

use crate::mutant::{Mutant, mutant};

pub(super) static MUTANTS: &[Mutant] = &[
    mutant(
        "page-reported-twice",
        "no entry is listed twice",
        "Query::accepted",
        "self.entries = page.entries",
        "self.entries = [page.entries.clone(), page.entries].concat()",
    ),
    mutant(
        "empty-page-ends-the-list",
        "a complete list misses nothing",
        "Walk::follow",
        "let Some(link) = &page.next_link else",
        "let Some(link) = page.next_link.as_ref().filter(|_| !page.entries.is_empty()) else",
    ),
    mutant(
        "first-page-again",
        "a list ends with what happened",
        "Walk::follow",
        "self.query = query",
        "if self.seen.len() > 2 { self.query = query }",
    ),
    mutant(
        "deleted-users-not-marked",
        "an entry is as Microsoft Graph has it",
        "Entry::set",
        "self.deleted = value.is_true()",
        "self.deleted = false",
    ),
    mutant(
        "transient-error-ends-the-list",
        "a list does not end without a reason",
        "Query::rejected",
        "too_long.is_some() || self.attempts.counted >= self.options.max_attempts",
        "true",
    ),
    mutant(
        "one-more-attempt-for-a-page",
        "a page has at most max-attempts counted attempts",
        "Query::rejected",
        "self.attempts.counted >= self.options.max_attempts",
        "self.attempts.counted > self.options.max_attempts",
    ),
    mutant(
        "timeout-called-a-deadline",
        "a list ends with what happened",
        "Query::on_abandoned",
        "None if self.deadline.is_some_and(|deadline| deadline <= now)",
        "None if self.deadline.is_none()",
    ),
    mutant(
        "pages-beyond-the-rate-limit",
        "the rate limit is kept",
        "Query::send",
        "self.limit.borrow_mut().sent(self.options.rate_limit, self.collection.limit.rate_limit(), now);",
        "",
    ),
    mutant(
        "page-requested-with-the-same-token",
        "a rejected token is not sent again",
        "Query::rejected",
        "self.tokens.rejected(in_flight.token.refreshes, claims);",
        "",
    ),
];
