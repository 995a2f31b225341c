//! The layer: turns each event into a line and offers it to the queue, on the caller's own thread.
//!
//! Invariant: it never waits and never fails. A record that cannot be taken is counted, and that is all.
//!
//! What it costs the caller: formatting into buffers that the thread keeps, one allocation of the line's length, and one
//! push to a queue.

mod fields;

use std::{cell::Cell, fmt, sync::Arc};

use portico_kernel::Clock;
use tracing::{
    Event, Subscriber,
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{layer::Context, registry::LookupSpan};

use self::fields::Fields;
use crate::{
    Faults, Origin, Service,
    line::{FINISH_BYTES_MAX, OriginJson, Parts, current_trace},
    queue::{Offer, Sender},
};

/// The most bytes that a thread's buffers keep between two events.
const KEPT_BYTES_MAX: usize = 64 * 1024;

thread_local! {
    static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

/// What a thread formats into.
#[derive(Default)]
struct Scratch {
    fields: Fields,
    line: Vec<u8>,
}

/// A `tracing` layer that offers every event to the log's queue. Put filters before it.
pub struct Layer {
    sender: Sender,
    clock: Arc<dyn Clock>,
    origin: OriginJson,
    faults: Faults,
}

impl Layer {
    pub(crate) fn new(sender: Sender, clock: Arc<dyn Clock>, origin: &Origin, faults: Faults) -> Self {
        Self { sender, clock, origin: OriginJson::new(origin), faults }
    }

    fn offer<S>(&self, event: &Event<'_>, context: &Context<'_, S>, scratch: &mut Scratch)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let fields = &mut scratch.fields;
        event.record(fields);
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(of_span) = span.extensions().get::<Fields>() {
                fields.inherit(of_span);
            }
        }
        fields.close();
        let (time, metadata) = (self.clock.now(), event.metadata());
        let service = Service::of_target(metadata.target());
        let current = current_trace();
        let trace = current.as_ref().map(|(trace, span)| (&**trace, &**span)).or_else(|| fields.trace());
        let severity = (*metadata.level()).into();
        let parts = Parts {
            time,
            severity,
            trace,
            body_json: fields.body_json(),
            attributes_json: fields.attributes_json(),
            service: &service,
            scope: metadata.target(),
        };
        parts.write(&self.origin, &mut scratch.line);
        let mut line = Vec::with_capacity(scratch.line.len() + FINISH_BYTES_MAX);
        line.extend_from_slice(&scratch.line);
        self.faults.note(severity, &line);
        self.sender.offer(Offer { service, time, line });
    }
}

impl<S> tracing_subscriber::Layer<S> for Layer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        // Taken, not borrowed: a `Debug` that logs by itself finds none and makes another, and a panic in it loses one.
        let mut scratch = SCRATCH.try_with(Cell::take).ok().flatten().unwrap_or_default();
        self.offer(event, &context, &mut scratch);
        if scratch.line.capacity() <= KEPT_BYTES_MAX {
            scratch.line.clear();
            scratch.fields.clear();
            let _at_thread_end = SCRATCH.try_with(|kept| kept.set(Some(scratch)));
        }
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::with_room();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let mut newer = Fields::default();
        values.record(&mut newer); // runs others' code: not under the span's lock
        if let Some(span) = context.span(id) {
            let mut extensions = span.extensions_mut();
            if let Some(older) = extensions.get_mut::<Fields>() {
                newer.inherit(older);
                *older = newer;
            }
        }
    }
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Layer")
    }
}
