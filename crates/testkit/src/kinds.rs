macro_rules! kinds {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $kind:ident = $label:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name { $($(#[$doc])* $kind,)* }

        impl $name {
            /// Every kind, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];
            pub(crate) const COUNT: usize = Self::ALL.len();
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self { $(Self::$kind => $label,)* })
            }
        }
    };
}

kinds! {
    /// Kind of storage operation, as counted and traced.
    Op {
        /// A whole object written.
        Put = "put",
        /// A multipart upload begun, a part sent, or an upload completed or aborted.
        Multipart = "multipart",
        /// An object or a range of it read.
        Get = "get",
        /// Metadata read.
        Head = "head",
        /// Several ranges of an object read.
        Ranges = "ranges",
        /// An object deleted.
        Delete = "delete",
        /// Objects listed.
        List = "list",
        /// An object copied.
        Copy = "copy",
        /// An object renamed.
        Rename = "rename",
    }
}

kinds! {
    /// Kind of fault, as counted and traced. It is counted when it happens, not when it is drawn.
    Fault {
        /// No effect, error reported.
        FailBefore = "fail-before",
        /// Error reported, effect later.
        LateEffect = "late-effect",
        /// No effect and none to come: the store refuses the request outright.
        Denied = "denied",
        /// Effect, error reported.
        FailAfter = "fail-after",
        /// Effect, answer lost, time-out reported.
        LostAnswer = "lost-answer",
        /// No effect, `AlreadyExists` reported.
        Conflict = "conflict",
        /// Effect, `AlreadyExists` reported.
        OwnConflict = "own-conflict",
        /// The operation waited before its effect.
        Delay = "delay",
        /// A late copy of a write arrived.
        LateCopy = "late-copy",
        /// A late copy arrived and was carried out.
        LateLanded = "late-landed",
        /// A body ended early without an error.
        ShortBody = "short-body",
        /// A body broke off with an error.
        BrokenBody = "broken-body",
        /// A list came in random order.
        ShuffledList = "shuffled-list",
        /// A list broke off with an error.
        BrokenList = "broken-list",
        /// A condition was ignored.
        IgnoredCondition = "ignored-condition",
        /// A caller dropped the future of an operation before its answer.
        Dropped = "dropped",
        /// [`Sim::maybe_cancel`](crate::Sim::maybe_cancel) dropped a future.
        Cancelled = "cancelled",
        /// A task was crashed.
        Crashed = "crashed",
    }
}
