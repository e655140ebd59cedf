//! Keyword routing must not cost more with more agents: one automaton holds all rules.

use agent_orchestrator::routing::RuleTable;
use agent_orchestrator::{AgentSpec, Reply};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use std::hint::black_box;

const TEXT: &str = "Could you please look at the quarterly figures of the Oslo office, compare \
                    them with last year's, and tell me what changed and by how much?";

/// A table of so many agents with three keywords each, of which the text contains four.
fn table(agents: usize) -> RuleTable {
    let common = ["quarterly figures", "oslo", "compare", "changed"];
    let specs: Vec<AgentSpec> = (0..agents)
        .map(|n| {
            let own = common
                .get(n)
                .map_or(format!("subject{n}"), ToString::to_string);
            AgentSpec::from_fn(format!("agent{n}"), |_, _| async { Ok(Reply::text("")) })
                .keywords([own, format!("topic {n}"), format!("matter of {n}")])
        })
        .collect();
    RuleTable::new(specs.iter().map(AgentSpec::card)).expect("these keywords are few and short")
}

fn keyword_routing(c: &mut Criterion) {
    let mut group = c.benchmark_group("keyword routing");
    for agents in [10, 1_000, 10_000] {
        let table = table(agents);
        assert_eq!(table.matches(TEXT).len(), 4);
        group.bench_function(BenchmarkId::from_parameter(agents), |b| {
            b.iter(|| table.matches(black_box(TEXT)));
        });
    }
    group.finish();
}

criterion_group!(benches, keyword_routing);
criterion_main!(benches);
