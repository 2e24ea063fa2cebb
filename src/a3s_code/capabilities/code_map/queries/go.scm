; What Go files define, and the names of others that they use.
(type_spec) @type
(type_alias) @type
(function_declaration) @function
(method_declaration) @method
(method_elem) @method
(source_file (const_declaration (const_spec) @constant))
(source_file (var_declaration (var_spec) @constant))
(source_file (var_declaration (var_spec_list (var_spec) @constant)))

(type_identifier) @used
(call_expression function: (identifier) @used)
(selector_expression field: (_) @member)
