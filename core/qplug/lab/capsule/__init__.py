"""Finished work handed over: every number derived again from what a folder holds, and all of it in one file."""
