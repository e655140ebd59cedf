//! An agent of one's own, supervised like every other: `cargo run --example weather`.
use agent_orchestrator::prelude::*;

struct Weather;

impl Agent for Weather {
    async fn handle(&self, task: Task, cx: &AgentContext) -> Result<Reply, AgentError> {
        assert!(!task.content.contains("boom"), "struck by lightning");
        cx.emit("looking outside… ");
        Ok(Reply::text(format!("sunny in {}", task.content)))
    }
}

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    env_logger::init();
    let weather = AgentSpec::new("weather", || Weather)
        .description("Weather forecasts for a city")
        .keywords(["weather", "forecast"])
        .examples(["will it rain in Oslo tomorrow?"])
        .instances(2)
        .concurrency(8)
        .restart(RestartPolicy::Permanent);
    Ok(App::from_config("config")?.agent(weather).run().await?)
}
