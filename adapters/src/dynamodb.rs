//! What any table in DynamoDB needs: values, reading attributes, conditional writes that know themselves again, transactions, and pages.

pub mod cursor;
pub mod fields;
pub mod table;
pub mod transaction;
pub mod update;
pub mod value;
