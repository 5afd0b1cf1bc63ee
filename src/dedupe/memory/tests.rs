mod conformance {
    crate::testing::dedupe_store_tests!(async || crate::dedupe::MemoryDedupe::new());
}
