//! Every point at which a process may die, and every two of them in a row: a child process is killed exactly there, another
//! goes on with the same file, and at the end what Lightsail has and what the report says are held against the promises.
//! Each run takes a random sample of the rows, in which every point occurs; `cargo test -- --ignored exhaustive` takes all of them.

mod people;
mod promises;
mod recipes;
mod scene;

use futures_util::{FutureExt as _, StreamExt as _};
use promises::hold;
use recipes::{By, Place, SORTS, impossible};
use scene::Scene;
use snapferry::points::Point;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Scenes at a time; most of each is waiting.
const AT_ONCE: usize = 6;

/// Crashes on one database: a long row is slow to drain, a short one begins anew too often.
const IN_A_ROW: usize = 16;

/// Rows among which each next row of a sample is chosen.
const CHOICE: usize = 24;

/// How long a snapshot is pending where a busy machine has missed it.
const BUSY: Duration = Duration::from_secs(20);

/// The same in rows, of which none can begin anew.
const IN_ROWS: Duration = Duration::from_secs(8);

/// What the rows are drawn by.
const SEED: u64 = 3;

/// Later times at which a point is reached, where it is reached so often.
const LATER: [u64; 3] = [2, 4, 8];

fn points() -> Vec<Point> {
    Point::all()
}

/// Runs tests side by side to the last, also where one fails.
async fn all_at_once<F: Future<Output = ()>>(tests: impl Iterator<Item = F>) {
    let ended = futures_util::stream::iter(tests.map(|test| AssertUnwindSafe(test).catch_unwind()));
    let ended: Vec<_> = ended.buffer_unordered(AT_ONCE).collect().await;
    let failed = ended.iter().filter(|ended| ended.is_err()).count();
    assert_eq!(failed, 0, "of {} did not hold; each says why above", ended.len());
}

async fn crash_amid_everything(point: Point, nth: u64) {
    let mut scene = Scene::new().await;
    let mut died = scene.crash_amid_everything(point, nth).await;
    if !died && nth == 1 {
        scene = Scene::with_pending(BUSY).await;
        died = scene.crash_amid_everything(point, nth).await;
    }
    assert!(died || nth > 1, "no process gets to {point}: {:#?}", scene.story);
    scene.finish().await;
    hold(&scene).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "exhaustive"]
async fn exhaustive_killed_at_each_point_every_snapshot_is_exported_once() {
    all_at_once(points().into_iter().map(|point| crash_amid_everything(point, 1))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "exhaustive"]
async fn exhaustive_killed_at_each_point_once_more_every_snapshot_is_exported_once() {
    let often = points().into_iter().filter(|point| matches!(By::of(*point), By::Daemon(_) | By::Opening));
    all_at_once(often.flat_map(|point| LATER.map(|nth| Box::pin(crash_amid_everything(point, nth))))).await;
}

/// Crashes one after the other, on one database.
type Row = Vec<Point>;

/// Rows of crashes in which each two that can follow each other do, once.
fn rows(seed: u64) -> Vec<Row> {
    let mut chance = fastrand::Rng::with_seed(seed);
    let points = points();
    let mut left: BTreeMap<Point, BTreeSet<Point>> = points
        .iter()
        .map(|first| (*first, points.iter().copied().filter(|then| impossible(*first, *then).is_none()).collect()))
        .collect();
    let mut rows = Vec::new();
    loop {
        // A new file begins with what makes it, as long as there is something left to follow that.
        let open: Vec<Point> = left.iter().filter(|(_, then)| !then.is_empty()).map(|(first, _)| *first).collect();
        let making: Vec<Point> = open.iter().copied().filter(|point| By::of(*point) == By::Opening).collect();
        let Some(first) = chance.choice(if making.is_empty() { &open } else { &making }).copied() else { return rows };
        let mut row = vec![first];
        let mut last = first;
        let mut fresh = 0;
        while row.len() <= IN_A_ROW && fresh < 3 {
            let then = left.get_mut(&last).expect("a point");
            let Some(next) = chance.choice(then.iter()).copied() else { break };
            then.remove(&next);
            fresh += usize::from(is_fresh(next));
            row.push(next);
            last = next;
        }
        rows.push(row);
    }
}

/// Whether a point takes a lane that was never used, of which there are few.
fn is_fresh(point: Point) -> bool {
    let By::Daemon(name) = By::of(point) else { return false };
    SORTS.iter().any(|sort| sort.name == name && sort.place == Place::Fresh)
}

async fn crash_in_a_row(row: Row) {
    let mut scene = Scene::with_pending(IN_ROWS).await;
    let mut crashed = false;
    for pair in row.windows(2) {
        scene.crash_twice(pair[0], pair[1], crashed).await;
        crashed = true;
    }
    scene.finish().await;
    hold(&scene).await;
}

/// Rows in which every point occurs, drawn by `seed`: of a few at a time, the one with the most points that are still missing.
fn sample(seed: u64) -> Vec<Row> {
    let mut rows = rows(SEED);
    fastrand::Rng::with_seed(seed).shuffle(&mut rows);
    let mut missing: BTreeSet<Point> = points().into_iter().collect();
    let mut sample = Vec::new();
    while !missing.is_empty() {
        let adds =
            |row: &Row| row.iter().collect::<BTreeSet<_>>().into_iter().filter(|point| missing.contains(point)).count();
        let best = (0..rows.len().min(CHOICE)).max_by_key(|at| adds(&rows[*at])).expect("a row for every point");
        let row = rows.swap_remove(best);
        let before = missing.len();
        missing.retain(|point| !row.contains(point));
        if missing.len() < before {
            sample.push(row);
        }
    }
    sample
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_every_point_in_rows_every_snapshot_is_exported_once() {
    let seed = crate::seed("CRASH_SEED");
    println!("CRASH_SEED={seed}");
    all_at_once(sample(seed).into_iter().map(crash_in_a_row)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "exhaustive"]
async fn exhaustive_every_two_points_in_a_row() {
    let rows = rows(SEED);
    println!(
        "{} points, {} pairs in {} rows",
        points().len(),
        rows.iter().map(|row| row.len() - 1).sum::<usize>(),
        rows.len()
    );
    let (done, all) = (AtomicUsize::new(0), rows.len());
    let told = async |row| {
        crash_in_a_row(row).await;
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(50) {
            println!("{done} of {all} rows hold");
        }
    };
    all_at_once(rows.into_iter().map(told)).await;
}

#[test]
fn the_rows_hold_every_pair_that_can_be_once() {
    let mut pairs = BTreeSet::new();
    for row in rows(1) {
        for pair in row.windows(2) {
            assert!(pairs.insert((pair[0], pair[1])), "{} and {} twice", pair[0], pair[1]);
        }
    }
    let points = points();
    let possible = |first, then| impossible(first, then).is_none();
    let all = points.iter().flat_map(|first| points.iter().map(|then| (*first, *then)));
    assert_eq!(pairs, all.filter(|(first, then)| possible(*first, *then)).collect());
}
