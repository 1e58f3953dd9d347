//! Lists of ids as people have them: what the command reads from each, or what it says about it.

use std::fs;
use std::path::{Path, PathBuf};

use graph_model::Behavior;
use host_test::script::accepted;
use serde_json::Value;

use crate::shell::{Completed, Shell, id, ids};

/// What is to be read from a list, as the file `NAME.expected` describes it.
#[derive(Default)]
struct Expected {
    action: String,
    arguments: String,
    /// The number of fields that are counted and skipped.
    skipped: Option<String>,
    ids: Vec<String>,
    /// What the error contains, in lower case.
    texts: Vec<String>,
}

fn expected(path: &Path) -> Expected {
    let mut expected = Expected::default();
    for line in fs::read_to_string(path).unwrap().lines() {
        if let Some(action) = line.strip_prefix("# action ") {
            expected.action = action.to_owned();
        } else if let Some(arguments) = line.strip_prefix("# args ") {
            expected.arguments = arguments.to_owned();
        } else if let Some(number) = line.strip_prefix("# skipped ") {
            expected.skipped = Some(number.to_owned());
        } else if let Some(text) = line.strip_prefix("! ") {
            expected.texts.push(text.to_lowercase());
        } else {
            expected.ids.push(line.to_owned());
        }
    }
    expected
}

/// The lists, each with its description.
fn lists() -> Vec<(PathBuf, Expected)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dist/lists");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let lists = files.filter(|path| path.extension().is_some_and(|extension| extension != "expected"));
    lists.map(|path| (path.clone(), expected(&path.with_extension("expected")))).collect()
}

/// The ids that were sent.
fn sent(run: &Completed) -> Vec<String> {
    let bodies = run.exchanges.iter().map(|exchange| serde_json::from_slice::<Value>(exchange.request.body()).unwrap());
    let ids = bodies.flat_map(|body| body.as_object().unwrap().values().next().unwrap().as_array().unwrap().clone());
    ids.map(|id| id.as_str().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn every_list_that_people_have_is_read_or_explained() {
    let lists = lists();
    assert!(lists.len() >= 18, "{} lists", lists.len());
    for (path, expected) in lists {
        let name = path.file_name().unwrap().to_str().unwrap();
        let Expected { action, arguments, skipped, ids, texts } = expected;
        let content = fs::read(&path).unwrap();
        let requests: &[Behavior] = if texts.is_empty() { &[accepted()] } else { &[] };
        for shell in [Shell::new().file(name, &content), Shell::new().input(content.clone())] {
            let source = if shell.path(name).exists() { name } else { "-" };
            let run = shell.run(&format!("{action} --file {source} {arguments}"), requests.to_vec()).await;
            if texts.is_empty() {
                assert_eq!((run.code, sent(&run)), (0, ids.clone()), "{name}: {}", run.stderr);
                let note = skipped.as_ref().is_none_or(|number| run.stderr.contains(&format!("{number} records")));
                assert!(note, "{name}: {}", run.stderr);
            } else {
                assert_eq!((run.code, run.exchanges.len()), (2, 0), "{name}: {}", run.stderr);
                let missing = texts.iter().find(|text| !run.stderr.to_lowercase().contains(text.as_str()));
                assert_eq!(missing, None, "{name}: {}", run.stderr);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn logs_and_reports_of_earlier_runs_are_lists() {
    let shell = Shell::new().file("ids.txt", ids(0..4));
    let line = "dismiss-risky-users --file ids.txt --log log.jsonl --json --ids-per-request 1 --max-attempts 1";
    let refused = crate::cli::not_found;
    let run = shell.run(line, [accepted(), refused(), Behavior::Silence, accepted()]).await;
    let shell = shell.file("report.json", run.stdout);
    for file in ["log.jsonl", "report.json"] {
        let line = format!("dismiss-risky-users --file {file}");
        let again = shell.run(&line, [accepted()]).await;
        assert_eq!((sent(&again), again.code), (vec![id(2)], 0), "{}", again.stderr);
        let chosen = shell.run(&format!("{line} --outcome refused,accepted"), [accepted()]).await;
        assert_eq!(sent(&chosen).len(), 3, "{}", chosen.stderr);
        let other = shell.run(&format!("dismiss-risky-agents --file {file}"), []).await;
        let message = format!("{file}:1: is about the action \"dismiss-risky-users\", not about dismiss-risky-agents");
        other.is_usage_error(&message);
        let rest = shell.run(&format!("dismiss-risky-users --file ids.txt --except {file}"), [accepted()]).await;
        assert_eq!(sent(&rest), [id(1), id(2)], "{}", rest.stderr);
        assert!(rest.stderr.contains("2 ids are left out, which --except names"), "{}", rest.stderr);
    }
    // The last line of an id counts.
    shell.run(&format!("dismiss-risky-users {} --log log.jsonl", id(2)), [accepted()]).await;
    let done = shell.run("dismiss-risky-users --file log.jsonl", []).await;
    assert_eq!((done.code, done.stdout.as_str()), (0, "dismiss-risky-users: nothing to do: no ids\n"));
    let message = "--outcome: applies to logs and reports of this command; none was read";
    shell.run("dismiss-risky-users --file ids.txt --outcome refused", []).await.is_usage_error(message);
}

#[tokio::test(start_paused = true)]
async fn hints_say_what_to_give_instead() {
    let cases = [
        ("e".repeat(64) + "\n", "", "the sign-in is in its requestId, the user in its userId"),
        ("ann@contoso.example\n".to_owned(), "", "az ad user show --id NAME --query id"),
        ("e".repeat(32) + "\n", "", "8-4-4-4-12"),
        ("guid,name\n1,2\n".to_owned(), "", "name one with --column; the header has \"guid\", \"name\""),
        (format!("Ann,{}\n", id(1)), "", "the file needs a header"),
        ("\nId RiskLevel\n-- ---------\n1 high\n".to_owned(), "", "-ExpandProperty"),
        (format!("Id        : {}\n", id(1)), "", "-ExpandProperty"),
        (format!("appId,id\n{},{}\n", id(1), id(2)), "--column appId", "and \"id\" holds these"),
        ("PK\x03\x04".to_owned(), "", "save the sheet as CSV"),
        (format!("[\"{}\"", id(1)), "", "list:1: is not valid JSON"),
        ("[".repeat(1_000), "", "list:1: is not valid JSON: arrays in too many arrays"),
        (r#"[{"a":"#.repeat(1_000), "", "list:1: is not valid JSON"),
        (r#"{"value":["#.repeat(1_000), "", "list:1: is not valid JSON: arrays in too many arrays"),
        (format!("{{\"id\":\"{}\",\"a\":{}", id(1), r#"[{"a":"#.repeat(100_000)), "", "list:1: is not valid JSON"),
    ];
    for (content, arguments, hint) in cases {
        let line = format!("dismiss-risky-users --file list {arguments}");
        let run = Shell::new().file("list", &content).run(&line, []).await;
        assert!(run.code == 2 && run.exchanges.is_empty() && run.stderr.contains(hint), "{content}: {}", run.stderr);
    }
}

#[tokio::test(start_paused = true)]
async fn a_column_that_holds_something_else_is_confirmed() {
    let table = format!("Request ID,name\n{},Ann\n", id(1));
    let doubt = "list: \"Request ID\" holds request ids of sign-ins; this action needs object ids of users";
    let line = "dismiss-risky-users --file list --column \"Request ID\"";
    let shell = Shell::new().file("list", &table);
    let way_out = "name another column, or add --yes if these are the right ids";
    for dry_run in ["", " --dry-run"] {
        shell.run(&format!("{line}{dry_run}"), []).await.is_usage_error(&format!("{doubt}\n{way_out}"));
    }
    let run = shell.run(&format!("{line} --yes"), [accepted()]).await;
    run.is(0, "dismiss-risky-users: 1 of 1 ids accepted\n", &format!("entra-risk: {doubt}\n"));
    for (answer, code) in [("yes\n", 0), ("no\n", 2)] {
        let requests = vec![accepted(); (code == 0).into()];
        let run = Shell::new().file("list", &table).typed(answer).run(line, requests).await;
        let question = format!("{doubt}\nDismiss the risk of 1 users? A dismissal cannot be undone.\nType yes");
        assert!(run.code == code && run.stderr.starts_with(&question), "{}", run.stderr);
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_and_a_table_are_read_with_the_same_column() {
    let shell = Shell::new().file("a.csv", format!("guid,name\n{},Ann\n", id(1))).file("b.txt", ids(2..4));
    let run = shell.run("dismiss-risky-users --file a.csv --file b.txt --column guid", [accepted()]).await;
    assert_eq!(sent(&run), [id(1), id(2), id(3)]);
    let line = "dismiss-risky-users --file a.csv --file b.txt --column guid --remaining";
    let other_columns = "--remaining a.csv: would overwrite the file that the ids come from; name another one";
    shell.run(&format!("{line} a.csv"), []).await.is_usage_error(other_columns);
    assert_eq!(shell.run(&format!("{line} b.txt"), [accepted()]).await.code, 0);
}

#[tokio::test(start_paused = true)]
async fn a_label_is_shown_only_if_it_is_asked_for() {
    let shell = Shell::new().file("a.csv", format!("id,name\n{},\"Miller,\nAnn\u{202e}\"\n{},Bob\n", id(1), id(2)));
    let line = "dismiss-risky-users --file a.csv --log log.jsonl --ids-per-request 1";
    for label in ["", " --label Name"] {
        let run = shell.run(&format!("{line}{label}"), [crate::cli::not_found(), accepted()]).await;
        let shown = run.stdout.contains(&format!("    {} Miller, Ann\u{fffd}: Resource", id(1)));
        assert_eq!((run.code, shown), (1, !label.is_empty()), "{}", run.stdout);
        let log = shell.read("log.jsonl");
        assert_eq!(log.contains(r#""labels":["Miller,\nAnn\u202e"]"#), !label.is_empty(), "{log}");
        assert_eq!(log.contains("Bob"), !label.is_empty(), "{log}");
    }
    let message = "a.csv: unknown column \"mail\"; the header has \"id\", \"name\"";
    shell.run(&format!("{line} --label mail"), []).await.is_usage_error(message);
}
