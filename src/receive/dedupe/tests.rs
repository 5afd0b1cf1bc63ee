use std::time::Duration;

use super::keys::KeyDeriver;
use super::*;
use crate::base::clock::UnixMillis;

const AT: UnixMillis = UnixMillis::from_millis(1_700_000_000_000);

fn message<'a>(tenant: Option<&'a str>, identity: Identity<'a>) -> Message<'a> {
    Message {
        tenant,
        identity,
        sent_at: Some(AT),
        replayable: Duration::from_secs(900),
    }
}

fn hex(key: Option<DedupeKey>) -> Option<String> {
    key.map(|key| const_hex::encode(key.as_bytes()))
}

/// Every kind of identity there is.
fn identities() -> [Identity<'static>; 3] {
    [
        Identity::Signed("msg_1"),
        Identity::unsigned(Some("msg_1"), "{}"),
        Identity::unsigned(None, "{}"),
    ]
}

fn all_of(keys: &DedupeKeys) -> Vec<DedupeKey> {
    let others = [keys.replay_key(), keys.id_key()];
    others.into_iter().flatten().chain([keys.key()]).collect()
}

/// Stores are full of these.
#[test]
fn the_keys_of_a_receiver_without_tenants_are_what_they_were() {
    const ID: &str = "1f5f1c71c73478ff998614a66f17afc6";
    let unsigned = Identity::unsigned(Some("msg_1"), "{}");
    let keys = KeyDeriver::new("crm").derive(1, &message(None, unsigned));
    assert_eq!(
        hex(Some(keys.key())).as_deref(),
        Some("b917c293ea28eb02d487307bf85447d6")
    );
    assert_eq!(
        hex(keys.replay_key()).as_deref(),
        Some("a928f0c8d211548c288cd2302aa83150")
    );
    assert_eq!(hex(keys.id_key()).as_deref(), Some(ID));
    let signed = message(None, Identity::Signed("msg_1"));
    let keys = KeyDeriver::new("crm").derive(1, &signed);
    assert_eq!(hex(Some(keys.key())).as_deref(), Some(ID));
    let timeless = Message {
        sent_at: None,
        ..message(None, unsigned)
    };
    let keys = KeyDeriver::new("crm").derive(1, &timeless);
    assert_eq!(
        hex(Some(keys.key())).as_deref(),
        Some("d2efcf4ea0ce2390143d44566772bf9f")
    );
}

#[test]
fn two_tenants_have_no_key_in_common_and_none_with_a_receiver_without() {
    let deriver = KeyDeriver::new("crm");
    let tenants = [None, Some(""), Some("acme"), Some("acme2")];
    let named: Vec<Vec<DedupeKey>> = tenants
        .iter()
        .map(|tenant| {
            let messages = identities().map(|identity| message(*tenant, identity));
            let all_keys = messages.iter().map(|message| deriver.derive(1, message));
            all_keys.flat_map(|keys| all_of(&keys)).collect()
        })
        .collect();
    for (index, keys) in named.iter().enumerate() {
        let mut others = named
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != index);
        assert!(others.all(|(_, others)| others.iter().all(|key| !keys.contains(key))));
    }
}

#[test]
fn a_tenants_keys_of_one_message_share_a_shard() {
    let deriver = KeyDeriver::new("crm");
    let keys = |id| deriver.derive(1, &message(Some("acme"), Identity::unsigned(id, "{}")));
    let (real, replay, nameless) = (keys(Some("msg_1")), keys(Some("msg_2")), keys(None));
    for other in [replay, nameless] {
        assert_ne!(real.key(), other.key());
        assert_eq!(real.replay_key(), other.replay_key());
        assert_eq!(real.affinity(), other.affinity());
    }
}
