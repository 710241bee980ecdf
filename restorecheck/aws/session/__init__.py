"""The way into AWS: accounts, the guard before every call, what is named, described and refused."""
