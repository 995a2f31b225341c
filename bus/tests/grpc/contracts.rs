//! What every contract keeps to: the rules of `buf lint` (STANDARD and COMMENTS, bus/proto/buf.yaml) that a reader would
//! miss, for those who have no `buf`.

use std::{collections::BTreeMap, fs};

use portico_bus::grpc::proto::DESCRIPTORS;
use prost::Message as _;
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet};

/// Our own files.
fn files() -> Vec<FileDescriptorProto> {
    let all = FileDescriptorSet::decode(DESCRIPTORS).unwrap().file;
    all.into_iter().filter(|file| file.package().starts_with("portico.")).collect()
}

/// The places in a descriptor (`SourceCodeInfo.Location.path`) that hold something named.
mod at {
    pub(super) const MESSAGE: i32 = 4;
    pub(super) const ENUM: i32 = 5;
    pub(super) const SERVICE: i32 = 6;
    pub(super) const FIELD: i32 = 2;
    pub(super) const ONEOF: i32 = 8;
    pub(super) const NESTED: i32 = 3;
    pub(super) const MEMBER: i32 = 2;
}

/// Everything that is named in `file`, by its place.
fn named(file: &FileDescriptorProto) -> Vec<(Vec<i32>, String)> {
    let mut found = Vec::new();
    for (place, message) in (0..).zip(&file.message_type) {
        found.push((vec![at::MESSAGE, place], message.name().to_owned()));
        let member = |kind: i32, number: i32| vec![at::MESSAGE, place, kind, number];
        for (number, field) in (0..).zip(&message.field) {
            found.push((member(at::FIELD, number), format!("{}.{}", message.name(), field.name())));
        }
        // `optional` is a oneof that the compiler made up.
        let is_real = |number: i32| {
            let mut fields = message.field.iter().filter(|field| field.oneof_index == Some(number));
            fields.any(|field| !field.proto3_optional())
        };
        for (number, oneof) in (0..).zip(&message.oneof_decl).filter(|(number, _)| is_real(*number)) {
            found.push((member(at::ONEOF, number), format!("{}.{}", message.name(), oneof.name())));
        }
        assert!(message.nested_type.is_empty(), "{}: {} is not looked into", message.name(), at::NESTED);
    }
    for (place, enumeration) in (0..).zip(&file.enum_type) {
        found.push((vec![at::ENUM, place], enumeration.name().to_owned()));
        for (number, value) in (0..).zip(&enumeration.value) {
            found.push((vec![at::ENUM, place, at::MEMBER, number], value.name().to_owned()));
        }
    }
    for (place, service) in (0..).zip(&file.service) {
        found.push((vec![at::SERVICE, place], service.name().to_owned()));
        for (number, method) in (0..).zip(&service.method) {
            found.push((vec![at::SERVICE, place, at::MEMBER, number], method.name().to_owned()));
        }
    }
    found
}

#[test]
fn every_element_has_a_comment_above_it() {
    for file in files() {
        let commented: BTreeMap<Vec<i32>, &str> = file
            .source_code_info
            .iter()
            .flat_map(|info| &info.location)
            .map(|location| (location.path.clone(), location.leading_comments()))
            .collect();
        let named = named(&file);
        assert!(named.len() > 10, "{} is looked into", file.name());

        for (place, name) in named {
            let comment = commented.get(&place).copied().unwrap_or_default().trim();
            assert!(comment.ends_with('.'), "{}: {name} has no comment: {comment:?}", file.name());
        }
    }
}

#[test]
fn a_file_lies_where_its_package_says_and_the_package_has_a_version() {
    for file in files() {
        let (directory, _) = file.name().rsplit_once('/').unwrap();
        assert_eq!(directory.replace('/', "."), file.package());
        assert_eq!(file.package().rsplit('.').next(), Some("v1"), "{}", file.package());
    }
}

#[test]
fn every_contract_in_the_folder_is_compiled() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/proto/portico");
    let mut there = Vec::new();
    for domain in fs::read_dir(root).unwrap() {
        for file in fs::read_dir(domain.unwrap().path().join("v1")).unwrap() {
            there.push(
                file.unwrap().path().strip_prefix(concat!(env!("CARGO_MANIFEST_DIR"), "/proto")).unwrap().to_owned(),
            );
        }
    }
    let mut compiled: Vec<_> = files().iter().map(|file| std::path::PathBuf::from(file.name())).collect();
    there.sort();
    compiled.sort();

    assert_eq!(there, compiled);
}

#[test]
fn every_call_has_a_request_and_a_response_of_its_own_that_are_named_after_it() {
    for file in files() {
        for method in file.service.iter().flat_map(|service| &service.method) {
            let own = |ending: &str| format!(".{}.{}{ending}", file.package(), method.name());
            assert_eq!(method.input_type(), own("Request"));
            assert_eq!(method.output_type(), own("Response"));
        }
    }
}

#[test]
fn an_enums_values_bear_its_name_and_the_first_says_nothing() {
    for file in files() {
        for enumeration in &file.enum_type {
            let prefix = screaming(enumeration.name());
            assert_eq!(zero(enumeration), format!("{prefix}_UNSPECIFIED"));
            for value in &enumeration.value {
                assert!(value.name().starts_with(&format!("{prefix}_")), "{}", value.name());
            }
        }
    }
}

fn zero(enumeration: &EnumDescriptorProto) -> &str {
    enumeration.value.iter().find(|value| value.number() == 0).unwrap().name()
}

fn screaming(pascal: &str) -> String {
    let mut screaming = String::new();
    for character in pascal.chars() {
        if character.is_uppercase() && !screaming.is_empty() {
            screaming.push('_');
        }
        screaming.extend(character.to_uppercase());
    }
    screaming
}

#[test]
fn fields_are_in_snake_case_and_their_numbers_have_no_gap_that_is_not_reserved() {
    for message in files().iter().flat_map(|file| &file.message_type) {
        let is_snake = |name: &str| name.chars().all(|it| it.is_ascii_lowercase() || it == '_' || it.is_ascii_digit());
        assert!(message.field.iter().all(|field| is_snake(field.name())), "{}", message.name());
        assert_eq!(numbers(message), (1..).take(numbers(message).len()).collect::<Vec<_>>(), "{}", message.name());
    }
}

fn numbers(message: &DescriptorProto) -> Vec<i32> {
    let reserved = message.reserved_range.iter().flat_map(|range| range.start()..range.end());
    let mut numbers: Vec<_> =
        message.field.iter().map(prost_types::FieldDescriptorProto::number).chain(reserved).collect();
    numbers.sort_unstable();
    numbers
}
