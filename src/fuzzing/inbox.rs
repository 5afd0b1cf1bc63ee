//! Properties of inbox entries.

use bytes::Bytes;

use crate::receive::inbox::StoredRequest;
use crate::wire::event::VerifiedWebhook;

/// A parsed head becomes a request, and that request becomes the same head, without the headers that an
/// inbox never keeps.
pub fn inbox_head(head: &[u8]) {
    let Some(kept) = kept_again(Bytes::copy_from_slice(head)) else {
        return;
    };
    let again = kept_again(kept.head().clone());
    let again = again.expect("what was kept can be read");
    assert_eq!(again.head(), kept.head());
    assert_eq!(again.message_id(), kept.message_id());
    assert!(
        kept.head().len() <= head.len() + PROOF,
        "nothing is made up"
    );
}

fn kept_again(head: Bytes) -> Option<StoredRequest> {
    let stored = StoredRequest::from_stored(head, Bytes::from_static(b"{}"));
    let id = stored.message_id();
    let request = stored.into_request().ok()?;
    let delivered = request.extensions().get::<VerifiedWebhook>();
    let delivered = delivered.expect("a request comes with its proof").clone();
    assert_eq!(delivered.id(), id.as_deref());
    let (parts, _body) = request.into_parts();
    Some(StoredRequest::of(&parts, &delivered))
}

/// Absent members of the proof are encoded as null; nothing else gets longer.
const PROOF: usize = 128;
