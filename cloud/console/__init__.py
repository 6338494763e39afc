"""The console: what people at a desk see. Pages are made here on the server, in Chinese, and in English by a switch."""
