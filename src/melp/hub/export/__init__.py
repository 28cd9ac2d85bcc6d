"""Models as ONNX files, which run without torch and melp."""
