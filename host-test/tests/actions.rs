use std::time::Instant;
#[tokio::test(start_paused = true)]
async fn x() {
    let t = Instant::now();
    let e = host_test::engine::Engine::shared();
    eprintln!("{:?}", t.elapsed());
    let script = host_test::script::Script::at_once([host_test::exchange::Fate::Answered(
        http::Response::builder().status(204).body(bytes::Bytes::new()).unwrap(),
    )]);
    let t = Instant::now();
    let mut p = host_test::plugin::Plugin::before(script).await;
    eprintln!("{:?} {}", t.elapsed(), p.memory());
    let r =
        p.call(host_test::plugin::Action::DismissSignIns, &["29f270bb-4d23-4f68-8a57-dc73dc0d4caf".into()], None).await;
    eprintln!("{:?} {r:#?}\n{:#?}", t.elapsed(), p.exchanges());
}
