"""The frozen backbones: forward pass, prompt application, decoding and weight loading."""
