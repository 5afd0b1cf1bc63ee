//! Declaration of a resource: its type and its known fields.

use serde::Serialize;
use serde_json::{Map, Value};

/// A resource as `data` of an [`AuthEvent`](super::auth_event::AuthEvent).
pub(crate) trait ResourceData: Serialize {
    /// Its name in errors.
    const NAME: &'static str;
    /// Every field that this version knows.
    const FIELDS: &'static [FieldSpec];
    /// Keys of secrets in the responses of auth servers. They are never sent.
    const SECRETS: &'static [&'static str];

    fn to_data(&self) -> Map<String, Value> {
        // A struct of texts, flags and JSON values always is a JSON object.
        let Ok(Value::Object(mut data)) = serde_json::to_value(self) else {
            return Map::new();
        };
        for key in Self::SECRETS {
            data.remove(*key);
        }
        data
    }
}

/// A field of a resource.
pub(crate) struct FieldSpec {
    /// Its name in JSON.
    pub(crate) name: &'static str,
    /// Whether it identifies the resource.
    pub(crate) is_id: bool,
    /// Whether the value decodes; an absent field counts as `null`.
    pub(crate) decodes: fn(&Value) -> bool,
}

impl FieldSpec {
    pub(crate) fn takes(&self, value: &Value) -> bool {
        let is_nameless = self.name == "id" && value == "";
        !is_nameless && (self.decodes)(value)
    }

    pub(crate) fn is_right_in(&self, data: &Map<String, Value>) -> bool {
        self.takes(data.get(self.name).unwrap_or(&Value::Null))
    }
}

macro_rules! resource {
    (
        $(#[$meta:meta])*
        $name:ident = $title:literal hides $secrets:expr;
        required { $($(#[$required_meta:meta])* $required:ident = $required_json:literal,)* }
        ids { $($(#[$id_meta:meta])* $id:ident = $id_json:literal: $id_type:ty,)* }
        optional { $($(#[$optional_meta:meta])* $optional:ident = $json:literal: $type:ty,)* }
        times { $($(#[$time_meta:meta])* $time:ident = $time_json:literal,)* }
    ) => {
        $(#[$meta])*
        ///
        /// An absent field and a `null` field are both `None`. For the difference, see [`AuthEvent::data`](super::auth_event::AuthEvent::data).
        #[non_exhaustive]
        #[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
        pub struct $name {
            $(
                $(#[$required_meta])*
                #[serde(rename = $required_json)]
                pub $required: String,
            )*
            $(
                $(#[$id_meta])*
                #[serde(rename = $id_json, default, skip_serializing_if = "Option::is_none")]
                pub $id: Option<$id_type>,
            )*
            $(
                $(#[$optional_meta])*
                #[serde(rename = $json, default, skip_serializing_if = "Option::is_none")]
                pub $optional: Option<$type>,
            )*
            $(
                $(#[$time_meta])*
                #[serde(
                    rename = $time_json,
                    default,
                    skip_serializing_if = "Option::is_none",
                    with = "time::optional"
                )]
                pub $time: Option<UnixMillis>,
            )*
            /// The fields that this version does not know.
            #[serde(flatten)]
            pub extra: Map<String, Value>,
        }

        impl $name {
            $(
                /// Creates one with its id alone.
                #[must_use]
                pub fn new($required: impl Into<String>) -> Self {
                    Self {
                        $required: $required.into(),
                        ..Self::default()
                    }
                }
            )*
        }

        impl ResourceData for $name {
            const NAME: &'static str = $title;
            const FIELDS: &'static [FieldSpec] = &[
                $(FieldSpec {
                    name: $required_json,
                    is_id: true,
                    decodes: |value| String::deserialize(value).is_ok(),
                },)*
                $(FieldSpec {
                    name: $id_json,
                    is_id: true,
                    decodes: |value| Option::<$id_type>::deserialize(value).is_ok(),
                },)*
                $(FieldSpec {
                    name: $json,
                    is_id: false,
                    decodes: |value| Option::<$type>::deserialize(value).is_ok(),
                },)*
                $(FieldSpec {
                    name: $time_json,
                    is_id: false,
                    decodes: |value| time::optional::deserialize(value).is_ok(),
                },)*
            ];
            const SECRETS: &'static [&'static str] = $secrets;
        }
    };
}
pub(crate) use resource;
