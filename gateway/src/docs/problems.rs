//! A page for every problem: its cause, and how to mend it.

use super::{HEAD, Page};
use crate::problem::Code;

const STYLE: &str = include_str!("problems.css");

/// The page of all problems.
pub(super) fn all() -> Page {
    let problems = Code::ALL.iter().map(|code| {
        let (name, title) = (code.name(), code.title());
        format!(
            "<h2 id=\"{name}\"><a href=\"/docs/problems/{name}\"><code>{name}</code></a> {title}</h2>\n{}",
            explained(*code)
        )
    });
    page("Problems - Portico", "Problems", &problems.collect::<String>())
}

/// The page of one problem.
pub(super) fn one(code: Code) -> Page {
    let name = code.name();
    let heading = format!("<code>{name}</code>");
    let body = format!("<p class=\"title\">{}</p>\n{}", code.title(), explained(code));
    page(&format!("{name} - Portico problems"), &heading, &body)
}

fn explained(code: Code) -> String {
    let (status, cause, mend) = (code.status(), code.cause(), code.mend());
    format!(
        "<dl>\n<dt>Status</dt><dd>{status}</dd>\n<dt>Cause</dt><dd>{cause}</dd>\n<dt>Mend</dt><dd>{mend}</dd>\n</dl>\n"
    )
}

fn page(title: &str, heading: &str, body: &str) -> Page {
    let html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>{HEAD}<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{heading}</h1>\n{body}\
         <nav><a href=\"/docs/problems\">All problems</a> <a href=\"/docs\">The API</a></nav>\n</body>\n</html>\n",
    );
    Page::new(html, "img-src data:; ")
}
