//! Any text as a query or a range. `./just fuzz` searches on from the corpus.

use actix_web::{FromRequest as _, dev::Payload, http::Uri, http::header::EntityTag, test::TestRequest};

use crate::{
    PageOf, Query,
    conditional::{Conditions, Wanted},
    problem::Code,
};

#[test]
fn a_query_is_refused_or_names_a_page() {
    bolero::check!().for_each(|bytes: &[u8]| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        let uri = format!("/me/photos?{text}");
        if uri.parse::<Uri>().is_err() {
            return;
        }
        let request = TestRequest::with_uri(&uri).to_http_request();

        match Query::<PageOf>::from_request(&request, &mut Payload::None).into_inner() {
            Ok(Query((limit, after))) => {
                assert!((1..=PageOf::MAX_LIMIT).contains(&limit));
                assert!(after.is_none_or(|after| PageOf::cursor(after).len() == 22));
            }
            Err(problem) => assert!(matches!(problem.code(), Code::InvalidField | Code::MalformedRequest)),
        }
    });
}

#[test]
fn a_range_asks_for_a_part_that_there_is() {
    bolero::check!().for_each(|bytes: &[u8]| {
        let Some((size, range)) = bytes.split_first() else { return };
        let Ok(range) = actix_web::http::header::HeaderValue::from_bytes(range) else { return };
        let size = u64::from(*size) + 1;
        let request = TestRequest::get().insert_header(("range", range)).to_http_request();
        let conditions = Conditions::from_request(&request, &mut Payload::None).into_inner().expect("it never fails");

        match conditions.weigh(&EntityTag::new_strong("0123".into()), size) {
            Ok(Wanted::Part(part)) => assert!(part.start < part.end && part.end <= size, "{part:?} of {size}"),
            Ok(wanted) => assert_eq!(wanted, Wanted::Whole),
            Err(problem) => assert_eq!(problem.code(), Code::RangeNotSatisfiable),
        }
    });
}
