//! Least privilege: a role may do what its function needs, and nothing else. On a stack of this test's own, with IAM enforced.

mod exercise;
mod forbidden;
mod policy;
mod stage;

use std::collections::BTreeSet;
use std::panic::resume_unwind;
use std::rc::Rc;

use tokio::task::spawn_local;

use crate::restore::Operator;
use crate::world::{World, on_the_stack};
use exercise::{EXERCISES, Exercise};
use forbidden::calls;
use policy::Permission;
use stage::{NAME, Stage};

/// What the emulator does without asking IAM: it checks no key, and what Lambda and EventBridge Scheduler do in a role's name it does
/// in its own. `tests/repository/privilege.rs` holds it by the text of the template; that it is enough is for AWS to show.
const BY_TEXT_ALONE: &[(&str, &str, &str)] = &[
    ("webhook", "logs:CreateLogStream", "log of webhook:*"),
    ("webhook", "logs:PutLogEvents", "log of webhook:*"),
    ("webhook", "kms:Decrypt", "DataKey"),
    ("webhook", "kms:Decrypt", "the old key"),
    ("redrive", "logs:CreateLogStream", "log of redrive:*"),
    ("redrive", "logs:PutLogEvents", "log of redrive:*"),
    ("redrive", "sqs:ReceiveMessage", "FallbackQueue"),
    ("redrive", "sqs:DeleteMessage", "FallbackQueue"),
    ("redrive", "sqs:GetQueueAttributes", "FallbackQueue"),
    ("redrive", "kms:Decrypt", "DataKey"),
    ("redrive", "kms:Decrypt", "the old key"),
    ("register", "logs:CreateLogStream", "log of register:*"),
    ("register", "logs:PutLogEvents", "log of register:*"),
    ("register", "kms:Decrypt", "DataKey"),
    ("renew", "logs:CreateLogStream", "log of renew:*"),
    ("renew", "logs:PutLogEvents", "log of renew:*"),
    ("renew", "dynamodb:DescribeStream", "Registrations/stream"),
    ("renew", "dynamodb:GetRecords", "Registrations/stream"),
    ("renew", "dynamodb:GetShardIterator", "Registrations/stream"),
    ("renew", "dynamodb:ListStreams", "*"),
    // Of a table that takes more than five seconds to count.
    ("renew", "dynamodb:DescribeTable", "Registrations"),
    ("renew", "kms:Decrypt", "DataKey"),
    ("renew", "kms:Decrypt", "the old key"),
    ("renew", "sqs:SendMessage", "FailedRunsQueue"),
    ("schedule", "lambda:InvokeFunction", "RenewFunction"),
    ("schedule", "sqs:SendMessage", "FailedRunsQueue"),
];

#[tokio::test]
async fn a_role_may_do_what_its_function_needs_and_nothing_else() {
    on_the_stack(async |world: World| {
        let mut operator = Operator::new(&world, NAME).await;
        let stage = Rc::new(Stage::set(&mut operator).await);
        let looked_at = Rc::clone(&stage);
        let outcome = spawn_local(async move {
            others_are_denied(&looked_at).await;
            everything_is_pinned(&looked_at);
            each_permission_is_needed(&looked_at).await;
        })
        .await;
        // Whatever came of it.
        stage.clear().await;
        operator.types("Uninstall", 1).await;
        operator.types("What a deleted stack leaves", 0).await;
        if let Err(failure) = outcome {
            resume_unwind(failure.into_panic());
        }
    })
    .await;
}

/// What a role may not do, in its own name.
async fn others_are_denied(stage: &Stage) {
    let calls = calls(stage);
    let (mut denied, mut wrong) = (0, Vec::new());
    for role in &stage.roles {
        let aws = stage.in_the_name_of(role).await;
        for call in calls.iter().filter(|call| !call.may.contains(&role.name)) {
            match call.is_denied(&aws).await {
                Ok(()) => denied += 1,
                Err(outcome) => wrong.push(format!(
                    "{}: {} on {}: {outcome}",
                    role.name, call.action, call.resource
                )),
            }
        }
    }
    assert!(wrong.is_empty(), "not denied: {wrong:#?}");
    println!(
        "calls denied: {denied}, of {} to each of {} roles but to those that may",
        calls.len(),
        stage.roles.len()
    );
}

fn exercise_of(role: &str, permission: &Permission, stage: &Stage) -> Option<&'static Exercise> {
    let resource = stage.name_of(&permission.arn);
    let need = (permission.action.as_str(), resource.as_str());
    let mut exercises = EXERCISES.iter().filter(|exercise| exercise.role == role);
    exercises.find(|exercise| exercise.needs.contains(&need))
}

/// Each permission has an exercise, or is one of those that the emulator doesn't ask for; and there is nothing that has none.
fn everything_is_pinned(stage: &Stage) {
    let mut granted = BTreeSet::new();
    for role in &stage.roles {
        for permission in role.permissions() {
            granted.insert((role.name, permission.action.clone(), stage.name_of(&permission.arn)));
        }
    }
    let exercised = EXERCISES.iter().flat_map(|exercise| {
        let needs = exercise.needs.iter();
        needs.map(|(action, resource)| (exercise.role, *action, *resource))
    });
    let mut pinned = BTreeSet::new();
    for (role, action, resource) in exercised.chain(BY_TEXT_ALONE.iter().copied()) {
        let is_new = pinned.insert((role, action.to_owned(), resource.to_owned()));
        assert!(is_new, "{role}: {action} on {resource} is pinned twice");
    }
    let unpinned: Vec<_> = granted.difference(&pinned).collect();
    assert!(unpinned.is_empty(), "pinned by nothing: {unpinned:#?}");
    let gone: Vec<_> = pinned.difference(&granted).collect();
    assert!(gone.is_empty(), "no role has: {gone:#?}");
}

/// What is taken out of a policy makes its exercise fail, and once it is back the exercise passes.
async fn each_permission_is_needed(stage: &Stage) {
    let (mut needless, mut needed) = (Vec::new(), 0);
    let (mut statements, mut pinned) = (0, 0);
    for role in &stage.roles {
        let permissions = role.permissions();
        let exercises = EXERCISES.iter().filter(|exercise| exercise.role == role.name);
        for exercise in exercises {
            let what = exercise.what;
            let run = async |when: &str| {
                let outcome = (exercise.run)(stage).await;
                outcome.unwrap_or_else(|error| panic!("{}: {what}, {when}: {error}", role.name));
            };
            run("with everything that its role may").await;
            let of_this = |permission: &&Permission| {
                exercise_of(role.name, permission, stage).is_some_and(|other| other.what == what)
            };
            for permission in permissions.iter().filter(of_this) {
                stage.put_policy(role, &role.without(permission)).await;
                let outcome = (exercise.run)(stage).await;
                stage.put_policy(role, &role.document).await;
                let Permission { action, arn, .. } = permission;
                match outcome {
                    Ok(()) => needless.push(format!(
                        "{}: {action} on {}, for: {what}",
                        role.name,
                        stage.name_of(arn)
                    )),
                    Err(_) => needed += 1,
                }
            }
            run("with everything again").await;
        }
        let exercised: BTreeSet<_> = permissions
            .iter()
            .filter(|permission| exercise_of(role.name, permission, stage).is_some())
            .map(|permission| permission.statement)
            .collect();
        statements += role.statements().len();
        pinned += exercised.len();
    }
    assert!(needless.is_empty(), "not needed: {needless:#?}");
    println!(
        "statements: {statements}, of which {pinned} are pinned by exercises ({needed} permissions, {} exercises), and {} are held by \
         the template's text alone ({} permissions)",
        EXERCISES.len(),
        statements - pinned,
        BY_TEXT_ALONE.len()
    );
}
