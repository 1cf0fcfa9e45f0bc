//! The policies of a stack's roles, as IAM has them, and what is left of one when something is taken out.

use serde_json::{Value, json};

/// A role of the stack, by its function or its purpose.
pub struct Role {
    /// `webhook`.
    pub name: &'static str,
    /// As IAM knows it.
    pub arn: String,
    /// Its one policy, which bears the same name.
    pub document: Value,
}

/// One action on one resource that a role's policy allows.
#[derive(Clone, Debug)]
pub struct Permission {
    pub action: String,
    pub arn: String,
    /// Which statement of the policy says so.
    pub statement: usize,
}

impl Role {
    /// What IAM calls it.
    pub fn id(&self) -> &str {
        self.arn.rsplit('/').next().unwrap()
    }

    pub fn permissions(&self) -> Vec<Permission> {
        let mut permissions = Vec::new();
        for (statement, value) in self.statements().iter().enumerate() {
            assert_eq!(value["Effect"], "Allow", "{}: {value}", self.name);
            for action in texts(&value["Action"]) {
                for arn in texts(&value["Resource"]) {
                    permissions.push(Permission {
                        action: action.clone(),
                        arn,
                        statement,
                    });
                }
            }
        }
        permissions
    }

    pub fn statements(&self) -> &[Value] {
        self.document["Statement"].as_array().unwrap()
    }

    /// The policy without it: its statement allows what it did but for this action on this resource.
    pub fn without(&self, permission: &Permission) -> Value {
        let mut document = self.document.clone();
        let statements = document["Statement"].as_array_mut().unwrap();
        let statement = statements.remove(permission.statement);
        let (actions, arns) = (texts(&statement["Action"]), texts(&statement["Resource"]));
        let others: Vec<_> = actions
            .into_iter()
            .filter(|action| *action != permission.action)
            .collect();
        let elsewhere: Vec<_> = arns.iter().filter(|arn| **arn != permission.arn).cloned().collect();
        for (actions, arns) in [(others, arns), (vec![permission.action.clone()], elsewhere)] {
            if !actions.is_empty() && !arns.is_empty() {
                let mut rest = statement.clone();
                rest["Action"] = json!(actions);
                rest["Resource"] = json!(arns);
                statements.push(rest);
            }
        }
        document
    }
}

/// One text, or a list of them.
fn texts(value: &Value) -> Vec<String> {
    let one = value.as_str().map(str::to_owned);
    let many = value.as_array().into_iter().flatten();
    one.into_iter()
        .chain(many.map(|text| text.as_str().unwrap().to_owned()))
        .collect()
}
