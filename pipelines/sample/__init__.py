"""The sample data: rendered pictures of nine real-estate scenes, drawn on demand."""
