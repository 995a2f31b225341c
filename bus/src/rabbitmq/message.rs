//! How an event travels: as CloudEvents JSON (AMQP binding, structured mode), with what others route and search by beside
//! it.

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable, ShortString},
};
use portico_kernel::Event;

/// CloudEvents 1.0, JSON format.
const CONTENT_TYPE: &str = "application/cloudevents+json; charset=utf-8";
/// Of a message that is to outlive the server's process.
const PERSISTENT: u8 = 2;
/// How often an event was given back, since it could not be applied for the moment.
const RELEASES: &str = "portico-releases";

/// An event, ready to be sent.
pub(super) struct Message {
    pub(super) key: ShortString,
    pub(super) body: Vec<u8>,
    pub(super) properties: BasicProperties,
}

impl Message {
    /// # Errors
    /// Why no message can be made of the event, ever.
    pub(super) fn of(event: &Event) -> Result<Self, String> {
        let key = ShortString::try_new(event.kind.as_str()).map_err(|error| format!("its type: {error}"))?;
        let body = serde_json::to_vec(event).map_err(|error| format!("it cannot be written: {error}"))?;
        let mut headers = FieldTable::default();
        if let Some(trace) = &event.traceparent {
            headers.insert("traceparent".into(), AMQPValue::LongString(trace.as_str().into()));
        }
        let properties = BasicProperties::default()
            .with_content_type(CONTENT_TYPE.into())
            .with_delivery_mode(PERSISTENT)
            .with_message_id(event.id.to_string().into())
            .with_timestamp(event.time.unix_timestamp().try_into().unwrap_or_default())
            .with_type(key.clone())
            .with_app_id("portico".into())
            .with_headers(headers);
        Ok(Self { key, body, properties })
    }

    /// The same, given back for the `releases`th time.
    pub(super) fn released(mut self, releases: u32) -> Self {
        let mut headers = self.properties.headers().clone().unwrap_or_default();
        headers.insert(RELEASES.into(), AMQPValue::LongLongInt(releases.into()));
        self.properties = self.properties.with_headers(headers);
        self
    }
}

/// How often what has these properties was given back.
pub(super) fn releases(properties: &BasicProperties) -> u32 {
    let header = properties.headers().as_ref().and_then(|headers| headers.inner().get(RELEASES));
    header.and_then(AMQPValue::as_long_long_int).and_then(|count| count.try_into().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;

    fn event(kind: &str) -> Event {
        let trace = Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned());
        let event = Event::new("/portico/user", kind, "ann", OffsetDateTime::UNIX_EPOCH, serde_json::json!({"a": 1}));
        Event { traceparent: trace, ..event }
    }

    #[test]
    fn a_message_holds_the_whole_event_and_tells_its_id_kind_and_trace_beside_it() {
        let event = event("user.registered");

        let message = Message::of(&event).unwrap();

        assert_eq!(serde_json::from_slice::<Event>(&message.body).unwrap(), event);
        assert_eq!(message.key.as_str(), "user.registered");
        let properties = message.properties;
        assert_eq!(properties.message_id().as_ref().unwrap().as_str(), event.id.to_string());
        assert_eq!(properties.delivery_mode(), &Some(PERSISTENT));
        assert!(properties.headers().as_ref().unwrap().contains_key("traceparent"));
    }

    #[test]
    fn releases_are_counted_in_a_header_that_starts_at_none() {
        let first = Message::of(&event("user.updated")).unwrap();
        assert_eq!(releases(&first.properties), 0);

        let later = first.released(7);

        assert_eq!(releases(&later.properties), 7);
        assert!(later.properties.headers().as_ref().unwrap().contains_key("traceparent"), "the others stay");
    }

    #[test]
    fn an_event_that_no_routing_key_can_name_is_poison() {
        assert!(Message::of(&event(&"k".repeat(256))).is_err());
    }
}
