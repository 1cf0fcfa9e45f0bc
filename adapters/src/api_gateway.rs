//! HTTP requests and responses as API Gateway (payload format 2.0), function URLs and `cargo lambda` hand them over.

pub mod paging;
pub mod request;
pub mod response;
