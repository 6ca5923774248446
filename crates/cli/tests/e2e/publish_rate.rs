//! A client that publishes more bytes than its session may: what is refused is sent again, and
//! everything arrives once, in order. P-33, P-69

use steadfast_client::{ChannelName, Client, EventName, Since};

use crate::server::Server;
use crate::within;

#[tokio::test]
async fn what_is_published_too_fast_arrives_later_and_once() {
    let settings = [
        ("LIMITS__MESSAGE_BYTES_MAX", "100000"),
        ("LIMITS__PUBLISH_BYTES_PER_SECOND_MAX", "100000"),
        ("LIMITS__PUBLISH_BYTES_BURST_MAX", "100000"),
    ];
    let server = Server::dev_with(&settings).await;
    let name = ChannelName::new("demo:1").unwrap();
    let url = format!("ws://{}", server.public);
    let mut client =
        Client::builder(&url).subscribe(name.clone(), Since::Start).connect().await.unwrap();
    let publisher = client.publisher();
    tokio::spawn(async move { while client.next().await.is_some() {} });
    for n in 0..4_u64 {
        let event = EventName::new("progress").unwrap();
        let data = (n, "x".repeat(60_000));
        let publish = publisher.publish(name.clone(), event, &data);
        let receipt = within("the answer", publish).await.unwrap();
        assert_eq!(receipt.offset, n + 1);
    }
    let metrics = server.looks("/metrics").await.text;
    let throttled = metrics.lines().find(|line| line.contains("publishes_throttled_total "));
    assert!(throttled.is_some_and(|line| !line.ends_with(" 0")), "{throttled:?}");
}
