//! ractor: whoever supervises writes the restart, and callers look the actor up again.

use std::sync::Arc;

use agent_orchestrator::{AgentError, Reply, Task};
use arc_swap::ArcSwapOption;
use ractor::{
    Actor, ActorProcessingErr, ActorRef, MessagingErr, RactorErr, RpcReplyPort, SupervisionEvent,
    call,
};

use crate::{Core, Heard, System, Unanswered, answer, on_own_thread};

struct Echo;

struct Ask(Task, RpcReplyPort<Result<Reply, AgentError>>);

impl Actor for Echo {
    type Msg = Ask;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Ask>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<Ask>,
        Ask(task, reply): Ask,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        Ok(reply.send(answer(task))?)
    }
}

#[derive(Clone)]
pub struct Ractor(ActorRef<Ask>);

impl Ractor {
    pub async fn here() -> Self {
        let (actor, _) = Actor::spawn(None, Echo, ()).await.expect("it can start");
        Self(actor)
    }

    pub fn at(core: Core) -> Self {
        on_own_thread(core, Self::here())
    }
}

impl System for Ractor {
    async fn ask(&self, task: Task) -> Heard {
        call!(self.0, Ask, task).map_err(|error| match error {
            RactorErr::Messaging(MessagingErr::SendErr(_)) => Unanswered::HandedBack,
            _ => Unanswered::Lost,
        })
    }
}

/// Where the present actor is found.
type Door = Arc<ArcSwapOption<Ractor>>;

/// Starts the actor, and starts another when it has ended.
struct Keeper(Door);

impl Keeper {
    async fn begin_life(&self, myself: ActorRef<()>) -> Result<(), ActorProcessingErr> {
        let (actor, _) = Actor::spawn_linked(None, Echo, (), myself.get_cell()).await?;
        self.0.store(Some(Arc::new(Ractor(actor))));
        Ok(())
    }
}

impl Actor for Keeper {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, myself: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        self.begin_life(myself).await
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<()>,
        event: SupervisionEvent,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(..) | SupervisionEvent::ActorTerminated(..) => {
                self.begin_life(myself).await
            }
            _ => Ok(()),
        }
    }
}

#[derive(Clone)]
pub struct Supervised(Door);

impl Supervised {
    pub fn start(core: Core) -> Self {
        let door = Door::default();
        let keeper = Keeper(Arc::clone(&door));
        on_own_thread(core, async {
            let started = Actor::spawn(None, keeper, ()).await;
            started.expect("it can start");
        });
        Self(door)
    }
}

impl System for Supervised {
    async fn ask(&self, task: Task) -> Heard {
        let actor = self.0.load_full().expect("the keeper has started one");
        actor.ask(task).await
    }
}
