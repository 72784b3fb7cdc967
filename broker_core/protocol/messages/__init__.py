"""One module per API: request and response as declared dataclasses with their version ranges."""
