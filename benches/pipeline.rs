//! What a task costs on its way: through a mailbox and back, and through the whole pipeline.

use std::time::{Duration, Instant};

use agent_orchestrator::judgement::Deadline;
use agent_orchestrator::mailbox::Claim;
use agent_orchestrator::{
    AgentContext, AgentSpec, App, OrchestrationRequest, Orchestrator, Reply, RequestId, Task,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures::future::join_all;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const AT_ONCE: u64 = 64;

fn orchestrator(system: &actix_web::rt::SystemRunner) -> Orchestrator {
    let echo = AgentSpec::from_fn("chat_agent", |task, _| async move {
        Ok(Reply::text(task.content))
    });
    let mut app = App::new().agent(echo.keywords(["hello"]).queue(1024));
    app.settings_mut().pipeline.max_concurrent_requests = 1024;
    let started = system.block_on(app.start());
    started.expect("the only agent is the fallback agent")
}

async fn ask(orchestrator: &Orchestrator) {
    let mailbox = &orchestrator.registry().all()[0].instances[0];
    let now = Instant::now();
    let deadline = Deadline::after(now, Duration::from_secs(60));
    let context = AgentContext::new("chat_agent", RequestId::new(), deadline.instant());
    let lease = mailbox.reserve(Claim::new(deadline), now);
    let lease = lease.expect("there is room for all");
    let answered = lease.ask(Task::new("hello"), context).await;
    assert!(answered.result.is_ok());
}

async fn orchestrate(orchestrator: &Orchestrator) {
    let request = OrchestrationRequest::new("hello, who are you?");
    let answer = orchestrator.orchestrate(request).await;
    assert!(answer.is_ok());
}

fn one_agent(c: &mut Criterion) {
    let system = actix_web::rt::System::new();
    let orchestrator = orchestrator(&system);
    let mut group = c.benchmark_group("mailbox ask");
    group.bench_function("one at a time", |b| {
        b.iter(|| system.block_on(ask(&orchestrator)));
    });
    group.throughput(Throughput::Elements(AT_ONCE));
    group.bench_function("64 at once", |b| {
        b.iter(|| system.block_on(join_all((0..AT_ONCE).map(|_| ask(&orchestrator)))));
    });
    group.finish();

    let mut group = c.benchmark_group("pipeline in process");
    group.bench_function("one at a time", |b| {
        b.iter(|| system.block_on(orchestrate(&orchestrator)));
    });
    group.throughput(Throughput::Elements(AT_ONCE));
    group.bench_function("64 at once", |b| {
        b.iter(|| system.block_on(join_all((0..AT_ONCE).map(|_| orchestrate(&orchestrator)))));
    });
    group.finish();
    system.block_on(orchestrator.shutdown());
}

criterion_group!(benches, one_agent);
criterion_main!(benches);
