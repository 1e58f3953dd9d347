//! The command in a terminal: what it prints there, and the question.

use host_test::plugin::Action;
use host_test::script::accepted;

use crate::shell::{Shell, id, ids};

#[tokio::test(start_paused = true)]
async fn quiet_prints_only_what_needs_attention() {
    let shell = Shell::new().terminal().input(ids(0..60) + &ids(0..1));
    shell.run("dismiss-risky-users - --quiet", [accepted()]).await.is(0, "", "");
    let run = shell.run("dismiss-risky-users - -q --json", [accepted()]).await;
    assert!(run.code == 0 && run.stdout.starts_with('{') && run.stderr.is_empty());
    let denied = host_test::script::graph_error(403, &[], "Authorization_RequestDenied", "Insufficient privileges.");
    let run = shell.run("dismiss-risky-users - --quiet", [denied]).await;
    assert!(run.code == 3 && run.stdout.contains("60 not-applied: forbidden") && run.stderr.is_empty());
}

#[tokio::test(start_paused = true)]
async fn confirming_a_compromise_is_asked_about_in_a_terminal() {
    let line = format!("confirm-sign-ins-compromised {}", id(1));
    let question = "Confirm 1 sign-ins as compromised? Microsoft Entra ID sets the risk of their users to high, which \
                    can lock these users out.\nType yes to continue: ";
    for answer in ["yes\n", "Y\n", " yes \r\n"] {
        let run = Shell::new().typed(answer).run(&line, [accepted()]).await;
        assert!(run.code == 0 && run.stderr.starts_with(question), "{answer:?}: {}", run.stderr);
    }
    for answer in ["no\n", "\n", "", "yess\n", &"y".repeat(1_000)] {
        let run = Shell::new().typed(answer).run(&line, []).await;
        run.is(2, "", &format!("{question}entra-risk: not confirmed: nothing was sent\n"));
    }
    for shell in [Shell::new().typed(""), Shell::new().terminal(), Shell::new()] {
        assert_eq!(shell.run(&format!("{line} --yes"), [accepted()]).await.code, 0);
    }
    assert_eq!(Shell::new().run(&line, [accepted()]).await.code, 0, "no terminal, no question");
    for line in ["confirm-sign-ins-compromised -", "confirm-sign-ins-compromised - --dry-run"] {
        Shell::new().terminal().input(ids(1..2)).run(line, []).await.is_usage_error(
            "add --yes: the question whether to confirm sign-ins as compromised cannot be answered, because standard \
             input is not a terminal",
        );
    }
    let planned = Shell::new().typed("").run(&format!("{line} --dry-run"), []).await;
    assert!(planned.code == 0 && !planned.stderr.contains("Confirm"), "a dry run does not ask: {}", planned.stderr);
}

#[tokio::test(start_paused = true)]
async fn only_confirming_a_compromise_is_asked_about() {
    for action in Action::ALL {
        let line = format!("{} {}", action.name(), id(1));
        if action.name().ends_with("-compromised") {
            let run = Shell::new().typed("no\n").run(&line, []).await;
            assert!(run.code == 2 && run.stderr.starts_with("Confirm 1 "), "{}: {}", action.name(), run.stderr);
        } else {
            assert_eq!(Shell::new().typed("").run(&line, [accepted()]).await.code, 0, "{}", action.name());
        }
    }
}
