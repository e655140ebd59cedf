//! Plain actix: an actor, its address, and nobody who starts it again.

use actix::{Actor, Addr, Context, Handler, Message};
use actix_rt::Arbiter;
use agent_orchestrator::{AgentError, Reply, Task};

use crate::{Core, Heard, System, Unanswered, answer};

struct Echo;

#[derive(Message)]
#[rtype(result = "Result<Reply, AgentError>")]
struct Ask(Task);

impl Actor for Echo {
    type Context = Context<Self>;
}

impl Handler<Ask> for Echo {
    type Result = Result<Reply, AgentError>;

    fn handle(&mut self, Ask(task): Ask, _: &mut Self::Context) -> Self::Result {
        answer(task)
    }
}

#[derive(Clone)]
pub struct Actix(Addr<Echo>);

impl Actix {
    pub fn here() -> Self {
        Self(Echo.start())
    }

    pub fn at(core: Core) -> Self {
        let thread = Arbiter::new().handle();
        thread.spawn_fn(move || core.pin());
        Self(Echo::start_in_arbiter(&thread, |_| Echo))
    }
}

impl System for Actix {
    async fn ask(&self, task: Task) -> Heard {
        self.0.send(Ask(task)).await.map_err(|_| Unanswered::Lost)
    }
}
