//! Receivers for telemetry over the network: OTLP by gRPC and HTTP.
