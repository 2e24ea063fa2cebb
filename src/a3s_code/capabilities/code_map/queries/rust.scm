; What Rust files define, and the names of others that they use.
(struct_item) @struct
(enum_item) @enum
(union_item) @struct
(trait_item) @trait
(impl_item) @impl
(function_item) @function
(function_signature_item) @function
(type_item) @type
(const_item) @constant
(static_item) @constant
(macro_definition) @macro
(mod_item body: (_)) @namespace

(type_identifier) @used
(call_expression function: [(identifier) @used
                            (field_expression field: (_) @member)
                            (scoped_identifier path: (identifier) @used)
                            (scoped_identifier name: (_) @member)])
(macro_invocation macro: (identifier) @used)
(use_declaration argument: (scoped_identifier name: (_) @used))
(use_list [(identifier) @used (scoped_identifier name: (_) @used)])
