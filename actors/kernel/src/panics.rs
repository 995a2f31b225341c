//! Panics that end where they happen.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Does `work`, which may panic; then the error is what the panic said.
pub(crate) fn survive<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let said = told(&*panic).to_owned();
        if let Err(another) = catch_unwind(AssertUnwindSafe(move || drop(panic))) {
            std::mem::forget(another); // what a panic carries may panic when dropped, and so may what that carries
        }
        said
    })
}

fn told(panic: &(dyn Any + Send)) -> &str {
    panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("")
}
