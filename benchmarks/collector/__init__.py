"""
How fast the collector is, beside servers that store nothing and servers that store one row at a time.

``python -m benchmarks.collector`` drives all of them with the same signed callbacks, in alternating rounds, the server
on one core and the generator on another.
"""
