//! What is read, in which order, and what is left out.

use std::{fs, io, io::Write};

use portico_log::{
    Filter, Severity, Store as _,
    testkit::{contract::NOW, origin, record},
};
use portico_schema::log::reader::{Entry, PrintOptions, Reader, Words, print};
use serde_json::Value;
use time::{Duration, OffsetDateTime};

use crate::support::{World, world, world_with};

fn bodies(entries: impl IntoIterator<Item = Entry>) -> Vec<String> {
    let body =
        |entry: Entry| serde_json::from_slice::<Value>(&entry.line).unwrap()["Body"].as_str().unwrap().to_owned();
    entries.into_iter().map(body).collect()
}

impl World {
    fn reader(&self) -> Reader {
        Reader::open(self.dir()).unwrap()
    }

    fn read(&self, filter: &Filter) -> Vec<String> {
        bodies(self.reader().records(filter).map(Result::unwrap))
    }

    fn printed(&self, options: &PrintOptions) -> String {
        let mut out = Vec::new();
        print(self.dir(), options, &mut out, || false).unwrap();
        String::from_utf8(out).unwrap()
    }
}

fn at(seconds: i64) -> OffsetDateTime {
    NOW + Duration::seconds(seconds)
}

/// Twelve records of two services, one each hour, over two days, some of them compressed, each in a file of its own.
async fn two_days() -> World {
    let world = world_with(|settings| settings.rotate_bytes = 1);
    for hour in 1..=12_u32 {
        let (time, service) = (NOW + Duration::hours(hour.into()), if hour % 3 == 0 { "photo" } else { "user" });
        world.clock.set(time);
        world.say(service, hour.into(), time, &format!("hour {hour}")).await;
        if hour == 8 {
            world.files.tend().await.unwrap();
        }
    }
    world
}

#[tokio::test]
async fn records_of_all_services_and_files_come_in_the_order_of_time() {
    let world = two_days().await;

    let read = world.read(&Filter::default());

    assert!(world.names().iter().any(|name| name.ends_with(".gz")));
    assert_eq!(read, (1..=12).map(|hour| format!("hour {hour}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn records_are_filtered_by_service_and_time() {
    let world = two_days().await;
    let services = ["photo".to_owned()];
    let words =
        Words { services: &services, since: Some("8h"), until: Some("2026-01-02T00:00:00Z"), ..Words::default() };

    let read = world.read(&words.filter(NOW + Duration::hours(12)).unwrap());

    assert_eq!(read, ["hour 6", "hour 9"]);
}

#[tokio::test]
async fn the_last_records_are_told_the_oldest_first() {
    let world = two_days().await;

    let last = |count| bodies(world.reader().last(&Filter::default(), count).unwrap());

    assert_eq!(last(3), ["hour 10", "hour 11", "hour 12"]);
    assert_eq!(last(100).len(), 12);
    assert!(last(0).is_empty());
}

#[tokio::test]
async fn records_are_filtered_by_level_and_trace() {
    let world = world();
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    for (sequence, change) in [(1, None), (2, Some(("INFO", "ERROR"))), (3, None)] {
        let said = record("user", &origin(1), sequence, NOW, &format!("number {sequence}"));
        let mut line = String::from_utf8(said.line().to_vec()).unwrap();
        if let Some((info, error)) = change {
            line = line.replace(info, error).replace("\"SeverityNumber\":9", "\"SeverityNumber\":17");
        }
        if sequence == 3 {
            line = line.replace("\"Body\"", &format!("\"TraceId\":\"{trace}\",\"Body\""));
        }
        world.append(&[portico_log::Record::parse(line.as_bytes()).unwrap()]).await;
    }

    let errors = world.read(&Filter { severity: Some(Severity::Warn), ..Filter::default() });
    let traced = world.read(&Filter { trace_id: Some(trace.into()), ..Filter::default() });

    assert_eq!((errors, traced), (vec!["number 2".to_owned()], vec!["number 3".to_owned()]));
}

#[tokio::test]
async fn what_is_no_record_is_passed_over() {
    let world = world();
    world.say("user", 1, at(1), "one").await;
    let mut file = fs::OpenOptions::new().append(true).open(world.path("user-2026-01-01.jsonl")).unwrap();
    file.write_all(b"noise\n\xff\xfe\n{}\n").unwrap();
    file.write_all(&vec![b'x'; 1_000_000]).unwrap();
    file.write_all(b"\n").unwrap();
    file.write_all(record("user", &origin(1), 2, at(2), "two").line()).unwrap();
    file.write_all(b"{\"Timestamp\":\"2026").unwrap();

    assert_eq!(world.read(&Filter::default()), ["one", "two"]);
}

#[tokio::test]
async fn a_damaged_file_is_told_and_the_others_are_read() {
    let world = two_days().await;
    let gzip = world.names().into_iter().find(|name| name.ends_with(".gz")).unwrap();
    fs::write(world.path(&gzip), b"no gzip").unwrap();
    let mut out = Vec::new();

    let told = print(world.dir(), &PrintOptions { json: true, ..PrintOptions::default() }, &mut out, || false);

    assert!(told.is_err());
    assert_eq!(String::from_utf8(out).unwrap().lines().count(), 11);
}

#[tokio::test]
async fn whoever_follows_sees_what_is_written_from_then_on_once_and_through_rotation() {
    let world = world_with(|settings| settings.rotate_bytes = 1_000);
    world.say("user", 1, at(1), "before").await;
    let reader = world.reader();
    let mut follow = reader.follow(&Filter::default());
    let mut seen = vec![bodies(follow.poll().unwrap())];

    for sequence in 2..=6_u32 {
        world.say("user", sequence.into(), at(sequence.into()), &format!("number {sequence}")).await;
        world.say("photo", sequence.into(), at(sequence.into()), &format!("photo {sequence}")).await;
        if sequence == 3 {
            seen.push(bodies(follow.poll().unwrap()));
        }
    }
    world.files.tend().await.unwrap();
    seen.push(bodies(follow.poll().unwrap()));
    world.clock.advance(Duration::DAY);
    world.files.tend().await.unwrap();
    world.say("user", 7, NOW + Duration::DAY, "tomorrow").await;
    seen.push(bodies(follow.poll().unwrap()));
    seen.push(bodies(follow.poll().unwrap()));

    let mut two = seen[2].clone();
    two.sort();
    assert_eq!(seen[0], Vec::<String>::new());
    assert_eq!(seen[1].len(), 4);
    assert_eq!(two, ["number 4", "number 5", "number 6", "photo 4", "photo 5", "photo 6"]);
    assert_eq!((seen[3].as_slice(), seen[4].len()), (["tomorrow".to_owned()].as_slice(), 0));
    assert_eq!(bodies(reader.records(&Filter::default()).map(Result::unwrap)), ["before"]);
}

#[tokio::test]
async fn a_line_is_followed_once_it_is_whole() {
    let world = world();
    world.say("user", 1, at(1), "one").await;
    let mut follow = world.reader().follow(&Filter::default());
    let (line, mut file) = (
        record("user", &origin(1), 2, at(2), "two").line().to_vec(),
        fs::OpenOptions::new().append(true).open(world.path("user-2026-01-01.jsonl")).unwrap(),
    );

    file.write_all(&line[..20]).unwrap();
    let half = follow.poll().unwrap();
    file.write_all(&line[20..]).unwrap();
    let whole = follow.poll().unwrap();

    assert!(half.is_empty());
    assert_eq!(bodies(whole), ["two"]);
}

#[tokio::test]
async fn following_a_great_deal_takes_several_looks_and_misses_nothing() {
    let world = world();
    world.say("user", 1, at(0), "first").await;
    let mut follow = world.reader().follow(&Filter::default());
    let body = "x".repeat(10_000);
    let records: Vec<_> = (2..=400).map(|sequence| record("user", &origin(1), sequence, NOW, &body)).collect();
    world.append(&records).await;

    let looks: Vec<_> = std::iter::repeat_with(|| follow.poll().unwrap().len()).take_while(|seen| *seen > 0).collect();

    assert!(looks.len() > 1);
    assert_eq!(looks.iter().sum::<usize>(), records.len());
}

#[tokio::test]
async fn records_are_printed_as_they_stand_or_for_people() {
    let world = world();
    world.say("user", 1, at(0), "hello\n\u{1b}[31mred").await;

    let json = world.printed(&PrintOptions { json: true, ..PrintOptions::default() });
    let text = world.printed(&PrintOptions::default());

    assert_eq!(json.as_bytes(), world.text("user-2026-01-01.jsonl"));
    assert_eq!(text, "2026-01-01T12:00:00.000000Z INFO  user     hello\\n\\u{1b}[31mred\n");
}

#[tokio::test]
async fn printing_and_following_shows_each_record_once() {
    let world = world();
    let file = world.path("user-2026-01-01.jsonl");
    for sequence in 1..=3_u32 {
        world.say("user", sequence.into(), at(sequence.into()), "before").await;
    }
    let mut waits = 0;
    let mut out = Vec::new();
    let options = PrintOptions { last: Some(2), follow: true, ..PrintOptions::default() };

    print(world.dir(), &options, &mut out, || {
        waits += 1;
        let mut file = fs::OpenOptions::new().append(true).open(&file).unwrap();
        file.write_all(record("user", &origin(1), 3 + waits, at(9), "meanwhile").line()).unwrap();
        waits < 3
    })
    .unwrap();

    let text = String::from_utf8(out).unwrap();
    assert_eq!((text.matches("before").count(), text.matches("meanwhile").count()), (2, 2));
}

#[tokio::test]
async fn a_pipe_that_closes_is_no_error() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let world = world();
    world.say("user", 1, at(0), "hello").await;

    let printed = print(world.dir(), &PrintOptions::default(), &mut Closed, || false);

    printed.unwrap();
}
