//! Sends every message back: as a server, or as the client of a suite of tests that asks for cases
//! one by one, as Autobahn's fuzzing server does. See docs/compression.md.
//!
//! `cargo run --example echo -- --listen 127.0.0.1:9001 --message-bytes-max 67108864`
//! `cargo run --example echo -- --connect 127.0.0.1:9002 --agent steadfast`

use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use steadfast_websocket::outbound::{Masked, close_frame, message_frame, ping_frame, pong_frame};
use steadfast_websocket::{
    Deflater, Framing, Inbound, Inflater, Limits, Message, Role, accept_key, deflate,
};

type Failure = Box<dyn Error + Send + Sync>;

/// The key of the client's upgrade, which needs not be random in a test.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// What is read from a socket at a time.
const READ_BYTES: usize = 64 * 1024;

/// What was typed.
#[derive(Clone)]
struct Options {
    listen: Option<String>,
    connect: Option<String>,
    agent: String,
    limits: Limits,
    is_compressed: bool,
}

fn main() -> Result<(), Failure> {
    let options = options()?;
    match (&options.listen, &options.connect) {
        (Some(address), None) => serve(&TcpListener::bind(address)?, &options),
        (None, Some(address)) => run_cases(address, &options),
        _ => Err("say either --listen ADDRESS or --connect ADDRESS".into()),
    }
}

fn options() -> Result<Options, Failure> {
    let mut options = Options {
        listen: None,
        connect: None,
        agent: "steadfast".into(),
        limits: Limits::default(),
        is_compressed: true,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
        match word.as_str() {
            "--listen" => options.listen = Some(value()?),
            "--connect" => options.connect = Some(value()?),
            "--agent" => options.agent = value()?,
            "--message-bytes-max" => options.limits.message_bytes_max = value()?.parse()?,
            "--no-compression" => options.is_compressed = false,
            other => return Err(format!("{other} is not known").into()),
        }
    }
    Ok(options)
}

/// Accepts connections without end, a thread for each.
fn serve(listener: &TcpListener, options: &Options) -> Result<(), Failure> {
    writeln!(io::stderr(), "echo on {}", listener.local_addr()?)?;
    for stream in listener.incoming() {
        let (stream, options) = (stream?, options.clone());
        std::thread::spawn(move || {
            let ended = accept(stream, &options);
            if let Err(error) = ended {
                drop(writeln!(io::stderr(), "{error}"));
            }
        });
    }
    Ok(())
}

/// Answers an upgrade, then echoes.
fn accept(stream: TcpStream, options: &Options) -> Result<(), Failure> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let head = head(&mut reader)?;
    let mut socket = Socket::new(stream, reader, Role::Server, options);
    let key = head.values("sec-websocket-key").next().ok_or("no Sec-WebSocket-Key")?;
    let offers = head.values("sec-websocket-extensions").map(str::as_bytes);
    let agreed = deflate::accept_offer(offers).filter(|_| options.is_compressed);
    let extensions = agreed.map(|answer| format!("{}: {answer}\r\n", deflate::EXTENSIONS));
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {}\r\n{}\r\n",
        accept_key(key.as_bytes()),
        extensions.unwrap_or_default()
    );
    socket.stream.write_all(answer.as_bytes())?;
    socket.agree(agreed.is_some());
    socket.echo().map(drop)
}

/// Asks for the number of cases, runs each, and has the report written.
fn run_cases(address: &str, options: &Options) -> Result<(), Failure> {
    let agent = &options.agent;
    let count = connect(address, "/getCaseCount", options)?.echo()?.ok_or("no number of cases")?;
    let count: u32 = count.parse()?;
    for case in 1..=count {
        writeln!(io::stderr(), "case {case} of {count}")?;
        let path = format!("/runCase?case={case}&agent={agent}");
        if let Err(error) = connect(address, &path, options).and_then(|mut case| case.echo()) {
            writeln!(io::stderr(), "case {case}: {error}")?;
        }
    }
    connect(address, &format!("/updateReports?agent={agent}"), options)?.echo().map(drop)
}

fn connect(address: &str, path: &str, options: &Options) -> Result<Socket, Failure> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let offer = format!("{}: {}\r\n", deflate::EXTENSIONS, deflate::OFFER);
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{}\r\n",
        if options.is_compressed { &offer } else { "" }
    );
    stream.write_all(request.as_bytes())?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let head = head(&mut reader)?;
    if head.values("sec-websocket-accept").next() != Some(&accept_key(KEY.as_bytes())) {
        return Err(format!("no WebSocket at {path}: {}", head.first).into());
    }
    let answers = head.values("sec-websocket-extensions").map(str::as_bytes);
    let agreed = deflate::read_answer(answers)?;
    let mut socket = Socket::new(stream, reader, Role::Client, options);
    socket.agree(agreed);
    Ok(socket)
}

/// The head of a request or an answer.
struct Head {
    first: String,
    fields: Vec<(String, String)>,
}

impl Head {
    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.fields.iter().filter(move |field| field.0 == name).map(|field| field.1.as_str())
    }
}

fn head(reader: &mut impl BufRead) -> Result<Head, Failure> {
    let mut lines = reader.take(16 * 1024).lines();
    let first = lines.next().ok_or("nothing was said")??;
    let mut fields = Vec::new();
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(':') else { break };
        fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    Ok(Head { first, fields })
}

/// An open WebSocket.
struct Socket {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
    role: Role,
    limits: Limits,
    deflater: Option<Deflater>,
}

/// What is to be written for a message.
enum Reply {
    Frame(bytes::Bytes),
    Close(bytes::Bytes),
    Nothing,
}

impl Socket {
    fn new(stream: TcpStream, reader: BufReader<TcpStream>, role: Role, options: &Options) -> Self {
        Self { stream, reader, role, limits: options.limits, deflater: None }
    }

    fn agree(&mut self, is_compressed: bool) {
        self.deflater = is_compressed.then(|| Deflater::new(deflate::LEVEL));
    }

    /// Sends messages back until the other side closes. Returns the first text.
    fn echo(&mut self) -> Result<Option<String>, Failure> {
        let (role, is_compressed) = (self.role, self.deflater.is_some());
        let framing = Framing { role, is_binary_taken: true, is_compressed };
        let mut inbound = Inbound::with(self.limits, framing);
        let mut inflater = Inflater::default();
        let (mut buffer, mut first) = (vec![0; READ_BYTES], None);
        loop {
            let read = self.reader.read(&mut buffer)?;
            if read == 0 {
                return Ok(first);
            }
            let mut feed = inbound.feed_with(&mut buffer[..read], &mut inflater);
            loop {
                let reply = match feed.poll() {
                    Ok(Some(message)) => {
                        if let Message::Text(text) = &message {
                            first.get_or_insert_with(|| text.clone().into_owned());
                        }
                        reply(&message, self.deflater.as_mut())
                    }
                    Ok(None) => break,
                    Err(error) => Reply::Close(close_frame(error.close_code(), &error.to_string())),
                };
                match reply {
                    Reply::Frame(frame) => write(&mut self.stream, role, &frame)?,
                    Reply::Nothing => {}
                    Reply::Close(frame) => {
                        // The other side may have hung up.
                        drop(write(&mut self.stream, role, &frame));
                        drop(self.stream.shutdown(std::net::Shutdown::Write));
                        drop(io::copy(&mut self.reader, &mut io::sink()));
                        return Ok(first);
                    }
                }
            }
        }
    }
}

fn reply(message: &Message<'_>, deflater: Option<&mut Deflater>) -> Reply {
    let (payload, is_binary) = match message {
        Message::Text(text) => (text.as_bytes(), false),
        Message::Binary(bytes) => (&**bytes, true),
        Message::Ping(payload) => return Reply::Frame(pong_frame(payload)),
        Message::Pong => return Reply::Nothing,
        Message::Close { code: Some(code), reason } => {
            return Reply::Close(close_frame(*code, reason));
        }
        // A ping has the shape of a close without a code, but for its opcode.
        Message::Close { code: None, .. } => {
            let mut frame = ping_frame(b"").to_vec();
            frame[0] = 0x88;
            return Reply::Close(frame.into());
        }
    };
    let compressed = deflater.and_then(|deflater| deflater.sync_flushed(payload));
    let is_compressed = compressed.is_some();
    let payload = compressed.as_deref().unwrap_or(payload);
    Reply::Frame(message_frame(payload, is_binary, is_compressed))
}

fn write(stream: &mut TcpStream, role: Role, frame: &[u8]) -> io::Result<()> {
    match role {
        Role::Server => stream.write_all(frame),
        Role::Client => stream.write_all(Masked::new(frame, [0x1F, 0x2E, 0x3D, 0x4C]).as_ref()),
    }
}
