"""The pages, their links, their command lines and their snippets hold."""
