; What TypeScript files define, and the names of others that they use.
(class_declaration) @class
(abstract_class_declaration) @class
(interface_declaration) @interface
(enum_declaration) @enum
(type_alias_declaration) @type
(internal_module) @namespace
(function_declaration) @function
(generator_function_declaration) @function
(function_signature) @function
(method_definition) @method
(method_signature) @method
(abstract_method_signature) @method
(program (lexical_declaration (variable_declarator) @constant))
(program (export_statement (lexical_declaration (variable_declarator) @constant)))

(call_expression function: (identifier) @used)
(new_expression constructor: (identifier) @used)
(member_expression property: (_) @member)
(type_identifier) @used
(extends_clause value: (identifier) @used)
(import_specifier name: (identifier) @used)
(import_clause (identifier) @used)
