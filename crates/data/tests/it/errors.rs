use std::sync::Arc;

use lineal_data::{
    Evolution,
    arrow::array::{Int32Array, RecordBatch},
};

use crate::support::{World, ana, chain, flights};

#[tokio::test]
async fn errors_say_what_to_do() {
    let world = World::memory().await;
    let main = || world.repository.commit("main");
    let base = main().put_table("t", &[flights(0, 3)]).put("x", "1").commit(&ana()).await.unwrap();
    world.put("a", "1").await;
    let narrow = RecordBatch::try_from_iter([("flight", Arc::new(Int32Array::from(vec![1])) as _)]).unwrap();
    let version = world.repository.at("main").await.unwrap();
    let errors = [
        main().put("../x", "1").commit(&ana()).await.unwrap_err(),
        main().put("A", "1").commit(&ana()).await.unwrap_err(),
        main().append_table("t", &[narrow]).commit(&ana()).await.unwrap_err(),
        main().update_rows("t", &["flight"], &[flights(1, 2), flights(1, 2)]).commit(&ana()).await.unwrap_err(),
        main().evolve_table("t", &Evolution::default().with_name("flight", "delay")).commit(&ana()).await.unwrap_err(),
        main().based_on(base.id()).put("a", "2").commit(&ana()).await.unwrap_err(),
        main().put("a", "1").commit(&ana()).await.unwrap_err(),
        main().put_as("m", "text", "1").commit(&ana()).await.unwrap_err(),
        world.repository.commit("mian").put("b", "1").commit(&ana()).await.unwrap_err(),
        world.repository.commit("feature/x").put("b", "1").commit(&ana()).await.unwrap_err(),
        world.repository.resolve("v9").await.unwrap_err(),
        world.repository.resolve("main~x").await.unwrap_err(),
        world.repository.resolve(&version.file("x").await.unwrap().digest.to_string()).await.unwrap_err(),
        version.read("nothing").await.unwrap_err(),
        version.read_table("x").await.unwrap_err(),
        version.read_table_with("t", &["dealy"]).await.unwrap_err(),
        version.schema("x").await.unwrap_err(),
    ];
    let shown: Vec<String> = errors.iter().map(chain).collect();
    insta::assert_snapshot!(shown.join("\n"));
}
