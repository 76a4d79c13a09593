"""The web side: one module a standard; it formats what the layers below answer, and decides nothing about the data."""
