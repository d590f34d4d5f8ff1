"""The napari plugin: click, train, watch, correct."""
