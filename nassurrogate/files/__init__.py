"""Files on disk: atomic writes, the cache folder, paths that users give, model files."""
