//! The documents that need no preparation: their blocks are typed as they stand, in order, by somebody with an empty folder.

use crate::person::Person;
use crate::scene::Scene;
use crate::text::{Mark, blocks, documents};

/// These have tests of their own; that of the operations is the rehearsal of a restore, beside the other tests of renewals.
const PREPARED: [&str; 7] = [
    "README.md",
    "docs/operations.md",
    "docs/registering.md",
    "docs/runbook.md",
    "docs/security.md",
    "docs/subscribing.md",
    "docs/verifying.md",
];

#[tokio::test]
async fn what_the_other_documents_say_works_as_it_stands() {
    let scene = Scene::set().await;
    for document in documents() {
        let is_run = blocks(&document)
            .iter()
            .any(|block| matches!(block.mark, Mark::Run | Mark::OnlyOnAws(_)));
        if is_run && !PREPARED.contains(&document.as_str()) {
            let mut person = Person::new(scene.environment(&scene.owner())).await;
            person.types_all(&document, async |_, _| {}).await;
        }
    }
}
