use std::time::Duration;

use actix::{
    Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, MessageResult, ResponseFuture,
    SpawnHandle, StreamHandler, WrapFuture,
};
use log::{error, info, warn};
use tokio::sync::oneshot;

use super::embedding::Studies;
use super::learning::Correction;
use super::orders::{Inspect, Learn, ModelReport, Remember, RollBack, Survey};
use super::routes::Routes;
use super::school::{Learnt, NoPreviousModel, School, VersionState};
use crate::store::{Journal, StateKey};
use crate::supervision::{Changed, Registry};
use crate::words::AgentCard;

/// How long the router waits for more corrections before it learns from one.
const GATHER: Duration = Duration::from_millis(500);
/// How long what was learned is kept: practically for ever.
const KEPT: Duration = Duration::from_secs(10 * 365 * 86_400);
/// What learns is a thread that ends only with the process.
const ALIVE: &str = "a thread that learns ends by itself";

/// Follows which agents there are and what users say, and publishes what follows from both.
///
/// It learns on a thread of its own, and one thing after the other; until it has learned, what was
/// published before decides.
pub struct Router {
    registry: Registry,
    routes: Routes,
    journal: Journal,
    school: School,
    /// What the published model knows.
    taught: Option<Vec<AgentCard>>,
    is_learning: bool,
    /// Those who wait until all is learned that there was when they came.
    waiting: Vec<oneshot::Sender<()>>,
    /// Those who wait for what is being learned now.
    heard: Vec<oneshot::Sender<()>>,
    is_stale: bool,
    /// Where there is an embedding model.
    studies: Option<Studies>,
    studying: Option<SpawnHandle>,
}

impl Router {
    /// A router to the agents of that registry, which publishes to `routes` and keeps what it learns
    /// in the journal.
    #[must_use]
    pub fn new(registry: Registry, routes: Routes, journal: Journal) -> Self {
        let embedder = routes.embedder().cloned();
        Self {
            studies: embedder.map(|embedder| Studies::new(embedder, Some(journal.clone()))),
            studying: None,
            registry,
            routes,
            journal,
            school: School::default(),
            taught: None,
            is_learning: false,
            waiting: Vec::new(),
            heard: Vec::new(),
            is_stale: false,
        }
    }

    fn cards(&self) -> Vec<AgentCard> {
        self.registry
            .all()
            .iter()
            .map(|agent| agent.card.clone())
            .collect()
    }

    /// Learns what is new, unless there is nothing, or it is learning already.
    fn learn(&mut self, ctx: &mut Context<Self>) {
        if self.is_learning {
            return;
        }
        let cards = self.cards();
        let is_known = self.taught.as_ref() == Some(&cards);
        if is_known && !self.is_stale && self.school.pending() == 0 {
            self.release();
            return;
        }
        self.heard.append(&mut self.waiting);
        self.is_learning = true;
        self.is_stale = false;
        let lecture = self.school.lecture(cards.clone());
        let (tell, told) = oneshot::channel();
        let studying = std::thread::Builder::new()
            .name("router-learns".to_owned())
            .spawn(move || {
                // Who waits is gone only when everything ends.
                let _ = tell.send(lecture.hear());
            });
        if let Err(error) = studying {
            error!("the router cannot learn: {error}");
        }
        let learned = told.into_actor(self).map(move |learnt, router, ctx| {
            match learnt {
                // What was taken up meanwhile is not in it, and is learned next.
                Ok(Ok(_)) if router.is_stale => {}
                Ok(Ok(learnt)) => router.publish(cards, learnt, ctx),
                Ok(Err(reason)) => {
                    error!("what is known of the agents is not replaced: {reason}");
                    router.taught = Some(cards);
                }
                Err(_) => error!("{ALIVE}, but it did not"),
            }
            router.is_learning = false;
            for waiting in router.heard.drain(..) {
                let _ = waiting.send(());
            }
            router.learn(ctx);
        });
        ctx.spawn(learned);
    }

    fn publish(&mut self, cards: Vec<AgentCard>, learnt: Learnt, ctx: &mut Context<Self>) {
        self.school.enter(&learnt);
        self.routes.replace(learnt.guide);
        self.study(ctx);
        self.taught = Some(cards);
        self.journal.put(StateKey::RoutingModel, &self.school, KEPT);
        let versions = self.school.versions();
        if let Some(last) = versions.first() {
            let accuracy = last.out_of_fold_accuracy.map_or_else(String::new, |it| {
                format!(", {:.1} % right out of fold", it * 100.0)
            });
            info!(
                "router: model {} {:?}, of {} texts and {} corrections{accuracy}",
                last.version, last.state, last.lessons, last.corrections
            );
        }
    }

    /// Has the guide that was just published learn embeddings, and no earlier one any more.
    fn study(&mut self, ctx: &mut Context<Self>) {
        if let Some(earlier) = self.studying.take() {
            ctx.cancel_future(earlier);
        }
        if let Some(studies) = self.studies.clone() {
            let corrections = self.school.corrections().to_vec();
            let teaching = studies.teach(self.routes.clone(), corrections);
            self.studying = Some(ctx.spawn(teaching.into_actor(self)));
        }
    }

    fn release(&mut self) {
        for waiting in self.waiting.drain(..) {
            // One who has gone needs no answer.
            let _ = waiting.send(());
        }
    }

    /// Learns, and tells when that is done.
    fn learned(&mut self, ctx: &mut Context<Self>) -> ResponseFuture<()> {
        let (tell, told) = oneshot::channel();
        self.waiting.push(tell);
        self.learn(ctx);
        Box::pin(async {
            // It ends with everything else, and then nobody is routed any more.
            let _ = told.await;
        })
    }

    fn report(&self) -> ModelReport {
        let versions = self.school.versions();
        let active = versions
            .iter()
            .find(|version| version.state == VersionState::Active);
        ModelReport {
            active: active.cloned(),
            embedding: self.studies.as_ref().map(Studies::report),
            pending_corrections: self.school.pending(),
            versions,
        }
    }
}

impl Actor for Router {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.add_stream(self.registry.changes());
    }
}

impl Handler<Survey> for Router {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Survey, ctx: &mut Self::Context) -> Self::Result {
        self.learned(ctx)
    }
}

impl StreamHandler<Changed> for Router {
    fn handle(&mut self, _: Changed, ctx: &mut Self::Context) {
        self.learn(ctx);
    }
}

impl Handler<Remember> for Router {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Remember, ctx: &mut Self::Context) -> Self::Result {
        let journal = self.journal.clone();
        let addr = actix::AsyncContext::address(ctx);
        Box::pin(async move {
            match journal.read(StateKey::RoutingModel).await {
                Ok(Some(stored)) => match serde_json::from_slice(&stored) {
                    Ok(school) => addr.do_send(Resume(school)),
                    Err(error) => warn!("what the router has learned cannot be read: {error}"),
                },
                Ok(None) => {}
                Err(error) => warn!("the router goes without what it has learned: {error}"),
            }
            // It ends with everything else.
            let _ = addr.send(Survey).await;
        })
    }
}

/// Goes on with what was learned before.
#[derive(Message)]
#[rtype(result = "()")]
struct Resume(School);

impl Handler<Resume> for Router {
    type Result = ();

    fn handle(&mut self, Resume(school): Resume, _: &mut Self::Context) {
        self.school = school;
        self.is_stale = true;
    }
}

impl Handler<Learn> for Router {
    type Result = ();

    fn handle(&mut self, said: Learn, ctx: &mut Self::Context) {
        self.school.note(Correction {
            request: said.request.to_string(),
            text: said.text,
            agent: said.agent.to_string(),
            weight: said.weight,
        });
        self.journal.put(StateKey::RoutingModel, &self.school, KEPT);
        ctx.run_later(GATHER, Self::learn);
    }
}

impl Handler<Inspect> for Router {
    type Result = MessageResult<Inspect>;

    fn handle(&mut self, _: Inspect, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.report())
    }
}

impl Handler<RollBack> for Router {
    type Result = ResponseFuture<Result<(), NoPreviousModel>>;

    fn handle(&mut self, _: RollBack, ctx: &mut Self::Context) -> Self::Result {
        if let Err(none) = self.school.roll_back() {
            return Box::pin(async move { Err(none) });
        }
        self.is_stale = true;
        let learned = self.learned(ctx);
        Box::pin(async move {
            learned.await;
            Ok(())
        })
    }
}
