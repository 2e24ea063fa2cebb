; What JavaScript files define, and the names of others that they use.
(class_declaration) @class
(function_declaration) @function
(generator_function_declaration) @function
(method_definition) @method
(program (lexical_declaration (variable_declarator) @constant))
(program (export_statement (lexical_declaration (variable_declarator) @constant)))

(call_expression function: (identifier) @used)
(new_expression constructor: (identifier) @used)
(member_expression property: (_) @member)
(class_heritage (identifier) @used)
(import_specifier name: (identifier) @used)
(import_clause (identifier) @used)
