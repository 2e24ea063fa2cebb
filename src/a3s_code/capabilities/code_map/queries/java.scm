; What Java files define, and the names of others that they use.
(class_declaration) @class
(interface_declaration) @interface
(annotation_type_declaration) @interface
(enum_declaration) @enum
(record_declaration) @class
(method_declaration) @method
(constructor_declaration) @method

(type_identifier) @used
(method_invocation name: (identifier) @member)
(method_invocation object: (identifier) @used)
(marker_annotation name: (identifier) @used)
(annotation name: (identifier) @used)
(import_declaration (scoped_identifier name: (identifier) @used))
