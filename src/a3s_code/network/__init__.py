"""
Which hosts and addresses may be reached.

What the proxy of a sandbox and a tool that fetches share, so that both judge alike. Nothing
here opens a connection: a name goes in, and what may be dialled comes out.
"""
