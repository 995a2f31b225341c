use actix_web::test::TestRequest;
use proptest::prelude::*;

use super::*;

const TAG: &str = "0123";

fn tag() -> EntityTag {
    EntityTag::new_strong(TAG.into())
}

/// What is wanted of `size` bytes by a request with these headers.
fn weigh(method: Method, headers: &[(&str, &str)], size: u64) -> Result<Wanted, Problem> {
    let request =
        headers.iter().fold(TestRequest::default().method(method), |request, header| request.append_header(*header));
    let conditions = Conditions::from_request(&request.to_http_request(), &mut Payload::None);
    conditions.into_inner().expect("reading never fails").weigh(&tag(), size)
}

fn get(headers: &[(&str, &str)]) -> Result<Wanted, Code> {
    weigh(Method::GET, headers, 100).map_err(|problem| problem.code())
}

#[test]
fn entity_tags_decide_by_the_table_of_the_rfc() {
    let (nothing, whole, failed) = (Ok(Wanted::Nothing), Ok(Wanted::Whole), Err(Code::PreconditionFailed));
    for (header, value, wanted) in [
        ("if-none-match", r#""0123""#, &nothing),
        ("if-none-match", r#"W/"0123""#, &nothing),
        ("if-none-match", r#""x", "0123""#, &nothing),
        ("if-none-match", "*", &nothing),
        ("if-none-match", r#""x""#, &whole),
        ("if-none-match", "0123", &whole),
        ("if-match", r#""0123""#, &whole),
        ("if-match", r#""x", "0123""#, &whole),
        ("if-match", "*", &whole),
        ("if-match", r#"W/"0123""#, &failed),
        ("if-match", r#""x""#, &failed),
        ("if-match", "0123", &failed),
    ] {
        assert_eq!(&get(&[(header, value)]), wanted, "{header}: {value}");
    }
}

#[test]
fn if_match_is_weighed_before_if_none_match_and_both_before_the_range() {
    let had = ("if-none-match", r#""0123""#);
    let range = ("range", "bytes=0-0");

    assert_eq!(get(&[("if-match", r#""x""#), had, range]), Err(Code::PreconditionFailed));
    assert_eq!(get(&[had, range]), Ok(Wanted::Nothing));
    assert_eq!(get(&[had, ("range", "bytes=500-")]), Ok(Wanted::Nothing));
}

#[test]
fn a_range_is_heeded_only_for_the_representation_that_is_meant() {
    let range = ("range", "bytes=1-2");
    for (if_range, wanted) in [
        (r#""0123""#, Wanted::Part(1..3)),
        (r#"W/"0123""#, Wanted::Whole),
        (r#""x""#, Wanted::Whole),
        ("Sat, 29 Oct 1994 19:43:31 GMT", Wanted::Whole),
        ("nonsense", Wanted::Whole),
    ] {
        assert_eq!(get(&[range, ("if-range", if_range)]), Ok(wanted), "{if_range}");
    }
}

#[test]
fn what_is_no_single_range_of_bytes_is_ignored() {
    for text in [
        "bytes=0-1,3-4",
        "bytes=0-1,x",
        "bytes=5-2",
        "bytes=",
        "bytes=-",
        "bytes",
        "items=0-1",
        "bytes=+0-5",
        "bytes=a-b",
        "bytes=0-99999999999999999999",
        "bytes 0-1",
    ] {
        assert_eq!(get(&[("range", text)]), Ok(Wanted::Whole), "{text}");
    }
    assert_eq!(get(&[("range", "bytes=0-0"), ("range", "bytes=1-1")]), Ok(Wanted::Whole));
}

#[test]
fn a_range_outside_of_the_content_tells_the_size() {
    for text in ["bytes=100-", "bytes=100-200", "bytes=-0"] {
        let problem = weigh(Method::GET, &[("range", text)], 100).unwrap_err();

        assert_eq!(problem.code(), Code::RangeNotSatisfiable, "{text}");
        let answer = actix_web::ResponseError::error_response(&problem);
        assert_eq!(answer.headers().get("content-range").unwrap(), "bytes */100");
    }
}

#[test]
fn head_is_answered_as_for_the_whole_content() {
    assert_eq!(weigh(Method::HEAD, &[("range", "bytes=0-0")], 100).unwrap(), Wanted::Head);
    assert_eq!(weigh(Method::HEAD, &[("if-none-match", "*")], 100).unwrap(), Wanted::Nothing);
}

/// A range as the RFC words it, applied byte by byte.
#[derive(Debug, Clone)]
enum Spec {
    FromTo(u64, u64),
    From(u64),
    Last(u64),
}

impl Spec {
    fn text(&self) -> String {
        match self {
            Self::FromTo(first, last) => format!("bytes={first}-{last}"),
            Self::From(first) => format!("bytes={first}-"),
            Self::Last(length) => format!("bytes=-{length}"),
        }
    }

    fn covers(&self, byte: u64, size: u64) -> bool {
        match *self {
            Self::FromTo(first, last) => (first..=last).contains(&byte),
            Self::From(first) => byte >= first,
            Self::Last(length) => size - byte <= length,
        }
    }
}

fn spec() -> impl Strategy<Value = Spec> {
    prop_oneof![
        (0..150_u64, 0..150_u64).prop_map(|(a, b)| Spec::FromTo(a.min(b), a.max(b))),
        (0..150_u64).prop_map(Spec::From),
        (0..150_u64).prop_map(Spec::Last),
    ]
}

proptest! {
    #[test]
    fn a_single_range_selects_the_bytes_that_it_names(spec in spec(), size in 1..120_u64) {
        let named: Vec<_> = (0..size).filter(|byte| spec.covers(*byte, size)).collect();

        match weigh(Method::GET, &[("range", &spec.text())], size) {
            Ok(Wanted::Part(part)) => prop_assert_eq!(part.collect::<Vec<_>>(), named),
            Ok(other) => prop_assert!(false, "{:?}", other),
            Err(problem) => {
                prop_assert_eq!(problem.code(), Code::RangeNotSatisfiable);
                prop_assert!(named.is_empty());
            }
        }
    }

    #[test]
    fn no_text_selects_anything_outside_of_the_content(text in "(bytes=)?[-0-9, +a=]{0,24}", size in 1..120_u64) {
        if let Ok(Wanted::Part(part)) = weigh(Method::GET, &[("range", &text)], size) {
            prop_assert!(part.start < part.end && part.end <= size);
        }
    }
}
