"""Speaking to a server: connections, statements and what their errors mean."""
