//! Metrics of a broker in the OpenMetrics text format: those of one name, each with its labels. In:
//! the values at one scrape. Out: lines. Must not know which broker they are of.

use std::fmt;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use steadfast_broker::{BrokerMetric, Histogram, MetricValue};

/// Metrics of one name and kind.
#[derive(Debug)]
pub(super) struct MetricFamily(pub(super) Vec<BrokerMetric>);

impl EncodeMetric for MetricFamily {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for BrokerMetric { labels, value, .. } in &self.0 {
            if labels.is_empty() {
                encode(&mut encoder, value)?;
            } else {
                encode(&mut encoder.encode_family(labels)?, value)?;
            }
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        match self.0.first().map(|metric| &metric.value) {
            Some(MetricValue::Counter(_)) => MetricType::Counter,
            Some(MetricValue::Durations(_)) => MetricType::Histogram,
            Some(MetricValue::Gauge(_) | MetricValue::Bytes(_)) | None => MetricType::Gauge,
        }
    }
}

fn encode(encoder: &mut MetricEncoder<'_>, value: &MetricValue) -> fmt::Result {
    match value {
        MetricValue::Counter(count) => encoder.encode_counter::<NoLabelSet, _, u64>(count, None),
        MetricValue::Gauge(number) | MetricValue::Bytes(number) => encoder.encode_gauge(number),
        MetricValue::Durations(Histogram { sum_s, classes }) => {
            let count = classes.iter().map(|(_, count)| count).sum();
            encoder.encode_histogram::<NoLabelSet>(*sum_s, count, classes, None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::MetricFamily;
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;
    use steadfast_broker::{BrokerMetric, Histogram, MetricValue};

    fn text(family: Vec<BrokerMetric>) -> String {
        let (mut registry, mut text) = (Registry::default(), String::new());
        let (name, help) = (family[0].name, family[0].help);
        registry.register(name, help, MetricFamily(family));
        encode(&mut text, &registry).unwrap();
        text
    }

    #[test]
    fn metrics_of_one_name_are_told_apart_by_their_labels() {
        let of_server = |server: &str, value| BrokerMetric {
            labels: vec![("server", server.to_owned())],
            ..BrokerMetric::counter("sessions", "Sessions begun", value)
        };
        let expected = "# HELP sessions Sessions begun.\n# TYPE sessions counter\n\
                        sessions_total{server=\"a\"} 1\nsessions_total{server=\"b\"} 2\n# EOF\n";
        assert_eq!(text(vec![of_server("a", 1), of_server("b", 2)]), expected);
    }

    #[test]
    fn a_metric_without_labels_has_no_braces() {
        let gauge = BrokerMetric::gauge("failing", "1 while it fails", 0);
        let expected = "# HELP failing 1 while it fails.\n# TYPE failing gauge\nfailing 0\n# EOF\n";
        assert_eq!(text(vec![gauge]), expected);
    }

    #[test]
    fn the_classes_of_a_histogram_add_up() {
        let classes = vec![(0.5, 2), (f64::INFINITY, 1)];
        let value = MetricValue::Durations(Histogram { sum_s: 3.25, classes });
        let text = text(vec![BrokerMetric::new("commit", "Time of a commit", value)]);
        for line in [
            "commit_sum 3.25",
            "commit_count 3",
            "commit_bucket{le=\"0.5\"} 2",
            "commit_bucket{le=\"+Inf\"} 3",
        ] {
            assert!(text.lines().any(|one| one == line), "{line}: {text}");
        }
    }
}
