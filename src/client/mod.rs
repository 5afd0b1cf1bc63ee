//! The one HTTP client: it obeys the egress policy, a deadline and a cap.
