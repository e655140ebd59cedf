//! Requests that are stopped, wherever they are.

use super::*;

impl Scene {
    async fn cancel(&self, id: RequestId) -> Response {
        let path = format!("/requests/{id}/cancel");
        sent(self.client.request(Method::POST, &path)).await
    }
}

#[actix_rt::test]
async fn one_that_is_worked_on_is_stopped_down_to_its_agent() {
    let scene = Scene::set().await;
    let id = scene.hand_in("actor", "wait").await;
    scene.stage.until_begun("wait").await;
    let told = scene.cancel(id).await;
    let wanted = json!({"success": true, "request_id": id, "action": "cancel"});
    assert_eq!(told.json(202), wanted);
    scene.until_status(id, "cancelled").await;
    scene.stage.until_dropped(1).await;
}

#[actix_rt::test]
async fn one_that_waits_is_never_begun() {
    let scene = Scene::with(|app| app.settings_mut().pipeline.background.concurrency = 1).await;
    let first = scene.hand_in("actor", "wait").await;
    scene.stage.until_begun("wait").await;
    let second = scene.hand_in("actor", "never").await;
    assert_eq!(scene.cancel(second).await.status, 202);
    scene.until_status(second, "cancelled").await;

    scene.stage.let_go(1);
    scene.until_status(first, "succeeded").await;
    let third = scene.hand_in("echo", "hello").await;
    scene.until_status(third, "succeeded").await;
    assert_eq!(scene.stage.begun(), ["wait"]);
    assert_eq!(scene.record(second).await["status"], "cancelled");
}

#[actix_rt::test]
async fn one_for_which_somebody_waits_is_stopped_and_they_are_told() {
    let scene = Scene::set().await;
    let client = scene.client.clone();
    let waiting = actix_rt::spawn(async move {
        client
            .ask(&json!({"content": "wait", "agents": ["actor"]}))
            .await
    });
    scene.stage.until_begun("wait").await;
    let listed = scene.client.get("/requests?status=running").await.json(200);
    let id = RequestId::parse(listed["requests"][0]["request_id"].as_str().unwrap()).unwrap();
    assert_eq!(scene.cancel(id).await.status, 202);
    let answer = waiting.await.unwrap();
    assert_eq!(answer.json(409)["error_type"], "Cancelled");
    assert_eq!(answer.request_id(), id);
    scene.until_status(id, "cancelled").await;
    scene.stage.until_dropped(1).await;
}

#[actix_rt::test]
async fn one_that_is_finished_stays_as_it_is() {
    let scene = Scene::set().await;
    for (agent, status) in [("echo", "succeeded"), ("failing", "failed")] {
        let id = scene.hand_in(agent, "hello").await;
        scene.until_status(id, status).await;
        let refused = scene.cancel(id).await;
        assert_eq!(refused.json(409)["error_type"], "AlreadyFinished");
        assert_eq!(scene.record(id).await["status"], status);
    }
    let unknown = scene.cancel(RequestId::new()).await;
    assert_eq!(unknown.json(404)["error_type"], "RequestNotFound");
}
