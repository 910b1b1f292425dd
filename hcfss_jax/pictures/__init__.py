"""What users call an image: files of every kind to arrays and back, with their colours, depth and metadata."""
