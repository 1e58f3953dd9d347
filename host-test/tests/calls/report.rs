//! `report`: by position, and only what `next` has returned.

use host_test::bindings::actions::{Batch, Options};
use host_test::plugin::Action;
use host_test::script::{accepted, graph_error};

use super::{Open, accepting, pause, script, waiting};
use crate::request::{ids, one_by_one};

/// The ids and outcomes of a report; an id is shown by its position from 1.
fn shown(report: &[Batch]) -> Vec<(Vec<u128>, String)> {
    let number = |id: &String| uuid::Uuid::parse_str(id).expect("a GUID").as_u128();
    report.iter().map(|batch| (batch.ids.iter().map(number).collect(), batch.case())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_report_is_in_the_order_given_and_grows_with_the_events() {
    let service = script([(300, accepted()), (100, graph_error(404, &[], "", "")), (200, accepted())]);
    let mut open = Open::start(service, Action::DismissSignIns, &ids(3), one_by_one()).await;
    assert_eq!(open.report().await, []);
    waiting(open.next(Some(50)).await);
    assert_eq!(open.report().await, []);
    let (first, second, third) = (
        (vec![1], "accepted".to_owned()),
        (vec![2], "refused(client-error)".to_owned()),
        (vec![3], "accepted".to_owned()),
    );
    let expected =
        [vec![second.clone()], vec![second.clone(), third.clone()], vec![first.clone(), second.clone(), third.clone()]];
    for expected in expected {
        open.next(None).await;
        assert_eq!(shown(&open.report().await), expected);
        assert_eq!(shown(&open.report().await), expected, "a report has no effect");
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_arrived_but_was_not_returned_is_not_in_the_report() {
    let mut open = Open::start(accepting(2, 100), Action::DismissSignIns, &ids(2), one_by_one()).await;
    waiting(open.next(Some(50)).await);
    pause(10_000).await;
    assert_eq!(open.report().await, []);
    open.next(Some(0)).await;
    assert_eq!(shown(&open.report().await), [(vec![1], "accepted".into()), (vec![2], "accepted".into())]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_a_report_holds_neighbors_of_one_request() {
    let options = Options { ids_per_request: Some(2), max_in_flight: Some(1), ..Options::default() };
    let mut open = Open::start(accepting(2, 100), Action::DismissSignIns, &ids(7), options).await;
    open.next(None).await;
    open.next(None).await;
    open.stop(Some(0)).await;
    open.finish().await;
    let expected = [
        (vec![1, 2], "accepted".to_owned()),
        (vec![3, 4], "accepted".into()),
        (vec![5, 6, 7], "not-applied(not-attempted)".into()),
    ];
    assert_eq!(shown(&open.report().await), expected);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_id_is_reported_once_in_its_first_spelling() {
    let a = "AAAAAAAA-0000-4000-8000-00000000000a".to_owned();
    let given = [a.clone(), ids(1)[0].clone(), a.to_lowercase(), ids(1)[0].to_uppercase()];
    let mut open = Open::start(accepting(1, 0), Action::DismissRiskyAgents, &given, Options::default()).await;
    open.finish().await;
    let [batch] = open.report().await.try_into().expect("one batch");
    assert_eq!(batch.ids, given[..2]);
}
