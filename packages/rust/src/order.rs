//! What the handle of a call asks of the worker that performs it.

use std::time::Duration;

/// What the handle of a call asks of its worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// End the call. Requests in flight may take this long; `None`: as long as the contract says.
    Stop(Option<Duration>),
    /// End the call, whose handle is gone: nobody reads its outcomes any more.
    Abandon,
}

impl Order {
    /// What remains to be done if this order follows one that the worker has not taken yet. A later
    /// stop can only shorten the grace.
    pub(crate) fn after(self, former: Option<Order>) -> Order {
        match (former, self) {
            (Some(Order::Stop(former)), Order::Stop(grace)) => {
                Order::Stop(Some(former.unwrap_or(DEFAULT_GRACE).min(grace.unwrap_or(DEFAULT_GRACE))))
            }
            (Some(Order::Abandon), _) => Order::Abandon,
            (_, order) => order,
        }
    }
}

/// The grace of a stop that does not name one.
const DEFAULT_GRACE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_stop_only_shortens_the_grace() {
        let second = Duration::from_secs(1);
        let stop = Order::Stop(None);
        assert_eq!(stop.after(None), stop);
        assert_eq!(Order::Stop(Some(second)).after(Some(stop)), Order::Stop(Some(second)));
        assert_eq!(stop.after(Some(Order::Stop(Some(second)))), Order::Stop(Some(second)));
    }

    #[test]
    fn an_abandoned_call_stays_abandoned() {
        assert_eq!(Order::Abandon.after(Some(Order::Stop(None))), Order::Abandon);
        assert_eq!(Order::Stop(None).after(Some(Order::Abandon)), Order::Abandon);
    }
}
