"""Figures for people: pages of HTML."""
