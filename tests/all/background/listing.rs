//! Requests that are found without knowing their ids.

use super::*;

/// The ids of a page, and where the next begins.
async fn page(scene: &Scene, query: &str) -> (Vec<String>, Option<String>) {
    let page = scene
        .client
        .get(&format!("/requests?{query}"))
        .await
        .json(200);
    let ids = page["requests"].as_array().unwrap().iter();
    let ids = ids.map(|it| it["request_id"].as_str().unwrap().to_owned());
    (
        ids.collect(),
        page["next_cursor"].as_str().map(str::to_owned),
    )
}

/// All ids, asked for page by page.
async fn pages(scene: &Scene, query: &str) -> Vec<String> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let (ids, next) = page(scene, &format!("{query}{cursor}")).await;
        all.extend(ids);
        let Some(next) = next else { return all };
        cursor = format!("&cursor={next}");
    }
}

#[actix_rt::test]
async fn requests_are_listed_from_the_newest_on_by_status_and_agent() {
    let scene = Scene::set().await;
    assert_eq!(page(&scene, "").await, (Vec::new(), None));
    let mut ids = Vec::new();
    for i in 0..12 {
        let agent = if i % 3 == 0 { "failing" } else { "echo" };
        let id = if i % 2 == 0 {
            scene.hand_in(agent, "hello").await
        } else {
            let body = json!({"content": "hello", "agents": [agent]});
            scene.client.ask(&body).await.request_id()
        };
        ids.insert(0, (id.to_string(), agent));
        let end = if agent == "echo" {
            "succeeded"
        } else {
            "failed"
        };
        scene.until_status(id, end).await;
    }
    let of = |wanted: &[&str]| -> Vec<String> {
        let found = ids.iter().filter(|(_, agent)| wanted.contains(agent));
        found.map(|(id, _)| id.clone()).collect()
    };
    let (all, failed, echoed) = (of(&["echo", "failing"]), of(&["failing"]), of(&["echo"]));
    for limit in [1, 5, 12, 100] {
        let limit = format!("limit={limit}");
        assert_eq!(pages(&scene, &limit).await, all);
        assert_eq!(
            pages(&scene, &format!("{limit}&status=failed")).await,
            failed
        );
        assert_eq!(pages(&scene, &format!("{limit}&agent=echo")).await, echoed);
        let both = format!("{limit}&agent=echo&status=failed");
        assert!(pages(&scene, &both).await.is_empty());
    }
}

#[actix_rt::test]
async fn what_is_listed_is_what_is_shown_but_the_answers() {
    let scene = Scene::set().await;
    let id = scene.hand_in("echo", "hello").await;
    let mut shown = scene.until_status(id, "succeeded").await;
    let listed = scene.client.get("/requests").await.json(200);
    shown["response"] = Value::Null;
    assert_eq!(listed["requests"], json!([shown]));
}

#[actix_rt::test]
async fn what_is_wrong_with_a_query_is_said_all_at_once() {
    let scene = Scene::set().await;
    let refused = scene
        .client
        .get("/requests?limit=0&cursor=x&status=odd&color=red")
        .await;
    let problem = refused.json(422);
    let errors = problem["errors"].as_array().unwrap();
    let mut pointers: Vec<&str> = errors
        .iter()
        .map(|it| it["pointer"].as_str().unwrap())
        .collect();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/color", "/cursor", "/limit", "/status"]);
}
