"""Pure codecs: the bytes of a wire format ⇄ named tensors. No I/O, no clock, no session in here."""
