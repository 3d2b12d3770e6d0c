use lineal_registry::Error;

use crate::support::{BO, World, champion, promote};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_promotions_at_once_exactly_one_wins() {
    for round in 0..8 {
        let world = World::with_champions(1).await;
        for weights in ["[2]", "[3]"] {
            let version = world.trained(weights, 0.8).await;
            world.approve(version.version, BO).await;
        }
        let (left, right) = (world.again().await, world.again().await);
        let left = tokio::spawn(async move { promote(&left, 2, Some(1)).await });
        let right = tokio::spawn(async move { promote(&right, 3, Some(1)).await });
        let results = [left.await.unwrap(), right.await.unwrap()];
        let won: Vec<u64> = results.iter().flatten().map(|decision| decision.basis.version).collect();
        assert_eq!(won.len(), 1, "round {round}: {results:?}");
        let lost = results.iter().find_map(|result| result.as_ref().err()).unwrap();
        assert!(matches!(lost, Error::AliasMoved { expected: Some(1), found: Some(_), .. }), "{lost}");
        let holder = world.registry.live().await.unwrap();
        assert_eq!(holder[0].version, won[0]);
        assert_eq!(world.registry.history(&champion()).await.unwrap().len(), 2);
        world.registry.load(&champion()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_are_dense_whoever_registers() {
    let world = World::memory().await;
    let mut tasks = Vec::new();
    for writer in 0..8 {
        let registry = world.again().await;
        let version = world.version(&format!("[{writer}]")).await;
        tasks.push(tokio::spawn(async move {
            registry.register(version, &crate::support::signer(0)).await.unwrap().version
        }));
    }
    let mut numbers = Vec::new();
    for task in tasks {
        numbers.push(task.await.unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8]);
}
