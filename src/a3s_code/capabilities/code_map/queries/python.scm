; What Python files define, and the names of others that they use.
(class_definition) @class
(function_definition) @function
(module (expression_statement (assignment left: (identifier) @constant)))

(call function: (identifier) @used)
(attribute attribute: (identifier) @member)

(type [(identifier) @used (generic_type (identifier) @used)])
(decorator (identifier) @used)
(import_from_statement name: [(dotted_name (identifier) @used)
                              (aliased_import name: (dotted_name (identifier) @used))])
(except_clause (identifier) @used)
(class_definition superclasses: (argument_list (identifier) @used))
