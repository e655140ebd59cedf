//! Who is chosen, and why: by rules, by what was learned, by a language model.

mod cascade;
mod embedding;
mod feedback;
mod injection;
mod model;
mod policy;

use agent_orchestrator::AgentSpec;

use crate::support::stage::Stage;

/// Agents that differ by what they are meant for.
fn trained(stage: &Stage) -> [AgentSpec; 4] {
    [
        stage.agent("chat").group("chat").examples([
            "hello there",
            "how are you today",
            "tell me a joke",
            "good morning to you",
            "thanks a lot for that",
            "what is your name",
            "I feel a bit lonely",
            "goodbye and take care",
        ]),
        stage
            .agent("weather")
            .description("Forecasts of rain, sun and wind")
            .keywords(["forecast"])
            .examples([
                "will it rain in Oslo tomorrow",
                "how warm is it in Madrid",
                "is there going to be snow this weekend",
                "do I need an umbrella today",
                "how strong is the wind at the coast",
                "when will the storm be over",
                "sunshine hours in Lisbon in May",
                "temperature in Cairo right now",
            ]),
        stage
            .agent("billing")
            .description("Invoices, payments and refunds")
            .keywords(["invoice"])
            .examples([
                "where is my invoice for May",
                "I want a refund for the last order",
                "why was my credit card charged twice",
                "send me the receipt again",
                "the payment did not go through",
                "how do I change my billing address",
                "what do I owe you",
                "cancel the subscription and pay me back",
            ]),
        stage
            .agent("shell")
            .description("Runs commands on servers")
            .min_confidence(0.6)
            .examples([
                "restart the database server",
                "show the running processes",
                "delete the old log files",
                "how much disk space is left",
                "kill the process on port 8080",
                "install the security updates",
                "list the files in the home directory",
                "copy the backup to the other machine",
            ]),
    ]
}
