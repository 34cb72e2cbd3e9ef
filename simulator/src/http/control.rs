//! The control endpoints: what [`crate::Handle`] can do, for other processes.
//!
//! `GET /_ledger` (a JSON object), `GET /_calls` (a JSON object a line), and with a JSON body `POST /_faults`,
//! `/_limits`, `/_export`, `/_snapshots`: 204 where it is done, 400 with the reason as text where not.

use crate::http::wire::{AnswerBody, whole};
use crate::state::export::Now;
use crate::state::world::World;
use hyper::{Method, Response, StatusCode};
use serde::de::DeserializeOwned;

/// Answers a request to a control endpoint.
pub(crate) fn answer(world: &mut World, method: &Method, path: &str, body: &[u8], now: Now) -> Response<AnswerBody> {
    match (method, path) {
        (&Method::GET, "/_ledger") => text(serde_json::to_string_pretty(&world.ledger(now))),
        (&Method::GET, "/_calls") => {
            let lines = world.calls.iter().map(|call| serde_json::to_string(call).map(|line| line + "\n"));
            text(lines.collect::<Result<String, _>>())
        }
        (&Method::POST, "/_faults") => done(read(body).map(|faults| world.config.faults = faults)),
        (&Method::POST, "/_limits") => done(read(body).map(|limits| world.config.limits = limits)),
        (&Method::POST, "/_export") => {
            done(read(body).and_then(|export| world.export_by_hand(&export, now).map_err(|error| error.to_string())))
        }
        (&Method::POST, "/_snapshots") => {
            done(read(body).and_then(|change| world.change(change, now).map_err(|error| error.to_string())))
        }
        _ => plain(StatusCode::NOT_FOUND, "no such endpoint\n".to_owned()),
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

fn text(text: Result<String, serde_json::Error>) -> Response<AnswerBody> {
    match text {
        Ok(text) => plain(StatusCode::OK, text),
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

fn done(result: Result<(), String>) -> Response<AnswerBody> {
    match result {
        Ok(()) => plain(StatusCode::NO_CONTENT, String::new()),
        Err(reason) => plain(StatusCode::BAD_REQUEST, reason + "\n"),
    }
}

fn plain(status: StatusCode, text: String) -> Response<AnswerBody> {
    let mut response = Response::new(whole(text));
    *response.status_mut() = status;
    response
}
