//! Ports as objects.

use std::pin::Pin;

/// A boxed future.
pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Declares the object of a port: a trait with the port's functions, the async ones boxed, that each
/// implementation of the port has. References in arguments have the lifetime `'a`, also of `self`.
macro_rules! erased {
    (
        $(#[$meta:meta])*
        $vis:vis trait $object:ident: $($bound:ident),+;
        $(async $port:ident::$name:ident($($arg:ident: $type:ty),*) -> $output:ty;)*
        $(fn $sync_port:ident::$sync_name:ident() -> $sync_output:ty;)*
    ) => {
        $(#[$meta])*
        $vis trait $object: Send + Sync {
            $(
                fn $name<'a>(
                    &'a self,
                    $($arg: $type),*
                ) -> crate::base::erased::BoxFuture<'a, $output>;
            )*
            $(fn $sync_name(&self) -> $sync_output;)*
        }

        impl<S: $($bound +)+ 'static> $object for S {
            $(
                fn $name<'a>(
                    &'a self,
                    $($arg: $type),*
                ) -> crate::base::erased::BoxFuture<'a, $output> {
                    Box::pin($port::$name(self, $($arg),*))
                }
            )*
            $(
                fn $sync_name(&self) -> $sync_output {
                    $sync_port::$sync_name(self)
                }
            )*
        }
    };
}

pub(crate) use erased;

/// Lets a store become the handles of its ports, by value or by reference.
#[cfg(any(feature = "emit", feature = "jwt", feature = "_ports"))]
macro_rules! become_handles {
    ($store:ty => $($handle:ty),+) => {
        $(
            impl From<$store> for $handle {
                fn from(store: $store) -> Self {
                    Self::new(store)
                }
            }

            impl From<&$store> for $handle {
                fn from(store: &$store) -> Self {
                    Self::new(store.clone())
                }
            }
        )+
    };
}

#[cfg(any(feature = "emit", feature = "jwt", feature = "_ports"))]
pub(crate) use become_handles;
