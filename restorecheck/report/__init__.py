"""The record of one finished drill, and the faces that it is shown with. Pure."""
