use std::time::Duration;

use nines_base::MIB;

/// Bounds on what clients can make a receiver do. The defaults suit two cores and a few gigabytes.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of an HTTP body, before and after decompression. 20 MiB is the Collector's default.
    pub http_body_bytes: u64,
    /// Bytes of a gRPC message, before and after decompression. 4 MiB is gRPC's own default.
    pub grpc_message_bytes: u64,
    /// Requests between their headers and their answer. Beyond this, clients are told to come back: more would only
    /// wait for the same disk.
    pub requests: usize,
    /// Bytes of the bodies of those requests, as sent and as decoded. Their events take a few times as much.
    pub in_flight_bytes: u64,
    /// Bodies decompressed and decoded at the same moment: one for each core. Each holds up to the body limit that is
    /// not yet counted in `in_flight_bytes`.
    pub decoders: usize,
    /// Open connections. More get the room of those that are idle. One that has said nothing takes some 2 KiB, one
    /// between two requests some 15 KiB; an HTTP/2 connection may hold one flow-control window (1 MiB) of bytes that nobody
    /// has asked for yet.
    pub connections: usize,
    /// Concurrent calls on one HTTP/2 connection.
    pub streams_per_connection: u32,
    /// For the request's head to arrive, and between two requests on one connection.
    pub head_timeout: Duration,
    /// For the whole body to arrive. A sender of 20 MiB needs 5.6 Mbit/s.
    pub body_timeout: Duration,
    /// For the peer to take any of an answer that is there.
    pub answer_timeout: Duration,
    /// For open requests to finish when the receiver stops.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            http_body_bytes: 20 * MIB,
            grpc_message_bytes: 4 * MIB,
            requests: 1024,
            in_flight_bytes: 256 * MIB,
            decoders: std::thread::available_parallelism().map_or(2, usize::from),
            connections: 16 * 1024,
            streams_per_connection: 100,
            head_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(30),
            answer_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(10),
        }
    }
}
