//! What deciding costs: by rules alone with more and more agents, by the classifier for 150 classes, and
//! for a request that was decided before.

use std::hint::black_box;

use agent_orchestrator::AgentCard;
use agent_orchestrator::routing::{Question, Routes, RoutingStrategy, RuleTable};
use agent_orchestrator::{AgentSpec, Reply};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

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

fn rules(c: &mut Criterion) {
    let mut group = c.benchmark_group("rules");
    for agents in [10, 1_000, 10_000] {
        let table = table(agents);
        assert_eq!(table.matches(TEXT).len(), 4);
        group.bench_function(BenchmarkId::from_parameter(agents), |b| {
            b.iter(|| table.matches(black_box(TEXT)));
        });
    }
    group.finish();
}

/// So many agents with ten examples each: sentences of words that come with the program's own examples,
/// half of them the agent's own.
fn agents(count: usize) -> (Vec<AgentCard>, Vec<String>) {
    let mut dice = fastrand::Rng::with_seed(1);
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let sentence = |dice: &mut fastrand::Rng, own: &[&str]| {
        let length = dice.usize(4..11);
        let words = (0..length).map(|place| {
            let from = if place % 2 == 0 { own } else { &words };
            from[dice.usize(..from.len())]
        });
        words.collect::<Vec<_>>().join(" ")
    };
    let mut texts = Vec::new();
    let cards = (0..count).map(|number| {
        let own: Vec<&str> = (0..8).map(|_| words[dice.usize(..words.len())]).collect();
        let examples: Vec<String> = (0..10).map(|_| sentence(&mut dice, &own)).collect();
        texts.push(sentence(&mut dice, &own));
        AgentCard::named(format!("agent{number}")).with_examples(examples)
    });
    (cards.collect(), texts)
}

const WORDS: &str = include_str!("../LICENSE");

fn decisions(c: &mut Criterion) {
    let mut group = c.benchmark_group("decision");
    for count in [10, 150, 1_000, 10_000] {
        let (cards, texts) = agents(count);
        let routes = Routes::new(cards[0].name.clone());
        routes
            .publish(&cards)
            .expect("there are no keywords to fail at");
        let mut turn = texts.iter().cycle();
        group.bench_function(BenchmarkId::from_parameter(count), |b| {
            b.iter(|| {
                let text = turn.next().expect("they are repeated for ever");
                let question = Question {
                    strategy: RoutingStrategy::Simple,
                    ..Question::new(black_box(text))
                };
                routes.route(&question)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, rules, decisions);
criterion_main!(benches);
