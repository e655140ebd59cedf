//! A report for people.

use std::fmt::Write;

use agent_orchestrator::routing::{Mistake, Report};

/// Mistakes that are shown.
const SHOWN: usize = 15;
/// Classes whose confusion is shown; a larger matrix is for programs.
const LEGIBLE: usize = 12;

pub(super) fn of(report: &Report) -> String {
    let mut text = String::new();
    let percent = |share: f64| share * 100.0;
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<22} {value}");
    };
    line("requests", report.n.to_string());
    line(
        "primary agent right",
        format!("{:.1} %", percent(report.accuracy)),
    );
    line(
        "list of agents, F1",
        format!("{:.1}", percent(report.list_f1)),
    );
    line(
        "list exactly right",
        format!("{:.1} %", percent(report.list_exact)),
    );
    line("calibration error", format!("{:.1}", percent(report.ece)));
    if let Some(scope) = &report.out_of_scope {
        line("out of scope", format!("{} requests", scope.n));
        line("  AUROC", format!("{:.1}", percent(scope.auroc)));
        line(
            "  found at 5 % lost",
            format!("{:.1} %", percent(scope.recall)),
        );
    }
    line(
        "a decision takes",
        format!("p50 {:.0} µs, p99 {:.0} µs", report.p50_us, report.p99_us),
    );
    if let Some(took) = report.training_ms {
        line("training took", format!("{took:.0} ms"));
    }
    text.push_str("\nfrom a confidence of   covers   of those right\n");
    for at in &report.coverage {
        let (covers, right) = (percent(at.coverage), percent(at.accuracy));
        let _ = writeln!(
            text,
            "{:>20.1} {covers:>7.1} % {right:>14.1} %",
            at.threshold
        );
    }
    confusion(report, &mut text);
    mistakes(&report.mistakes, &mut text);
    text
}

fn confusion(report: &Report, text: &mut String) {
    let chosen = report.confusion.values().flat_map(|row| row.keys());
    let mut names: Vec<_> = report.confusion.keys().chain(chosen).collect();
    names.sort();
    names.dedup();
    if names.len() > LEGIBLE {
        return;
    }
    text.push_str("\nwanted (rows), asked (columns)\n");
    let _ = write!(text, "{:<20}", "");
    for number in 1..=names.len() {
        let _ = write!(text, "{number:>5}");
    }
    text.push('\n');
    for (number, wanted) in names.iter().enumerate() {
        let _ = write!(text, "{:>2} {wanted:<17}", number + 1);
        for asked in &names {
            let row = report.confusion.get(*wanted);
            let count = row.and_then(|row| row.get(*asked)).copied().unwrap_or(0);
            let _ = write!(text, "{count:>5}");
        }
        text.push('\n');
    }
}

fn mistakes(mistakes: &[Mistake], text: &mut String) {
    if mistakes.is_empty() {
        return;
    }
    let _ = writeln!(text, "\nthe surest of {} mistakes", mistakes.len());
    for mistake in mistakes.iter().take(SHOWN) {
        let (got, expected) = (mistake.got.join(", "), mistake.expected.join(", "));
        let _ = writeln!(
            text,
            "{:.2}  {got} instead of {expected}\n      {:?}\n      {}",
            mistake.confidence, mistake.text, mistake.reasoning
        );
    }
}
