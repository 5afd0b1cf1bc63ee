//! One function per fuzz target: the property, beside the private items it needs.

/// An accepted URL holds no private address, no user name and no port 0, and stays accepted when
/// it is printed and parsed again.
#[cfg(feature = "emit")]
pub fn egress_url(text: &str) {
    use crate::egress::EgressPolicy;
    use url::{Host, Url};

    let Ok(url) = Url::parse(text) else { return };
    let policy = EgressPolicy::public();
    if policy.check_url(&url).is_err() {
        return;
    }
    let literal = match url.host() {
        Some(Host::Ipv4(v4)) => Some(v4.into()),
        Some(Host::Ipv6(v6)) => Some(v6.into()),
        Some(Host::Domain(_)) | None => None,
    };
    if let Some(address) = literal {
        assert!(policy.check_addr(address).is_ok(), "{url} is accepted");
    }
    assert_eq!(url.scheme(), "https");
    assert!(url.username().is_empty() && url.password().is_none());
    assert_ne!(url.port(), Some(0));
    let again = Url::parse(url.as_str());
    assert_eq!(again.as_ref(), Ok(&url));
}

/// A payload that decodes is written as a payload that decodes to the same event, unless its name
/// may not be sent.
pub fn event_envelope(payload: &[u8]) {
    use crate::clock::UnixMillis;
    use crate::event::AuthEvent;
    use crate::id::MessageId;

    let Ok(event) = AuthEvent::from_slice(payload) else {
        return;
    };
    let _ = event.resource();
    let Ok(id) = MessageId::new("msg_1") else {
        return;
    };
    let written = event.to_payload(&id, UnixMillis::EPOCH);
    match AuthEvent::from_slice(&written) {
        Ok(again) => {
            assert_eq!(again.to_payload(&id, UnixMillis::EPOCH), written);
            assert_eq!(again.event_type(), event.event_type());
        }
        Err(err) => panic!("what was written does not decode: {err}"),
    }
}
