//! Large runs at the limit of the service.

use std::time::Duration;

use bench::Measurement;

#[test]
fn ten_thousand_users_take_at_most_three_percent_more_than_the_limit_allows() {
    for latency in [200, 1_000, 3_000].map(Duration::from_millis) {
        let measurement = Measurement::take(10_000, latency).unwrap();
        assert_eq!((measurement.plugin.accepted, measurement.refused), (10_000, 0));
        assert!(measurement.plugin.elapsed <= measurement.floor().mul_f64(1.03), "{measurement:?}");
    }
}
