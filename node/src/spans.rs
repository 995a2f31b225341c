//! Spans that are sent to a collector, by OTLP over HTTP. They have a thread of their own, which waits for the collector.
//!
//! Invariant: at most 2,048 spans wait to be sent beside those that are being sent (or as many as OpenTelemetry's
//! `OTEL_BSP_MAX_QUEUE_SIZE` says); those beyond are dropped, and whoever ends one never waits.

use std::{borrow::Cow, sync::Arc};

use opentelemetry::{
    InstrumentationScope, KeyValue, Value,
    trace::{SpanContext, SpanId, SpanKind as Kind, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor as _},
};
use portico_config::Otlp;
use portico_kernel::{Deadline, EndedSpan, SpanCollector, SpanEnd, SpanKind, SpanValue, collect_spans};

use crate::{exit::Failure, otlp};

/// The spans of this node on their way, if they go anywhere.
pub(crate) struct Spans(Option<Arc<BatchSpanProcessor>>);

impl Spans {
    /// Has spans sent to the collector that `config` names, as those of `resource`.
    ///
    /// # Errors
    /// The operator's: they cannot be sent at all.
    pub(crate) fn sent_to(config: &Otlp, resource: &Resource) -> Result<Self, Failure> {
        let Some(endpoint) = &config.endpoint else { return Ok(Self(None)) };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_endpoint(otlp::url(endpoint, "traces"))
            .with_timeout(otlp::TIMEOUT)
            .build()
            .map_err(otlp::unusable)?;
        let mut processor = BatchSpanProcessor::builder(exporter).build();
        processor.set_resource(resource);
        let processor = Arc::new(processor);
        let sender =
            Sender { processor: Arc::clone(&processor), scope: InstrumentationScope::builder("portico").build() };
        collect_spans(sender, config.trace_ratio);
        Ok(Self(Some(processor)))
    }

    /// Sends what has ended since the last time, if the collector takes it before `deadline`.
    pub(crate) async fn close(self, deadline: Deadline) {
        if let Some(processor) = self.0 {
            otlp::closed(deadline, move || processor.shutdown()).await;
        }
    }
}

struct Sender {
    processor: Arc<BatchSpanProcessor>,
    scope: InstrumentationScope,
}

impl SpanCollector for Sender {
    fn collect(&self, span: EndedSpan) {
        self.processor.on_end(data(span, self.scope.clone()));
    }
}

fn data(span: EndedSpan, instrumentation_scope: InstrumentationScope) -> SpanData {
    let (trace, id) = span.context.ids();
    let sampled = TraceFlags::SAMPLED;
    let span_context = SpanContext::new(TraceId::from(trace), SpanId::from(id), sampled, false, TraceState::default());
    let (status, error) = match span.end {
        SpanEnd::Done => (Status::Unset, None),
        SpanEnd::Cancelled => (Status::Unset, Some("cancelled".into())),
        SpanEnd::Failed(error) => (Status::error(error.clone()), Some(error)),
    };
    let error = error.map(|error| KeyValue::new("error.type", text(error)));
    SpanData {
        span_context,
        parent_span_id: span.parent.map_or(SpanId::INVALID, |parent| SpanId::from(parent.ids().1)),
        parent_span_is_remote: span.parent.is_some() && !matches!(span.kind, SpanKind::Internal | SpanKind::Client),
        span_kind: kind(span.kind),
        name: span.name,
        start_time: span.began,
        end_time: span.began + span.took,
        status,
        attributes: span.attributes.into_iter().map(attribute).chain(error).collect(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        instrumentation_scope,
    }
}

fn kind(kind: SpanKind) -> Kind {
    match kind {
        SpanKind::Internal => Kind::Internal,
        SpanKind::Server => Kind::Server,
        SpanKind::Client => Kind::Client,
        SpanKind::Producer => Kind::Producer,
        SpanKind::Consumer => Kind::Consumer,
    }
}

fn attribute((key, value): (&'static str, SpanValue)) -> KeyValue {
    KeyValue::new(
        key,
        match value {
            SpanValue::Text(value) => text(value),
            SpanValue::Number(value) => value.into(),
            SpanValue::Seconds(value) => value.into(),
        },
    )
}

fn text(value: Cow<'static, str>) -> Value {
    match value {
        Cow::Borrowed(value) => value.into(),
        Cow::Owned(value) => value.into(),
    }
}
