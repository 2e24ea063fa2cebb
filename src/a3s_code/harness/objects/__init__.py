"""From a schema and a prompt to a valid value, or to the reasons why there is none."""
