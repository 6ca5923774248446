//! What other nodes that share the broker ask of this one. In: questions in words. Out: answers for
//! the node that asked; a question of another release, which this one does not know, has none.

use std::sync::Arc;

use crate::node::Node;

use super::{channels, connections};

/// Answers whatever other nodes ask, for ever.
pub(crate) async fn answer(node: Arc<Node>) {
    loop {
        let question = node.broker.asked().await;
        let Some(answer) = answer_to(&node, &question.words).await else {
            tracing::debug!(words = question.words, "a question that nobody here knows");
            continue;
        };
        node.broker.answer(&question, &answer).await;
    }
}

async fn answer_to(node: &Node, words: &str) -> Option<String> {
    let (kind, about) = words.split_once(' ')?;
    match kind {
        "connections" => connections::part(node, about).await,
        "connection" => {
            let row = connections::look(node, about);
            Some(row.map_or_else(|| "null".to_owned(), |row| row.get().to_owned()))
        }
        "disconnect" => Some(connections::end(node, about, false).to_string()),
        "reconnect" => Some(connections::end(node, about, true).to_string()),
        "subscribers" => channels::counts(node, about).await,
        _ => None,
    }
}
