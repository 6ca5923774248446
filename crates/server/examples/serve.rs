
use steadfast_server::{config::Config, server::Server};
#[tokio::main]
async fn main() {
    tracing_subscriber::fmt().init();
    let config = Config { dev: true, ..Config::default() };
    let s = Server::start(config).await.unwrap();
    println!("{} {}", s.public_address().unwrap(), s.internal_address().unwrap());
    s.run().await.unwrap();
}
