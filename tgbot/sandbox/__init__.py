"""The sandbox: a Telegram server on loopback, for the demo, the tests and the benchmarks."""
