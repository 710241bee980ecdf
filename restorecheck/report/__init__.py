"""The record of one finished drill, and its faces. Pure."""
